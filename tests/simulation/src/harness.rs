//! A harness for tests: a source of the simulated Slack and one process that collects it, controlled step by step.

use jiff::{SignedDuration, Timestamp};
use slacktrail_collector::tick::{Quota, ResourceLimits};
use slacktrail_core::cursor::{Backfill, Cursor};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::{Day, Second};
use slacktrail_core::walk::GapKind;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Fault, Log, Row, Settings, World};

use super::oracle;
use super::process::{End, Process, Tick};
use super::simulated_world::{BEGINNING, Fault as WorldFault, FaultKind, SimulatedWorld, State, acme, operation_in};

/// A source and a process that collects it.
#[derive(Debug)]
pub struct Harness {
    world: SimulatedWorld,
    process: Process,
    rows: u32,
    /// The limits of a tick.
    pub resources: ResourceLimits,
    /// Calls to Slack per stream and tick. `None`: the production limit.
    pub calls_max: Option<u32>,
}

impl Harness {
    /// Creates a source with these logs, connected at 14:00 UTC, that collects the last seven days.
    pub fn new(settings: Settings, logs: &[LogType]) -> Harness {
        let organization = matches!(settings.tenant, Tenant::Organization { .. });
        let source = Source { organization, ..acme(BEGINNING, logs) };
        let world = SimulatedWorld::new(BEGINNING, World::new(settings), [source]);
        let process = Process::start(&world);
        Harness { world, process, rows: 0, resources: ResourceLimits::default(), calls_max: Some(50) }
    }

    /// Limits the IDs that the process can cache.
    pub fn cached_ids_max(&mut self, count: usize) {
        self.resources.cached_ids = Quota { per_stream: count, total: count };
    }

    /// Returns the simulated world.
    pub fn world(&self) -> &SimulatedWorld {
        &self.world
    }

    /// Returns Slack's time.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Advances the time.
    pub fn pass(&mut self, seconds: i64) {
        self.world.pass(seconds);
    }

    /// Sets the collector's clock ahead of Slack's clock.
    pub fn clock_ahead(&mut self, seconds: i64) {
        self.world.with(|state| state.clock_ahead = SignedDuration::from_secs(seconds));
    }

    /// Adds rows, `spread` seconds apart. The last row happens now, and Slack shows all of them from now on.
    pub fn rows(&mut self, log: Log, count: u32, spread: i64) {
        for n in (0..count).rev() {
            let time = self.ago(i64::from(n) * spread);
            let row = self.row(log, time).visible_from(self.now());
            self.add(row);
        }
    }

    /// Adds a row of `age` seconds ago that Slack shows only now.
    pub fn late_row(&mut self, log: Log, age: i64) {
        let row = self.row(log, self.ago(age)).visible_from(self.now());
        self.add(row);
    }

    /// Adds a row whose time is `after` seconds from now, and which Slack shows `late` seconds after that.
    pub fn row_shown_after(&mut self, log: LogType, after: i64, late: i64) {
        let log = simulated(log);
        let time = self.ago(-after);
        let row =
            self.row(log, time).visible_from(time.saturating_add(SignedDuration::from_secs(late)).expect("in range"));
        self.add(row);
    }

    /// Returns a new integration row of now that differs from all others.
    pub fn integration_row(&mut self) -> Row {
        self.row(Log::Integration, self.now())
    }

    /// Adds a row to Slack.
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

    /// Adds a fault of Slack.
    pub fn fault(&mut self, fault: Fault) {
        self.world.with(|state| state.slack.fault(fault));
    }

