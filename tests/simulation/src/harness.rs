//! A harness: a source of the simulated Slack and one process that collects it, told what to do step by step.

use jiff::{SignedDuration, Timestamp};
use slacktrail_collector::tick::{Quota, ResourceLimits, StreamSummary};
use slacktrail_core::cursor::{Backfill, Cursor, GapKind};
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Fault, Log, Row, Settings, World};

use super::oracle;
use super::process::{End, Process};
use super::simulated_world::{SimulatedWorld, StoredCursor, asked};

/// A source and a process that collects it.
#[derive(Debug)]
pub struct Harness {
    world: SimulatedWorld,
    process: Process,
    processes: u32,
    rows: u32,
    resources: ResourceLimits,
    /// Calls to Slack for each stream in a tick.
    pub calls_max: u32,
    production_calls: bool,
}

impl Harness {
    /// A source with these logs, connected at 14:00 UTC, that collects the last seven days.
    pub fn new(settings: Settings, logs: &[LogType]) -> Harness {
        let now = Timestamp::constant(1_795_356_000, 0);
        let source = Source {
            logs: logs.to_vec(),
            organization: matches!(settings.tenant, Tenant::Organization { .. }),
            connected_at: Second::of(now),
            ..Source::new("acme".parse().expect("an id"), "Acme", Plan::Enterprise, Second::of(now).plus(-7 * 86_400))
        };
        let world = SimulatedWorld::new(now, World::new(settings), [source]);
        let process = Process::start(0, &world);
        Harness {
            world,
            process,
            processes: 1,
            rows: 0,
            resources: ResourceLimits::default(),
            calls_max: 50,
            production_calls: false,
        }
    }

    /// Lets a tick make as many calls as in production.
    pub fn production_calls(&mut self) {
        self.production_calls = true;
    }

    /// Keeps only so many identities in memory.
    pub fn seen_max(&mut self, count: usize) {
        self.resources.stored_ids = Quota { per_stream: count, total: count };
    }

    /// Lets fewer streams be collected side by side, and all together remember only so many identities.
    pub fn limit(&mut self, streams_at_once: usize, stored_ids: usize) {
        self.resources.streams_at_once = streams_at_once;
        self.resources.stored_ids.total = stored_ids;
    }

    /// The simulated world that it runs in.
    pub fn world(&self) -> &SimulatedWorld {
        &self.world
    }

