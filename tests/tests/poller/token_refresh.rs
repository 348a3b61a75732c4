//! Tests token refreshes by the compiled poller. It refreshes an expiring token once, stores the new token pair, and logs no secret, not even
//! with every library at level TRACE.

use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment, organization_source};

const REDIRECT_URL: &str = "https://collector.example/oauth/callback";

fn rotating_app() -> Settings {
    Settings { apps: vec![App::organization(REDIRECT_URL).rotating()], ..Settings::organization() }
}

/// Installs the app now, and returns the source's secret. The secret states that the token expires in `ttl_seconds`.
fn consent(deployment: &LocalDeployment, ttl_seconds: i64) -> Value {
    let now = Timestamp::now();
    let mut slack = deployment.slack();
    let app = slack.settings().apps[0].clone();
    let user = slack.install(now, &app, "auditlogs:read,admin", &Consent::organization())["authed_user"].take();
    json!({
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "token": user["access_token"],
        "refresh_token": user["refresh_token"],
        "expires_at": Second::of(now).get() + ttl_seconds,
        "tenant": "E1",
    })
}

/// Returns the log lines about refreshed tokens.
fn refreshes(lines: &[String]) -> Vec<Value> {
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["fields"]["message"] == "token refreshed").collect()
}

#[tokio::test]
async fn expiring_token_is_refreshed_once_and_its_secrets_stay_hidden() {
    let Some(deployment) = LocalDeployment::start(rotating_app()).await else { return };
    let acme = Source { logs: LogType::ALL.to_vec(), ..organization_source("acme") };
    let mut activity = ActivityGenerator::new(&mut deployment.slack(), 3, 60);
    let before = consent(&deployment, 3_600);
    deployment.connect_with(&acme, &before).await;

    let poller = deployment.poller_with(&[("AWS_LAMBDA_LOG_LEVEL", Some("TRACE"))]);
    deployment.drain().await;
    let after = deployment.secret(&acme).await;
    assert_eq!(deployment.slack().refreshes(), 1);
    for field in ["token", "refresh_token"] {
        assert_ne!(after[field], before[field], "`{field}` is replaced");
    }
    assert_eq!(after["tenant"], "E1", "a refresh keeps the tenant");
    assert!(after["expires_at"].as_i64().unwrap() > before["expires_at"].as_i64().unwrap() + 36_000);
    assert_eq!((&after["client_id"], &after["refresh_lease"]), (&before["client_id"], &Value::Null));

    activity.add_recent_rows(&mut deployment.slack(), 20);
    deployment.drain().await;
    assert_eq!(deployment.slack().refreshes(), 1, "a fresh token is not refreshed");
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);

    deployment.slack().revoke(after["token"].as_str().unwrap());
    deployment.invoke().await;
    let lines = poller.kill().await;
    assert!(lines.iter().any(|line| line.contains(r#""level":"TRACE""#)), "{} lines", lines.len());
    assert_eq!(refreshes(&lines).len(), 1, "{lines:#?}");
    for secret in [&before, &after] {
        for field in ["token", "refresh_token", "client_secret"] {
            deployment.assert_nowhere(secret[field].as_str().unwrap(), &lines).await;
        }
    }

    // A token that claims to be valid for decades.
    let reconnected = Source { connected_at: Second::of(Timestamp::now()), ..acme };
    deployment.connect_with(&reconnected, &consent(&deployment, 2_000_000_000)).await;
    let poller = deployment.poller();
    deployment.drain().await;
    assert_eq!(deployment.slack().refreshes(), 2);
    let lines = refreshes(&poller.kill().await);
    assert_eq!(
        (&lines[0]["level"], &lines[0]["fields"]["code"]),
        (&json!("WARN"), &json!("corrupt_secret")),
        "{lines:?}"
    );
}
