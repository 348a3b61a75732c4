//! The cursor of a stream: its stored position, that is, what it still has to collect.
//!
//! Everything to collect is a [`Gap`], a range of time. A tick opens gaps, and walking them shrinks and closes them. A lost or outdated cursor
//! costs repeated reads, but no records and no duplicates, because the day logs show what is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, json_location};
use crate::health::{Class, Health};
use crate::slack::RETRY_AFTER_MAX_SECONDS;
use crate::source::{LogType, Source};
use crate::time::{CLOCK_SKEW_SECONDS, Day, Second};
use crate::walk::{Gap, GapKind, Walk};
use crate::workspaces::Workspaces;

/// The version of the stored format. A greater number was written by a newer slacktrail, and is rejected.
const FORMAT: u32 = 1;

/// Maximum number of gaps. Above that, two gaps of the backlog become one, and the time between them is read again.
const GAPS_MAX: usize = 16;

/// Maximum number of gaps in a stored cursor. slacktrail stores at most [`GAPS_MAX`]. The work of merging them grows with the square.
const STORED_GAPS_MAX: usize = 64;

/// Maximum number of backfills among the gaps, so that there is room for more urgent gaps.
pub const BACKFILLS_MAX: usize = 8;

/// The re-reads of the recent past, as `(every, back)` in seconds.
///
/// A re-read finds a late record if it runs after Slack published the record and still covers the record's time. Re-reads find every record that
/// is up to `back - every` seconds late. The daily re-read covers 50 hours and thus keeps the promise of 26 hours. The hourly re-read finds
/// records up to an hour late sooner.
pub const REREADS: [(i64, i64); 2] = [(3600, 2 * 3600), (24 * 3600, 50 * 3600)];

/// The result of requesting a backfill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Backfill {
    /// A gap was opened for the range, or for the part of it that was not in progress.
    Started,
    /// A gap for the whole range is already in progress.
    InProgress,
    /// [`BACKFILLS_MAX`] backfills are in progress. One of them must finish first.
    TooMany,
    /// The range contains no second up to now.
    Empty,
}

/// The interval at which the cursor of a quiet stream is saved. It limits the time that each tick reads again.
pub(crate) const HEARTBEAT_SECONDS: i64 = 900;
/// How much later than that a running poller saves the cursor: up to a minute until the next tick starts, and a minute until it ends.
const HEARTBEAT_DELAY_SECONDS: i64 = 120;

/// The cursor of a stream.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    format: u32,
    /// The start of collection, even if the source's `since` changes later.
    pub since: Second,
    /// All time up to here was read or is in a gap.
    pub watermark: Second,
    /// The time ranges that are not collected yet.
    pub gaps: Vec<Gap>,
    /// The number of the last object of each recent day log, as far as the writer of this cursor knew.
    pub last_objects: BTreeMap<Day, u32>,
    /// When each of [`REREADS`] last started.
    pub rereads: [Second; REREADS.len()],
    /// Whether Slack sorts access logs by `date_first`, as far as known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_first: bool,
    /// Whether Slack requires `team_id` for access logs, so that an organization is read workspace by workspace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_workspace: bool,
    /// The workspaces of an organization that is read workspace by workspace, and the rows that are missing from each.
    #[serde(default, skip_serializing_if = "Workspaces::is_empty")]
    pub workspaces: Workspaces,
    /// The time until which Slack must not be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Second>,
    /// The health of the stream.
    pub health: Health,
    /// When this cursor was written.
    pub saved_at: Second,
}

impl Cursor {
    /// Returns the cursor of a stream that was never collected, with a gap since the source's `since`.
    pub fn first(source: &Source, log: LogType, now: Second) -> Cursor {
        let since = source.since.min(now);
        let gap = Gap::unwalked(log, GapKind::Backlog, since, now);
        Cursor {
            format: FORMAT,
            since,
            watermark: now,
            gaps: vec![gap],
            last_objects: BTreeMap::new(),
            rereads: [now; REREADS.len()],
            by_first: false,
            by_workspace: false,
            workspaces: Workspaces::default(),
            not_before: None,
            health: Health::default(),
            saved_at: now,
        }
    }

