//! Two compiled pollers side by side, killed (`kill -9`) at random instants, while AWS refuses calls and loses replies, Slack has
//! faults, and cursors get lost; then all that Slack had to show is compared with what is stored.
//!
//! A day of records waits to be collected, and a day goes by while they are, with new ones: ticks follow one another without a pause, and
//! with each the clock of all processes moves on by minutes, so that re-reads and midnight come round. `KILLS=200` kills so often, `SEED=7`
//! repeats the choices; what the machine makes of their timing differs from run to run.
#![expect(clippy::print_stdout, reason = "a search says what it did")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use slacktrail_simulator::settings::{Fill, Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings, When};
use slacktrail_tests::chaos_proxy::{ChaosProxy, Mishaps};
use slacktrail_tests::deployment::{Life, LocalDeployment, Summary, TABLE, organization_source};
use slacktrail_tests::emulated_aws;
use slacktrail_tests::fake_clock::{MovableClock, run_again};
use slacktrail_tests::function::{Function, poller_binary};
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};
use tokio::time::{sleep, timeout};

/// Kills, unless `KILLS` says otherwise.
const KILLS: u32 = 200;
/// Fewer prove little: the machine is too slow, or the pollers do not tick.
const KILLS_MIN: u32 = 100;
/// The kills end after this, however many there were.
const CHAOS_MAX: Duration = Duration::from_secs(165);
/// The name of this test.
const TEST: &str = "in_chaos::two_pollers_killed_randomly_amid_faults_store_each_record_once";
/// Time of an invocation, by the machine's clock.
const INVOCATION_MAX: Duration = Duration::from_secs(60);
/// What an invocation is told of its time, by the clock that moves.
const DEADLINE: Duration = Duration::from_secs(24 * 3_600);
/// The day that goes by with so many kills; longer by the ticks that are not killed.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Ticks after the last fault, within which all must be stored.
const TICKS_TO_CALM_MAX: u32 = 40;
/// Audit rows of the day that waits; half as many access rows and a quarter as many integration rows come with them.
const DAYS_ROWS: usize = 600;
/// Audit rows that are new at a tick.
const TICKS_ROWS: usize = 6;
/// At most so many ticks bring new rows, so that the bucket can be read back in seconds.
const TICKS_WITH_ROWS: u32 = 60;
/// What happens at most of so many rounds: the cursors of all streams are lost.
const ROUNDS_TO_A_LOSS: u32 = 60;

/// Small pages, so that the day has dozens.
fn settings() -> Settings {
    Settings {
        tenant: Tenant::organization("E1", &["T1", "T2", "T3"]),
        limits: Limits::OFF,
        audit_limit_max: 60,
        access_fill: Fill::UpTo(60),
        integration_count_max: 100, // a round of the three workspaces fits a tick's calls, else one is always under way
        ..Settings::organization()
    }
}

/// What goes wrong at Slack meanwhile.
fn slacks_faults() -> [Fault; 6] {
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

/// What was done and what came of it.
#[derive(Debug, Default)]
struct Tally {
    kills: Cell<u32>,
    ticks: Cell<u32>,
    failed: Cell<u32>,
    with_rows: Cell<u32>,
    losses: Cell<u32>,
}

/// One of the pollers: a process at a time, invoked again and again.
struct Lane<'a> {
    deployment: &'a LocalDeployment,
    clock: &'a MovableClock,
    /// How much time goes by from one invocation of a lane to the next, on average.
    pace: Duration,
    life: &'a std::cell::RefCell<Life>,
    tally: &'a Tally,
    lambda: Emulator,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    dice: StdRng,
    poller: Option<Function>,
    /// How long a tick took of late.
    tick: Duration,
}

