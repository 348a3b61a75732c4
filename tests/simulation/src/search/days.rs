//! Days at random, from a seed: everything that may happen, mixed. Several processes tick, are cut short, held back and
//! interleaved; operations fail by chance; whole services go away; Slack misbehaves in every way that it knows.

use jiff::SignedDuration;
use slacktrail_shared::source::{LogType, Plan, Source};
use slacktrail_shared::tick::{Bounds, Shared};
use slacktrail_shared::time::Second;
use slacktrail_simulator::{CallMatcher, Fault, Row, World};

use super::life::Life;
use super::place::Place;
use super::rows::{damaged, row, twin};
use super::schedule::caught;
use super::slacks::drawn;
use super::upheavals::slack_fault;
use crate::dice::Dice;
use crate::oracle;
use crate::process::{End, Process, Tick};
use crate::stage::{Chance, Stage};
use crate::tenant::simulated;
use crate::wrong::Wrong;

/// Ticks in which things go wrong.
const TICKS: u32 = 120;
/// Ticks, a minute apart, within which all that was shown in time is stored once nothing fails any more. Pages of three rows and ten calls
/// a tick make the most of what sixteen gaps leave to read: of 130 pages of equal rows, which are read three times, each takes 40 ticks.
const CALM_TICKS: u32 = 700;
/// Hourly ticks after which what was shown late, up to 26 hours, is stored too: the daily re-reads have come round.
const LATE_HOURS: u32 = 52;
/// The latest that a record is shown, as promised.
const LATE_SECONDS_MAX: i64 = 26 * 3_600;
/// Ticks of the calm in which people are still at work, so that what is new must come with the next tick.
const BUSY_TICKS: u32 = 20;

pub(super) struct Days {
    pub(super) dice: Dice,
    /// Of the log that most of what happens is about.
    pub(super) place: Place,
    /// Of each log that is collected.
    places: Vec<Place>,
    pub(super) stage: Stage,
    bounds: Bounds,
    pub(super) processes: Vec<Process>,
    started: u32,
    held: Vec<Tick>,
    rows: u32,
    /// Of how many rows one is shown 20 to 120 seconds late, if any is.
    late_one_in: Option<u64>,
    /// Whether the last tick of the calm went well and left nothing to collect.
    is_through: bool,
}

/// Runs the days of a seed. Returns the law that was broken, if any, and the trace.
pub fn run(log: LogType, seed: u64, wrong: Option<Wrong>, traced: bool) -> (Result<(), String>, Vec<String>) {
    let mut days = Days::new(log, seed, wrong, traced);
    let outcome = caught(|| days.live());
    let trace = days.stage.with(|state| std::mem::take(&mut state.trace));
    (outcome, trace)
}