    /// Opens the gaps of this tick: the time since the previous tick with an overlap (if `live`), and re-reads that are due.
    pub fn open_gaps(&mut self, log: LogType, now: Second, overlap_seconds: i64, live: bool) {
        let since = self.since.min(now);
        if live {
            // A live gap that an earlier tick left partly walked becomes backlog. If no page of it was read, it is extended.
            let (untouched, mut kept): (Vec<Gap>, Vec<Gap>) =
                self.gaps.drain(..).partition(|gap| gap.kind == GapKind::Live && !gap.is_in_progress());
            kept.iter_mut().filter(|gap| gap.kind == GapKind::Live).for_each(|gap| gap.kind = GapKind::Backlog);
            self.gaps = kept;
            let reach = self.watermark.min(now).plus(-overlap_seconds).max(since);
            let reach = untouched.iter().map(|gap| gap.oldest).min().map_or(reach, |earlier| reach.min(earlier));
            // The local clock may have stepped back, or this tick may have been suspended before it loaded the cursor.
            let latest = untouched.iter().map(|gap| gap.latest).max().map_or(now, |later| now.max(later));
            let uncollected = untouched.iter().filter_map(|gap| gap.uncollected_since).min();
            let uncollected_since = Some(uncollected.map_or(self.watermark, |since| since.min(self.watermark)));
            self.gaps.push(Gap { uncollected_since, ..Gap::unwalked(log, GapKind::Live, reach, latest) });
            self.watermark = self.watermark.max(now);
        }
        if let Some(oldest) = self.start_reread(now) {
            self.gaps.push(Gap::unwalked(log, GapKind::Reread, oldest.max(since), now));
        }
        self.limit_gaps(log);
    }

    /// Records that the re-reads that are due start now. Returns from when on they read, or `None` if none is due or one is still open.
    ///
    /// If a re-read were opened each time that one is due, a long backlog or round of the workspaces would let them accumulate, and none would
    /// end.
    fn start_reread(&mut self, now: Second) -> Option<Second> {
        if self.gaps.iter().any(|gap| gap.kind == GapKind::Reread) {
            return None;
        }
        let is_due = |&index: &usize| now.since(self.rereads[index]) >= REREADS[index].0;
        let due: Vec<usize> = (0..REREADS.len()).filter(is_due).collect();
        let oldest = due.iter().map(|&index| self.reread_from(index)).min();
        due.into_iter().for_each(|index| self.rereads[index] = now);
        oldest
    }

    /// Returns from when on the next re-read of this kind reads: from where the previous one could not yet find all late records.
    pub fn reread_from(&self, index: usize) -> Second {
        let (every, back) = REREADS[index];
        self.rereads[index].plus(every - back)
    }

    /// Opens a gap for a range that a user requested. It has the lowest priority.
    ///
    /// Repeating a request that is in progress changes nothing. If only the beginning of the range is in progress, opens a gap for the rest.
    pub fn backfill(&mut self, log: LogType, oldest: Second, latest: Second, now: Second) -> Backfill {
        let latest = latest.min(now);
        let same_start = |gap: &&Gap| gap.kind == GapKind::Backfill && (gap.oldest..=gap.end()).contains(&oldest);
        let in_progress = self.gaps.iter().filter(same_start).map(Gap::end).max();
        let oldest = in_progress.map_or(oldest, |end| end.plus(1));
        if oldest > latest {
            return if in_progress.is_some() { Backfill::InProgress } else { Backfill::Empty };
        }
        if self.gaps.iter().filter(|gap| gap.kind == GapKind::Backfill).count() >= BACKFILLS_MAX {
            return Backfill::TooMany;
        }
        self.gaps.push(Gap::unwalked(log, GapKind::Backfill, oldest, latest));
        self.limit_gaps(log);
        Backfill::Started
    }

