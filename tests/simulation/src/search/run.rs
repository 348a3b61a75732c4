//! A run: one source's scenario under way, which can be forked at any moment between two ticks and told to go on otherwise.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use slacktrail_collector::tick::{Quota, ResourceLimits};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_simulator::{CallMatcher, Fault as SlackFault, FaultKind as SlackFaultKind, Row, World};

use super::rows::{damaged, of_no_time, row, twin};
use super::scenario::Event;
use super::starting_point::StartingPoint;
use crate::harness::simulated;
use crate::process::{End, Operations, Process, Tick};
use crate::simulated_world::{Fault, FaultKind, SimulatedWorld, StoredCursor};
use crate::{mutant::Mutant, oracle};

/// Ticks within which everything visible must be stored once nothing fails any more: the hourly re-read has come round, for what was
/// shown a minute late.
pub const SETTLING_TICKS: u32 = 75;

/// A fault in one of the ticks that meet faults: which tick, which of its operations, what.
pub type InjectedFault = (usize, u32, FaultKind);

/// People in a scenario's access log: each has several rows, none of the same second.
const USERS: u32 = 16;

/// When scenarios begin: on an afternoon, so that midnight is one of its own.
fn beginning() -> Timestamp {
    Timestamp::constant(1_795_356_000, 0) // 2026-11-22 14:00:00 UTC
}

/// Small objects and a small memory: every edge of the protocol within a few records. Objects are not compressed, so that
/// more schedules are searched in the same time; those of the randomized runs are.
fn small_bounds() -> ResourceLimits {
    ResourceLimits {
        streams_at_once: 4,
        batch_bytes: Quota { per_stream: 900, total: 2_000 },
        gzip_level: 0,
        stored_ids: Quota { per_stream: 400, total: 800 },
    }
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    start: Rc<StartingPoint>,
    world: SimulatedWorld,
    process: Process,
    processes: u32,
    rows: u32,
    /// Whether the last tick went well and left nothing to collect.
    is_through: bool,
}

impl Run {
    /// A run that has come to the moment at which the search begins.
    pub fn new(start: &StartingPoint, mutant: Option<Mutant>, traced: bool) -> Run {
        let now = beginning();
        let source = Source {
            logs: vec![start.log],
            organization: start.slack.organization,
            connected_at: Second::of(now),
            ..Source::new("acme".parse().expect("an id"), "Acme", Plan::Enterprise, Second::of(now).plus(-7 * 86_400))
        };
        let world = SimulatedWorld::new(now, World::new(start.slack.settings.clone()), [source]);
        world.with(|state| (state.mutant, state.traced) = (mutant, traced));
        let process = Process::start(0, &world);
        let mut run = Run { start: Rc::new(start.clone()), world, process, processes: 1, rows: 0, is_through: false };
        for event in &start.scenario.before {
            run.apply(event);
        }
        if !start.warm {
            run.restart();
        }
        run
    }

    /// The same run, which goes its own way from here.
    pub fn fork(&self) -> Run {
        let world = self.world.fork();
        let process = self.process.fork(&world);
        Run {
            start: self.start.clone(),
            world,
            process,
            processes: self.processes,
            rows: self.rows,
            is_through: self.is_through,
        }
    }

    /// The log that it collects.
    pub fn log(&self) -> LogType {
        self.start.log
    }

    /// The world that it is in.
    pub fn world(&self) -> &SimulatedWorld {
        &self.world
    }

    /// The invariant that was broken.
    pub fn broken(&self) -> Option<String> {
        self.world.with(|state| state.broken.clone())
    }

