//! Runs two compiled pollers concurrently and kills them (`kill -9`) at random instants, while AWS rejects calls and loses responses, Slack has
//! faults, and cursors are deleted. At the end, compares the stored records with all records of the simulated Slack.
//!
//! The test starts with a day of uncollected records, and adds new ones during a simulated day. Ticks follow each other without a pause, and each
//! advances the clock of all processes by minutes, so that re-reads and midnight occur. `KILLS` sets the number of kills. `SEED` repeats the random
//! choices, but the timing still differs from run to run.
#![expect(clippy::print_stdout, reason = "the test prints its results")]

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use slacktrail_simulator::settings::{Fill, Limits};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings, When};
use slacktrail_tests::aws_proxy::FaultCounts;
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment, Summary};
use slacktrail_tests::emulated_aws;
use slacktrail_tests::fake_clock::{TestClock, rerun_with_fake_clock};
use slacktrail_tests::function::{Function, poller_binary};
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};
use tokio::time::{sleep, timeout};

const KILLS: u32 = 200;
/// The minimum number of kills. On a slow machine, the test runs longer than [`CHAOS_MAX`] to reach it.
const KILLS_MIN: u32 = 100;
/// The time after which the test stops killing pollers, if there were enough kills.
const CHAOS_MAX: Duration = Duration::from_secs(165);
/// The time after which the test fails with too few kills, because the pollers do not tick.
const CHAOS_LIMIT: Duration = Duration::from_secs(900);
const TEST: &str = "in_chaos::two_pollers_killed_randomly_amid_faults_store_each_record_once";
/// The time limit of an invocation, by the machine's clock.
const INVOCATION_MAX: Duration = Duration::from_secs(60);
/// The deadline that an invocation sees, by the fake clock.
const DEADLINE: Duration = Duration::from_secs(24 * 3_600);
/// The simulated time that passes during all kills. Ticks that are not killed add to it.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The maximum number of ticks after the last fault until all records are stored.
const DRAIN_TICKS_MAX: u32 = 40;
/// The number of audit rows in the uncollected day. Each also adds access rows (half as many) and integration rows (a quarter).
const HISTORY_ROWS: usize = 600;
/// The number of new audit rows before a tick.
const ROWS_PER_TICK: usize = 6;
/// The maximum number of ticks with new rows, so that reading the bucket takes only seconds.
const TICKS_WITH_ROWS_MAX: u32 = 60;
/// All cursors are deleted before one tick in this many, on average.
const TICKS_PER_CURSOR_LOSS: u32 = 60;

/// Returns settings with small pages, so that a day has dozens of them.
fn settings() -> Settings {
    Settings {
        tenant: Tenant::organization("E1", &["T1", "T2", "T3"]),
        limits: Limits::OFF,
        audit_limit_max: 60,
        access_fill: Fill::UpTo(60),
        integration_count_max: 100, // so that a round of the three workspaces fits into a tick's calls, and is not always in progress
        ..Settings::organization()
    }
}

fn slack_faults() -> [Fault; 6] {
    let every = |calls, kind| Fault { when: When::EveryNth(calls), on: CallMatcher::any(), kind };
    [
        every(17, FaultKind::Hangup),
        every(23, FaultKind::HangupAfter),
        every(29, FaultKind::Html(502)),
        every(31, FaultKind::Truncated),
        every(37, FaultKind::StaleCursor),
        every(41, FaultKind::EmptyPage),
    ]
}

/// The counts of the test's report.
#[derive(Debug, Default)]
struct Totals {
    kills: Cell<u32>,
    ticks: Cell<u32>,
    failed: Cell<u32>,
    with_rows: Cell<u32>,
    losses: Cell<u32>,
}

/// Runs one of the pollers. Invokes its process repeatedly, and starts a new process after each kill.
struct PollerRunner<'a> {
    deployment: &'a LocalDeployment,
    clock: &'a TestClock,
    /// The average time between two invocations, by the fake clock.
    interval: Duration,
    activity: &'a std::cell::RefCell<ActivityGenerator>,
    totals: &'a Totals,
    lambda: Emulator,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    rng: StdRng,
    poller: Option<Function>,
    /// The moving average of a tick's duration.
    tick: Duration,
}

