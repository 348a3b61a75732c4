//! Scenarios: a stretch of an organisation's life, with one tick in it that meets a fault.

use jiff::{SignedDuration, Timestamp};
use slacktrail_shared::source::{LogType, Plan, Source};
use slacktrail_shared::tick::{Bounds, Shared};
use slacktrail_shared::time::Second;
use slacktrail_simulator::settings::{AccessColumn, Direction, Fill, Limits, Paging};
use slacktrail_simulator::{Calling, Fault as SlackFault, FaultKind as SlackFaultKind, Log, Row, Settings, World};

use super::oracle;
use super::process::{End, Process};
use super::stage::{Fault, FaultKind, Stage};
use super::wrong::Wrong;

/// Ticks within which everything visible must be stored once nothing fails any more.
const SETTLING_TICKS: u32 = 16;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Act {
    /// Time passes, in seconds.
    Pass(i64),
    /// Rows come into being now, this many, `spread` seconds apart back from now.
    Rows(u32, i64),
    /// A row of `age` seconds ago that Slack shows only now.
    LateRow(i64),
    /// Access rows are touched: their users are active again.
    Touch(u32),
    /// A tick.
    Tick,
    /// The tick that meets the fault.
    Target,
    /// The table forgets the cursors.
    LoseCursors,
    /// Slack misbehaves at the n-th call from now on.
    Slack(u32, SlackFaultKind),
    /// Nobody ticks this many times, and rows come all the while.
    Outage(u32),
    /// Ticks every hour for this many hours.
    Hours(u32),
}

/// A stretch of life.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// Which log is collected.
    pub log: LogType,
    /// How Slack behaves.
    pub settings: Settings,
    /// Whether the source is an organisation.
    pub organisation: bool,
    /// What happens.
    pub acts: Vec<Act>,
    /// Calls to Slack in a tick.
    pub calls_max: u32,
    /// What streams share.
    pub bounds: Bounds,
}

/// Why a run broke a law, and everything that happened in it.
#[derive(Debug)]
pub struct Broken {
    /// The law, with the record.
    pub law: String,
    /// The trace.
    pub trace: Vec<String>,
}

/// When the scenarios begin: on an afternoon, so that midnight is a scenario of its own.
fn beginning() -> Timestamp {
    Timestamp::constant(1_795_356_000, 0) // 2026-11-22 14:00:00 UTC
}

/// Small pages, small objects, small memory: every edge of the protocol within a few records.
fn small_bounds() -> Bounds {
    Bounds { streams_at_once: 4, batch_bytes: Shared { each: 900, all: 2000 }, seen: Shared { each: 400, all: 800 } }
}

impl Scenario {
    /// Every scenario of a log, under each order and way of paging that Slack may have.
    pub fn all(log: LogType) -> Vec<Scenario> {
        let mut all = Vec::new();
        for (name, acts, calls_max) in lives() {
            let calls_max = match log {
                LogType::Audit => calls_max,
                // These two begin at the head at every tick, a few pages deep, before they go on where they were.
                LogType::Access => calls_max.max(4),
                LogType::Integration => calls_max.max(8),
            };
            for settings in slacks(log) {
                let organisation = false;
                all.push(Scenario {
                    name,
                    log,
                    settings,
                    organisation,
                    acts: acts.clone(),
                    calls_max,
                    bounds: small_bounds(),
                });
            }
        }
        if log == LogType::Integration {
            for (name, acts, calls_max) in lives() {
                let settings = Settings { limits: Limits::OFF, integration_count_max: 3, ..Settings::organisation() };
                all.push(Scenario {
                    name,
                    log,
                    settings,
                    organisation: true,
                    acts,
                    calls_max: calls_max.max(8) + 2,
                    bounds: small_bounds(),
                });
            }
        }
        all
    }

    /// Runs it, with a fault at the target tick's operation of this number. Returns how many operations that tick had.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn run(&self, fault: Option<(u32, FaultKind)>, wrong: Option<Wrong>) -> Result<u32, Box<Broken>> {
        let mut run = Run::new(self, wrong);
        for act in &self.acts {
            run.act(act, |run| run.target(fault));
        }
        run.settle()
    }

    /// Runs it with two invocations at the target tick: the first stops after `steps`, another runs whole, and the first goes
    /// on: at once, or `later` ticks later.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn run_interleaved(&self, steps: u32, later: u32) -> Result<bool, Box<Broken>> {
        let mut run = Run::new(self, None);
        let mut finished_early = false;
        for act in &self.acts {
            run.act(act, |run| finished_early = run.interleave(steps, later));
        }
        run.settle()?;
        Ok(finished_early)
    }
}