    fn apply(&mut self, event: &Event) {
        self.world.note(|| format!("{event:?}"));
        match event {
            Event::Pass(seconds) => self.world.pass(*seconds),
            Event::Rows(count, spread) => (0..*count).rev().for_each(|n| self.add(i64::from(n) * spread, false)),
            Event::ManyRows(spread) => self.apply(&Event::Rows(self.start.many(), *spread)),
            Event::LongOutage => self.apply(&Event::Outage(self.start.many())),
            Event::LateRow(age) => self.add(*age, true),
            Event::LateShare(count) => {
                (0..*count).for_each(|n| self.add_late(i64::from(n) * 97 % 600, 20 + i64::from(n) * 37 % 100))
            }
            Event::DamagedRow => self.add_damaged(),
            Event::Twins => self.add_twins(),
            Event::Touch(count) => self.touch(*count),
            Event::Tick => drop(self.tick()),
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
            Event::Tamper(all) => self.world.tamper(*all),
            Event::TouchAt(n, row) if self.start.log == LogType::Access => self.slack(*n, SlackFaultKind::Touch(*row)),
            Event::TouchAt(..) => {}
            Event::Insert(n) => {
                let row = row(&self.start, self.rows, USERS, self.world.now());
                self.rows += 1;
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
            Event::Backfill(oldest, latest) => self.backfill(*oldest, *latest),
            Event::ClockAhead(seconds) => {
                self.world.with(|state| state.clock_ahead = SignedDuration::from_secs(*seconds));
            }
            Event::Bar(id) => self.world.bar(id, true),
            Event::Admit(id) => self.world.bar(id, false),
            Event::Revoke => self.world.revoke(),
            Event::Connect => self.world.connect(),
        }
    }

    /// Slack meets something at the n-th call from now on.
    fn slack(&self, n: u32, kind: SlackFaultKind) {
        let fault = SlackFault::nth(n, CallMatcher::log(simulated(self.start.log)), kind);
        self.world.with(|state| state.slack.fault(fault));
    }

    /// As the command does it.
    fn backfill(&mut self, oldest_ago: i64, latest_ago: i64) {
        let log = self.start.log;
        self.world.with(|state| {
            let now = Second::of(state.now);
            let (oldest, latest) = (now.plus(-oldest_ago), now.plus(-latest_ago));
            for stored in state.cursors.values_mut() {
                let mut cursor = Cursor::decode(&stored.text).expect("a cursor");
                cursor.backfill(log, oldest, latest, now);
                *stored = StoredCursor { version: stored.version + 1, text: cursor.encode() };
            }
            state.backfilled.push((simulated(log), oldest.instant(), latest.instant()));
        });
    }

    /// A row of `age` seconds ago.
    fn add(&mut self, age: i64, late: bool) {
        let now = self.world.now();
        let time = now.saturating_sub(SignedDuration::from_secs(age)).expect("a year of four digits");
        let row = row(&self.start, self.rows, USERS, time);
        self.rows += 1;
        self.world.with(|state| state.slack.add(if late { row.visible_from(now) } else { row }));
    }

    /// A row of `age` seconds ago that Slack shows so many seconds after its time.
    fn add_late(&mut self, age: i64, late: i64) {
        let time = self.world.now().saturating_sub(SignedDuration::from_secs(age)).expect("a year of four digits");
        let shown = time.saturating_add(SignedDuration::from_secs(late)).expect("a year of four digits");
        let shown = shown.max(self.world.now()); // a row of the past comes into being now
        let row = row(&self.start, self.rows, USERS, time).visible_from(shown);
        self.rows += 1;
        self.world.with(|state| state.slack.add(row));
    }

    /// A row with bytes that are no UTF-8.
    fn add_damaged(&mut self) {
        for damage in [damaged, of_no_time] {
            let row = row(&self.start, self.rows, USERS, self.world.now());
            self.rows += 1;
            self.world.with(|state| state.slack.add(damage(row)));
        }
    }

    /// Two rows of one identity and different content. Integration rows have no identity but their content.
    fn add_twins(&mut self) {
        let first = row(&self.start, self.rows, USERS, self.world.now());
        self.rows += 1;
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
        self.process = Process::start(self.processes, &self.world);
        self.processes += 1;
    }

    fn begin(&self) -> Tick {
        self.process.begin(self.start.calls_max(), small_bounds())
    }

    /// A whole tick. Returns the operations it had.
    fn tick(&mut self) -> Operations {
        let before = self.process.operations();
        let struck = self.world.with(|state| !state.faults.is_empty());
        let end = self.begin().run();
        let operations = self.process.operations_since(before);
        self.after(&end, struck);
        operations
    }

    fn after(&mut self, end: &End, struck: bool) {
        let was_through = std::mem::take(&mut self.is_through);
        match end {
            End::Killed => self.restart(),
            End::Answered(answer) if struck => {
                let invariant =
                    self.world.with(|state| oracle::check_no_secret(state, "an answer", &format!("{answer:?}")));
                self.record_violation(invariant.err());
            }
            End::Answered(_) => {
                self.is_through = end.went_well() && end.is_through();
                // An organization's round that was broken off is finished before one up to now begins: a tick later.
                let promised = !self.start.slack.organization || (was_through && self.is_through);
                if end.went_well() && promised && self.start.is_prompt() {
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

    /// One of the ticks that meet faults, and a row after it. Returns the operations it had.
    pub fn faulty_tick(&mut self, tick: usize, injected: &[InjectedFault]) -> Operations {
        self.aim(tick, injected);
        let operations = self.tick();
        self.minute();
        self.world.with(|state| state.faults.clear());
        operations
    }

    /// Sets up the faults of the next tick.
    fn aim(&mut self, tick: usize, injected: &[InjectedFault]) {
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

    /// Two or three invocations at once: each runs so many steps when it is its turn, and in the end the others before the last
    /// one that had a turn. Process 0 is the run's own; the others know nothing. Returns the steps that each had, and of each turn
    /// whether its process came to its end in it.
    pub fn interleave(&mut self, processes: usize, turns: &[(usize, u32)]) -> (Vec<u32>, Vec<bool>) {
        self.is_through = false;
        let mut ticks = vec![Some(self.begin())];
        for _ in 1..processes {
            let number = self.processes;
            self.processes += 1;
            let other = Process::start(number, &self.world);
            ticks.push(Some(other.begin(self.start.calls_max(), small_bounds())));
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

    /// An invocation that stops after `steps`, wakes up `later` ticks later, and goes on as if nothing had been. The first tick
    /// in between meets these faults. Returns whether it was through before, and the operations of that tick.
    pub fn suspend(&mut self, steps: u32, later: u32, injected: &[InjectedFault]) -> (bool, Operations) {
        self.is_through = false;
        let mut held = self.begin();
        let through = (0..steps).any(|_| held.step().is_some());
        self.restart();
        let mut operations = Operations::default();
        for tick in 0..later {
            self.minute();
            self.aim(tick as usize, injected);
            let of_tick = self.tick();
            operations = if tick == 0 { of_tick } else { operations };
        }
        self.world.with(|state| state.faults.clear());
        if !through {
            held.run();
            self.is_through = false;
        }
        self.minute();
        (through, operations)
    }

    /// Ticks until all that is visible is stored, and twice at least: what comes twice comes at the next read.
    ///
    /// # Errors
    /// The invariant that is broken. Else how many ticks it took.
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
