//! A run: the scenario of one source in progress. It can be forked between any two ticks and continued differently.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use slacktrail_collector::tick::{Quota, ResourceLimits};
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::{CallMatcher, Fault as SlackFault, FaultKind as SlackFaultKind, Row, World};

use super::rows::{damaged, long, of_no_time, row, twin};
use super::scenario::Event;
use super::starting_point::StartingPoint;
use crate::harness::simulated;
use crate::process::{End, Operations, Process, Tick};
use crate::simulated_world::{BEGINNING, Fault, FaultKind, SimulatedWorld, acme};
use crate::{mutant::Mutant, oracle};

/// Ticks within which every visible record must be stored after the last fault. This includes an hourly re-read, which finds records that
/// are shown a minute late.
pub const SETTLING_TICKS: u32 = 75;

/// A fault in one of the ticks that meet faults: the number of the tick, the number of its operation, and the kind.
pub type InjectedFault = (usize, u32, FaultKind);

/// The users in a scenario's access log. Each has several rows, with a different second each.
const USERS: u32 = 16;

/// Returns small limits, so that a few records reach every limit. Objects are not compressed, so that the search runs more schedules in the
/// same time. Randomized runs compress them.
fn small_limits() -> ResourceLimits {
    ResourceLimits {
        calls_max: None,
        streams_at_once: 4,
        batch_bytes: Quota { per_stream: 900, total: 2_000 },
        gzip_level: 0,
        cached_ids: Quota { per_stream: 400, total: 800 },
    }
}

/// Returns limits of two lines per batch and two cached IDs.
fn tiny_limits() -> ResourceLimits {
    let batch_bytes = Quota { per_stream: 400, total: 400 };
    ResourceLimits { batch_bytes, cached_ids: Quota { per_stream: 2, total: 2 }, ..small_limits() }
}

/// A run in progress.
#[derive(Debug)]
pub struct Run {
    start: Rc<StartingPoint>,
    world: SimulatedWorld,
    process: Process,
    rows: u32,
    /// The workspace whose rows are long.
    long_rows_of: Option<&'static str>,
    /// Whether the last tick succeeded and left no gap.
    left_no_gap: bool,
}

impl Run {
    /// Creates a run, and advances it to the moment at which the search starts.
    pub fn new(start: &StartingPoint, mutant: Option<Mutant>, traced: bool) -> Run {
        let source = Source { organization: start.slack.organization, ..acme(BEGINNING, &[start.log]) };
        let world = SimulatedWorld::new(BEGINNING, World::new(start.slack.settings.clone()), [source]);
        world.with(|state| (state.mutant, state.traced) = (mutant, traced));
        let process = Process::start(&world);
        let mut run =
            Run { start: Rc::new(start.clone()), world, process, rows: 0, long_rows_of: None, left_no_gap: false };
        for event in &start.scenario.before {
            run.apply(event);
        }
        if !start.warm {
            run.restart();
        }
        run
    }

    /// Copies the run. The copy is independent.
    pub fn fork(&self) -> Run {
        let world = self.world.fork();
        let process = self.process.fork(&world);
        Run {
            start: self.start.clone(),
            world,
            process,
            rows: self.rows,
            long_rows_of: self.long_rows_of,
            left_no_gap: self.left_no_gap,
        }
    }

    /// Returns the collected log.
    pub fn log(&self) -> LogType {
        self.start.log
    }

    /// Returns the world of the run.
    pub fn world(&self) -> &SimulatedWorld {
        &self.world
    }

    /// Returns the violation, if any.
    pub fn broken(&self) -> Option<String> {
        self.world.with(|state| state.broken.clone())
    }