/// `(name, what happens, calls in a tick)`.
fn lives() -> Vec<(&'static str, Vec<Act>, u32)> {
    use Act::{Hours, LateRow, LoseCursors, Outage, Pass, Rows, Slack, Target, Tick, Touch};
    let goes_on = || vec![Pass(60), Rows(1, 0), Touch(2), Tick, Pass(60), Rows(2, 0), Tick];
    let life = |before: Vec<Act>| [before, goes_on()].concat();
    vec![
        ("the first tick of a source with a history", life(vec![LateRow(7 * 86_400), Rows(9, 500), Target]), 50),
        (
            "the first ticks of a backlog that needs several",
            life(vec![Rows(14, 300), Tick, Pass(60), Rows(1, 0), Target]),
            2,
        ),
        ("a live tick", life(vec![Rows(3, 40), Tick, Pass(60), Rows(2, 3), Touch(1), Target]), 50),
        ("a live tick of several pages", life(vec![Rows(3, 40), Tick, Pass(60), Rows(10, 4), Touch(3), Target]), 50),
        ("a live tick with nothing new", life(vec![Rows(3, 40), Tick, Pass(60), Tick, Pass(60), Target]), 50),
        ("many rows of one second", life(vec![Rows(2, 9), Tick, Pass(60), Rows(7, 0), Target]), 3),
        ("midnight", life(vec![Pass(35_970), Rows(4, 20), Tick, Pass(60), Rows(6, 9), Target]), 50),
        ("an outage of an hour", life(vec![Rows(3, 40), Tick, Outage(8), Target]), 3),
        (
            "the hourly re-read",
            life(vec![Rows(3, 40), Tick, Pass(3_540), Rows(1, 0), Tick, Pass(60), LateRow(1_800), Rows(1, 0), Target]),
            50,
        ),
        (
            "the daily re-read",
            life(vec![Rows(5, 40), Tick, Hours(23), LateRow(80_000), LateRow(40_000), Pass(3_600), Target, Hours(30)]),
            50,
        ),
        (
            "the cursors lost",
            life(vec![Rows(8, 40), Tick, Pass(60), Rows(2, 9), Tick, LoseCursors, Pass(60), Rows(2, 4), Target]),
            50,
        ),
        (
            "a page cursor gone stale",
            life(vec![Rows(9, 60), Tick, Pass(60), Rows(7, 4), Slack(2, SlackFaultKind::StaleCursor), Target]),
            50,
        ),
        (
            "an empty page",
            life(vec![Rows(3, 60), Tick, Pass(60), Rows(7, 4), Slack(2, SlackFaultKind::EmptyPage), Target]),
            50,
        ),
        (
            "a page that fails",
            life(vec![Rows(3, 60), Tick, Pass(60), Rows(7, 4), Slack(2, SlackFaultKind::Html(502)), Target]),
            50,
        ),
        ("a page broken off", life(vec![Rows(9, 60), Slack(2, SlackFaultKind::Truncated), Target]), 50),
        (
            "throttling",
            life(vec![Rows(9, 60), Tick, Pass(60), Rows(7, 4), Slack(2, SlackFaultKind::throttled("90")), Target]),
            50,
        ),
    ]
}

/// Each way in which Slack may order and page a log.
fn slacks(log: LogType) -> Vec<Settings> {
    let base = Settings {
        limits: Limits::OFF,
        audit_limit_max: 3,
        access_fill: Fill::UpTo(3),
        integration_count_max: 3,
        ..Settings::organisation()
    };
    match log {
        LogType::Audit => vec![base],
        LogType::Access => [AccessColumn::First, AccessColumn::Last]
            .into_iter()
            .flat_map(|order| [Paging::Keyset, Paging::Offset].map(|paging| (order, paging)))
            .map(|(access_order, access_paging)| Settings {
                access_order,
                access_paging,
                before_column: access_order,
                ..base.clone()
            })
            .collect(),
        LogType::Integration => [Direction::NewestFirst, Direction::OldestFirst]
            .map(|integration_order| Settings {
                limits: Limits::OFF,
                integration_count_max: 3,
                integration_order,
                ..Settings::workspace()
            })
            .to_vec(),
    }
}