impl Lane<'_> {
    fn start(&mut self) {
        self.poller = Some(self.lambda.spawn(&self.binary, self.environment.clone()));
    }

    async fn invoke(&self) -> Answer {
        let answer = timeout(INVOCATION_MAX, self.lambda.invoke(json!({}), DEADLINE)).await;
        answer.unwrap_or(Answer::Silence)
    }

    /// Ticks and is killed, until there were `kills` of both lanes together or time is up.
    async fn live(&mut self, kills: u32, begun: Instant) {
        self.start();
        while self.tally.kills.get() < kills && begun.elapsed() < CHAOS_MAX {
            self.go_on().await;
            let is_spared = self.dice.random_ratio(1, 5);
            let instant = self.tick.mul_f64(self.dice.random_range(0.0..1.0));
            let started = Instant::now();
            let answer = tokio::select! {
                answer = self.invoke() => Some(answer),
                () = sleep(instant), if !is_spared => None,
            };
            match answer {
                Some(answer) => {
                    self.tick = (self.tick + started.elapsed()) / 2;
                    count(&self.tally.ticks);
                    if !matches!(answer, Answer::Response(_)) {
                        count(&self.tally.failed);
                    }
                }
                None => {
                    self.kill().await;
                    count(&self.tally.kills);
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

    /// What happens between two ticks.
    async fn go_on(&mut self) {
        self.clock.pass(self.pace.mul_f64(self.dice.random_range(0.2..1.8)));
        if self.tally.with_rows.get() < TICKS_WITH_ROWS && self.dice.random_ratio(1, 5) {
            self.life.borrow_mut().go_on(&mut self.deployment.slack(), TICKS_ROWS);
            count(&self.tally.with_rows);
        }
        if self.dice.random_ratio(1, ROUNDS_TO_A_LOSS) {
            lose_cursors(self.deployment).await;
            count(&self.tally.losses);
        }
    }

    /// Ticks until nothing is left to collect, and returns in how many.
    async fn drain(&self) -> u32 {
        let mut last = None;
        for ticks in 1..=TICKS_TO_CALM_MAX {
            self.clock.pass(Duration::from_secs(60));
            let summary = Summary::of(self.invoke().await);
            if !summary.is_behind() {
                return ticks;
            }
            last = Some(summary);
        }
        panic!("something is still left to collect after {TICKS_TO_CALM_MAX} ticks without a fault: {last:#?}");
    }
}

async fn lose_cursors(deployment: &LocalDeployment) {
    let table = deployment.aws.dynamodb();
    for item in deployment.items().await {
        if item["sk"].as_s().is_ok_and(|key| key.contains("/cursor/")) {
            let delete = table.delete_item().table_name(TABLE);
            let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
            delete.send().await.expect("an item can be deleted");
        }
    }
}

#[tokio::test]
async fn two_pollers_killed_randomly_amid_faults_store_each_record_once() {
    if emulated_aws::executable().is_none() {
        return;
    }
    let Some(clock) = MovableClock::of_this_process() else { return run_again(TEST) };
    let (seed, kills) =
        (number("SEED").unwrap_or_else(fresh_seed), number("KILLS").map_or(KILLS, |kills| kills as u32));
    let settings = settings();
    let life = std::cell::RefCell::new(Life::new(&settings));
    let Some(deployment) = LocalDeployment::start(settings).await else { return };
    println!("seed {seed}: {kills} kills");
    let now = Timestamp::now();
    life.borrow_mut().happen(&mut deployment.slack(), now - SignedDuration::from_hours(24), now, DAYS_ROWS);
    deployment.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
    slacks_faults().into_iter().for_each(|fault| deployment.slack().fault(fault));
    let chaos = ChaosProxy::start(deployment.aws.endpoint(), seed).await;
    let tally = Tally::default();
    let begun = Instant::now();
    let mut lanes = Vec::new();
    for number in 0..2 {
        lanes.push(Lane {
            deployment: &deployment,
            clock: &clock,
            pace: DAY / kills.max(1),
            life: &life,
            tally: &tally,
            lambda: Emulator::start().await,
            binary: poller_binary().unwrap_or_else(|why| panic!("{why}")),
            environment: environment(&deployment, &chaos),
            dice: StdRng::seed_from_u64(seed.wrapping_add(1 + number)),
            poller: None,
            tick: Duration::from_millis(800),
        });
    }
    let (first, second) = lanes.split_at_mut(1);
    tokio::join!(first[0].live(kills, begun), second[0].live(kills, begun));

    let met = chaos.met();
    let in_chaos = begun.elapsed();
    chaos.calm_down();
    deployment.slack().clear_faults();
    let ticks = lanes[0].drain().await;
    lanes[1].drain().await;
    let hours = clock.passed().as_secs() / 3_600;
    report(seed, &tally, met, (in_chaos, hours), ticks);
    assert!(tally.kills.get() >= kills.min(KILLS_MIN), "too few kills in {CHAOS_MAX:?}: {}", tally.kills.get());
    let archive = deployment.archive().await;
    archive.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    println!("{} objects hold exactly what Slack had to show: {}", archive.keys().len(), rows(&deployment));
    for mut lane in lanes {
        lane.kill().await;
    }
}

fn environment(deployment: &LocalDeployment, chaos: &ChaosProxy) -> Vec<(String, String)> {
    let mut environment: BTreeMap<String, String> = deployment.environment().into_iter().collect();
    environment.insert("AWS_ENDPOINT_URL".to_owned(), chaos.endpoint());
    environment.extend(MovableClock::environment());
    environment.into_iter().collect()
}

fn report(seed: u64, tally: &Tally, met: Mishaps, (in_chaos, hours): (Duration, u64), ticks: u32) {
    let Tally { kills, ticks: whole, failed, with_rows, losses } = tally;
    println!(
        "seed {seed}: {} kills and {} whole ticks ({} failed) in {} s, while {hours} hours went by; {} ticks with new rows, cursors lost {} times; of {} calls to AWS {} were refused, {} broke off before and {} after they took effect; all was stored within {ticks} ticks after the last fault",
        kills.get(),
        whole.get(),
        failed.get(),
        in_chaos.as_secs(),
        with_rows.get(),
        losses.get(),
        met.calls,
        met.refused,
        met.unsent,
        met.unanswered
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
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` is `{text}`, which is no number")))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs())
}
