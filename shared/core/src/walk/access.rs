//! The walk through access logs.
//!
//! Rows are mutable aggregates: each login of a user updates `date_last` and `count`. Slack documents neither the order of rows nor which column
//! `before` compares.
//!
//! A walk consists of passes. The first pass goes from now back to the start of the gap, by the column that Slack sorts by. During a pass, rows
//! of returning users move to the start of the log, past the walk. The next pass therefore goes from now back to the start of the previous pass.
//! The walk is complete when a pass needs only one page. A row belongs to the gap if it was first seen in the gap's time, in whichever pass.
//!
//! Slack returns at most 100 numbered pages, so the requests follow page cursors, unless Slack returns none (`slack/request.rs`).

use serde::{Deserialize, Serialize};

use super::{MatchedRecord, Row};
use crate::slack::PageFields;
use crate::time::Second;

/// The position of an access walk.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct AccessWalk {
    /// How far back the current pass goes.
    pub stop: Second,
    /// When the current pass started or earlier, by Slack's clock.
    pub started: Second,
    /// Number of pages read in the current pass.
    pub pages: u32,
    /// Slack's cursor of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_cursor: Option<String>,
    /// The number of the next page and its rows, if Slack ignores `limit` and uses numbered pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbered: Option<(u32, u32)>,
}

/// One column of a page while its rows arrive.
#[derive(Clone, Copy, Debug, Default)]
struct Series {
    last: Option<Second>,
    latest: Option<Second>,
    is_unordered: bool,
}

impl Series {
    fn add(&mut self, second: Second) {
        self.is_unordered |= self.last.is_some_and(|last| last < second);
        self.latest = self.latest.max(Some(second));
        self.last = Some(second);
    }

    /// Returns the latest second that may follow this page: the last row's if the rows are in order, otherwise the latest of all rows.
    fn bound(&self) -> Option<Second> {
        if self.is_unordered { self.latest } else { self.last }
    }
}

/// The state of the walk between the numbered pages of one batch.
#[derive(Debug, Default)]
pub(super) struct NumberedPages {
    /// The page that is requested again because its number of rows was wrong, and that number.
    size_mismatch: Option<(u32, u32)>,
    /// The last processed page, and a digest of its rows.
    last: Option<(u32, u64)>,
}

/// The state of a page while its rows arrive. The columns only include rows with both times.
#[derive(Debug, Default)]
pub(super) struct AccessPage {
    first: Series,
    last: Series,
    /// The later of the two times of each row.
    later: Series,
    rows: u32,
    /// A digest of the rows' record IDs.
    digest: u64,
}

impl AccessPage {
    /// Processes the next rows, and returns those first seen at or after `oldest`.
    pub(super) fn process_rows(&mut self, oldest: Second, rows: &[Row]) -> Vec<MatchedRecord> {
        self.rows = self.rows.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        for row in rows {
            let id = u64::from_le_bytes(*row.id.0.first_chunk().expect("a record ID has 16 bytes"));
            self.digest = self.digest.rotate_left(5) ^ id;
        }
        for (first, last) in rows.iter().filter_map(|row| row.time.zip(row.last_active)) {
            self.first.add(first);
            self.last.add(last);
            self.later.add(first.max(last));
        }
        let is_wanted = |row: &Row| row.time.is_none_or(|time| time >= oldest);
        rows.iter().enumerate().filter(|(_, row)| is_wanted(row)).map(|(index, row)| (index, row.id)).collect()
    }

    /// Returns whether the page is sorted by `date_first` rather than by `date_last`, if only one of them is in order.
    fn is_by_first(&self) -> Option<bool> {
        (self.first.is_unordered != self.last.is_unordered).then_some(self.last.is_unordered)
    }

    /// Returns `true` if everything after the page is older than `stop`. Unless rows are sorted by `date_first`, uses the later time of each row,
    /// which is safe for both columns.
    fn is_through(&self, by_first: bool, stop: Second) -> bool {
        let column = if by_first { &self.first } else { &self.later };
        column.bound().is_some_and(|second| second < stop)
    }
}

impl AccessWalk {
    /// Starts a pass that goes back to `stop`.
    pub(super) fn begin(stop: Second) -> AccessWalk {
        AccessWalk { stop, started: stop, pages: 0, page_cursor: None, numbered: None }
    }

