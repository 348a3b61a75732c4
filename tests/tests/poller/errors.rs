//! Tests of the compiled poller's errors: each names the required action, and stops only the affected streams.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slacktrail_core::source::{Source, Tenant as SlackTenant};
use slacktrail_core::time::Second;
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::tenant::{Tenant, Token};
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::deployment::{BUCKET, LocalDeployment, TABLE, organization_source};
use slacktrail_tests::function::level_in_lambda;
use slacktrail_tests::lambda_runtime_api::Answer;

const OTHER_TOKEN: &str = "xoxp-simulated-other";
const NEW_TOKEN: &str = "xoxp-simulated-new";

fn settings() -> Settings {
    let tenant = Tenant::organization("E1", &["T1", "T2", "T3"]);
    let tokens = [ORGANIZATION_TOKEN, OTHER_TOKEN, NEW_TOKEN].map(Token::organization).to_vec();
    Settings { tenant, tokens, limits: Limits::OFF, ..Settings::organization() }
}

/// Asserts that the invocation failed with this error type, and that its message contains all `parts`.
fn assert_error(answer: &Answer, error_type: &str, parts: &[&str]) {
    let Answer::Error(error) = answer else { panic!("the invocation did not fail: {answer:?}") };
    assert_eq!(error["errorType"], error_type, "{error}");
    for part in parts {
        assert!(error["errorMessage"].as_str().unwrap().contains(part), "{error} does not contain {part}");
    }
}

fn text<'a>(stream: &'a Value, field: &str) -> &'a str {
    stream[field].as_str().unwrap_or_else(|| panic!("{stream} has no {field}"))
}

#[tokio::test]
async fn token_of_other_tenant_is_not_used_and_its_source_is_reported() {
    let Some((deployment, _)) = LocalDeployment::with_history(settings(), 30, 80).await else { return };
    let tenant = |id: &str| Some(SlackTenant { id: id.to_owned(), name: "Acme".to_owned() });
    let acme = Source { tenant: tenant("E1"), ..organization_source("acme") };
    deployment.connect_with(&acme, &json!({ "token": ORGANIZATION_TOKEN, "tenant": "E2" })).await;
    let poller = deployment.poller();
    deployment.slack().reset_calls();
    let answer = deployment.invoke_with(json!({})).await;
    assert_error(&answer, "reconfigure", &["its token belongs to `E2`", "`Acme` (E1)", "slacktrail connect acme"]);
    assert_eq!(deployment.slack().calls().total(), 0, "Slack is not called with the token");

    poller.kill().await;
}

#[tokio::test]
async fn revoked_token_isolates_stream_and_backfills_after_reconnect() {
    let Some((deployment, mut activity)) = LocalDeployment::with_history(settings(), 30, 80).await else { return };
    deployment.connect(&organization_source("other"), OTHER_TOKEN).await;
    let poller = deployment.poller();
    deployment.drain().await;

    deployment.slack().revoke(ORGANIZATION_TOKEN);
    for _ in 0..2 {
        activity.add_recent_rows(&mut deployment.slack(), 20);
        let summary = deployment.invoke().await;
        for log in Log::ALL {
            let stream = summary.stream("acme", log);
            assert_eq!(stream["state"], "reauthorize", "{stream}");
            assert!(text(stream, "hint").contains("connect the source again"), "{stream}");
            assert_eq!(summary.stream("other", log)["state"], "ok", "{summary:?}");
        }
    }
    deployment.archive().await.assert_exactly(&deployment.slack(), "other", &Log::ALL);

    let reconnected = Source { connected_at: Second::of(Timestamp::now()), ..organization_source("acme") };
    deployment.connect(&reconnected, NEW_TOKEN).await;
    let summary = deployment.invoke().await;
    for log in Log::ALL {
        let stream = summary.stream("acme", log);
        assert_eq!((&stream["state"], &stream["gaps"]), (&"ok".into(), &0.into()), "{stream}");
        deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &[log]);
    }

    let lines = poller.kill().await;
    for log in Log::ALL {
        let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let about = |source: &'static str| {
            parsed.clone().filter(move |line| line["fields"]["source"] == source && line["fields"]["log"] == log.name())
        };
        let reported: Vec<Value> = about("acme").filter(|line| line["fields"]["state"] == "reauthorize").collect();
        assert!(reported.len() >= 2, "{lines:#?}");
        for line in reported {
            assert_eq!(level_in_lambda(&line.to_string()), "ERROR", "{line}");
            assert!(text(&line["fields"], "hint").contains("connect the source again"), "{line}");
        }
        let levels: Vec<Value> = about("other").map(|mut line| line["level"].take()).collect();
        assert!(levels.len() >= 3 && levels.iter().all(|level| level == "INFO"), "{lines:#?}");
    }
    for token in [ORGANIZATION_TOKEN, OTHER_TOKEN, NEW_TOKEN] {
        deployment.assert_nowhere(token, &lines).await;
    }
}