    fn apply(&mut self, event: &Event) {
        self.world.trace_event(|| format!("{event:?}"));
        match event {
            Event::Pass(seconds) => self.world.pass(*seconds),
            Event::Rows(count, spread) => (0..*count).rev().for_each(|n| self.add(i64::from(n) * spread, false)),
            Event::ManyRows(spread) => self.apply(&Event::Rows(self.start.many(), *spread)),
            Event::LongOutage => self.apply(&Event::Outage(self.start.many())),
            Event::LateRow(age) => self.add(*age, true),
            Event::LateRows(count) => {
                (0..*count).for_each(|n| self.add_late(i64::from(n) * 97 % 600, 20 + i64::from(n) * 37 % 100))
            }
            Event::DamagedRow => self.add_damaged(),
            Event::SameId => self.add_same_id(),
            Event::Touch(count) => self.touch(*count),
            Event::Tick => drop(self.tick()),
            Event::OtherTick => self.other_tick(),
            Event::LoseCursors => self.world.lose_cursors(),
            Event::Slack(n, kind) => self.slack(*n, kind.clone()),
            Event::SlackAlways(kind) => {
                let fault = SlackFault::every(CallMatcher::log(simulated(self.start.log)), kind.clone());
                self.world.with(|state| state.slack.fault(fault));
            }
            Event::FewPages(pages) => self.world.with(|state| {
                let settings = state.slack.settings_mut();
                (settings.integration_count_max, settings.integration_page_max) = (1_000, Some(*pages));
            }),
            Event::LongRows(workspace, bytes) => {
                self.long_rows_of = Some(workspace);
                self.world.with(|state| state.slack.settings_mut().response_bytes_max = Some(*bytes));
            }
            Event::Creates(faults) => self.world.with(|state| state.create_faults.extend(*faults)),
            Event::Deadline(operations) => self.world.with(|state| state.operations_max = *operations),
            Event::Tamper(all) => self.world.tamper(*all),
            Event::TouchAt(n, row) if self.start.log == LogType::Access => self.slack(*n, SlackFaultKind::Touch(*row)),
            Event::TouchAt(..) => {}
            Event::Insert(n) => {
                let row = self.new_row(self.world.now());
                self.slack(*n, SlackFaultKind::Insert(vec![row]));
            }
            Event::Outage(ticks) => (0..*ticks).for_each(|_| {
                self.world.pass(450);
                self.add(7, false);
                self.touch(1);
            }),
            Event::Hours(hours) => (0..*hours).for_each(|_| {
                self.world.pass(3_600);
                self.tick();
            }),
            Event::Backfill(oldest, latest) => {
                self.world.backfill(self.start.log, *oldest, *latest);
            }
            Event::ClockAhead(seconds) => {
                self.world.with(|state| state.clock_ahead = SignedDuration::from_secs(*seconds));
            }
            Event::LaptopAhead(seconds) => self.world.with(|state| {
                state.clock_ahead = SignedDuration::from_secs(*seconds);
                state.bucket_ahead = state.clock_ahead;
            }),
            Event::Bar(id) => self.world.bar(id, true),
            Event::Admit(id) => self.world.bar(id, false),
            Event::Leave(id) => self.world.list(id, false),
            Event::Join(id) => self.world.list(id, true),
            Event::Revoke => self.world.revoke(),
            Event::Connect => self.world.connect(),
        }
    }

    /// Adds a fault of Slack at the n-th call from now.
    fn slack(&self, n: u32, kind: SlackFaultKind) {
        let fault = SlackFault::nth(n, CallMatcher::log(simulated(self.start.log)), kind);
        self.world.with(|state| state.slack.fault(fault));
    }

    fn new_row(&mut self, time: Timestamp) -> Row {
        let row = row(&self.start, self.rows, USERS, time);
        self.rows += 1;
        if self.long_rows_of.is_some_and(|id| row.workspace.as_deref() == Some(id)) { long(row) } else { row }
    }

    /// Adds a row of `age` seconds ago.
    fn add(&mut self, age: i64, late: bool) {
        let now = self.world.now();
        let time = now.saturating_sub(SignedDuration::from_secs(age)).expect("the time is in range");
        let row = self.new_row(time);
        self.world.with(|state| state.slack.add(if late { row.visible_from(now) } else { row }));
    }

