//! Kills the compiled poller (`kill -9`) at critical points, and continues with a new process. No record is missing or duplicate.

use std::time::Duration;

use slacktrail_simulator::settings::{Fill, Limits};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};
use slacktrail_tests::aws_proxy::Moment;
use slacktrail_tests::aws_proxy::Moment::{Unanswered, Unsent};
use slacktrail_tests::deployment::{LocalDeployment, until};

/// The delay of Slack's response to a poller that is killed while it waits. It is longer than the test.
const NEVER: Duration = Duration::from_secs(3600);

/// The point at which a poller is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// While it waits for this page of a log, counting from 1.
    Page(Log, u32),
    /// While it waits for the n-th AWS call whose name starts with this prefix.
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

/// Returns settings with small pages, so that a few hundred rows have several of them.
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

/// Invokes a new poller, and kills it at this point.
async fn kill(deployment: &LocalDeployment, at: At) {
    let calls = |log: Log| deployment.slack().calls().of(log.path());
    let reach_point = async {
        match at {
            At::Page(log, page) => {
                let before = calls(log);
                deployment.slack().fault(Fault::nth(page, CallMatcher::log(log), FaultKind::Delay(NEVER)));
                until("the poller requests the page", || calls(log) >= before + page).await;
            }
            At::Aws(moment, call, nth) => {
                deployment.proxy.hold(moment, call, nth);
                deployment.proxy.held().await;
            }
        }
    };
    let poller = deployment.poller();
    tokio::select! {
        () = reach_point => {}
        summary = deployment.invoke() => panic!("the poller did not reach {at:?}: {summary:?}"),
    }
    poller.kill().await;
    deployment.slack().clear_faults();
}

#[tokio::test]
async fn poller_killed_in_many_ticks_stores_each_record_once() {
    let Some((deployment, mut activity)) = LocalDeployment::with_history(settings(), 40, 60).await else { return };
    let first = deployment.poller();
    deployment.drain().await;
    first.kill().await;
    for at in POINTS {
        activity.add_recent_rows(&mut deployment.slack(), 60);
        kill(&deployment, at).await;
        if let At::Page(..) = at {
            kill(&deployment, At::Aws(Unanswered, "PUT /", 1)).await; // kills the next poller too, before it has caught up
        }
    }
    let last = deployment.poller();
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    last.kill().await;
}