    /// Restarts the current pass from now. Stored records are not stored again, and Slack does not document which column `before` would compare.
    pub(super) fn restart(&mut self) {
        *self = AccessWalk::begin(self.stop);
    }

    /// Moves forward by a page. Returns `true` if the walk is complete.
    pub(super) fn advance(
        &mut self,
        by_first: &mut bool,
        numbered_pages: &mut NumberedPages,
        page: &AccessPage,
        end: &PageFields,
    ) -> bool {
        let shown = (self.number(), page.rows);
        if self.has_size_mismatch(page, end) && numbered_pages.size_mismatch.replace(shown) != Some(shown) {
            return false;
        }
        let last = numbered_pages.last.replace((self.number(), page.digest));
        let repeats = last.is_some_and(|(number, digest)| number < self.number() && digest == page.digest);
        if self.numbered.is_some() && page.rows > 0 && repeats {
            self.restart(); // Slack returned the previous page again, so it ignores page numbers
            return false;
        }
        // Use only one response, because rows may move between two of them.
        *by_first = page.is_by_first().unwrap_or(*by_first);
        let through = page.is_through(*by_first, self.stop);
        if self.pages == 0 {
            self.started = end.made_after;
        }
        self.pages = self.pages.saturating_add(1);
        let numbered = self.next_number(page, end);
        let has_next = end.next.is_some() || numbered.is_some();
        self.page_cursor = end.next.clone();
        self.numbered = numbered;
        let at_end = !has_next || through;
        let done = at_end && self.pages == 1;
        if at_end && !done {
            *self = AccessWalk::begin(self.started);
        }
        done
    }

    /// Returns the number of the current page, or 1 if pages are not numbered.
    fn number(&self) -> u32 {
        self.numbered.map_or(1, |(page, _)| page)
    }

    /// Returns `true` if the number of rows of a numbered page contradicts its `paging`.
    fn has_size_mismatch(&self, page: &AccessPage, end: &PageFields) -> bool {
        let is_numbered = end.next.is_none() && (self.numbered.is_some() || self.pages == 0);
        is_numbered && end.paging.is_some_and(|paging| !paging.admits(self.number(), page.rows as usize))
    }

