//! The simulated organization: its people at work, what goes wrong with its Slack, and what that Slack has shown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::{self, Settings};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Activity, CallMatcher, Fault, FaultKind, Generator, Log, Row, Server, World};

use super::time::{LATE_MAX, SimulatedTime};
use crate::cli_error::CliError;

/// The token of the organization's owner.
pub(crate) const TOKEN: &str = settings::ORGANIZATION_TOKEN;

/// What the demonstration says about itself.
pub(crate) const INTRODUCTION: &str = "\
This Slack is simulated: an Enterprise organization with four workspaces,
three days of history, and people at work where a minute passes each second.
It limits calls as Slack does, shows some records late, and is made to fail:
HTTP 500 and 429, a stale page cursor, HTML instead of JSON, a response that
breaks off, a lost connection. The collector is the real one, and so are the
files that it writes.";

const WORKSPACES: [&str; 4] = ["T0ENGINEER", "T0FINANCE", "T0PEOPLE", "T0SALES"];
/// How often life goes on: six simulated seconds.
const STEP: Duration = Duration::from_millis(100);

/// The organization, its Slack on loopback, and the life in it.
pub(crate) struct Organization {
    world: Arc<Mutex<World>>,
    server: Server,
    life: tokio::task::JoinHandle<()>,
    resting: Arc<AtomicBool>,
    time: Arc<SimulatedTime>,
}

impl Organization {
    /// Founds it: with its history, its faults, and life from now on.
    ///
    /// # Errors
    /// When no port of loopback can be opened.
    pub(crate) async fn found(time: Arc<SimulatedTime>) -> Result<Organization, CliError> {
        let settings = Settings { tenant: Tenant::organization("E0ACME", &WORKSPACES), ..Settings::organization() };
        let mut generator = Generator::new(activity(), &settings);
        let mut world = World::new(settings);
        generator.fill(&mut world, time.history_begins(), time.life_begins());
        faults().into_iter().for_each(|fault| world.fault(fault));

        let world = Arc::new(Mutex::new(world));
        let clock = Arc::clone(&time);
        let server = Server::start(Arc::clone(&world), Arc::new(move || clock.now())).await.map_err(|error| {
            CliError::new("the simulated Slack cannot open a port on loopback")
                .with_source(error)
                .hint("let this process listen on 127.0.0.1")
        })?;
        let resting = Arc::new(AtomicBool::new(false));
        let life = tokio::spawn(live(generator, Arc::clone(&world), Arc::clone(&time), Arc::clone(&resting)));
        Ok(Organization { world, server, life, resting, time })
    }

    /// Ends its people's work: from now on no record is written.
    pub(crate) fn rest(&self) {
        self.resting.store(true, Ordering::Relaxed);
        self.life.abort();
    }

    /// When the last record will have been shown.
    pub(crate) fn settled_at(&self) -> Timestamp {
        let world = lock(&self.world);
        let rows = Log::ALL.into_iter().flat_map(|log| world.rows(log));
        rows.map(|row| row.visible_at).max().unwrap_or_else(|| self.time.now())
    }

    /// Every record that Slack has been able to show by `now`.
    pub(crate) fn truth(&self, now: Timestamp) -> Vec<Row> {
        let world = lock(&self.world);
        Log::ALL.into_iter().flat_map(|log| world.visible_rows(log, now).cloned().collect::<Vec<_>>()).collect()
    }

    pub(crate) fn api_url(&self) -> String {
        self.server.api_url()
    }

    pub(crate) fn audit_url(&self) -> String {
        self.server.audit_url()
    }

    /// Closes its Slack.
    pub(crate) async fn close(self) {
        self.server.stop().await;
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets life go on until it is to rest.
async fn live(mut generator: Generator, world: Arc<Mutex<World>>, time: Arc<SimulatedTime>, resting: Arc<AtomicBool>) {
    let mut lived_until = time.life_begins();
    while !resting.load(Ordering::Relaxed) {
        let now = time.now();
        generator.advance(&mut lock(&world), lived_until, now);
        lived_until = now;
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

/// What goes wrong, by the number of the call. The numbers are such that all of it happens within the first seconds.
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