#[tokio::test]
async fn missing_settings_bucket_and_table_are_named() {
    let Some((deployment, _)) = LocalDeployment::with_history(settings(), 30, 80).await else { return };

    let unset = [("BUCKET_NAME", None), ("TABLE_NAME", None), ("SLACK_API_URL", Some("ftp://slack"))];
    let (status, lines) = deployment.poller_with(&unset).wait().await;
    assert!(!status.success());
    let output = lines.join("\n");
    for name in ["`BUCKET_NAME` is not set", "`TABLE_NAME` is not set", "`SLACK_API_URL` is `ftp://slack`"] {
        assert!(output.contains(name), "{output}");
    }

    let poller = deployment.poller_with(&[("TABLE_NAME", Some("no-such-table"))]);
    let answer = deployment.invoke_with(json!({})).await;
    assert_error(&answer, "reconfigure", &["table `no-such-table` does not exist", "hint: check `TABLE_NAME`"]);
    poller.kill().await;

    let poller = deployment.poller_with(&[("BUCKET_NAME", Some("no-such-bucket"))]);
    let answer = deployment.invoke_with(json!({})).await;
    assert_error(&answer, "reconfigure", &["bucket `no-such-bucket` does not exist", "hint: check `BUCKET_NAME`"]);
    let lines = poller.kill().await;
    assert!(
        lines.iter().any(|line| line.contains(r#""level":"ERROR""#) && line.contains("no-such-bucket")),
        "{lines:#?}"
    );
    let cursors: Vec<String> = deployment
        .items()
        .await
        .iter()
        .filter_map(|item| item.get("cursor"))
        .map(|cursor| cursor.as_s().unwrap().clone())
        .collect();
    assert_eq!(cursors.len(), Log::ALL.len());
    assert!(cursors.iter().all(|cursor| cursor.contains(r#""state":"reconfigure""#)), "{cursors:#?}");

    let poller = deployment.poller();
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    poller.kill().await;
}

#[tokio::test]
async fn corrupt_object_and_unexpected_file_stop_only_their_day_log() {
    let Some((deployment, _)) = LocalDeployment::with_history(settings(), 30, 80).await else { return };
    // A day that has records. Just after midnight UTC, the current day has none yet.
    let day = (Timestamp::now() - SignedDuration::from_hours(12)).strftime("%Y/%m/%d").to_string();
    let corrupt = format!("audit/{day}/acme-000001.json.gz");
    let unexpected = format!("access/{day}/acme-notes.txt");
    for key in [&corrupt, &unexpected] {
        let put = deployment.aws.s3().put_object().bucket(BUCKET).key(key.as_str());
        put.body(ByteStream::from_static(b"\x1f\x8bnot what slacktrail wrote")).send().await.unwrap();
    }
    let poller = deployment.poller();
    let summary = deployment.invoke().await;

    for (log, key) in [(Log::Audit, &corrupt), (Log::Access, &unexpected)] {
        let stream = summary.stream("acme", log);
        assert_eq!(stream["state"], "failing", "{stream}");
        assert!(text(stream, "message").contains(key.as_str()), "{stream}");
        assert!(text(stream, "hint").contains("move it away"), "{stream}");
    }
    assert_eq!(summary.stream("acme", Log::Integration)["state"], "ok", "{summary:?}");
    let archive = deployment.archive().await;
    let of_day = |log: &str| -> Vec<&str> {
        archive.keys().into_iter().filter(|key| key.starts_with(&format!("{log}/{day}/"))).collect()
    };
    assert_eq!((of_day("audit"), of_day("access")), (vec![corrupt.as_str()], vec![unexpected.as_str()]));

    for key in [&corrupt, &unexpected] {
        deployment.aws.s3().delete_object().bucket(BUCKET).key(key.as_str()).send().await.unwrap();
    }
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    poller.kill().await;
}

#[tokio::test]
async fn cursor_of_newer_format_stops_only_its_stream_and_stays_unchanged() {
    let Some((deployment, _)) = LocalDeployment::with_history(settings(), 30, 80).await else { return };
    let text_of = |text: &str| AttributeValue::S(text.to_owned());
    let newer = r#"{"format":2,"what":"only the newer slacktrail knows"}"#;
    let put = deployment.aws.dynamodb().put_item().table_name(TABLE);
    let put = put.item("pk", text_of("cursor")).item("sk", text_of("acme/cursor/audit"));
    put.item("version", AttributeValue::N("7".to_owned())).item("cursor", text_of(newer)).send().await.unwrap();
    let poller = deployment.poller();
    let summary = deployment.invoke().await;

    let stream = summary.stream("acme", Log::Audit);
    assert_eq!((&stream["state"], &stream["polled"]), (&"failing".into(), &false.into()), "{stream}");
    assert!(text(stream, "message").contains("format 2"), "{stream}");
    assert!(text(stream, "hint").contains("deploy the newer slacktrail"), "{stream}");
    let archive = deployment.archive().await;
    archive.assert_exactly(&deployment.slack(), "acme", &[Log::Access, Log::Integration]);
    assert!(archive.keys().iter().all(|key| !key.starts_with("audit/")));
    let items = deployment.items().await;
    let item = items.iter().find(|item| item["sk"] == text_of("acme/cursor/audit")).unwrap();
    assert_eq!((&item["cursor"], &item["version"]), (&text_of(newer), &AttributeValue::N("7".to_owned())));
    poller.kill().await;
}
