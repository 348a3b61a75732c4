//! The compiled poller dispatches a deployment that is too large for one invocation to further invocations of itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::{Row, Settings};
use slacktrail_tests::aws_proxy::CannedResponse;
use slacktrail_tests::deployment::{LocalDeployment, Summary, organization_source};
use slacktrail_tests::lambda_runtime_api::Answer;

/// More sources than one invocation polls.
const SOURCES: usize = 130;

/// Returns a deployment of more sources than one invocation polls. Prints a note and returns `None` without moto.
async fn large_deployment() -> Option<LocalDeployment> {
    let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
    let deployment = LocalDeployment::start(settings).await?;
    deployment.slack().add(Row::small_audit(jiff::Timestamp::now() - jiff::SignedDuration::from_secs(600), "a"));
    for number in 0..SOURCES {
        let source = Source { logs: vec![LogType::Audit], ..organization_source(&format!("acme-{number}")) };
        deployment.connect(&source, ORGANIZATION_TOKEN).await;
    }
    Some(deployment)
}

#[tokio::test]
async fn failed_shard_dispatch_fails_invocation_but_dispatches_other_shards() {
    let Some(deployment) = large_deployment().await else { return };
    let invocations = AtomicUsize::new(0);
    deployment.proxy.respond(move |call| {
        let is_first = call.action == "Invoke" && invocations.fetch_add(1, Ordering::SeqCst) == 0;
        let denied = || CannedResponse::json(403, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
        (call.action == "Invoke").then(|| if is_first { denied() } else { CannedResponse::json(202, "") })
    });
    let poller = deployment.poller();
    let answer = deployment.invoke_with(json!({})).await;
    assert!(matches!(answer, Answer::Error(_)), "Lambda's error metric counts the shard: {answer:?}");
    let lines = poller.kill().await;
    let logged = |message: &str| lines.iter().filter(|line| line.contains(message)).count();
    assert_eq!((logged("shard dispatch failed"), logged("shards dispatched")), (1, 1), "{lines:#?}");
    assert_eq!(logged("no stream could be polled"), 0, "{lines:#?}");
}

#[tokio::test]
async fn sources_beyond_one_shard_are_dispatched_and_polled_once() {
    let Some(deployment) = large_deployment().await else { return };
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