    /// Merges backlog gaps until at most [`GAPS_MAX`] gaps are left. A merged gap is walked again, so those are merged first that no walk has
    /// shortened, and then the two with the least time between them. The time between a backfill and its neighbor was requested by nobody.
    fn limit_gaps(&mut self, log: LogType) {
        self.gaps.sort_by_key(|gap| (gap.latest, gap.oldest));
        while self.gaps.len() > GAPS_MAX {
            let gaps = &self.gaps;
            let backlog: Vec<usize> = (0..gaps.len()).filter(|&index| gaps[index].kind == GapKind::Backlog).collect();
            let cost = |pair: &&[usize]| {
                let (older, newer) = (&gaps[pair[0]], &gaps[pair[1]]);
                let touched = [older, newer].iter().filter(|gap| !gap.is_untouched()).count();
                (touched, newer.oldest.since(older.latest))
            };
            let Some(&[first, second]) = backlog.windows(2).min_by_key(cost) else { return };
            let (newer, older) = (self.gaps.remove(second), self.gaps.remove(first));
            let (oldest, latest) = (older.oldest.min(newer.oldest), older.latest.max(newer.latest));
            let uncollected_since = [older.uncollected_since, newer.uncollected_since].into_iter().flatten().min();
            let merged = Gap { uncollected_since, ..Gap::unwalked(log, GapKind::Backlog, oldest, latest) };
            self.gaps.insert(first, merged);
        }
    }

    /// Returns the index of the gap to walk next: by kind (live, backlog, re-read, backfill), and newest first within a kind.
    pub fn next_gap(&self) -> Option<usize> {
        (0..self.gaps.len()).min_by_key(|&index| (self.gaps[index].kind, std::cmp::Reverse(self.gaps[index].latest)))
    }

    /// Returns `true` if this cursor must replace the stored one.
    ///
    /// A tick that finds nothing new moves only the times of the tick itself. If they are lost, the next tick reads a little more time again, so
    /// they alone are no reason to save. The same applies to the live gap as long as none of its pages was read.
    pub(crate) fn must_replace(&self, stored: &Cursor) -> bool {
        let untouched_live = |gap: &Gap| gap.kind == GapKind::Live && gap.is_untouched();
        let gaps: Vec<Gap> = self.gaps.iter().filter(|gap| !untouched_live(gap)).cloned().collect();
        // If the live gap is collected and others are left, the next tick would read the live gap's time again before the others.
        let closed_before_others = !gaps.is_empty() && gaps.len() == self.gaps.len();
        let watermark = if closed_before_others { self.watermark } else { stored.watermark };
        let health = Health { last_success: stored.health.last_success, ..self.health.clone() };
        Cursor { watermark, gaps, health, saved_at: stored.saved_at, ..self.clone() } != *stored
    }

    /// Returns `true` if any time is not collected yet. Re-reads do not count.
    pub fn is_behind(&self) -> bool {
        self.gaps.iter().any(|gap| gap.kind != GapKind::Reread)
    }

    /// Returns the lag: the age in seconds of the newest time up to which everything since the stream's first tick is stored.
    ///
    /// History from before the first tick does not count.
    pub fn lag_seconds(&self, now: Second) -> i64 {
        let uncollected = self.gaps.iter().filter_map(|gap| gap.uncollected_since).min();
        now.since(uncollected.map_or(self.watermark, |since| since.min(self.watermark))).max(0)
    }

