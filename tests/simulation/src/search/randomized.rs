//! Randomized runs from a seed, which mix everything that can happen. Several processes tick, and are cut short, suspended and interleaved.
//! Operations fail at random, services become unreachable, and Slack misbehaves in every way that the simulator knows.

use jiff::SignedDuration;
use slacktrail_collector::tick::{Quota, ResourceLimits};
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::{CallMatcher, Fault, Row, World};

use super::disruptions::slack_fault;
use super::rows::{damaged, row, twin};
use super::scenario::scenario;
use super::schedule::caught;
use super::slacks::sampled;
use super::starting_point::StartingPoint;
use crate::harness::simulated;
use crate::mutant::Mutant;
use crate::oracle;
use crate::process::{End, Process, Tick};
use crate::rng::Rng;
use crate::simulated_world::{BEGINNING, Chance, SimulatedWorld, acme};

/// Ticks with faults.
const TICKS: u32 = 120;
/// Ticks, a minute apart, within which every record shown in time is stored after the last fault. The worst case is 16 gaps with pages of
/// three rows and ten calls per tick: a gap of 130 pages of equal rows, which are read three times, takes 40 ticks.
const QUIESCENT_TICKS: u32 = 700;
/// Hours within which every record shown up to 26 hours late is stored too, because the daily re-reads have run.
const LATE_HOURS: u32 = 52;
/// The maximum delay for which slacktrail guarantees to collect a record.
const LATE_SECONDS_MAX: i64 = 26 * 3_600;
/// Ticks of the quiescent phase with new records, which the next tick must store.
const BUSY_TICKS: u32 = 20;

pub(super) struct RandomizedRun {
    pub(super) rng: Rng,
    /// The starting point of the log that most events concern.
    pub(super) start: StartingPoint,
    /// The starting points of all collected logs.
    starting_points: Vec<StartingPoint>,
    pub(super) world: SimulatedWorld,
    resources: ResourceLimits,
    pub(super) processes: Vec<Process>,
    suspended: Vec<Tick>,
    rows: u32,
    /// One in this many rows is shown 20 to 120 seconds late. `None`: no row.
    late_one_in: Option<u64>,
    /// Whether the last tick of the quiescent phase succeeded and left no gap.
    left_no_gap: bool,
}

/// Runs a seed. Returns the violation, if any, and the trace.
pub fn run(log: LogType, seed: u64, mutant: Option<Mutant>, traced: bool) -> (Result<(), String>, Vec<String>) {
    let mut randomized = RandomizedRun::new(log, seed, mutant, traced);
    let outcome = caught(|| randomized.run());
    let trace = randomized.world.with(|state| std::mem::take(&mut state.trace));
    (outcome, trace)
}

