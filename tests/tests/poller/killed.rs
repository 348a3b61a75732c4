//! The compiled poller is killed (`kill -9`) at the instants that matter, and another process goes on: nothing is lost or doubled.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::{Fill, Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};
use slacktrail_tests::counting_proxy::Moment;
use slacktrail_tests::counting_proxy::Moment::{Unanswered, Unsent};
use slacktrail_tests::deployment::{Life, LocalDeployment, organization_source, until};

/// Slack's answer to a killed poller takes this long: the test is over before.
const NEVER: Duration = Duration::from_secs(3600);

/// Where a poller is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// While it waits for this page of a log, counting from 1.
    Page(Log, u32),
    /// While it waits for the n-th call of AWS whose name begins so.
    Aws(Moment, &'static str, usize),
}

const POINTS: [At; 11] = [
    At::Page(Log::Audit, 2),
    At::Page(Log::Audit, 3),
    At::Page(Log::Access, 2),
    At::Page(Log::Integration, 2),
    At::Aws(Unsent, "PUT /", 1),
    At::Aws(Unanswered, "PUT /", 1),
    At::Aws(Unsent, "PUT /", 2),
    At::Aws(Unanswered, "PUT /", 3),
    At::Aws(Unsent, "PutItem", 1),
    At::Aws(Unanswered, "PutItem", 1),
    At::Aws(Unanswered, "PutItem", 2),
];

/// Small pages, so that a few hundred rows have several.
fn settings() -> Settings {
    Settings {
        tenant: Tenant::organization("E1", &["T1", "T2", "T3"]),
        limits: Limits::OFF,
        audit_limit_max: 40,
        access_fill: Fill::UpTo(60),
        integration_count_max: 30,
        ..Settings::organization()
    }
}

/// Invokes a new poller, and kills it at that point.
async fn kill(deployment: &LocalDeployment, at: At) {
    let asked = |log: Log| deployment.slack().calls().of(log.path());
    let waits = async {
        match at {
            At::Page(log, page) => {
                let before = asked(log);
                deployment.slack().fault(Fault::nth(page, CallMatcher::log(log), FaultKind::Delay(NEVER)));
                until("the page is asked for", || asked(log) >= before + page).await;
            }
            At::Aws(moment, call, nth) => {
                deployment.proxy.hold(moment, call, nth);
                deployment.proxy.held().await;
            }
        }
    };
    let poller = deployment.poller();
    tokio::select! {
        () = waits => {}
        summary = deployment.invoke() => panic!("the poller never came to {at:?}: {summary:?}"),
    }
    poller.kill().await;
    deployment.slack().clear_faults();
}

#[tokio::test]
async fn poller_killed_in_first_tick_stores_each_record_once() {
    let settings = settings();
    let mut life = Life::new(&settings);
    let Some(deployment) = LocalDeployment::start(settings).await else { return };
    let now = Timestamp::now();
    life.happen(&mut deployment.slack(), now - SignedDuration::from_hours(40), now, 240);
    for (number, at) in POINTS.into_iter().enumerate() {
        let source = organization_source(&format!("killed-at-point-{number}"));
        deployment.connect(&source, ORGANIZATION_TOKEN).await;
        kill(&deployment, at).await;
        let next = deployment.poller();
        deployment.drain().await;
        deployment.archive().await.assert_exactly(&deployment.slack(), source.id.as_str(), &Log::ALL);
        next.kill().await;
        deployment.pause(&source).await; // the next point is another source's
    }
}

#[tokio::test]
async fn poller_killed_in_many_ticks_stores_each_record_once() {
    let settings = settings();
    let mut life = Life::new(&settings);
    let Some(deployment) = LocalDeployment::start(settings).await else { return };
    let now = Timestamp::now();
    life.happen(&mut deployment.slack(), now - SignedDuration::from_hours(40), now, 60);
    deployment.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
    let first = deployment.poller();
    deployment.drain().await;
    first.kill().await;
    for at in POINTS {
        life.go_on(&mut deployment.slack(), 60);
        kill(&deployment, at).await;
        if let At::Page(..) = at {
            kill(&deployment, At::Aws(Unanswered, "PUT /", 1)).await; // and the next one, before it has caught up
        }
    }
    let last = deployment.poller();
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    last.kill().await;
}