impl Days {
    fn new(log: LogType, seed: u64, wrong: Option<Wrong>, traced: bool) -> Days {
        let mut dice = Dice(seed.wrapping_mul(3) + log as u64);
        let slack = drawn(log, &mut dice);
        // Some sources have two logs, whose streams are side by side and share a memory. (Where page cursors do not live, a long access
        // log cannot be walked to its end.)
        let cursors_live = slack.settings.cursor_ttl.is_none_or(|life| life > SignedDuration::from_mins(1));
        let has_two = log != LogType::Integration && cursors_live && dice.one_in(3);
        let logs = if has_two { vec![LogType::Audit, LogType::Access] } else { vec![log] };
        let now = jiff::Timestamp::constant(1_795_356_000, 0);
        let source = Source {
            logs: logs.clone(),
            organisation: slack.organisation,
            connected_at: Second::of(now),
            ..Source::new("acme".parse().expect("an id"), "Acme", Plan::Enterprise, Second::of(now).plus(-7 * 86_400))
        };
        let stage = Stage::new(now, World::new(slack.settings.clone()), [source]);
        let bucket_ahead = SignedDuration::from_secs(dice.pick(&[-300, 0, 0, 300]));
        stage.with(|state| (state.wrong, state.traced, state.bucket_ahead) = (wrong, traced, bucket_ahead));
        let chunk_bytes = dice.pick(&[None, None, Some(97), Some(1)]);
        stage.with(|state| state.chunk_bytes = chunk_bytes);
        stage.note(|| format!("{:?}", slack.settings));
        let seen = dice.pick(&[12, 60, 10_000]);
        let bytes = dice.pick(&[900, 4_000, 8 << 20]);
        let bounds = Bounds {
            streams_at_once: 4,
            batch_bytes: Shared { each: bytes, all: bytes },
            seen: Shared { each: seen, all: seen },
            ..Bounds::default()
        };
        let late_one_in = dice.pick(&[None, None, Some(2), Some(10)]);
        let life = Life {
            name: "days",
            before: Vec::new(),
            calls_max: None,
            of_workspaces: false,
            is_odd: false,
            logs: &LogType::ALL,
        };
        let place = Place { log, life, slack, warm: true };
        let places = logs.into_iter().map(|log| Place { log, ..place.clone() }).collect();
        let processes = vec![Process::start(0, &stage)];
        Days {
            dice,
            place,
            places,
            stage,
            bounds,
            processes,
            started: 1,
            held: Vec::new(),
            rows: 0,
            late_one_in,
            is_through: false,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let one_in = self.dice.pick(&[15, 40, 200]);
        let chance = Chance { dice: Dice(self.dice.below(u64::MAX)), one_in };
        self.stage.with(|state| state.chance = Some(chance));
        // From before the time that the source asks for: a backfill may.
        for n in (8..20).rev() {
            self.add(n * 86_400, 0);
        }
        for n in (0..12).rev() {
            self.add(n * 700, 0);
        }
        for _ in 0..TICKS {
            self.happen();
            self.ticks()?;
        }
        self.calm()
    }

    /// Nothing fails any more.
    fn calm(&mut self) -> Result<(), String> {
        self.stage.note(|| "from here on nothing fails".to_owned());
        self.connect();
        self.bar(false);
        self.pause(false);
        self.stage.with(|state| {
            state.slack.clear_faults();
            state.down.clear();
            (state.chance, state.clock_ahead, state.operations_max) = (None, SignedDuration::ZERO, None);
        });
        for held in std::mem::take(&mut self.held) {
            held.run();
        }
        self.processes.truncate(1);
        for tick in 0..CALM_TICKS {
            self.stage.pass(60);
            if tick < BUSY_TICKS {
                self.add(1, 0);
            }
            self.tick()?;
            let complete =
                || self.stage.with(|state| oracle::missing(state, |row| row.visible_at == row.time).is_none());
            if tick >= BUSY_TICKS && complete() {
                break;
            }
        }
        if let Some(law) = self.stage.with(|state| oracle::missing(state, |row| row.visible_at == row.time)) {
            return Err(law);
        }
        for _ in 0..LATE_HOURS {
            self.stage.pass(3_600);
            for _ in 0..2 {
                self.stage.pass(60);
                self.tick()?;
            }
        }
        for _ in 0..CALM_TICKS {
            self.stage.pass(60);
            self.tick()?;
            if self.stage.with(|state| oracle::missing(state, |_| true).is_none()) {
                break;
            }
        }
        self.stage.with(oracle::check_end)
    }

    /// A tick in the calm. After two in a row that went well and left nothing, the newest records must be stored.
    fn tick(&mut self) -> Result<(), String> {
        let end = self.begin(0).run();
        self.ended(0, &end);
        let was_through = std::mem::replace(&mut self.is_through, end.went_well() && end.is_through());
        if was_through && self.is_through {
            self.stage.with(|state| {
                let law = oracle::late(state);
                state.broken = state.broken.take().or(law);
            });
        }
        self.law()
    }

    fn law(&self) -> Result<(), String> {
        self.stage.with(|state| state.broken.clone()).map_or(Ok(()), Err)
    }

    fn begin(&self, who: usize) -> Tick {
        self.processes[who].begin(None, self.bounds)
    }

    pub(super) fn start(&mut self) -> Process {
        self.started += 1;
        Process::start(self.started, &self.stage)
    }

    fn ended(&mut self, who: usize, end: &End) {
        match end {
            End::Killed => self.processes[who] = self.start(),
            End::Answered(answer) => {
                let text = match &**answer {
                    Ok(summary) => serde_json::to_string(summary).unwrap_or_default(),
                    Err(trouble) => format!("{trouble} {trouble:?}"),
                };
                self.stage.with(|state| {
                    let law = oracle::check_no_secret(state, "an answer", &text).err();
                    state.broken = state.broken.take().or(law);
                });
            }
        }
    }

    /// One to three processes tick at once, in any order of their steps; some are cut short or held back.
    fn ticks(&mut self) -> Result<(), String> {
        let count = self.dice.pick(&[0, 1, 1, 1, 1, 2, 2, 3]);
        while self.processes.len() < count {
            let process = self.start();
            self.processes.push(process);
        }
        let mut ticks: Vec<(usize, Tick)> = (0..count).map(|who| (who, self.begin(who))).collect();
        while !ticks.is_empty() {
            let turn = usize::try_from(self.dice.below(ticks.len() as u64)).unwrap_or(0);
            for _ in 0..=self.dice.below(6) {
                let Some((who, tick)) = ticks.get_mut(turn) else { break };
                if let Some(end) = tick.step() {
                    let who = *who;
                    drop(ticks.remove(turn));
                    self.ended(who, &end);
                    break;
                }
            }
            if turn < ticks.len() && self.dice.one_in(60) {
                let (who, tick) = ticks.remove(turn);
                self.processes[who] = self.start(); // a process that is cut short or held back comes back as another
                if self.dice.one_in(2) {
                    self.held.push(tick);
                }
            }
        }
        if self.dice.one_in(4)
            && let Some(held) = self.held.pop()
        {
            held.run();
        }
        self.law()
    }

    /// A row whose time is `age` seconds ago, shown so many seconds late.
    fn add(&mut self, age: i64, late: i64) {
        let ago = |seconds| self.stage.now().saturating_sub(SignedDuration::from_secs(seconds)).expect("in range");
        let (time, shown) = (ago(age), ago(age - late));
        for place in &self.places {
            let row = row(place, self.rows, u32::MAX, time);
            let row = if late > 0 { row.visible_from(shown) } else { row };
            let _number = self.stage.with(|state| state.slack.add(row));
        }
        self.rows += 1;
    }

    /// A minute passes, or longer; people work, and things go wrong.
    fn happen(&mut self) {
        let pause = self.dice.pick(&[30, 60, 60, 60, 60, 60, 90, 600]);
        let pause = if self.dice.one_in(40) { self.dice.seconds(30 * 3_600) } else { pause };
        self.stage.pass(pause);
        let (count, spread) = (self.dice.pick(&[0, 0, 1, 2, 7]), self.dice.pick(&[0, 1, 9]));
        for n in (0..count).rev() {
            let is_late = self.late_one_in.is_some_and(|one_in| self.dice.one_in(one_in));
            let late = if is_late { 20 + self.dice.seconds(100) } else { 0 };
            self.add((n * spread).min(pause), late);
        }
        match self.dice.below(12) {
            0 => {
                let late = self.dice.seconds(LATE_SECONDS_MAX);
                self.add(0, late);
            }
            1 => {
                let late = self.dice.seconds(120);
                self.add(0, late);
            }
            _ => {}
        }
        if self.places.iter().any(|place| place.log == LogType::Access) {
            for _ in 0..self.dice.below(4) {
                let row = usize::try_from(self.dice.below(u64::from(self.rows).max(1))).unwrap_or(0);
                self.stage.with(|state| state.slack.touch_access(row, state.now));
            }
        }
        if self.dice.one_in(4) {
            let kind = slack_fault(&mut self.dice, &self.place, self.rows);
            let nth = u32::try_from(1 + self.dice.below(5)).unwrap_or(1);
            self.stage.note(|| format!("Slack, at call {nth} from now: {kind:?}"));
            let fault = Fault::nth(nth, CallMatcher::log(simulated(self.place.log)), kind);
            self.stage.with(|state| state.slack.fault(fault));
        }
        if self.dice.one_in(40) {
            self.endless();
        }
        self.odd_rows();
        self.upheavals();
    }

    /// Rows with bytes that are no UTF-8, and pairs of rows that share their identity and differ.
    fn odd_rows(&mut self) {
        let (is_damaged, has_twin) = (self.dice.one_in(20), self.dice.one_in(20));
        for place in self.places.iter().filter(|_| is_damaged || has_twin) {
            let row = row(place, self.rows, u32::MAX, self.stage.now());
            let twin = Row { json: twin(&row.json).into(), ..row.clone() };
            self.stage.with(|state| {
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