    /// The time, by Slack's clock.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: i64) {
        self.world.pass(seconds);
    }

    /// Sets the collector's clock so many seconds ahead of Slack's. Slack's own time stays what it is.
    pub fn clock_ahead(&mut self, seconds: i64) {
        self.world.with(|state| state.clock_ahead = SignedDuration::from_secs(seconds));
    }

    /// Rows come into being, `spread` seconds apart back from now. Slack shows none of them before now.
    pub fn rows(&mut self, log: Log, count: u32, spread: i64) {
        for n in (0..count).rev() {
            let time = self.ago(i64::from(n) * spread);
            let row = self.row(log, time).visible_from(self.now());
            self.add(row);
        }
    }

    /// A row of `age` seconds ago that Slack shows only now.
    pub fn late_row(&mut self, log: Log, age: i64) {
        let row = self.row(log, self.ago(age)).visible_from(self.now());
        self.add(row);
    }

    /// A row whose time is `after` seconds from now, which Slack shows `late` seconds after that.
    pub fn row_shown_after(&mut self, log: LogType, after: i64, late: i64) {
        let log = match log {
            LogType::Audit => Log::Audit,
            LogType::Access => Log::Access,
            LogType::Integration => Log::Integration,
        };
        let time = self.ago(-after);
        let row =
            self.row(log, time).visible_from(time.saturating_add(SignedDuration::from_secs(late)).expect("in range"));
        self.add(row);
    }

    /// An integration row that equals all others of this second.
    pub fn equal_row(&mut self) {
        self.add(Row::small_integration(self.now(), "Equal"));
    }

    /// An integration row of now that is unlike all others.
    pub fn integration_row(&mut self) -> Row {
        self.row(Log::Integration, self.now())
    }

    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        self.world.with(|state| state.slack.add(row));
    }

    fn ago(&self, seconds: i64) -> Timestamp {
        self.now().saturating_sub(SignedDuration::from_secs(seconds)).expect("in range")
    }

    fn row(&mut self, log: Log, time: Timestamp) -> Row {
        self.rows += 1;
        let name = format!("r{}", self.rows);
        match log {
            Log::Audit => Row::small_audit(time, &name),
            Log::Access => Row::small_access(time, time, &name, "203.0.113.7", "SlackWeb/0 x"),
            Log::Integration => Row::small_integration(time, &name).in_workspace(["T1", "T2"][self.rows as usize % 2]),
        }
    }

    /// Scripts a fault of Slack's.
    pub fn fault(&mut self, fault: Fault) {
        self.world.with(|state| state.slack.fault(fault));
    }

    /// Changes how Slack behaves.
    pub fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        self.world.with(|state| change(state.slack.settings_mut()));
    }

    /// Slack revokes the token.
    pub fn revoke(&mut self) {
        self.world.revoke();
    }

    /// Somebody connects the source again.
    pub fn connect_again(&mut self) {
        self.world.connect();
    }

    /// Somebody asks for a backfill of the time between two ages, in seconds before now, as the command does.
    ///
    /// # Panics
    /// When the stream has no cursor yet.
    pub fn backfill(&mut self, log: LogType, oldest_ago: i64, latest_ago: i64) -> Backfill {
        self.world.with(|state| {
            let now = Second::of(state.now);
            let cursors = state.cursors.iter_mut().find(|(stream, _)| stream.log == log);
            let (_, stored) = cursors.expect("the stream was collected before");
            let mut cursor = Cursor::decode(&stored.text).expect("a cursor");
            let asked = cursor.backfill(log, now.plus(-oldest_ago), now.plus(-latest_ago), now);
            *stored = StoredCursor { version: stored.version + 1, text: cursor.encode() };
            asked
        })
    }

    /// The kinds of what a log's stream has still to collect.
    pub fn gaps(&self, log: LogType) -> Vec<GapKind> {
        self.world.with(|state| {
            let stored = state.cursors.iter().find(|(stream, _)| stream.log == log).map(|(_, stored)| &stored.text);
            let cursor = stored.map(|text| Cursor::decode(text).expect("a cursor"));
            cursor.iter().flat_map(|cursor| &cursor.gaps).map(|gap| gap.kind).collect()
        })
    }

    /// The table forgets its cursors.
    pub fn lose_cursors(&mut self) {
        self.world.lose_cursors();
    }

    /// Somebody changes every stored cursor behind the collector's back.
    ///
    /// # Panics
    /// When a cursor is no JSON.
    pub fn edit_cursors(&mut self, edit: impl Fn(&mut serde_json::Value)) {
        self.world.edit_cursors(edit);
    }

    /// Changes every stored cursor so that it cannot be true, and tells the oracle.
    pub fn tamper_with_cursors(&mut self, edit: impl Fn(&mut serde_json::Value)) {
        self.world.edit_cursors(edit);
        self.world.mark_tampered();
    }

    /// Somebody changes the stored source.
    pub fn edit_source(&mut self, edit: impl Fn(&mut Source)) {
        self.world.with(|state| state.sources.values_mut().for_each(edit));
    }

    /// Slack's replies arrive in pieces of so many bytes.
    pub fn chunks(&mut self, bytes: usize) {
        self.world.with(|state| state.chunk_bytes = Some(bytes));
    }

    /// Every fault of Slack's is over.
    pub fn heal(&mut self) {
        self.world.with(|state| state.slack.clear_faults());
    }

    /// The first record that Slack has shown and that is not stored.
    pub fn missing(&self) -> Option<String> {
        self.world.with(|state| oracle::missing(state, |_| true))
    }

    /// The process starts anew and remembers nothing.
    pub fn restart(&mut self) {
        self.process = Process::start(self.processes, &self.world);
        self.processes += 1;
    }

    /// The user of an access row comes back.
    pub fn touch(&mut self, row: usize) {
        self.world.with(|state| state.slack.touch_access(row, state.now));
    }

    /// Begins a tick, and kills its process after so many operations.
    pub fn kill_a_tick_after(&mut self, steps: u32) {
        let mut tick = self.process.begin(Some(self.calls_max), self.resources);
        (0..steps).find_map(|_| tick.step());
        drop(tick);
        self.restart();
    }

    /// Ticks once. Returns how each stream's tick went.
    ///
    /// # Panics
    /// When the tick is an error, or an invariant is broken.
    pub fn tick(&mut self) -> Vec<StreamSummary> {
        let End::Answered(answer) = self.try_tick() else { panic!("nobody kills it") };
        let broken = self.world.with(|state| state.broken.clone());
        assert_eq!(broken, None, "\n{}", self.world.with(|state| state.trace.join("\n")));
        answer.expect("the tick answers").streams
    }

    /// Ticks once, whatever comes of it.
    pub fn try_tick(&mut self) -> End {
        self.process.tick((!self.production_calls).then_some(self.calls_max), self.resources)
    }

    /// Operations that the process has made.
    pub fn operations(&self) -> u32 {
        self.process.operations()
    }

    /// Ticks once. Returns what it did, in order.
    pub fn operations_of_tick(&mut self) -> Vec<String> {
        self.world.with(|state| state.trace.clear());
        self.tick();
        self.world.with(|state| state.trace.iter().filter_map(|line| asked(line)).collect())
    }

    /// Ticks for half an hour.
    pub fn settle(&mut self) {
        self.settle_within(30);
    }

    /// Ticks so many times, a minute apart.
    pub fn settle_within(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.tick();
            self.pass(60);
        }
    }

    /// Calls to Slack so far.
    pub fn calls(&self) -> u32 {
        self.world.with(|state| state.slack.calls().total())
    }

    /// The most calls of a method in one minute.
    pub fn busiest_minute(&self, method: &str) -> u32 {
        self.world.with(|state| state.slack.calls().busiest_minute(method))
    }

    /// Calls that Slack refused because there were too many.
    pub fn throttled(&self) -> u32 {
        let methods = Log::ALL.map(Log::path);
        self.world.with(|state| methods.iter().map(|method| state.slack.calls().throttled(method)).sum())
    }

    /// Lines in the bucket.
    pub fn stored_lines(&self) -> usize {
        self.world.with(|state| state.book.lines.len())
    }

    /// Every record that Slack has shown is stored once.
    ///
    /// # Panics
    /// When one is not.
    pub fn assert_complete(&self) {
        let outcome = self.world.with(oracle::check_end);
        assert_eq!(outcome, Ok(()), "\n{}", self.world.with(|state| state.trace.join("\n")));
    }

    /// Slack's newest rows of a log are stored.
    ///
    /// # Panics
    /// When one is not.
    pub fn assert_newest_stored(&self, log: Log, count: usize) {
        self.world.with(|state| {
            let mut rows: Vec<&Row> = state.slack.visible_rows(log, state.now).collect();
            rows.sort_by_key(|row| row.time);
            for row in rows.iter().rev().take(count) {
                assert!(state.book.lines.iter().any(|line| line.slack() == &*row.json), "{} is not stored", row.json);
            }
        });
    }

    /// All of a workspace's rows are stored.
    ///
    /// # Panics
    /// When one is not.
    pub fn assert_newest_stored_in(&self, log: Log, workspace: &str) {
        self.world.with(|state| {
            for row in
                state.slack.visible_rows(log, state.now).filter(|row| row.workspace.as_deref() == Some(workspace))
            {
                assert!(state.book.lines.iter().any(|line| line.slack() == &*row.json), "{} is not stored", row.json);
            }
        });
    }

    /// Exactly these rows are stored, byte for byte.
    ///
    /// # Panics
    /// When they are not.
    pub fn assert_stored_bytes(&self, rows: &[&str]) {
        self.world.with(|state| {
            let mut stored: Vec<&str> = state.book.lines.iter().map(|line| line.slack()).collect();
            let mut expected = rows.to_vec();
            stored.sort_unstable();
            expected.sort_unstable();
            assert_eq!(stored, expected);
        });
    }
}

/// The simulator's name of a log.
pub fn simulated(log: LogType) -> Log {
    match log {
        LogType::Audit => Log::Audit,
        LogType::Access => Log::Access,
        LogType::Integration => Log::Integration,
    }
}