    /// Returns the field whose time is in the future, if any. slacktrail did not write such a cursor, or its clock was wrong.
    ///
    /// Allows for clock skew of ten minutes.
    pub(crate) fn time_in_future(&self, now: Second) -> Option<&'static str> {
        let believed = now.plus(CLOCK_SKEW_SECONDS);
        let gaps = self.gaps.iter().flat_map(|gap| {
            let started = if let Walk::Access(walk) = &gap.walk { Some(walk.started.max(walk.stop)) } else { None };
            [Some(gap.oldest), Some(gap.end()), gap.uncollected_since, started]
        });
        let times =
            [("watermark", Some(self.watermark)), ("since", Some(self.since)), ("saved_at", Some(self.saved_at))];
        let rereads = self.rereads.iter().map(|began| ("rereads", Some(*began)));
        let mut times = times.into_iter().chain(rereads).chain(gaps.map(|time| ("gaps", time)));
        times.find(|(_, time)| time.is_some_and(|time| time > believed)).map(|(field, _)| field)
    }

    /// Returns `true` if Slack must not be called yet.
    pub fn must_wait(&self, now: Second) -> bool {
        self.waits_until(now).is_some_and(|not_before| now < not_before)
    }

    /// Returns the end of the stream's last wait, which may have passed. A stored wait of more than an hour plus clock skew is ignored.
    pub fn waits_until(&self, now: Second) -> Option<Second> {
        self.not_before.filter(|not_before| *not_before <= now.plus(RETRY_AFTER_MAX_SECONDS + CLOCK_SKEW_SECONDS))
    }

    /// Returns the lag that a stored cursor shows at `now`.
    ///
    /// A tick that finds nothing new does not save the cursor. The watermark of a healthy, quiet stream is therefore up to
    /// [`HEARTBEAT_SECONDS`] older than the time up to which everything is stored, which is no lag. As long as a running poller need not have
    /// saved the cursor, this returns the lag of the tick that saved it. Otherwise, or if time is uncollected, it returns the lag at `now`.
    pub fn stored_lag_seconds(&self, now: Second) -> i64 {
        let has_all = self.gaps.iter().all(|gap| gap.uncollected_since.is_none());
        let is_recent = now.since(self.saved_at) <= HEARTBEAT_SECONDS + HEARTBEAT_DELAY_SECONDS;
        let is_current = self.health.state.class() == Class::Current && has_all && is_recent;
        self.lag_seconds(if is_current { self.saved_at.min(now) } else { now })
    }

    /// Encodes the cursor as JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a cursor contains only text and numbers")
    }

    /// Decodes the stored cursor of a stream of this log.
    ///
    /// # Errors
    /// Returns an error under the same conditions as [`Cursor::decode`], or if the cursor is of another log's stream.
    pub fn decode_for(log: LogType, text: &str) -> Result<Cursor, Error> {
        let cursor = Cursor::decode(text)?;
        match cursor.gaps.iter().map(|gap| gap.walk.log()).find(|other| *other != log) {
            None => Ok(cursor),
            Some(other) => Err(malformed(format!("it has a gap of {other} logs, but its stream collects {log} logs"))),
        }
    }

    /// Decodes a stored cursor.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`Investigate`](crate::error::ErrorKind::Investigate) if a newer slacktrail wrote the cursor, or if it is malformed.
    pub fn decode(text: &str) -> Result<Cursor, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format = serde_json::from_str::<Format>(text).map_err(|error| malformed(json_location(&error)))?.format;
        if format > FORMAT {
            let message =
                format!("the stored cursor has format {format}, but this slacktrail reads formats up to {FORMAT}");
            return Err(Error::deployment("newer_cursor", message));
        }
        let cursor: Cursor = serde_json::from_str(text).map_err(|error| malformed(json_location(&error)))?;
        if cursor.gaps.len() > STORED_GAPS_MAX {
            return Err(malformed(format!("it has {} gaps, more than {STORED_GAPS_MAX}", cursor.gaps.len())));
        }
        match cursor.gaps.iter().find(|gap| gap.oldest > gap.latest) {
            None => Ok(cursor),
            Some(gap) => Err(malformed(format!("a gap ends at {}, before it starts at {}", gap.latest, gap.oldest))),
        }
    }
}