    /// Returns the next numbered page and its rows, if Slack returned no page cursor. A pass that started with page cursors also ends with them.
    fn next_number(&self, shown: &AccessPage, end: &PageFields) -> Option<(u32, u32)> {
        // Slack ignored `limit`, so the first page had Slack's own size, and the next pages must have the same size.
        let count = end.paging.map_or(0, |paging| paging.count);
        let (page, rows) = self.numbered.unwrap_or((1, if count > 0 { count } else { shown.rows.max(1) }));
        let began_by_cursor = self.numbered.is_none() && self.pages > 1;
        let pages = end.paging.map_or(1, |paging| paging.pages);
        if end.next.is_some() || began_by_cursor {
            return None;
        }
        (page < pages).then_some((page + 1, rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RowId;
    use crate::slack::Paging;

    fn second(seconds: i64) -> Second {
        Second::EPOCH.plus(seconds)
    }

    /// Returns a page of rows with these first and last times.
    fn page(times: &[(i64, i64)]) -> AccessPage {
        let row = |(first, last): &(i64, i64)| Row {
            id: RowId([0; 16]),
            time: Some(second(*first)),
            last_active: Some(second(*last)),
        };
        let mut page = AccessPage::default();
        page.process_rows(Second::EPOCH, &times.iter().map(row).collect::<Vec<_>>());
        page
    }

    fn end(next: Option<&str>, paging: Option<(u32, u64)>) -> PageFields {
        let paging = paging.map(|(pages, total)| Paging { pages, total: Some(total), count: 3 });
        PageFields { next: next.map(str::to_owned), paging, made_after: second(100) }
    }

    #[test]
    fn page_is_sorted_by_only_descending_column() {
        assert_eq!(page(&[(3, 5), (2, 9), (1, 1)]).is_by_first(), Some(true));
        assert_eq!(page(&[(3, 9), (5, 8), (1, 7)]).is_by_first(), Some(false));
        assert_eq!(page(&[(3, 9), (2, 8)]).is_by_first(), None, "both are in descending order");
        assert_eq!(page(&[(3, 9), (5, 8), (1, 10)]).is_by_first(), None, "neither does");
        assert_eq!(page(&[(3, 5), (3, 9), (3, 1)]).is_by_first(), Some(true), "equal times count as in order");
    }

    #[test]
    fn page_is_final_when_only_earlier_rows_can_follow() {
        let through = |by_first, stop| page(&[(30, 40), (10, 20)]).is_through(by_first, second(stop));
        assert!(!through(true, 10) && through(true, 11));
        assert!(!through(false, 20) && through(false, 21), "the later column is safe for both");
        assert!(!page(&[(10, 10), (30, 30)]).is_through(false, second(30)), "a row out of order may precede any other");
    }

    #[test]
    fn numbered_pages_are_read_to_last_and_cursors_are_followed() {
        let outcome = |walk: &mut AccessWalk, rows: usize, end: &PageFields| {
            let done = walk.advance(&mut false, &mut NumberedPages::default(), &page(&vec![(50, 50); rows]), end);
            (done, walk.numbered, walk.page_cursor.clone())
        };
        let mut walk = AccessWalk::begin(second(0));
        assert_eq!(outcome(&mut walk, 3, &end(None, Some((2, 5)))), (false, Some((2, 3)), None));
        assert_eq!(
            outcome(&mut walk, 2, &end(None, Some((2, 5)))),
            (false, None, None),
            "another pass is needed for rows that moved"
        );
        assert_eq!((walk.stop, walk.pages), (second(100), 0));

        let mut walk = AccessWalk::begin(second(0));
        assert_eq!(outcome(&mut walk, 3, &end(Some("c"), Some((2, 5)))), (false, None, Some("c".to_owned())));
        assert_eq!(
            outcome(&mut walk, 2, &end(None, Some((2, 5)))),
            (false, None, None),
            "a pass that started with page cursors ends with them"
        );
        assert_eq!(walk.pages, 0);

        assert_eq!(outcome(&mut AccessWalk::begin(second(0)), 2, &end(None, Some((1, 2)))), (true, None, None));
        assert_eq!(outcome(&mut AccessWalk::begin(second(0)), 2, &end(None, None)), (true, None, None));
    }

    #[test]
    fn numbered_access_page_with_wrong_size_is_accepted_when_repeated() {
        let (mut walk, mut numbered_pages) = (AccessWalk::begin(second(0)), NumberedPages::default());
        let mut done = |rows: usize| {
            walk.advance(&mut false, &mut numbered_pages, &page(&vec![(50, 50); rows]), &end(None, Some((1, 3))))
        };
        assert_eq!([done(1), done(2), done(1), done(1)], [false, false, false, true]);
    }

    #[test]
    fn repeated_numbered_access_page_restarts_walk() {
        let (mut walk, mut numbered_pages) = (AccessWalk::begin(second(0)), NumberedPages::default());
        let mut outcome = |id: u8| {
            let row = |last| Row { id: RowId([id; 16]), time: Some(second(50)), last_active: Some(second(last)) };
            let mut page = AccessPage::default();
            page.process_rows(Second::EPOCH, &[row(52), row(51), row(50)]);
            let done = walk.advance(&mut false, &mut numbered_pages, &page, &end(None, Some((3, 9))));
            (done, walk.numbered.map(|(page, _)| page))
        };
        assert_eq!(outcome(1), (false, Some(2)));
        assert_eq!(outcome(1), (false, None));
        assert_eq!(outcome(1), (false, Some(2)));
        assert_eq!(outcome(2), (false, Some(3)));
    }

    #[test]
    fn next_numbered_page_has_size_of_slack_or_of_first_page() {
        let next = |count: u32| {
            let walk = AccessWalk { pages: 1, ..AccessWalk::begin(second(0)) };
            let paging = Some(Paging { pages: 2, total: None, count });
            walk.next_number(&page(&[(3, 3), (2, 2)]), &PageFields { paging, ..end(None, None) })
        };
        assert_eq!((next(100), next(0)), (Some((2, 100)), Some((2, 2))));
    }

    #[test]
    fn newest_pages_are_read_again_from_where_pass_started() {
        let mut walk = AccessWalk::begin(second(0));
        let mut numbered_pages = NumberedPages::default();
        for (next, made_after) in [(Some("c1"), 100), (Some("c2"), 200), (None, 300)] {
            let end = PageFields { made_after: second(made_after), ..end(next, None) };
            assert!(!walk.advance(&mut false, &mut numbered_pages, &page(&[(50, 50)]), &end));
        }
        assert_eq!((walk.stop, walk.pages), (second(100), 0));
    }
}
