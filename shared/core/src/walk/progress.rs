//! Detects walks that do not advance, because Slack may return page cursors that lead nowhere, forever.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Row;
use crate::record::RowId;
use crate::time::Second;

/// Maximum idle pages in a row. Slack returns single empty pages in the middle of a log, and five pages cost a fifth of a tick's calls.
const IDLE_PAGES_MAX: u32 = 5;
/// Maximum rows that are kept to recognize repeated ones. Above that, a new row only counts after the walk has come further back.
const SEEN_MAX: usize = 5_000;
/// Maximum idle ticks of a walk. A page cursor that Slack rejects may cost a tick now and then.
const IDLE_TICKS_MAX: u32 = 5;

/// The progress of a walk within one batch.
///
/// A page advances the walk if it contains a record that was not stored, a time older than on any page before, or a row that is new to this
/// walk. Any other page is idle.
#[derive(Debug, Default)]
pub struct Progress {
    /// The oldest time of any row so far.
    oldest: Option<Second>,
    /// Rows so far. An access row that moved to the start of the log counts as a new row.
    seen: HashSet<(RowId, Option<Second>)>,
    /// Whether the current pass of an access walk contains a row that is new to the walk.
    pass_has_new_row: bool,
    idle_pages: u32,
    page_advances: bool,
    /// Whether the current page counts for the walk. A page that only shows which page to request does not count.
    page_is_taken: bool,
    /// Whether a page that counts for the walk has advanced it.
    pub has_advanced: bool,
    pages: u32,
    /// Whether any record was not stored before.
    has_new_record: bool,
    /// How far back the rows of this batch go, since the last restart of the walk in it.
    oldest_times: OldestTimes,
    has_restarted: bool,
    /// Whether the walk restarted with pages of another size, which makes it longer.
    pub(super) has_changed_page_size: bool,
}

/// The oldest times of rows, in both columns that a log may be sorted by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct OldestTimes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<Second>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_active: Option<Second>,
}

impl OldestTimes {
    /// Adds rows. `begin` is how far back the walk goes; older times count as `begin`.
    pub(super) fn process_rows(&mut self, rows: &[Row], begin: Second) {
        let oldest =
            |times: &dyn Fn(&Row) -> Option<Second>| rows.iter().filter_map(times).min().map(|time| time.max(begin));
        self.extend(OldestTimes { time: oldest(&|row| row.time), last_active: oldest(&|row| row.last_active) });
    }

    /// Adds how far back other rows go. Returns `true` if that is further back.
    fn extend(&mut self, other: OldestTimes) -> bool {
        let before = *self;
        self.time = self.time.into_iter().chain(other.time).min();
        self.last_active = self.last_active.into_iter().chain(other.last_active).min();
        *self != before
    }
}

/// The depth of a gap's walk over all batches and ticks, that is, how far back it has come.
///
/// [`Progress`] covers one batch only. Page cursors may form a loop that is longer than a tick's calls, or be rejected in every tick.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Depth {
    /// The furthest that the walk has ever come.
    pub(super) deepest: OldestTimes,
    /// How far it has come since its last restart.
    present: OldestTimes,
    /// Idle batches since the walk last came further back than ever or stored a record. A batch without a new record never fills, so each is the
    /// last one of its tick. An idle one restarts the walk, or comes no further back.
    idle_ticks: u32,
}

impl Depth {
    /// Adds the pages of a batch. Returns `true` at every `IDLE_TICKS_MAX`th idle tick.
    pub fn add_progress(&mut self, progress: &Progress) -> bool {
        if progress.pages == 0 && !progress.has_restarted {
            return false;
        }
        if progress.has_restarted {
            self.present = OldestTimes::default();
        }
        let goes_on =
            self.present.extend(progress.oldest_times) && !progress.has_restarted || progress.has_changed_page_size;
        if self.deepest.extend(progress.oldest_times) || progress.has_new_record {
            self.idle_ticks = 0;
        } else if !goes_on {
            self.idle_ticks = self.idle_ticks.saturating_add(1);
            return self.idle_ticks.is_multiple_of(IDLE_TICKS_MAX);
        }
        false
    }

    /// Returns `true` if the walk does not advance.
    pub fn is_stuck(&self) -> bool {
        self.idle_ticks >= IDLE_TICKS_MAX
    }

    /// Returns `true` if no tick has read a page of the gap.
    pub fn is_new(&self) -> bool {
        *self == Depth::default()
    }
}

impl Progress {
    /// Adds a row of a page, whether or not it belongs to the gap. `begin` is how far back the walk goes; older times count as `begin`.
    pub fn row(&mut self, row: &Row, begin: Second) {
        let time = row.last_active.or(row.time).map(|time| time.max(begin));
        if time.is_some() && self.oldest.is_none_or(|oldest| time < Some(oldest)) {
            self.oldest = time;
            if self.seen.len() >= SEEN_MAX {
                self.seen.clear();
            }
            self.page_advances = true;
        }
        if self.seen.len() < SEEN_MAX && self.seen.insert((row.id, row.last_active)) {
            (self.page_advances, self.pass_has_new_row) = (true, true);
        }
    }

