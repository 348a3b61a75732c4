//! The compiled poller, invoked as Lambda invokes it, stores exactly the records that Slack returns.

use serde_json::Value;
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::deployment::{LocalDeployment, Summary, organization_source};

const EVENTS: [&str; 3] = [
    include_str!("../../../events/rule.json"),
    include_str!("../../../events/scheduler.json"),
    include_str!("../../../events/empty.json"),
];

/// Returns an organization of three workspaces without Slack's rate limits.
fn settings() -> Settings {
    let tenant = Tenant::organization("E1", &["T1", "T2", "T3"]);
    Settings { tenant, limits: Limits::OFF, ..Settings::organization() }
}

/// Returns the log lines of a stream, one for each tick.
fn lines_about(lines: &[String], source: &str, log: Log) -> Vec<Value> {
    let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed.filter(|line| line["fields"]["source"] == source && line["fields"]["log"] == log.name()).collect()
}

#[tokio::test]
async fn history_and_new_records_are_stored_once_byte_for_byte() {
    let Some((deployment, mut activity)) = LocalDeployment::with_history(
        Settings { audit_limit_max: 60, integration_count_max: 20, ..settings() },
        48,
        400,
    )
    .await
    else {
        return;
    };
    let poller = deployment.poller();

    let mut invocations = 0;
    loop {
        let event = serde_json::from_str(EVENTS[invocations % EVENTS.len()]).unwrap();
        let summary = Summary::of(deployment.invoke_with(event).await);
        invocations += 1;
        assert_eq!(summary.0.len(), Log::ALL.len(), "{summary:?}");
        if !summary.is_behind() && invocations >= EVENTS.len() {
            break;
        }
        assert!(invocations < 30, "{summary:?}");
    }
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);

    activity.add_recent_rows(&mut deployment.slack(), 40);
    let summary = deployment.invoke().await;
    for (log, records) in [(Log::Audit, 40), (Log::Access, 20), (Log::Integration, 12)] {
        let stream = summary.stream("acme", log);
        assert_eq!((&stream["state"], &stream["records"]), (&"ok".into(), &records.into()), "{stream}");
        assert_eq!((&stream["objects"], &stream["gaps"]), (&1.into(), &0.into()), "{stream}");
    }
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);

    let lines = poller.kill().await;
    for log in Log::ALL {
        let about = lines_about(&lines, "acme", log);
        assert_eq!(about.len(), invocations + 1, "{about:#?}");
        let stored: u64 = about.iter().map(|line| line["fields"]["records"].as_u64().unwrap()).sum();
        assert_eq!(stored, deployment.slack().rows(log).len() as u64);
        assert!(about.iter().all(|line| line["level"] == "INFO"), "{about:#?}");
        assert_eq!(about[invocations]["fields"]["state"], "ok");
    }
    deployment.assert_nowhere(ORGANIZATION_TOKEN, &lines).await;
}

#[tokio::test]
async fn paused_stream_is_logged_as_skipped() {
    let Some(deployment) = LocalDeployment::start(settings()).await else { return };
    let source = organization_source("acme");
    deployment.connect(&source, ORGANIZATION_TOKEN).await;
    deployment.pause(&source).await;
    let poller = deployment.poller();
    deployment.invoke().await;
    let lines = poller.kill().await;
    for log in Log::ALL {
        let [line] = &lines_about(&lines, "acme", log)[..] else { panic!("{lines:#?}") };
        assert_eq!(line["fields"]["message"], "stream skipped");
    }
}