    /// Adds a row of `age` seconds ago, which Slack shows `late` seconds after its time.
    fn add_late(&mut self, age: i64, late: i64) {
        let time = self.world.now().saturating_sub(SignedDuration::from_secs(age)).expect("the time is in range");
        let shown = time.saturating_add(SignedDuration::from_secs(late)).expect("the time is in range");
        let shown = shown.max(self.world.now()); // a row of the past is created now
        let row = self.new_row(time).visible_from(shown);
        self.world.with(|state| state.slack.add(row));
    }

    /// Adds a row with bytes that are not UTF-8, and a row with the time 0.
    fn add_damaged(&mut self) {
        for damage in [damaged, of_no_time] {
            let row = self.new_row(self.world.now());
            self.world.with(|state| state.slack.add(damage(row)));
        }
    }

    /// Adds two rows with the same ID and different content. The ID of an integration row is its content.
    fn add_same_id(&mut self) {
        let first = self.new_row(self.world.now());
        let second = Row { json: twin(&first.json).into(), ..first.clone() };
        self.world.with(|state| [first, second].map(|row| state.slack.add(row)));
    }

    fn touch(&mut self, count: u32) {
        if self.start.log == LogType::Access {
            let (rows, now) = (self.rows, self.world.now());
            let every = (rows / (count + 1)).max(1);
            (0..rows)
                .step_by(every as usize)
                .for_each(|row| self.world.with(|state| state.slack.touch_access(row as usize, now)));
        }
    }

    fn restart(&mut self) {
        self.process = Process::start(&self.world);
    }

    fn limits(&self) -> ResourceLimits {
        let limits = if self.start.scenario.is_tiny { tiny_limits() } else { small_limits() };
        let batch_bytes = self.start.scenario.batch_bytes.map(|bytes| Quota { per_stream: bytes, total: bytes });
        ResourceLimits { batch_bytes: batch_bytes.unwrap_or(limits.batch_bytes), ..limits }
    }

    fn begin(&self) -> Tick {
        self.process.begin(self.start.calls_max(), self.limits())
    }

    /// Runs a whole tick, and returns its operations.
    fn tick(&mut self) -> Operations {
        let before = self.process.operations();
        let has_faults = self.world.with(|state| !state.faults.is_empty() || !state.create_faults.is_empty());
        let end = self.begin().run();
        let operations = self.process.operations_since(before);
        self.after(&end, has_faults);
        operations
    }

    /// Runs a whole tick of a new process.
    fn other_tick(&mut self) {
        let own = std::mem::replace(&mut self.process, Process::start(&self.world));
        self.tick();
        self.process = own;
    }

    fn after(&mut self, end: &End, has_faults: bool) {
        let had_left_no_gap = std::mem::take(&mut self.left_no_gap);
        match end {
            End::Killed => self.restart(),
            End::Answered(answer) if has_faults => {
                let invariant = self
                    .world
                    .with(|state| oracle::check_no_secret(state, "the response of a tick", &format!("{answer:?}")));
                self.record_violation(invariant.err());
            }
            End::Answered(_) => {
                self.left_no_gap = end.succeeded() && end.left_no_gap();
                // An organization first finishes an interrupted round. Its newest rows come a tick later.
                let promised = !self.start.slack.organization || (had_left_no_gap && self.left_no_gap);
                if end.succeeded() && promised && self.start.is_prompt() {
                    self.record_violation(self.world.with(oracle::late));
                }
            }
        }
    }

    fn record_violation(&self, invariant: Option<String>) {
        if invariant.is_some() {
            self.world.with(|state| state.broken = state.broken.take().or(invariant));
        }
    }