    /// Records that an access walk starts its next pass, which goes from now back again. The page that ended the previous pass still counts.
    ///
    /// A pass without a new row does not count as progress, so that passes over the same rows do not follow each other forever.
    pub(super) fn begin_pass(&mut self) {
        if std::mem::take(&mut self.pass_has_new_row) {
            (self.oldest, self.idle_pages) = (None, 0);
            if self.seen.len() >= SEEN_MAX {
                self.seen.clear();
            }
        }
    }

    /// Returns the number of idle pages in a row.
    pub fn idle_pages(&self) -> u32 {
        self.idle_pages
    }

    /// Adds how far back the rows of a page go that counts for the walk.
    pub(super) fn come_to(&mut self, oldest_times: OldestTimes) {
        self.page_is_taken = true;
        self.oldest_times.extend(oldest_times);
    }

    /// Records that a record was not stored before.
    pub fn record_is_new(&mut self) {
        self.page_advances = true;
        self.has_new_record = true;
    }

    /// Records that the walk restarts.
    pub(super) fn restart(&mut self) {
        self.oldest_times = OldestTimes::default();
        self.has_restarted = true;
    }

    /// Ends a page, or an attempt that returned none. Returns `false` after `IDLE_PAGES_MAX` idle pages in a row.
    pub fn count_page(&mut self) -> bool {
        self.pages += 1;
        self.has_advanced |= std::mem::take(&mut self.page_is_taken) && self.page_advances;
        self.idle_pages = if std::mem::take(&mut self.page_advances) { 0 } else { self.idle_pages + 1 };
        self.idle_pages < IDLE_PAGES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u8, time: i64) -> Row {
        Row { id: RowId([id; 16]), time: Second::new(time), last_active: None }
    }

    fn page(progress: &mut Progress, rows: &[Row]) -> bool {
        rows.iter().for_each(|row| progress.row(row, Second::EPOCH));
        let mut oldest_times = OldestTimes::default();
        oldest_times.process_rows(rows, Second::EPOCH);
        progress.come_to(oldest_times);
        progress.count_page()
    }

    #[test]
    fn fifth_consecutive_page_without_news_is_no_progress() {
        let mut progress = Progress::default();
        for _ in 0..5 {
            assert!(page(&mut progress, &[row(1, 9)]));
        }
        assert!(!page(&mut progress, &[row(1, 9)]));
        assert!(page(&mut progress, &[row(2, 9)]), "a row that is new to the walk");
        assert_eq!((0..5).filter(|_| page(&mut progress, &[])).count(), 4);
    }

    #[test]
    fn known_row_stays_known_when_walk_goes_further_back() {
        let mut progress = Progress::default();
        assert!(page(&mut progress, &[row(1, 9), row(2, 8)]));
        assert!(page(&mut progress, &[row(1, 9), row(2, 8), row(3, 7)]), "an older time");
        let repeats = [&[row(1, 9)][..], &[row(2, 8)], &[row(3, 7)], &[row(1, 9), row(2, 8)], &[row(2, 8)]];
        assert_eq!(repeats.map(|rows| page(&mut progress, rows)), [true, true, true, true, false]);
    }

    #[test]
    fn walk_has_advanced_once_page_that_counts_for_it_has_news() {
        let mut progress = Progress::default();
        progress.row(&row(1, 9), Second::EPOCH);
        assert!(progress.count_page() && !progress.has_advanced, "the page only shows which page to request");
        page(&mut progress, &[]);
        assert!(!progress.has_advanced);
        page(&mut progress, &[row(2, 9)]);
        page(&mut progress, &[]);
        assert!(progress.has_advanced);
    }

