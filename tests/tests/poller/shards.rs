//! The compiled poller dispatches a deployment that is too large for one invocation to further invocations of itself.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::{Row, Settings};
use slacktrail_tests::aws_proxy::CannedResponse;
use slacktrail_tests::deployment::{LocalDeployment, Summary, organization_source};

/// More sources than one invocation polls.
const SOURCES: usize = 130;

#[tokio::test]
async fn sources_beyond_one_shard_are_dispatched_and_polled_once() {
    let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
    let Some(deployment) = LocalDeployment::start(settings).await else { return };
    deployment.slack().add(Row::small_audit(jiff::Timestamp::now() - jiff::SignedDuration::from_secs(600), "a"));
    for number in 0..SOURCES {
        let source = Source { logs: vec![LogType::Audit], ..organization_source(&format!("acme-{number}")) };
        deployment.connect(&source, ORGANIZATION_TOKEN).await;
    }
    // A Lambda API that accepts invocations. It only records the events, so that the test can deliver them.
    let invocations = Arc::new(Mutex::new(Vec::<(String, Value)>::new()));
    let recorded = Arc::clone(&invocations);
    deployment.proxy.respond(move |call| {
        (call.action == "Invoke").then(|| {
            let kind = call.headers["x-amz-invocation-type"].to_str().unwrap().to_owned();
            recorded.lock().unwrap().push((kind, serde_json::from_slice(&call.body).unwrap()));
            CannedResponse::json(202, "")
        })
    });
    let _poller = deployment.poller();

    assert!(deployment.invoke().await.0.is_empty(), "the first invocation polls nothing itself");
    let dispatched = std::mem::take(&mut *invocations.lock().unwrap());
    assert_eq!(dispatched.len(), 2, "{dispatched:?}");
    let mut polled = Vec::new();
    for (kind, event) in dispatched {
        assert_eq!(kind, "Event", "shards are invoked asynchronously");
        let summary = Summary::of(deployment.invoke_with(event).await);
        for stream in &summary.0 {
            assert_eq!((&stream["polled"], &stream["records"]), (&json!(true), &json!(1)), "{stream}");
            polled.push(stream["source"].as_str().unwrap().to_owned());
        }
    }
    polled.sort();
    polled.dedup();
    assert_eq!(polled.len(), SOURCES);
}
