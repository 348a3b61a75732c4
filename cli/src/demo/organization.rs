//! The simulated organization: its activity, its faults, and the records that its Slack returns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::{self, Settings};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Activity, CallMatcher, Fault, FaultKind, Generator, Log, Row, Server, World};

use super::time::{LATE_MAX, SimulatedTime};
use crate::cli_error::CliError;

/// The token of the Org Owner.
pub(crate) const TOKEN: &str = settings::ORGANIZATION_TOKEN;

pub(crate) const INTRODUCTION: &str = "\
This Slack is simulated: an Enterprise organization with four workspaces, three days of history, and active users. One second is a \
simulated minute. It limits calls as Slack does, returns some records late, and has injected faults: HTTP 500 and 429, a stale page \
cursor, HTML instead of JSON, an incomplete response, a lost connection. The collector is the real one, and so are the files that it \
writes.";

const WORKSPACES: [&str; 4] = ["T0ENGINEER", "T0FINANCE", "T0PEOPLE", "T0SALES"];
/// The time between two steps of the activity: six simulated seconds.
const STEP: Duration = Duration::from_millis(100);

/// The organization, its Slack on loopback, and its activity.
pub(crate) struct Organization {
    world: Arc<Mutex<World>>,
    pub(crate) server: Server,
    activity: tokio::task::JoinHandle<()>,
    time: Arc<SimulatedTime>,
}

impl Organization {
    /// Starts the organization with its history, its faults, and activity from now on.
    pub(crate) async fn start(time: Arc<SimulatedTime>) -> Result<Organization, CliError> {
        let settings = Settings { tenant: Tenant::organization("E0ACME", &WORKSPACES), ..Settings::organization() };
        let mut generator = Generator::new(activity(), &settings);
        let mut world = World::new(settings);
        generator.fill(&mut world, time.history_start(), time.activity_start());
        faults().into_iter().for_each(|fault| world.fault(fault));

        let world = Arc::new(Mutex::new(world));
        let clock = Arc::clone(&time);
        let server = Server::start(Arc::clone(&world), Arc::new(move || clock.now())).await.map_err(|error| {
            CliError::new("the simulated Slack cannot open a port on loopback")
                .with_source(error)
                .hint("allow this process to listen on 127.0.0.1")
        })?;
        let activity = run_activity(generator, Arc::clone(&world), Arc::clone(&time));
        Ok(Organization { world, server, activity: tokio::spawn(activity), time })
    }

    /// Stops the activity. No record is added from now on, because the runtime has one thread, so that the task is not running now.
    pub(crate) fn stop_activity(&self) {
        self.activity.abort();
    }

    /// Returns the time from which all records are visible.
    pub(crate) fn all_visible_at(&self) -> Timestamp {
        let world = lock(&self.world);
        let rows = Log::ALL.into_iter().flat_map(|log| world.rows(log));
        rows.map(|row| row.visible_at).max().unwrap_or_else(|| self.time.now())
    }

    /// Returns the records that are visible in Slack at `now`.
    pub(crate) fn visible_rows(&self, now: Timestamp) -> Vec<Row> {
        let world = lock(&self.world);
        Log::ALL.into_iter().flat_map(|log| world.visible_rows(log, now).cloned().collect::<Vec<_>>()).collect()
    }

    pub(crate) async fn close(self) {
        self.server.stop().await;
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Generates activity until the task is aborted.
async fn run_activity(mut generator: Generator, world: Arc<Mutex<World>>, time: Arc<SimulatedTime>) {
    let mut generated_until = time.activity_start();
    loop {
        let now = time.now();
        generator.advance(&mut lock(&world), generated_until, now);
        generated_until = now;
        tokio::time::sleep(STEP).await;
    }
}

fn activity() -> Activity {
    Activity {
        people: 400,
        audit_per_day: 20_000,
        access_new_per_day: 2_000,
        access_returns_per_day: 20_000,
        integration_per_day: 400,
        settle_max: SignedDuration::from_secs(3),
        late_per_mille: 50,
        late_max: LATE_MAX,
        ..Activity::default()
    }
}

/// Returns the faults by call number. The numbers are so small that all faults occur within the first seconds.
fn faults() -> Vec<Fault> {
    let on = |number, log, kind| Fault::nth(number, CallMatcher::log(log), kind);
    vec![
        on(9, Log::Audit, FaultKind::Status(500, String::new())),
        on(20, Log::Audit, FaultKind::StaleCursor),
        on(60, Log::Audit, FaultKind::Truncated),
        on(5, Log::Access, FaultKind::throttled("120")),
        on(14, Log::Access, FaultKind::Hangup),
        on(7, Log::Integration, FaultKind::Html(200)),
    ]
}
