//! Counts the calls of a tick of the compiled poller to AWS and to Slack, and the size of its log lines.

use jiff::Timestamp;
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::deployment::{ActivityGenerator, BUCKET, LocalDeployment};
use slacktrail_tests::function::Function;

/// The size of a write unit in DynamoDB.
const WRITE_UNIT_BYTES: usize = 1024;
/// The maximum size of a number in DynamoDB.
const NUMBER_BYTES_MAX: usize = 21;

/// The size of the log lines for each stream of a tick, and for a tick's metrics, as in docs/cost.md. checks/test_cost.py compares the values.
const LOG_BYTES_A_STREAM: usize = 700;
const LOG_BYTES_A_TICK: usize = 430;
/// The bytes that CloudWatch adds to the size of each line.
const LOG_BYTES_A_LINE: usize = 26;

fn count(calls: &[String], call: &str) -> usize {
    calls.iter().filter(|name| name.starts_with(call)).count()
}

/// Returns a poller that has collected all records of the last `hours`. The organization has one workspace, so that its integration logs take one
/// call.
async fn caught_up(hours: i64) -> Option<(LocalDeployment, ActivityGenerator, Function)> {
    let tenant = Tenant::organization("E1", &["T1"]);
    let settings = Settings { tenant, limits: Limits::OFF, ..Settings::organization() };
    let (deployment, activity) = LocalDeployment::with_history(settings, hours, 300).await?;
    let poller = deployment.poller();
    deployment.drain().await;
    deployment.drain().await; // the first live walk
    deployment.proxy.take_calls();
    deployment.slack().reset_calls();
    Some((deployment, activity, poller))
}

#[tokio::test]
async fn idle_tick_reads_table_twice_and_calls_slack_once_per_stream() {
    // The first page of access and integration logs has no lower limit, so it contains rows of all 60 hours.
    let Some((deployment, _, poller)) = caught_up(60).await else { return };
    for _ in 0..3 {
        let summary = deployment.invoke().await;
        assert!(summary.0.iter().all(|stream| stream["state"] == "ok" && stream["records"] == 0), "{summary:?}");
        assert_eq!(deployment.proxy.take_calls(), ["Query"; 2], "one query for sources, one for cursors");
        for log in Log::ALL {
            assert_eq!(deployment.slack().calls().of(log.path()), 1, "{log:?}");
        }
        assert_eq!(deployment.slack().calls().total(), 3);
        deployment.slack().reset_calls();
    }

    let lines = poller.kill().await;
    let (metrics, streams): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.contains("CloudWatchMetrics"));
    assert_eq!(streams.len(), 3 * metrics.len(), "{streams:#?} {metrics:#?}");
    let last = |lines: Vec<String>, count| lines[lines.len() - count..].to_vec();
    for (lines, documented) in [(last(streams, 3), LOG_BYTES_A_STREAM), (last(metrics, 1), LOG_BYTES_A_TICK)] {
        let bytes = lines.iter().map(|line| line.len() + LOG_BYTES_A_LINE).max().unwrap_or_default();
        let expected = documented * 9 / 10..=documented;
        assert!(expected.contains(&bytes), "{bytes} bytes, but docs/cost.md counts {documented}: {lines:?}");
    }
}

#[tokio::test]
async fn busy_minute_makes_one_object_and_one_write_per_stream() {
    let Some((deployment, mut activity, poller)) = caught_up(20).await else { return };
    for _ in 0..3 {
        let now = Timestamp::now();
        activity.add_rows(&mut deployment.slack(), now, now, 40); // at one instant, so that all records are in the same day log
        let summary = deployment.invoke().await;
        assert!(summary.0.iter().all(|stream| stream["objects"] == 1), "{summary:?}");
        let calls = deployment.proxy.take_calls();
        for log in Log::ALL {
            assert_eq!(count(&calls, &format!("PUT /{BUCKET}/{}/", log.name())), 1, "{calls:?}");
        }
        assert_eq!((count(&calls, "Query"), count(&calls, "PutItem")), (2, 3), "{calls:?}");
        assert_eq!(count(&calls, "GetSecretValue"), 0, "{calls:?}");
    }
    for item in deployment.items().await {
        let bytes: usize =
            item.iter().map(|(name, value)| name.len() + value.as_s().map_or(NUMBER_BYTES_MAX, String::len)).sum();
        assert!(bytes <= WRITE_UNIT_BYTES, "{bytes} bytes: {item:?}");
    }
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    poller.kill().await;
}