/// A scenario under way.
struct Run<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    process: Process,
    processes: u32,
    rows: u32,
    target_operations: u32,
    zombies: Vec<super::process::Tick>,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, wrong: Option<Wrong>) -> Run<'a> {
        let now = beginning();
        let source = Source {
            logs: vec![scenario.log],
            organisation: scenario.organisation,
            connected_at: Second::of(now),
            ..Source::new("acme".parse().expect("an id"), "Acme", Plan::Enterprise, Second::of(now).plus(-7 * 86_400))
        };
        let stage = Stage::new(now, World::new(scenario.settings.clone()), [source]);
        stage.with(|state| state.wrong = wrong);
        let process = Process::start(0, &stage);
        Run { scenario, stage, process, processes: 1, rows: 0, target_operations: 0, zombies: Vec::new() }
    }

    fn act(&mut self, act: &Act, mut target: impl FnMut(&mut Self)) {
        match act {
            Act::Pass(seconds) => self.stage.pass(*seconds),
            Act::Rows(count, spread) => (0..*count).rev().for_each(|n| self.add(i64::from(n) * spread, false)),
            Act::LateRow(age) => self.add(*age, true),
            Act::Touch(count) => self.touch(*count),
            Act::Tick => self.tick(),
            Act::Target => target(self),
            Act::LoseCursors => self.stage.with(|state| state.cursors.clear()),
            Act::Slack(n, kind) => {
                let log = match self.scenario.log {
                    LogType::Audit => Log::Audit,
                    LogType::Access => Log::Access,
                    LogType::Integration => Log::Integration,
                };
                self.stage.with(|state| state.slack.fault(SlackFault::nth(*n, Calling::log(log), kind.clone())));
            }
            Act::Outage(ticks) => (0..*ticks).for_each(|_| {
                self.stage.pass(450);
                self.add(7, false);
                self.touch(1);
            }),
            Act::Hours(hours) => (0..*hours).for_each(|_| {
                self.stage.pass(3_600);
                self.tick();
            }),
        }
    }

    /// A row of `age` seconds ago. Every third integration row equals the one before it.
    fn add(&mut self, age: i64, late: bool) {
        let now = self.stage.now();
        let time = now.saturating_sub(SignedDuration::from_secs(age)).expect("a year of four digits");
        let name = format!("r{}", self.rows);
        let row = match self.scenario.log {
            LogType::Audit => Row::small_audit(time, &name),
            LogType::Access => Row::small_access(time, time, &name, "203.0.113.7", "SlackWeb/0 x"),
            LogType::Integration => Row::small_integration(time, &format!("A{}", self.rows / 3)),
        };
        let row = match (self.scenario.organisation, self.rows % 2) {
            (false, _) => row,
            (true, 0) => row.in_workspace("T1"),
            (true, _) => row.in_workspace("T2"),
        };
        self.rows += 1;
        self.stage.with(|state| state.slack.add(if late { row.visible_from(now) } else { row }));
    }

    fn touch(&mut self, count: u32) {
        if self.scenario.log == LogType::Access {
            let (rows, now) = (self.rows, self.stage.now());
            let every = (rows / (count + 1)).max(1);
            (0..rows)
                .step_by(every as usize)
                .for_each(|row| self.stage.with(|state| state.slack.touch_access(row as usize, now)));
        }
    }

    fn tick(&mut self) {
        let end = self.process.tick(Some(self.scenario.calls_max), self.scenario.bounds);
        self.after(&end);
    }

    fn after(&mut self, end: &End) {
        if matches!(end, End::Killed) {
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.process = Process::start(self.processes, &self.stage);
        self.processes += 1;
    }

    fn target(&mut self, fault: Option<(u32, FaultKind)>) {
        let before = self.process.operations();
        let process = self.processes - 1;
        let fault = fault.map(|(operation, kind)| Fault { process, operation: before + operation, kind });
        self.stage.with(|state| state.fault = fault);
        let end = self.process.tick(Some(self.scenario.calls_max), self.scenario.bounds);
        self.target_operations = self.process.operations() - before;
        self.after(&end);
    }

    /// Returns whether the first invocation was through before `steps`.
    fn interleave(&mut self, steps: u32, later: u32) -> bool {
        let mut first = self.process.begin(Some(self.scenario.calls_max), self.scenario.bounds);
        if let Some(end) = (0..steps).find_map(|_| first.step()) {
            self.after(&end);
            return true;
        }
        self.restart();
        self.tick();
        for _ in 0..later {
            self.stage.pass(60);
            self.add(5, false);
            self.tick();
        }
        if later == 0 {
            first.run();
        } else {
            self.zombies.push(first);
        }
        false
    }

    /// Lets zombies finish, then ticks until all that is visible must be stored, and asks the oracle.
    fn settle(mut self) -> Result<u32, Box<Broken>> {
        for zombie in std::mem::take(&mut self.zombies) {
            zombie.run();
        }
        for _ in 0..SETTLING_TICKS {
            self.stage.pass(60);
            self.tick();
        }
        self.stage.with(|state| match oracle::check_end(state) {
            Ok(()) => Ok(self.target_operations),
            Err(law) => Err(Box::new(Broken {
                law: state.broken.take().unwrap_or(law),
                trace: std::mem::take(&mut state.trace),
            })),
        })
    }
}
