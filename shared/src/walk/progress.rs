//! Whether a walk advances. Slack may answer for ever with page cursors that lead nowhere; a walk that follows them is not healthy.

use std::collections::HashSet;

use super::Row;
use crate::record::RowId;
use crate::time::Second;

/// Pages in a row that may bring nothing. Slack shows single empty pages in the middle of a log; five cost a fifth of a tick's calls.
const IDLE_PAGES_MAX: u32 = 5;
/// Rows that are remembered to tell new ones from repeated ones. Beyond that, a row counts as repeated.
const SEEN_MAX: usize = 5_000;

/// Follows the pages of one walk within one tick. A page advances the walk if it brings a record that was not stored, an older time than any
/// page before it, or a row that this walk has not seen. Any other page is idle.
#[derive(Debug, Default)]
pub struct Progress {
    /// The oldest time that a row had so far.
    oldest: Option<Second>,
    /// Rows seen since the walk came to `oldest`. A row that moved to the head of access logs is another one.
    seen: HashSet<(RowId, Option<Second>)>,
    idle_pages: u32,
    page_advances: bool,
    has_advanced: bool,
}

impl Progress {
    /// Takes in a row that a page shows, wanted or not. `begin`: how far back the walk goes; an older time than that is no progress.
    pub fn row(&mut self, row: &Row, begin: Second) {
        let time = row.last_active.or(row.time).map(|time| time.max(begin));
        if time.is_some() && self.oldest.is_none_or(|oldest| time < Some(oldest)) {
            self.oldest = time;
            self.seen.clear();
            self.page_advances = true;
        }
        if self.seen.len() < SEEN_MAX && self.seen.insert((row.id, row.last_active)) {
            self.page_advances = true;
        }
    }

    /// Takes in that a record was not stored before.
    pub fn record_is_new(&mut self) {
        self.page_advances = true;
    }

    /// Whether any page advanced the walk.
    pub fn has_advanced(&self) -> bool {
        self.has_advanced
    }

    /// Ends a page, or an attempt that brought none. Returns `true` while the walk advances.
    pub fn end_page(&mut self) -> bool {
        self.has_advanced |= self.page_advances;
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
        progress.end_page()
    }

    #[test]
    fn fifth_page_in_a_row_that_brings_nothing_is_no_progress() {
        let mut progress = Progress::default();
        for _ in 0..5 {
            assert!(page(&mut progress, &[row(1, 9)]));
        }
        assert!(!page(&mut progress, &[row(1, 9)]));
        assert!(page(&mut progress, &[row(2, 9)]), "a row that the walk has not seen");
        assert_eq!((0..5).filter(|_| page(&mut progress, &[])).count(), 4);
    }

    #[test]
    fn new_record_older_time_and_unseen_row_each_advance() {
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
    fn times_before_the_walks_begin_are_no_progress_for_ever() {
        let mut progress = Progress::default();
        let mut pages = (1..20).map(|n| {
            progress.row(&row(1, 100 - n), Second::new(100).unwrap());
            progress.end_page()
        });
        assert!(pages.any(|advances| !advances));
    }

    #[test]
    fn walk_that_advanced_once_has_advanced() {
        let mut progress = Progress::default();
        page(&mut progress, &[]);
        assert!(!progress.has_advanced());
        page(&mut progress, &[row(1, 9)]);
        page(&mut progress, &[]);
        assert!(progress.has_advanced());
    }
}