impl PollerRunner<'_> {
    fn start(&mut self) {
        self.poller = Some(self.lambda.spawn(&self.binary, self.environment.clone()));
    }

    async fn invoke(&self) -> Answer {
        let answer = timeout(INVOCATION_MAX, self.lambda.invoke(json!({}), DEADLINE)).await;
        answer.unwrap_or(Answer::NoResponse)
    }

    /// Runs and kills ticks, until both pollers together had `kills` kills, or until [`CHAOS_MAX`] has passed and [`KILLS_MIN`] is reached.
    async fn run(&mut self, kills: u32, begun: Instant) {
        self.start();
        let is_over = |killed: u32| {
            let limit = if killed < KILLS_MIN { CHAOS_LIMIT } else { CHAOS_MAX };
            killed >= kills || begun.elapsed() >= limit
        };
        while !is_over(self.totals.kills.get()) {
            self.prepare_tick().await;
            let is_spared = self.rng.random_ratio(1, 5);
            let instant = self.tick.mul_f64(self.rng.random_range(0.0..1.0));
            let started = Instant::now();
            let answer = tokio::select! {
                answer = self.invoke() => Some(answer),
                () = sleep(instant), if !is_spared => None,
            };
            match answer {
                Some(answer) => {
                    self.tick = (self.tick + started.elapsed()) / 2;
                    count(&self.totals.ticks);
                    if !matches!(answer, Answer::Response(_)) {
                        count(&self.totals.failed);
                    }
                }
                None => {
                    self.kill().await;
                    count(&self.totals.kills);
                    self.start();
                }
            }
        }
    }

    async fn kill(&mut self) {
        if let Some(poller) = self.poller.take() {
            poller.kill().await;
        }
    }

    /// Advances the clock, and at random adds rows or deletes the cursors.
    async fn prepare_tick(&mut self) {
        self.clock.pass(self.interval.mul_f64(self.rng.random_range(0.2..1.8)));
        if self.totals.with_rows.get() < TICKS_WITH_ROWS_MAX && self.rng.random_ratio(1, 5) {
            self.activity.borrow_mut().add_recent_rows(&mut self.deployment.slack(), ROWS_PER_TICK);
            count(&self.totals.with_rows);
        }
        if self.rng.random_ratio(1, TICKS_PER_CURSOR_LOSS) {
            self.deployment.delete_cursors().await;
            count(&self.totals.losses);
        }
    }

    /// Runs ticks until no stream has a backlog, and returns their number.
    async fn drain(&self) -> u32 {
        let mut last = None;
        for ticks in 1..=DRAIN_TICKS_MAX {
            self.clock.pass(Duration::from_secs(60));
            let summary = Summary::of(self.invoke().await);
            if !summary.is_behind() {
                return ticks;
            }
            last = Some(summary);
        }
        panic!("a backlog remains after {DRAIN_TICKS_MAX} ticks without a fault: {last:#?}");
    }
}

#[tokio::test]
async fn two_pollers_killed_randomly_amid_faults_store_each_record_once() {
    if emulated_aws::executable().is_none() {
        return;
    }
    let Some(clock) = TestClock::of_this_process() else { return rerun_with_fake_clock(TEST) };
    let (seed, kills) =
        (number("SEED").unwrap_or_else(fresh_seed), number("KILLS").map_or(KILLS, |kills| kills as u32));
    let Some((deployment, activity)) = LocalDeployment::with_history(settings(), 24, HISTORY_ROWS).await else {
        return;
    };
    let activity = std::cell::RefCell::new(activity);
    println!("seed {seed}: {kills} kills");
    slack_faults().into_iter().for_each(|fault| deployment.slack().fault(fault));
    deployment.proxy.inject_faults(seed);
    let totals = Totals::default();
    let begun = Instant::now();
    let mut runners = Vec::new();
    for number in 0..2 {
        runners.push(PollerRunner {
            deployment: &deployment,
            clock: &clock,
            interval: DAY / kills.max(1),
            activity: &activity,
            totals: &totals,
            lambda: Emulator::start().await,
            binary: poller_binary(),
            environment: [deployment.environment(), TestClock::environment()].concat(),
            rng: StdRng::seed_from_u64(seed.wrapping_add(1 + number)),
            poller: None,
            tick: Duration::from_millis(800),
        });
    }
    let (first, second) = runners.split_at_mut(1);
    tokio::join!(first[0].run(kills, begun), second[0].run(kills, begun));

    let in_chaos = begun.elapsed();
    let faults = deployment.proxy.stop_faults();
    deployment.slack().clear_faults();
    let ticks = runners[0].drain().await;
    runners[1].drain().await;
    let hours = clock.passed().as_secs() / 3_600;
    report(seed, &totals, faults, (in_chaos, hours), ticks);
    assert!(totals.kills.get() >= kills.min(KILLS_MIN), "too few kills in {CHAOS_LIMIT:?}: {}", totals.kills.get());
    let archive = deployment.archive().await;
    archive.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    println!("{} objects contain exactly Slack's records: {}", archive.keys().len(), rows(&deployment));
    for mut runner in runners {
        runner.kill().await;
    }
}

fn report(seed: u64, totals: &Totals, faults: FaultCounts, (in_chaos, hours): (Duration, u64), ticks: u32) {
    let Totals { kills, ticks: finished, failed, with_rows, losses } = totals;
    println!(
        "seed {seed}: {} kills and {} finished ticks ({} failed) in {} s ({hours} simulated hours); \
         {} ticks with new rows; cursors deleted {} times; \
         {} calls to AWS: {} rejected, {} disconnected before and {} after taking effect; \
         all records stored {ticks} ticks after the last fault",
        kills.get(),
        finished.get(),
        failed.get(),
        in_chaos.as_secs(),
        with_rows.get(),
        losses.get(),
        faults.calls,
        faults.rejected,
        faults.unsent,
        faults.unanswered
    );
}

fn rows(deployment: &LocalDeployment) -> Value {
    let slack = deployment.slack();
    Log::ALL.into_iter().map(|log| (format!("{log:?}").to_lowercase(), json!(slack.rows(log).len()))).collect()
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` is not a number: `{text}`")))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs())
}