fn malformed(cause: String) -> Error {
    Error::deployment("malformed_cursor", "the stored cursor is malformed").with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Plan;
    use crate::walk::AuditWalk;

    fn second(seconds: i64) -> Second {
        Second::new(1_800_000_000 + seconds).unwrap()
    }

    /// Returns a cursor at second 0 without gaps.
    fn settled() -> Cursor {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(-1_000));
        Cursor { gaps: Vec::new(), ..Cursor::first(&source, LogType::Audit, second(0)) }
    }

    fn backfill(cursor: &mut Cursor, oldest: i64, latest: i64) -> Backfill {
        cursor.backfill(LogType::Audit, second(oldest), second(latest), second(0))
    }

    fn ranges(cursor: &Cursor) -> Vec<(i64, i64)> {
        let seconds = |second: Second| second.since(self::second(0));
        cursor.gaps.iter().map(|gap| (seconds(gap.oldest), seconds(gap.latest))).collect()
    }

    #[test]
    fn wait_longer_than_70_minutes_is_ignored() {
        for (seconds, waits) in [(0, false), (1, true), (4_200, true), (4_201, false)] {
            let cursor = Cursor { not_before: Some(second(seconds)), ..settled() };
            assert_eq!(cursor.must_wait(second(0)), waits, "{seconds}");
        }
    }

    #[test]
    fn stored_lag_of_quiet_stream_is_that_of_its_last_check() {
        use crate::health::State;
        let lag = |cursor: &Cursor, now: i64| cursor.stored_lag_seconds(second(now));
        let quiet = Cursor { saved_at: second(2), ..settled() };
        assert_eq!([2, 900, 1_022].map(|now| lag(&quiet, now)), [2; 3], "the poller saves the cursor every 15 minutes");
        assert_eq!(lag(&quiet, 1_023), 1_023, "the poller does not run");
        let mut failing = quiet.clone();
        failing.health.state = State::Waiting;
        assert_eq!(lag(&failing, 900), 900, "nothing was collected");
        let mut behind = quiet;
        behind.gaps = vec![Gap {
            uncollected_since: Some(second(-60)),
            ..Gap::unwalked(LogType::Audit, GapKind::Live, second(-360), second(0))
        }];
        assert_eq!(lag(&behind, 900), 960, "the live gap is not collected");
    }

    #[test]
    fn cursor_of_newer_format_has_own_error_code() {
        let mut stored: serde_json::Value = serde_json::from_str(&settled().encode()).unwrap();
        stored["format"] = (FORMAT + 1).into();
        assert_eq!(Cursor::decode(&stored.to_string()).unwrap_err().code, "newer_cursor");
    }

    /// Moves the walk of a gap back to a second.
    fn walk_to(gap: &mut Gap, latest: i64) {
        let asked_latest = Some(gap.end());
        gap.walk = Walk::Audit(AuditWalk { page_cursor: Some("next".to_owned()), asked_latest });
        gap.latest = second(latest);
    }

    #[test]
    fn unread_gap_keeps_its_end_if_clock_is_behind_earlier_tick() {
        let mut cursor = settled();
        cursor.open_gaps(LogType::Audit, second(600), 300, true);
        assert_eq!(ranges(&cursor), [(-300, 600)]);
        cursor.open_gaps(LogType::Audit, second(510), 10, true);
        assert_eq!((ranges(&cursor), cursor.watermark), (vec![(-300, 600)], second(600)));
    }

    #[test]
    fn backfill_is_gap_up_to_now_and_empty_range_is_rejected() {
        let mut cursor = settled();
        assert_eq!(backfill(&mut cursor, -9_000, 500), Backfill::Started);
        assert_eq!(ranges(&cursor), [(-9_000, 0)]);
        assert_eq!(cursor.gaps[0].kind, GapKind::Backfill);
        assert!(cursor.is_behind());
        let mut cursor = settled();
        assert_eq!(backfill(&mut cursor, 10, 500), Backfill::Empty);
        assert_eq!(backfill(&mut cursor, -10, -11), Backfill::Empty);
        assert_eq!(ranges(&cursor), []);
        assert_eq!(backfill(&mut cursor, -10, -10), Backfill::Started);
    }

    #[test]
    fn repeated_backfill_in_progress_changes_nothing() {
        let mut cursor = settled();
        backfill(&mut cursor, -9_000, -5_000);
        for walked_to in [-5_000, -6_000, -9_000] {
            walk_to(&mut cursor.gaps[0], walked_to);
            let before = cursor.clone();
            assert_eq!(backfill(&mut cursor, -9_000, -5_000), Backfill::InProgress);
            assert_eq!(backfill(&mut cursor, -8_000, -7_000), Backfill::InProgress);
            assert_eq!(cursor, before);
        }
    }

    #[test]
    fn longer_backfill_opens_rest_and_earlier_one_opens_whole_range() {
        for (oldest, latest, expected) in [
            (-9_000, -5_000, [(-9_000, -8_500), (-7_999, -5_000)]),
            (-9_500, -8_000, [(-9_000, -8_500), (-9_500, -8_000)]),
        ] {
            let mut cursor = settled();
            backfill(&mut cursor, -9_000, -8_000);
            walk_to(&mut cursor.gaps[0], -8_500);
            assert_eq!(backfill(&mut cursor, oldest, latest), Backfill::Started);
            assert_eq!(ranges(&cursor), expected);
        }
    }

    #[test]
    fn backfills_leave_room_for_urgent_gaps() {
        let mut cursor = settled();
        let started = |cursor: &mut Cursor, n: i64| backfill(cursor, -90_000 + n * 100, -90_000 + n * 100 + 50);
        for n in 0..BACKFILLS_MAX as i64 {
            assert_eq!(started(&mut cursor, n), Backfill::Started);
        }
        assert_eq!(started(&mut cursor, 99), Backfill::TooMany);
        assert_eq!(started(&mut cursor, 0), Backfill::InProgress);
        cursor.gaps.remove(0);
        assert_eq!(started(&mut cursor, 99), Backfill::Started);
    }

    #[test]
    fn merged_gaps_keep_uncollected_second_and_exclude_unrequested_time() {
        let mut cursor = settled();
        backfill(&mut cursor, -90_000_000, -89_000_000);
        for n in 0..40 {
            let uncollected_since = Some(second(n * 10 + 3)).filter(|_| n > 1);
            let gap = Gap::unwalked(LogType::Audit, GapKind::Backlog, second(n * 10), second(n * 10 + 5));
            cursor.gaps.push(Gap { uncollected_since, ..gap });
        }
        cursor.limit_gaps(LogType::Audit);
        assert_eq!(cursor.gaps.len(), GAPS_MAX);
        assert_eq!(ranges(&cursor)[..3], [(-90_000_000, -89_000_000), (0, 255), (260, 265)]);
        assert_eq!(cursor.gaps[1].uncollected_since, Some(second(23)));
    }

    #[test]
    fn one_re_read_is_open_at_a_time_and_next_covers_what_waited() {
        let mut cursor = settled();
        let reread = |cursor: &mut Cursor, hours: i64| {
            cursor.gaps.retain(|gap| gap.kind == GapKind::Reread);
            cursor.open_gaps(LogType::Audit, second(hours * 3_600), 300, false);
            ranges(cursor).into_iter().map(|(oldest, latest)| (oldest / 3_600, latest / 3_600)).collect::<Vec<_>>()
        };
        cursor.since = second(-1_000 * 3_600);
        assert_eq!(reread(&mut cursor, 0), []);
        for hours in [1, 2, 30] {
            assert_eq!(reread(&mut cursor, hours), [(-1, 1)], "the first one is still open");
        }
        cursor.gaps.clear();
        assert_eq!(reread(&mut cursor, 31), [(-26, 31)], "both are due, and the daily one reads further back");
        cursor.gaps.clear();
        assert_eq!(reread(&mut cursor, 31), []);
        assert_eq!(reread(&mut cursor, 32), [(30, 32)]);
    }

    #[test]
    fn bursts_of_live_records_do_not_restart_history() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(-48 * 3_600));
        let mut cursor = Cursor::first(&source, LogType::Audit, second(0));
        walk_to(&mut cursor.gaps[0], -3_600);
        for minute in 1..100 {
            cursor.open_gaps(LogType::Audit, second(minute * 60), 10, true);
            let live = cursor.gaps.iter_mut().find(|gap| gap.kind == GapKind::Live).unwrap();
            walk_to(live, minute * 60 - 30); // half of each minute is left
            assert_eq!(ranges(&cursor)[0], (-48 * 3_600, -3_600), "{minute}");
            assert!(cursor.gaps.len() <= GAPS_MAX);
        }
    }

    #[test]
    fn backfill_is_read_after_all_other_gaps() {
        let mut cursor = settled();
        for kind in [GapKind::Backfill, GapKind::Reread, GapKind::Backlog, GapKind::Live] {
            cursor.gaps.insert(0, Gap::unwalked(LogType::Audit, kind, second(-10), second(0)));
        }
        let mut turns = Vec::new();
        while let Some(index) = cursor.next_gap() {
            turns.push(cursor.gaps.remove(index).kind);
        }
        assert_eq!(turns, [GapKind::Live, GapKind::Backlog, GapKind::Reread, GapKind::Backfill]);
    }

    #[test]
    fn cursor_is_replaced_only_if_more_than_times_of_tick_changed() {
        let stored = settled();
        let mut cursor = stored.clone();
        cursor.open_gaps(LogType::Audit, second(60), 300, true);
        (cursor.saved_at, cursor.health.last_success) = (second(60), Some(second(60)));
        assert!(!cursor.must_replace(&stored), "no page of the live gap was read");
        let untouched = cursor.clone();
        walk_to(&mut cursor.gaps[0], 30);
        assert!(cursor.must_replace(&stored));
        cursor.gaps.clear();
        assert!(!cursor.must_replace(&stored), "the live gap is collected");
        assert!(cursor.must_replace(&untouched), "the stored live gap would be read again");
        let mut behind = stored.clone();
        backfill(&mut behind, -50, -50);
        cursor.gaps.clone_from(&behind.gaps);
        assert!(cursor.must_replace(&behind), "the live gap would be read again before the backfill");
        for change in [
            |cursor: &mut Cursor| cursor.not_before = Some(second(90)),
            |cursor: &mut Cursor| cursor.health.last_record = Some(second(1)),
            |cursor: &mut Cursor| cursor.last_objects = BTreeMap::from([(second(0).day(), 1)]),
            |cursor: &mut Cursor| cursor.rereads[0] = second(60),
        ] {
            let mut changed = stored.clone();
            change(&mut changed);
            assert!(changed.must_replace(&stored), "{changed:?}");
        }
    }

    #[test]
    fn lag_counts_uncollected_live_time_and_not_history() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(-1_000));
        let mut cursor = Cursor::first(&source, LogType::Audit, second(0));
        assert_eq!(cursor.lag_seconds(second(0)), 0, "history does not count");
        for (tick, now) in [60, 120, 180].into_iter().enumerate() {
            cursor.open_gaps(LogType::Audit, second(now), 300, true);
            assert_eq!(cursor.lag_seconds(second(now)), now, "nothing is stored");
            if let Some(live) = cursor.gaps.iter_mut().find(|gap| gap.kind == GapKind::Live && tick == 1) {
                walk_to(live, 60); // a part is stored, and the next tick makes the rest backlog
            }
        }
        cursor.gaps.retain(|gap| gap.kind != GapKind::Live);
        assert_eq!(cursor.lag_seconds(second(180)), 180, "the rest of the earlier one");
        cursor.gaps.clear();
        assert_eq!(cursor.lag_seconds(second(200)), 20);
    }

    #[test]
    fn cursor_with_future_time_is_not_trusted() {
        let far = Second::new(4_102_444_800).unwrap();
        let now = second(0);
        let gap = |oldest, latest| Gap::unwalked(LogType::Access, GapKind::Backlog, oldest, latest);
        for (field, cursor) in [
            ("watermark", Cursor { watermark: far, ..settled() }),
            ("since", Cursor { since: far, ..settled() }),
            ("saved_at", Cursor { saved_at: far, ..settled() }),
            ("rereads", Cursor { rereads: [now, far], ..settled() }),
            ("gaps", Cursor { gaps: vec![gap(now, far)], ..settled() }),
            (
                "gaps",
                Cursor { gaps: vec![Gap { walk: Walk::begin(LogType::Access, far), ..gap(now, now) }], ..settled() },
            ),
        ] {
            assert_eq!(cursor.time_in_future(now), Some(field));
        }
        assert_eq!(Cursor { watermark: now.plus(CLOCK_SKEW_SECONDS), ..settled() }.time_in_future(now), None);
    }

    #[test]
    fn cursor_with_more_gaps_than_slacktrail_stores_is_malformed() {
        let gap = Gap::unwalked(LogType::Audit, GapKind::Backlog, second(0), second(1));
        let decoded = |count: usize| {
            let cursor = Cursor { gaps: vec![gap.clone(); count], ..settled() };
            Cursor::decode(&serde_json::to_string(&cursor).unwrap()).map_err(|error| error.code)
        };
        assert!(decoded(64).is_ok());
        assert_eq!(decoded(65).unwrap_err(), "malformed_cursor");
    }

    #[test]
    fn cursor_of_another_logs_stream_is_malformed() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(-1_000));
        let access = Cursor::first(&source, LogType::Access, second(0)).encode();
        assert!(Cursor::decode_for(LogType::Access, &access).is_ok());
        assert_eq!(Cursor::decode_for(LogType::Audit, &access).unwrap_err().code, "malformed_cursor");
    }

    #[test]
    fn gap_of_one_second_is_valid_and_reversed_gap_is_not() {
        let decoded = |oldest, latest| {
            let gap = Gap::unwalked(LogType::Audit, GapKind::Backlog, second(oldest), second(latest));
            Cursor::decode(&Cursor { gaps: vec![gap], ..settled() }.encode()).map_err(|error| error.code)
        };
        assert_eq!(decoded(7, 7).map(|cursor| cursor.gaps.len()), Ok(1));
        assert_eq!(decoded(8, 7).err().as_deref(), Some("malformed_cursor"));
    }
}