    #[test]
    fn walk_that_returned_thousands_of_rows_continues() {
        let mut progress = Progress::default();
        for n in 0..3 * SEEN_MAX as u64 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            let time = Second::new(1_000_000 - n as i64 / 100);
            progress.row(&Row { id: RowId(id), time, last_active: None }, Second::EPOCH);
            assert!(!n.is_multiple_of(1_000) || progress.count_page(), "{n}");
        }
    }

    /// Returns different access rows, one second apart. The newest is of this second.
    fn access_rows(newest: i64, rows: i64) -> Vec<Row> {
        let row = |n: i64| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(newest - n).to_be_bytes());
            Row { id: RowId(id), time: Second::new(9), last_active: Second::new(newest - n) }
        };
        (0..rows).map(row).collect()
    }

    #[test]
    fn rows_that_moved_during_long_pass_advance_next_pass() {
        for rows in [SEEN_MAX as i64, SEEN_MAX as i64 + 500] {
            let mut progress = Progress::default();
            assert!(access_rows(20_000, rows).chunks(100).all(|rows| page(&mut progress, rows)));
            progress.begin_pass();
            for rows in access_rows(40_000, 12_000).chunks(100) {
                assert!(page(&mut progress, rows));
                assert_eq!(progress.idle_pages, 0);
            }
        }
    }

    #[test]
    fn passes_over_same_rows_are_no_progress() {
        let mut progress = Progress::default();
        let mut passes = (0..9).map(|_| {
            let advances = access_rows(20_000, 200).chunks(100).all(|rows| page(&mut progress, rows));
            progress.begin_pass();
            advances
        });
        assert_eq!(passes.position(|advances| !advances), Some(4));
    }

    #[test]
    fn new_record_older_time_and_new_row_each_count_as_progress() {
        let mut progress = Progress::default();
        for n in 1..20 {
            assert!(page(&mut progress, &[row(n, 100)]));
        }
        for n in 1..20 {
            assert!(page(&mut progress, &[row(1, 100 - n)]));
        }
        for _ in 0..20 {
            progress.record_is_new();
            assert!(page(&mut progress, &[]));
        }
    }

    #[test]
    fn times_before_start_of_walk_are_no_progress() {
        let mut progress = Progress::default();
        let mut pages = (1..20).map(|n| {
            progress.row(&row(1, 100 - n), Second::new(100).unwrap());
            progress.count_page()
        });
        assert!(pages.any(|advances| !advances));
    }

    /// Runs a tick whose pages contain only stored rows and go back to this time. Returns whether the walk is stuck.
    fn tick(depth: &mut Depth, back_to: i64, restarts: bool) -> bool {
        let mut progress = Progress::default();
        if restarts {
            page(&mut progress, &[row(1, 1)]); // before the restart
            progress.restart();
        }
        page(&mut progress, &[row(1, 200), row(2, back_to)]);
        depth.add_progress(&progress);
        depth.is_stuck()
    }

    #[test]
    fn circular_walk_longer_than_tick_is_stuck() {
        let mut depth = Depth::default();
        let stuck = [90, 80, 70, 90, 80, 70, 90, 80].map(|back_to| tick(&mut depth, back_to, false));
        assert_eq!(stuck, [false, false, false, false, false, false, false, true]);
        assert!(!tick(&mut depth, 60, false), "it has left the loop");
    }

    #[test]
    fn every_fifth_idle_tick_is_reported() {
        let mut depth = Depth::default();
        let mut is_reported = || {
            let mut progress = Progress::default();
            page(&mut progress, &[row(1, 200)]);
            depth.add_progress(&progress)
        };
        let reported: Vec<usize> = (0..12).filter(|_| is_reported()).collect();
        assert_eq!(reported, [5, 10], "the first tick comes further back than ever");
    }

    #[test]
    fn walk_that_restarts_in_every_tick_is_stuck() {
        let mut depth = Depth::default();
        assert!(!tick(&mut depth, 10, false));
        assert!((1..20).all(|n| !tick(&mut depth, 100 - n, n == 1)), "it comes back to where it was");
        let mut depth = Depth::default();
        tick(&mut depth, 10, false);
        let stuck = (0..10).map(|n| tick(&mut depth, 100 - n, n % 2 == 0));
        assert_eq!(stuck.filter(|stuck| *stuck).count(), 2, "every other tick restarts the walk");
    }

    #[test]
    fn page_shrinking_is_not_idle_but_circular_walk_with_it_is_stuck() {
        let smaller = |depth: &mut Depth| {
            let mut progress = Progress::default();
            progress.restart();
            progress.has_changed_page_size = true;
            depth.add_progress(&progress);
            depth.is_stuck()
        };
        let mut depth = Depth::default();
        assert!((0..20).all(|_| !smaller(&mut depth)));
        let circles = (0..6).map(|_| {
            let stuck = [smaller(&mut depth), tick(&mut depth, 90, false), tick(&mut depth, 80, true)];
            stuck.contains(&true)
        });
        assert_eq!(circles.collect::<Vec<_>>(), [false, false, false, false, false, true]);
    }

    #[test]
    fn new_record_resets_idle_ticks_and_empty_tick_is_not_idle() {
        let mut depth = Depth::default();
        (0..4).for_each(|_| assert!(!tick(&mut depth, 90, false)));
        assert!((0..9).all(|_| !depth.add_progress(&Progress::default())));
        assert!(!tick(&mut depth, 90, false) && tick(&mut depth, 90, false));
        let mut progress = Progress::default();
        progress.record_is_new();
        page(&mut progress, &[]);
        depth.add_progress(&progress);
        assert!(!depth.is_stuck());
    }

    #[test]
    fn walk_along_descending_column_is_not_stuck() {
        let active = |n: u8| Row { last_active: Second::new(500), ..row(n, 100 - i64::from(n)) };
        let first = |n: u8| Row { last_active: Second::new(500 - i64::from(n)), ..row(n, 100) };
        for rows in [active as fn(u8) -> Row, first] {
            let mut depth = Depth::default();
            for n in 0..20 {
                let mut progress = Progress::default();
                page(&mut progress, &[rows(n)]);
                depth.add_progress(&progress);
                assert!(!depth.is_stuck());
            }
        }
    }
}