    /// Runs one of the ticks that meet faults, and adds a row after it. Returns its operations.
    pub fn faulty_tick(&mut self, tick: usize, injected: &[InjectedFault]) -> Operations {
        self.plan_faults(tick, injected);
        let operations = self.tick();
        self.minute();
        self.world.with(|state| state.faults.clear());
        operations
    }

    fn plan_faults(&mut self, tick: usize, injected: &[InjectedFault]) {
        let (process, before) = (self.process.number(), self.process.operations());
        let of_tick = injected.iter().filter(|fault| fault.0 == tick);
        let faults = of_tick.map(|(_, operation, kind)| Fault { process, operation: before + operation, kind: *kind });
        let faults = faults.collect();
        self.world.with(|state| state.faults = faults);
    }

    fn minute(&mut self) {
        self.world.pass(60);
        self.add(1, false);
        self.touch(1);
    }

    /// Interleaves two or three processes. Each runs for the steps of its turns. Then the others run to their ends, and the process of the
    /// last turn after them.
    ///
    /// Process 0 is the run's own process. The others have empty caches. Returns the steps of each process, and for each turn whether its
    /// process ended in it.
    pub fn interleave(&mut self, processes: usize, turns: &[(usize, u32)]) -> (Vec<u32>, Vec<bool>) {
        self.left_no_gap = false;
        let mut ticks = vec![Some(self.begin())];
        for _ in 1..processes {
            let other = Process::start(&self.world);
            ticks.push(Some(other.begin(self.start.calls_max(), self.limits())));
        }
        let mut steps = vec![0; processes];
        let mut run = |who: usize, count: u32| {
            for _ in 0..count {
                let Some(tick) = &mut ticks[who] else { break };
                steps[who] += 1;
                if tick.step().is_some() {
                    ticks[who] = None;
                }
            }
            ticks[who].is_none()
        };
        let ended = turns.iter().map(|(who, count)| run(*who, *count)).collect();
        let last = turns.last().map_or(0, |(who, _)| *who);
        for who in (0..processes).filter(|who| *who != last).chain([last]) {
            run(who, u32::MAX);
        }
        drop(ticks);
        self.minute();
        (steps, ended)
    }

    /// Suspends a tick after `steps` steps, and resumes it `later` ticks later. The first tick in between meets these faults.
    ///
    /// Returns whether the tick had ended before it could be suspended, and the operations of the first tick in between.
    pub fn suspend(&mut self, steps: u32, later: u32, injected: &[InjectedFault]) -> (bool, Operations) {
        self.left_no_gap = false;
        let mut suspended = self.begin();
        let ended = (0..steps).any(|_| suspended.step().is_some());
        self.restart();
        let mut operations = Operations::default();
        for tick in 0..later {
            self.minute();
            self.plan_faults(tick as usize, injected);
            let of_tick = self.tick();
            operations = if tick == 0 { of_tick } else { operations };
        }
        self.world.with(|state| state.faults.clear());
        if !ended {
            suspended.run();
            self.left_no_gap = false;
        }
        self.minute();
        (ended, operations)
    }

    /// Runs ticks until every visible record is stored, and one more, because the next read would store a duplicate. Returns the number of
    /// ticks until then.
    ///
    /// # Errors
    /// Returns the violation.
    pub fn settle(&mut self) -> Result<u32, String> {
        self.world.with(|state| state.slack.end_lasting_faults());
        let mut complete_after = None;
        for tick in 1..=SETTLING_TICKS {
            self.tick();
            if let Some(invariant) = self.broken() {
                return Err(invariant);
            }
            if complete_after.is_none() && self.world.with(|state| oracle::missing(state, |_| true).is_none()) {
                complete_after = Some(tick);
            }
            match complete_after {
                Some(after) if tick > after => return Ok(after),
                _ if tick <= 2 => self.minute(),
                _ => self.world.pass(60),
            }
        }
        match self.world.with(oracle::check_end) {
            Ok(()) => Ok(SETTLING_TICKS),
            Err(invariant) => Err(invariant),
        }
    }
}