    /// Changes Slack's settings.
    pub fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        self.world.with(|state| change(state.slack.settings_mut()));
    }

    /// Revokes the token at Slack.
    pub fn revoke(&mut self) {
        self.world.revoke();
    }

    /// Reconnects the source.
    pub fn connect_again(&mut self) {
        self.world.connect();
    }

    /// Requests a backfill of the time between two ages in seconds, as `slacktrail backfill` does. The stream must have a cursor.
    pub fn backfill(&mut self, log: LogType, oldest_ago: i64, latest_ago: i64) -> Backfill {
        self.world.backfill(log, oldest_ago, latest_ago).expect("the stream has a cursor")
    }

    /// Deletes all objects of a log's day, at least one, as a user does before a backfill collects the day again.
    pub fn delete_day(&mut self, log: LogType, day: Day) {
        self.world.with(|state| {
            let prefix = format!("{log}/{day}/");
            let before = state.objects.len();
            state.objects.retain(|key, _| !key.starts_with(&prefix));
            assert!(state.objects.len() < before, "`{prefix}` has objects");
            oracle::clear_day_log(state, &prefix);
        });
    }

    /// Requests a backfill of a deleted day, as `slacktrail backfill` does: it clears the number of the day log's last object.
    pub fn backfill_deleted_day(&mut self, log: LogType, day: Day) -> Backfill {
        self.world.with(|state| {
            let now = Second::of(state.now);
            let request = |cursor: &mut Cursor| {
                cursor.last_objects.remove(&day);
                cursor.backfill(log, day.start(), day.end(), now)
            };
            state.edit_cursor(log, request).expect("the stream has a cursor")
        })
    }

    /// Injects a fault into an operation of the next tick, counted from 0.
    pub fn fault_at(&mut self, operation: u32, kind: FaultKind) {
        let operation = self.process.operations() + operation;
        let fault = WorldFault { process: self.process.number(), operation, kind };
        self.world.with(|state| state.faults = vec![fault]);
    }

    /// Returns the kinds of the gaps of a log's stream.
    pub fn gaps(&self, log: LogType) -> Vec<GapKind> {
        self.world.with(|state| {
            let stored = state.cursors.iter().find(|(stream, _)| stream.log == log).map(|(_, stored)| &stored.text);
            let cursor = stored.map(|text| Cursor::decode(text).expect("the cursor is valid"));
            cursor.iter().flat_map(|cursor| &cursor.gaps).map(|gap| gap.kind).collect()
        })
    }

    /// Deletes the cursors from the table.
    pub fn lose_cursors(&mut self) {
        self.world.lose_cursors();
    }

    /// Edits every stored cursor, and tells the oracle that it is corrupt.
    pub fn tamper_with_cursors(&mut self, edit: impl Fn(&mut serde_json::Value)) {
        self.world.edit_cursors(edit);
        self.world.mark_tampered();
    }

    /// Edits the stored source.
    pub fn edit_source(&mut self, edit: impl Fn(&mut Source)) {
        self.world.with(|state| state.sources.values_mut().for_each(edit));
    }

    /// Ends all of Slack's faults.
    pub fn heal(&mut self) {
        self.world.with(|state| state.slack.clear_faults());
    }

    /// Returns the first record that Slack has shown and that is not stored.
    pub fn missing(&self) -> Option<String> {
        self.world.with(|state| oracle::missing(state, |_| true))
    }

    /// Replaces the process with a new one, which has an empty cache.
    pub fn restart(&mut self) {
        self.process = Process::start(&self.world);
    }

    /// Uses an access row again, so that it moves to the newest end of its log.
    pub fn touch(&mut self, row: usize) {
        self.world.with(|state| state.slack.touch_access(row, state.now));
    }

    /// Starts a tick, and kills its process after this many steps.
    pub fn kill_a_tick_after(&mut self, steps: u32) {
        let mut tick = self.begin();
        (0..steps).find_map(|_| tick.step());
        drop(tick);
        self.restart();
    }

    /// Runs a tick that must succeed, and returns the summaries of its streams.
    pub fn tick(&mut self) -> Vec<StreamOutcome> {
        let End::Answered(answer) = self.try_tick() else { panic!("the process was killed") };
        let broken = self.world.with(|state| state.broken.clone());
        assert_eq!(broken, None, "\n{}", self.world.with(|state| state.trace.join("\n")));
        answer.expect("the tick succeeds").streams
    }

    /// Runs a tick, and returns its end, even if it fails.
    pub fn try_tick(&mut self) -> End {
        self.begin().run()
    }

    /// Starts a tick that the caller runs step by step.
    pub fn begin(&self) -> Tick {
        self.process.begin(self.calls_max, self.resources)
    }

    /// Runs a tick, and returns its operations in order.
    pub fn operations_of_tick(&mut self) -> Vec<String> {
        self.world.with(|state| state.trace.clear());
        self.tick();
        self.world.with(|state| state.trace.iter().filter_map(|line| operation_in(line)).collect())
    }

    /// Runs ticks for half an hour.
    pub fn settle(&mut self) {
        self.settle_within(30);
    }

    /// Runs this many ticks, a minute apart.
    pub fn settle_within(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.tick();
            self.pass(60);
        }
    }

    /// Returns the number of calls to Slack so far.
    pub fn calls(&self) -> u32 {
        self.world.with(|state| state.slack.calls().total())
    }

    /// Returns the number of lines in the bucket.
    pub fn stored_lines(&self) -> usize {
        self.world.with(|state| state.book.lines.len())
    }

    /// Asserts that every record that Slack has shown is stored once, and that no invariant is violated.
    pub fn assert_complete(&self) {
        let outcome = self.world.with(oracle::check_end);
        assert_eq!(outcome, Ok(()), "\n{}", self.world.with(|state| state.trace.join("\n")));
    }

    /// Asserts that this many of Slack's newest rows of a log are stored.
    pub fn assert_newest_stored(&self, log: Log, count: usize) {
        self.world.with(|state| {
            let mut rows: Vec<&Row> = state.slack.visible_rows(log, state.now).collect();
            rows.sort_by_key(|row| row.time);
            let newest = rows.len().checked_sub(count).expect("Slack shows that many rows");
            rows[newest..].iter().for_each(|row| assert_stored(state, row));
        });
    }

    /// Asserts that Slack shows rows of a log and a workspace, and that all of them are stored.
    pub fn assert_workspace_stored(&self, log: Log, workspace: &str) {
        self.world.with(|state| {
            let shown = state.slack.visible_rows(log, state.now);
            let rows: Vec<&Row> = shown.filter(|row| row.workspace.as_deref() == Some(workspace)).collect();
            assert!(!rows.is_empty(), "Slack shows no row of {workspace}");
            rows.into_iter().for_each(|row| assert_stored(state, row));
        });
    }

    /// Asserts that exactly these rows are stored, byte for byte.
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

fn assert_stored(state: &State, row: &Row) {
    assert!(state.book.lines.iter().any(|line| line.slack() == &*row.json), "{} is not stored", row.json);
}

/// Returns the simulator's name of a log.
pub fn simulated(log: LogType) -> Log {
    match log {
        LogType::Audit => Log::Audit,
        LogType::Access => Log::Access,
        LogType::Integration => Log::Integration,
    }
}