impl RandomizedRun {
    fn new(log: LogType, seed: u64, mutant: Option<Mutant>, traced: bool) -> RandomizedRun {
        let mut rng = Rng(seed.wrapping_mul(3) + log as u64);
        let slack = sampled(log, &mut rng);
        // Some sources have two logs, whose streams run concurrently and share a quota. If page cursors expire before the next tick, a long
        // access log cannot be walked to its end.
        let cursors_live = slack.settings.cursor_ttl.is_none_or(|ttl| ttl > SignedDuration::from_mins(1));
        let has_two = log != LogType::Integration && cursors_live && rng.one_in(3);
        let logs = if has_two { vec![LogType::Audit, LogType::Access] } else { vec![log] };
        let source = Source { organization: slack.organization, ..acme(BEGINNING, &logs) };
        let world = SimulatedWorld::new(BEGINNING, World::new(slack.settings.clone()), [source]);
        let bucket_ahead = SignedDuration::from_secs(rng.pick(&[-300, 0, 0, 300]));
        world.with(|state| (state.mutant, state.traced, state.bucket_ahead) = (mutant, traced, bucket_ahead));
        let chunk_bytes = rng.pick(&[None, None, Some(97), Some(1)]);
        world.with(|state| state.chunk_bytes = chunk_bytes);
        world.trace_event(|| format!("{:?}", slack.settings));
        let ids_max = rng.pick(&[12, 60, 10_000]);
        let bytes = rng.pick(&[900, 4_000, 8 << 20]);
        let resources = ResourceLimits {
            streams_at_once: 4,
            batch_bytes: Quota { per_stream: bytes, total: bytes },
            cached_ids: Quota { per_stream: ids_max, total: ids_max },
            ..ResourceLimits::default()
        };
        let late_one_in = rng.pick(&[None, None, Some(2), Some(10)]);
        let scenario = scenario("randomized", &[]);
        let start = StartingPoint { log, scenario, slack, warm: true };
        let starting_points = logs.into_iter().map(|log| StartingPoint { log, ..start.clone() }).collect();
        let processes = vec![Process::start(&world)];
        RandomizedRun {
            rng,
            start,
            starting_points,
            world,
            resources,
            processes,
            suspended: Vec::new(),
            rows: 0,
            late_one_in,
            left_no_gap: false,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let one_in = self.rng.pick(&[15, 40, 200]);
        let chance = Chance { rng: Rng(self.rng.below(u64::MAX)), one_in };
        self.world.with(|state| state.chance = Some(chance));
        // These rows are older than the source's `since`. Only a backfill collects them.
        for n in (8..20).rev() {
            self.add(n * 86_400, 0);
        }
        for n in (0..12).rev() {
            self.add(n * 700, 0);
        }
        for _ in 0..TICKS {
            self.apply_events();
            self.ticks()?;
        }
        self.settle()
    }

    /// Runs the quiescent phase, in which nothing fails.
    fn settle(&mut self) -> Result<(), String> {
        self.world.trace_event(|| "quiescent phase: no more faults".to_owned());
        self.connect();
        self.bar(false);
        self.pause(false);
        self.world.with(|state| {
            state.slack.clear_faults();
            state.down.clear();
            (state.chance, state.clock_ahead, state.operations_max) = (None, SignedDuration::ZERO, None);
        });
        for tick in std::mem::take(&mut self.suspended) {
            tick.run();
        }
        self.processes.truncate(1);
        for tick in 0..QUIESCENT_TICKS {
            self.world.pass(60);
            if tick < BUSY_TICKS {
                self.add(1, 0);
            }
            self.tick()?;
            let complete =
                || self.world.with(|state| oracle::missing(state, |row| row.visible_at == row.time).is_none());
            if tick >= BUSY_TICKS && complete() {
                break;
            }
        }
        if let Some(invariant) = self.world.with(|state| oracle::missing(state, |row| row.visible_at == row.time)) {
            return Err(invariant);
        }
        for _ in 0..LATE_HOURS {
            self.world.pass(3_600);
            for _ in 0..2 {
                self.world.pass(60);
                self.tick()?;
            }
        }
        for _ in 0..QUIESCENT_TICKS {
            self.world.pass(60);
            self.tick()?;
            if self.world.with(|state| oracle::missing(state, |_| true).is_none()) {
                break;
            }
        }
        self.world.with(oracle::check_end)
    }

    /// Runs a tick of the quiescent phase. After two successful ticks in a row that left no gap, the newest records must be stored.
    fn tick(&mut self) -> Result<(), String> {
        let end = self.begin(0).run();
        self.ended(0, &end);
        let had_left_no_gap = std::mem::replace(&mut self.left_no_gap, end.succeeded() && end.left_no_gap());
        if had_left_no_gap && self.left_no_gap {
            self.world.with(|state| {
                let invariant = oracle::late(state);
                state.broken = state.broken.take().or(invariant);
            });
        }
        self.invariant()
    }

    fn invariant(&self) -> Result<(), String> {
        self.world.with(|state| state.broken.clone()).map_or(Ok(()), Err)
    }

    fn begin(&self, who: usize) -> Tick {
        self.processes[who].begin(None, self.resources)
    }

    pub(super) fn start(&self) -> Process {
        Process::start(&self.world)
    }

    fn ended(&mut self, who: usize, end: &End) {
        match end {
            End::Killed => self.processes[who] = self.start(),
            End::Answered(answer) => {
                let text = match &**answer {
                    Ok(summary) => serde_json::to_string(summary).unwrap_or_default(),
                    Err(error) => format!("{error} {error:?}"),
                };
                self.world.with(|state| {
                    let invariant = oracle::check_no_secret(state, "the response of a tick", &text).err();
                    state.broken = state.broken.take().or(invariant);
                });
            }
        }
    }

    /// Runs one to three processes at once, in a random order of steps. Some are cut short or suspended.
    fn ticks(&mut self) -> Result<(), String> {
        let count = self.rng.pick(&[0, 1, 1, 1, 1, 2, 2, 3]);
        while self.processes.len() < count {
            let process = self.start();
            self.processes.push(process);
        }
        let mut ticks: Vec<(usize, Tick)> = (0..count).map(|who| (who, self.begin(who))).collect();
        while !ticks.is_empty() {
            let turn = usize::try_from(self.rng.below(ticks.len() as u64)).unwrap_or(0);
            for _ in 0..=self.rng.below(6) {
                let Some((who, tick)) = ticks.get_mut(turn) else { break };
                if let Some(end) = tick.step() {
                    let who = *who;
                    drop(ticks.remove(turn));
                    self.ended(who, &end);
                    break;
                }
            }
            if turn < ticks.len() && self.rng.one_in(60) {
                let (who, tick) = ticks.remove(turn);
                self.processes[who] = self.start(); // a new process replaces one that is cut short or suspended
                if self.rng.one_in(2) {
                    self.suspended.push(tick);
                }
            }
        }
        if self.rng.one_in(4)
            && let Some(tick) = self.suspended.pop()
        {
            tick.run();
        }
        self.invariant()
    }

    /// Adds a row with a time of `age` seconds ago, which Slack shows `late` seconds after that time.
    fn add(&mut self, age: i64, late: i64) {
        let ago = |seconds| self.world.now().saturating_sub(SignedDuration::from_secs(seconds)).expect("in range");
        let (time, shown) = (ago(age), ago(age - late));
        for start in &self.starting_points {
            let row = row(start, self.rows, u32::MAX, time);
            let row = if late > 0 { row.visible_from(shown) } else { row };
            let _number = self.world.with(|state| state.slack.add(row));
        }
        self.rows += 1;
    }

    /// Advances the time by a minute or more, and applies random events.
    fn apply_events(&mut self) {
        let pause = self.rng.pick(&[30, 60, 60, 60, 60, 60, 90, 600]);
        let pause = if self.rng.one_in(40) { self.rng.seconds(30 * 3_600) } else { pause };
        self.world.pass(pause);
        let (count, spread) = (self.rng.pick(&[0, 0, 1, 2, 7]), self.rng.pick(&[0, 1, 9]));
        for n in (0..count).rev() {
            let is_late = self.late_one_in.is_some_and(|one_in| self.rng.one_in(one_in));
            let late = if is_late { 20 + self.rng.seconds(100) } else { 0 };
            self.add((n * spread).min(pause), late);
        }
        match self.rng.below(12) {
            0 => {
                let late = self.rng.seconds(LATE_SECONDS_MAX);
                self.add(0, late);
            }
            1 => {
                let late = self.rng.seconds(120);
                self.add(0, late);
            }
            _ => {}
        }
        if self.starting_points.iter().any(|start| start.log == LogType::Access) {
            for _ in 0..self.rng.below(4) {
                let row = usize::try_from(self.rng.below(u64::from(self.rows).max(1))).unwrap_or(0);
                self.world.with(|state| state.slack.touch_access(row, state.now));
            }
        }
        if self.rng.one_in(4) {
            let kind = slack_fault(&mut self.rng, &self.start, self.rows);
            let nth = u32::try_from(1 + self.rng.below(5)).unwrap_or(1);
            self.world.trace_event(|| format!("Slack fault at call {nth} from now: {kind:?}"));
            let fault = Fault::nth(nth, CallMatcher::log(simulated(self.start.log)), kind);
            self.world.with(|state| state.slack.fault(fault));
        }
        if self.rng.one_in(40) {
            self.endless();
        }
        self.odd_rows();
        self.disruptions();
    }

    /// Adds rows with bytes that are not UTF-8, and pairs of rows that share their ID and differ.
    fn odd_rows(&mut self) {
        let (is_damaged, has_twin) = (self.rng.one_in(20), self.rng.one_in(20));
        for start in self.starting_points.iter().filter(|_| is_damaged || has_twin) {
            let row = row(start, self.rows, u32::MAX, self.world.now());
            let twin = Row { json: twin(&row.json).into(), ..row.clone() };
            self.world.with(|state| {
                let first = state.slack.add(if is_damaged { damaged(row) } else { row });
                if has_twin && !is_damaged {
                    state.slack.add(twin);
                }
                first
            });
        }
        self.rows += u32::from(is_damaged || has_twin);
    }
}
