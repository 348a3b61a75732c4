//! The walk through integration logs.
//!
//! Slack numbers the pages, offers no time filter, and does not document the order of rows. Rows have no ID, so a record ID is a digest of the
//! row plus its ordinal among equal rows. A walk must therefore count each row exactly once, although new rows move others to later pages during
//! the walk.
//!
//! The walk does this as follows:
//! - It reads the last stored page again when it continues, because equal rows may continue on the next page.
//! - If a page contains rows equal to the previous page's last ones, it reads the previous page again to see whether rows have moved.
//! - It accepts a page whose number of rows contradicts its `paging` only when Slack returns it twice.
//! - It starts at the last page if the log lists the oldest rows first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{MatchedRecord, PageOutcome, Row};
use crate::record::RowId;
use crate::slack::{PageFields, Paging};
use crate::time::Second;

/// The position of an integration walk.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct IntegrationWalk {
    /// The last stored page, or 0. The walk reads it again to continue, because a second may continue on the next page.
    #[serde(default)]
    pub page: u32,
    /// Whether Slack lists the oldest rows first. The walk then goes from the last page to the first.
    #[serde(default)]
    pub oldest_first: bool,
    /// The number of rows that pages are requested with, once one was read. Page numbers depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_rows: Option<u32>,
    /// The oldest row of the last stored page. Rows that are inserted before it move it to later pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<RowId>,
    /// The digest of the last stored page, if all its rows are of one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_second: Option<OneSecond>,
}

/// A page whose rows are all of one second.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OneSecond {
    /// A digest of the rows.
    rows: RowId,
    /// The total number of rows in the log, if Slack returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// The counts of equal rows before the page, by the record ID of its rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    before: BTreeMap<RowId, u32>,
}

/// The state of the walk between the pages of one batch.
#[derive(Debug, Default)]
pub(super) struct BoundaryState {
    /// The next page to request. `None` means the last stored page, or page 1 if none is stored.
    ask: Option<u32>,
    /// The second whose rows must be counted from the first. While this is set, the walk goes to a page with a newer row.
    back: Option<Second>,
    /// The last processed page and its digest.
    page: Option<(u32, Fingerprint)>,
    /// The total number of rows in the log when that page was processed.
    total: Option<u64>,
    /// The counts so far of the rows of the boundary second, which is the time of that page's last row.
    boundary: HashMap<RowId, u32>,
    /// A page that contains rows of the boundary second. Either the second continues there, or an insert moved rows to this page.
    suspect: Option<Fingerprint>,
    /// The page that is requested again because its number of rows was wrong, and that number.
    size_mismatch: Option<(u32, usize)>,
    /// The time of the first page's rows, if all are of one second and thus show no order. While this is set, the walk reads the last page to
    /// detect the order.
    first_page: Option<Second>,
    /// A suspect page that is confirmed, because the previous page had not changed when it was read again.
    confirmed: Option<Fingerprint>,
}

/// A page that Slack returned.
#[derive(Clone, Copy)]
struct Page<'a> {
    number: u32,
    rows: &'a [Row],
    paging: Option<Paging>,
    /// Whether it has as many rows as requested.
    is_full: bool,
    fingerprint: Fingerprint,
}

impl Page<'_> {
    fn pages(&self) -> u32 {
        self.paging.map_or(u32::MAX, |paging| paging.pages.max(1))
    }

    fn total(&self) -> Option<u64> {
        self.paging.and_then(|paging| paging.total)
    }
}

/// What a page means for the walk.
enum Check {
    /// The page belongs to the walk.
    Accept,
    /// This page must be read instead.
    Request(u32),
    /// The walk must continue from this page, and count the rows of the second, if any, from the first.
    StepBack(u32, Option<Second>),
    /// The page counts of the stored pages were wrong, so the walk must start again.
    RestartKeepingOrder,
    /// Slack ignores page numbers, so the walk must start again without what it knows of the log.
    RestartFromNothing,
    /// No further row belongs to the gap.
    End,
}

/// Maximum rows that are stored with their counts, so that the cursor stays small. A second that fills a page has not been observed.
const BEFORE_MAX: usize = 100;

impl OneSecond {
    /// Returns `true` if these rows are at the same position of the log as before. A page of equal rows looks the same after a move, so it also
    /// requires that the log has not grown.
    fn is_unmoved(&self, rows: &[Row], fingerprint: Fingerprint, total: Option<u64>) -> bool {
        let are_equal = rows.iter().all(|row| row.id == rows[0].id);
        self.rows == fingerprint && (!are_equal || (total.is_some() && total == self.total))
    }
}

impl BoundaryState {
    pub(super) fn ask(&self, walk: &IntegrationWalk) -> u32 {
        self.ask.unwrap_or(walk.page.max(1))
    }
}

impl IntegrationWalk {
    /// Processes a page that was requested with `page_rows` rows, and moves the walk forward.
    pub(super) fn process_page(
        &mut self,
        range: &RangeInclusive<Second>,
        boundary_state: &mut BoundaryState,
        rows: &[Row],
        end: &PageFields,
        page_rows: u32,
    ) -> PageOutcome {
        self.page_rows.get_or_insert(page_rows);
        let (number, is_full) = (boundary_state.ask(self), rows.len() as u64 >= u64::from(page_rows));
        let page = Page { number, rows, paging: end.paging, is_full, fingerprint: fingerprint(rows) };
        match self.check(boundary_state, &page, *range.start()) {
            Check::Accept => return self.accept(boundary_state, &page, range),
            Check::End => return PageOutcome::of(Vec::new(), true),
            Check::Request(number) => boundary_state.ask = Some(number), // only within this batch, because the last page changes
            Check::StepBack(number, back) => {
                self.page = number;
                *boundary_state = BoundaryState { ask: Some(number), back, ..BoundaryState::default() };
            }
            Check::RestartKeepingOrder => (self.page, *boundary_state) = (0, BoundaryState::default()),
            Check::RestartFromNothing => (*self, *boundary_state) = Default::default(),
        }
        PageOutcome::nothing_yet()
    }

    /// Decides what a page means for the walk. Moves nothing, but keeps in `state` what must be recognized if Slack returns the page again. A
    /// page that is read again passes all checks again.
    fn check(&mut self, state: &mut BoundaryState, page: &Page<'_>, oldest: Second) -> Check {
        let Page { number, rows, paging, fingerprint, .. } = *page;
        // A log does not shrink. If the last stored page is now beyond the end, the page counts were wrong when it was stored.
        let is_probe = state.first_page.is_some();
        if number > page.pages() && (self.oldest_first || is_probe || self.asks_again(state)) {
            return Check::RestartKeepingOrder;
        }
        let unmoved = self.one_second.as_ref().filter(|stored| stored.is_unmoved(rows, fingerprint, page.total()));
        if let Some(stored) = unmoved.filter(|_| self.goes_on(state) && state.back.is_none()) {
            state.boundary = stored.before.iter().map(|(id, count)| (*id, *count)).collect();
        } else if let Some(back) = self.steps_back(number, state, rows, paging) {
            let newer = if self.oldest_first { number.saturating_add(1) } else { number.saturating_sub(1) };
            return Check::StepBack(newer, back);
        }
        // Accept a page with a wrong number of rows only if Slack returns it again with the same number.
        let size = (number, rows.len());
        let is_wrong = paging.is_some_and(|paging| !paging.admits(number, rows.len()));
        if is_wrong && state.size_mismatch.replace(size) != Some(size) {
            return Check::Request(number);
        }
        if self.page == 0
            && paging.is_some()
            && let Some(check) = self.detect_order(state, page, oldest)
        {
            return check;
        }
        // Slack may return the last page for a page beyond the end. A full page does not show that the log ends.
        if paging.is_none() && (rows.is_empty() || !page.is_full && state.repeats(number, fingerprint)) {
            return Check::End;
        }
        if let Some(number) = state.recheck_page(number, fingerprint, rows, self.oldest_first) {
            return Check::Request(number);
        }
        // If Slack returns the same page for two numbers, it ignores page numbers. Equal rows may fill more than one page. But without page
        // counts, counting them might never end.
        let are_equal = rows.iter().all(|row| row.id == rows[0].id);
        if state.repeats(number, fingerprint) && (paging.is_none() || !are_equal) {
            return Check::RestartFromNothing;
        }
        Check::Accept
    }

    /// Moves the walk forward by a page.
    fn accept(&mut self, state: &mut BoundaryState, page: &Page<'_>, range: &RangeInclusive<Second>) -> PageOutcome {
        let (number, total) = (page.number, page.total());
        let mut rows: Vec<(usize, Row)> = page.rows.iter().copied().enumerate().collect();
        // Without page counts, the oldest rows may come first. Only a page in descending order then shows what follows it.
        let mut tells = page.paging.is_some() || descends(page.rows);
        if self.oldest_first {
            rows.reverse();
            tells = page.paging.is_some() || is_oldest_first(page.rows);
        }
        let before = |row: &Row| row.time.is_some_and(|time| time < *range.start());
        let through = tells && !rows.is_empty() && page.rows.iter().all(before);
        let last_page = if self.oldest_first { number <= 1 } else { number >= page.pages() };
        self.boundary = rows.last().map(|(_, row)| row.id).or(self.boundary);
        self.one_second = state.one_second(page.fingerprint, total, &rows);
        let numbered = state.number(number, page.fingerprint, rows).into_iter();
        let is_wanted = |row: &Row| row.time.is_none_or(|time| range.contains(&time));
        let matched: Vec<MatchedRecord> =
            numbered.filter(|(_, _, row)| is_wanted(row)).map(|(index, id, _)| (index, id)).collect();
        self.page = number;
        state.total = total;
        state.ask = Some(if self.oldest_first { number.saturating_sub(1) } else { number.saturating_add(1) });
        PageOutcome::of(matched, through || last_page)
    }

    /// Detects whether Slack lists the oldest rows first.
    ///
    /// A first page whose rows are all of one second does not show the order. If it is older than the gap, then the gap is empty in a log with
    /// the newest rows first, but not in a log with the oldest rows first. The walk then reads the last page to distinguish the two.
    ///
    /// Returns `None` if the order is known, and the page belongs to the walk.
    fn detect_order(&mut self, state: &mut BoundaryState, page: &Page<'_>, oldest: Second) -> Option<Check> {
        let (rows, pages) = (page.rows, page.pages());
        let newest = rows.iter().filter_map(|row| row.time).max();
        if let Some(first) = state.first_page {
            if rows.is_empty() && page.number > 2 {
                return Some(Check::Request(page.number - 1));
            }
            self.oldest_first = newest > Some(first);
            return (!self.oldest_first).then_some(Check::End); // the newest rows are older than the gap
        }
        if page.number != 1 {
            return None;
        }
        self.oldest_first = is_oldest_first(rows);
        let is_unclear = !self.oldest_first && !descends(rows);
        state.first_page = newest.filter(|newest| is_unclear && pages > 1 && *newest < oldest);
        let reads_last = pages > 1 && (self.oldest_first || state.first_page.is_some());
        reads_last.then_some(Check::Request(pages))
    }

    /// Returns `true` if the next page to request is the last stored one, or one before it.
    pub(super) fn asks_again(&self, boundary_state: &BoundaryState) -> bool {
        self.page > 0 && boundary_state.ask(self) <= self.page
    }

    /// Returns `true` if the current page is the first one of this batch and the walk started in an earlier one.
    fn goes_on(&self, boundary_state: &BoundaryState) -> bool {
        self.page > 0 && boundary_state.page.is_none()
    }

    /// Returns `Some` if the walk must continue from a page with newer rows than this one, with the second whose rows it must count from the
    /// first.
    ///
    /// Equal rows differ only in how many came before them. To count the rows of the oldest stored second, the walk must start at a page that
    /// also contains a newer row.
    fn steps_back(
        &self,
        number: u32,
        boundary_state: &BoundaryState,
        rows: &[Row],
        paging: Option<Paging>,
    ) -> Option<Option<Second>> {
        if paging.is_some_and(|paging| self.has_moved(number, boundary_state, rows, &paging)) {
            return Some(None);
        }
        let has_newer_page =
            if self.oldest_first { paging.is_some_and(|paging| number < paging.pages) } else { number > 1 };
        let stored_last =
            rows.iter().filter(|row| !self.oldest_first || self.boundary.is_none_or(|boundary| row.id == boundary));
        let second = boundary_state.back.or_else(|| stored_last.filter_map(|row| row.time).min());
        let newest = rows.iter().filter_map(|row| row.time).max();
        (has_newer_page && self.goes_on(boundary_state) && second.is_some() && newest <= second).then_some(second)
    }

    /// Returns `true` if late rows moved the last stored rows beyond this page, so that unread rows lie between the two.
    ///
    /// A page continues what is stored if it contains the last stored row, or if it follows that row's page in a log that has not grown.
    fn has_moved(&self, number: u32, boundary_state: &BoundaryState, rows: &[Row], paging: &Paging) -> bool {
        let has_grown = boundary_state.total.zip(paging.total).is_some_and(|(before, now)| now > before);
        self.oldest_first
            && (boundary_state.page.is_none() && boundary_state.back.is_none() || has_grown)
            && number < paging.pages
            && self.boundary.is_some_and(|boundary| rows.iter().all(|row| row.id != boundary))
    }
}

impl BoundaryState {
    /// Returns the page to read before this one can be accepted, if any.
    ///
    /// If a page contains rows that equal the previous page's last ones, these are either further equal rows, which count, or the same rows
    /// moved by an insert at the start of the log, which do not count. An insert would also have changed the previous page. The walk therefore
    /// reads that page again. It accepts this page only if neither page has changed.
    fn recheck_page(&mut self, number: u32, fingerprint: Fingerprint, rows: &[Row], oldest_first: bool) -> Option<u32> {
        let (last, last_fingerprint) = self.page?;
        let after = if oldest_first { last.saturating_sub(1) } else { last.saturating_add(1) };
        if number == last {
            if self.suspect.is_some() && fingerprint == last_fingerprint {
                self.confirmed = self.suspect.take();
                return Some(after);
            }
            // The page changed, so the counts from its previous version are invalid. Process it as a new page.
            *self = BoundaryState::default();
            return None;
        }
        let suspicious = rows.iter().any(|row| self.boundary.contains_key(&row.id));
        if suspicious && self.confirmed != Some(fingerprint) {
            self.suspect = Some(fingerprint);
            return Some(last);
        }
        None
    }

    /// Returns `true` if this page is the same as the previous one.
    fn repeats(&self, number: u32, fingerprint: Fingerprint) -> bool {
        self.page.is_some_and(|(last, of_last)| number != last && fingerprint == of_last)
    }

    /// Returns what the cursor stores about a page whose rows are about to be numbered.
    fn one_second(&self, fingerprint: Fingerprint, total: Option<u64>, rows: &[(usize, Row)]) -> Option<OneSecond> {
        let (_, first) = rows.first()?;
        rows.iter().all(|(_, row)| row.time == first.time).then(|| {
            let before = rows.iter().filter_map(|(_, row)| self.boundary.get_key_value(&row.id));
            let before = before.map(|(id, count)| (*id, *count)).take(BEFORE_MAX).collect();
            OneSecond { rows: fingerprint, total, before }
        })
    }

    /// Adds ordinals to equal rows, and continues the counts of the previous page. The time is part of a row's ID, so equal rows are of one
    /// second.
    fn number(&mut self, number: u32, fingerprint: Fingerprint, rows: Vec<(usize, Row)>) -> Vec<(usize, RowId, Row)> {
        let boundary_time = rows.iter().rev().find_map(|(_, row)| row.time);
        let mut counts = std::mem::take(&mut self.boundary);
        let numbered: Vec<_> = rows
            .into_iter()
            .map(|(index, row)| {
                let count = counts.entry(row.id).or_insert(0);
                *count += 1;
                (index, row.id.with_ordinal(*count), row)
            })
            .collect();
        let in_boundary =
            numbered.iter().map(|(_, _, row)| row).filter(|row| row.time == boundary_time || row.time.is_none());
        let in_boundary: HashSet<RowId> = in_boundary.map(|row| row.id).collect();
        counts.retain(|id, _| in_boundary.contains(id));
        *self = BoundaryState { page: Some((number, fingerprint)), boundary: counts, ..BoundaryState::default() };
        numbered
    }
}

/// Returns `true` if the times of the rows ascend from the first to the last. A single row, or rows of one second, show no order.
fn is_oldest_first(rows: &[Row]) -> bool {
    ends(rows).is_some_and(|(first, last)| first < last)
}

fn descends(rows: &[Row]) -> bool {
    ends(rows).is_some_and(|(first, last)| first > last)
}

fn ends(rows: &[Row]) -> Option<(Second, Second)> {
    let mut times = rows.iter().filter_map(|row| row.time);
    times.next().zip(times.next_back())
}

/// Returns a digest of a page's rows.
fn fingerprint(rows: &[Row]) -> Fingerprint {
    let mut hash = Sha256::new();
    rows.iter().for_each(|row| hash.update(row.id.0));
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    RowId(digest)
}

type Fingerprint = RowId;

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk within one tick, through a gap of seconds 0 to 100.
    #[derive(Default)]
    struct Tick {
        walk: IntegrationWalk,
        state: BoundaryState,
    }

    impl Tick {
        fn of(walk: IntegrationWalk) -> Tick {
            Tick { walk, state: BoundaryState::default() }
        }

        /// Reads a page. Returns how many rows belong to the gap, whether the walk is complete, and the next page to request.
        fn read(&mut self, rows: &[Row], paging: Option<Paging>) -> (usize, bool, u32) {
            let outcome = self.outcome(rows, paging);
            (outcome.matched.len(), outcome.done, self.asked())
        }

        fn outcome(&mut self, rows: &[Row], paging: Option<Paging>) -> PageOutcome {
            let page_rows = paging.map_or(10, |paging| paging.count);
            let (range, end) =
                (Second::EPOCH..=Second::EPOCH.plus(100), PageFields { next: None, paging, made_after: Second::EPOCH });
            self.walk.process_page(&range, &mut self.state, rows, &end, page_rows)
        }

        fn asked(&self) -> u32 {
            self.state.ask(&self.walk)
        }
    }

    fn paging(pages: u32, total: u64, count: u32) -> Option<Paging> {
        Some(Paging { pages, total: Some(total), count })
    }

    /// Returns different rows with these times.
    fn rows(times: &[i64]) -> Vec<Row> {
        let row = |time: &i64| Row { id: RowId([*time as u8; 16]), time: Second::new(*time), last_active: None };
        times.iter().map(row).collect()
    }

    #[test]
    fn first_page_of_one_old_second_is_no_end_until_the_last_page_is_older() {
        let asked = |oldest: i64, last_pages: &[&[i64]]| {
            let (mut walk, mut state) = (IntegrationWalk::default(), BoundaryState::default());
            let range = Second::EPOCH.plus(oldest)..=Second::EPOCH.plus(99);
            let mut asked = Vec::new();
            for times in [&[1][..]].iter().chain(last_pages) {
                let end = PageFields { next: None, paging: paging(9, 9, 10), made_after: Second::EPOCH };
                let outcome = walk.process_page(&range, &mut state, &rows(times), &end, 1);
                asked.push((outcome.done, state.ask(&walk)));
            }
            (asked, walk.oldest_first)
        };
        assert_eq!(asked(50, &[&[60]]), (vec![(false, 9), (false, 8)], true));
        assert_eq!(asked(50, &[&[1]]), (vec![(false, 9), (true, 9)], false));
        assert_eq!(asked(50, &[&[], &[], &[60]]), (vec![(false, 9), (false, 9), (false, 8), (false, 7)], true));
        assert_eq!(asked(0, &[]), (vec![(false, 2)], false), "the page belongs to the gap");
    }

    #[test]
    fn order_is_detected_from_ends_of_page() {
        let order = |times: &[i64]| {
            let rows = rows(times);
            (is_oldest_first(&rows), descends(&rows))
        };
        for times in [&[1, 2, 3][..], &[1, 3, 2, 4]] {
            assert_eq!(order(times), (true, false), "{times:?}");
        }
        for times in [&[3, 2, 1][..], &[4, 2, 3, 1]] {
            assert_eq!(order(times), (false, true), "{times:?}");
        }
        for times in [&[2, 2, 2][..], &[2], &[]] {
            assert_eq!(order(times), (false, false), "{times:?}");
        }
    }

    #[test]
    fn log_without_page_counts_ends_at_empty_or_repeated_page() {
        let mut tick = Tick::default();
        let mut read = |times: &[i64]| tick.outcome(&rows(times), None);
        read(&[9, 8]);
        assert_eq!(read(&[7, 6]).matched.len(), 2);
        let repeated = read(&[7, 6]);
        assert_eq!((repeated.matched.len(), repeated.done), (0, true), "Slack ignores page numbers");
        assert!(read(&[]).done);
        // A later tick reads the stored page again, which is not a further page.
        let later = Tick::of(tick.walk).outcome(&rows(&[7, 6]), None);
        assert_eq!((later.matched.len(), later.done), (2, false));
    }

    #[test]
    fn repeated_full_page_without_page_counts_is_no_end() {
        for times in [[9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [9; 10]] {
            let mut tick = Tick::default();
            let mut read = || (tick.read(&rows(&times), None), tick.walk.page);
            assert_eq!(read(), ((10, false, 2), 1), "{times:?}");
            assert_eq!(read(), ((0, false, 1), 1), "{times:?}: rows may have moved, so page 1 is read again");
            assert_eq!(read(), ((0, false, 2), 1), "{times:?}");
            assert_eq!(read(), ((0, false, 1), 0), "{times:?}: the walk restarts");
        }
    }

    #[test]
    fn integration_page_with_wrong_size_is_accepted_when_repeated() {
        let mut tick = Tick::default();
        let mut matched = |times: &[i64]| tick.read(&rows(times), paging(1, 3, 10)).0;
        assert_eq!([matched(&[9, 8]), matched(&[9]), matched(&[9, 8]), matched(&[9, 8])], [0, 0, 0, 2]);
    }

    #[test]
    fn oldest_first_log_is_walked_from_last_page() {
        let mut tick = Tick::default();
        let mut outcome = |times: &[i64]| {
            let outcome = tick.outcome(&rows(times), paging(2, 13, 10));
            let matched: Vec<usize> = outcome.matched.iter().map(|(index, _)| *index).collect();
            (matched, outcome.done, tick.asked())
        };
        let first: Vec<i64> = (1..=10).collect();
        assert_eq!(outcome(&first), (Vec::new(), false, 2));
        assert_eq!(outcome(&[11, 12, 13]), (vec![2, 1, 0], false, 1), "newest first");
        assert_eq!(outcome(&first), ((0..10).rev().collect(), true, 0));
        let of_one_page = Tick::default().read(&rows(&[1, 2]), paging(1, 2, 10));
        assert_eq!(of_one_page, (2, true, 0), "the first page is the last");
    }

    #[test]
    fn walk_to_first_page_follows_page_moved_by_late_rows() {
        let asked = |oldest_first, boundary: Option<u8>, paging: Option<Paging>| {
            let boundary = boundary.map(|byte| RowId([byte; 16]));
            let mut tick = Tick::of(IntegrationWalk { page: 5, oldest_first, boundary, ..IntegrationWalk::default() });
            let (_, _, asked) = tick.read(&rows(&(41..=50).collect::<Vec<_>>()), paging);
            (tick.walk.page, asked)
        };
        let long = paging(9, 81, 10);
        assert_eq!(asked(true, Some(51), long), (6, 6), "the stored rows are on a later page");
        assert_eq!(asked(true, Some(50), long), (6, 6), "its second may start on a later page");
        assert_eq!(asked(true, Some(49), long), (5, 4), "rows of this page replaced it");
        assert_eq!(asked(true, Some(41), long), (5, 4), "nothing was inserted");
        assert_eq!(asked(true, None, long), (5, 4), "a cursor without a boundary");
        assert_eq!(asked(true, Some(51), paging(5, 50, 10)), (5, 4), "there is no later page");
        assert_eq!(asked(false, Some(51), long).1, 6, "the page moves with the rows");
    }

    #[test]
    fn growing_log_is_read_from_where_its_rows_moved() {
        let mut tick = Tick::of(IntegrationWalk { oldest_first: true, page: 2, ..IntegrationWalk::default() });
        let mut asked = |first: i64, paging| tick.read(&rows(&(first..first + 10).collect::<Vec<_>>()), paging).2;
        assert_eq!(asked(30, paging(3, 30, 10)), 1);
        let grown = paging(4, 32, 10);
        assert_eq!(asked(18, grown), 2, "two late rows have moved two from the first page to the second");
        assert_eq!([asked(28, grown), asked(18, grown)], [1, 0]);
    }

    #[test]
    fn resumed_walk_counts_rows_of_second_from_its_first() {
        let asked = |oldest_first: bool, boundary: u8, pages: &[(u32, [i64; 3])]| {
            let boundary = Some(RowId([boundary; 16]));
            let mut tick = Tick::of(IntegrationWalk { oldest_first, page: 5, boundary, ..IntegrationWalk::default() });
            for (number, times) in pages {
                assert_eq!(tick.asked(), *number, "{oldest_first} {pages:?}");
                tick.read(&rows(times), paging(9, 27, 3));
            }
            tick.asked()
        };
        assert_eq!(asked(false, 4, &[(5, [6, 6, 5])]), 6, "it moved and contains more than one second");
        assert_eq!(asked(false, 4, &[(5, [5, 5, 5])]), 4);
        let whole_second = [(5, [5, 5, 5]), (4, [5, 5, 5]), (3, [6, 6, 6])];
        assert_eq!(asked(false, 4, &whole_second), 4, "its whole second follows");
        assert_eq!(asked(true, 5, &[(5, [4, 5, 6])]), 4, "it moved and contains a newer row");
        assert_eq!(asked(true, 5, &[(5, [4, 5, 5])]), 6);
        assert_eq!(asked(true, 5, &[(5, [4, 5, 5]), (6, [5, 5, 5]), (7, [6, 6, 6])]), 6);
        let first = [5, 4, 3, 2, 1].map(|number| (number, [5, 5, 5]));
        assert_eq!(asked(false, 4, &first), 2, "there is no newer page");
    }

    #[test]
    fn later_tick_continues_count_of_equal_rows_unless_page_moved() {
        let (a, b, c, d) = (1, 2, 3, 4);
        let page = |ids: [u8; 3]| ids.map(|id| Row { id: RowId([id; 16]), time: Second::new(5), last_active: None });
        // Each tick reads the stored page again, and then the next page, which is suspect if it starts with equal rows.
        let tick = |walk: &mut IntegrationWalk, log: &[[u8; 3]], until: u32| {
            let (mut tick, mut ids) = (Tick::of(std::mem::take(walk)), HashSet::new());
            while tick.asked() <= until {
                let rows = page(log[tick.asked() as usize - 1]);
                ids.extend(tick.outcome(&rows, paging(9, 27, 3)).matched.into_iter().map(|(_, id)| id));
            }
            *walk = serde_json::from_str(&serde_json::to_string(&tick.walk).unwrap()).unwrap();
            ids
        };
        let log = [[a, b, b], [b, b, c], [c, c, d], [d, d, d]];
        let moved = [[d, a, b], [b, b, b], [c, c, c], [d, d, d]];
        for later in [&log, &moved] {
            let mut walk = IntegrationWalk::default();
            let mut ids = tick(&mut walk, &log, 2);
            assert_eq!(ids.len(), 6);
            assert_eq!(walk.one_second.as_ref().map(|page| page.before.len()), Some(1), "two of the four `b`");
            ids.extend(tick(&mut walk, later, 3));
            assert_eq!(ids.len(), 9, "one `a`, four `b`, three `c` and one `d`");
        }
    }

    #[test]
    fn page_repeated_under_other_number_is_not_counted() {
        let mut tick = Tick::default();
        let mut read = |times: &[i64]| tick.read(&rows(times), paging(9, 18, 2));
        assert_eq!(read(&[9, 8]), (2, false, 2));
        assert_eq!(read(&[9, 8]), (0, false, 1), "new rows may have moved the previous page");
        assert_eq!(read(&[9, 8]), (0, false, 2), "it did not move");
        assert_eq!(read(&[9, 8]), (0, false, 1), "the walk restarts");
        assert_eq!(read(&[9, 8]), (2, false, 2));
        assert_eq!(read(&[7, 6]), (2, false, 3));
    }

    #[test]
    fn stored_page_beyond_end_restarts_walk() {
        let mut tick = Tick::of(IntegrationWalk { page: 3, ..IntegrationWalk::default() });
        assert_eq!((tick.read(&[], paging(1, 5, 10)), tick.walk.page), ((0, false, 1), 0));
        let mut tick = Tick::of(IntegrationWalk { page: 3, ..IntegrationWalk::default() });
        tick.state.ask = Some(4);
        assert!(tick.read(&[], paging(3, 30, 10)).1, "a page that did not exist before is the end");
    }

    #[test]
    fn second_at_start_of_gap_is_read_to_its_end() {
        let range = Second::EPOCH.plus(5)..=Second::EPOCH.plus(100);
        let end = PageFields { next: None, paging: paging(3, 30, 10), made_after: Second::EPOCH };
        let done = |times: &[i64]| {
            let Tick { mut walk, mut state } = Tick::default();
            walk.process_page(&range, &mut state, &rows(times), &end, 10).done
        };
        assert!(!done(&[5; 10]), "further rows of the second may follow");
        assert!(!done(&[5, 5, 5, 5, 5, 5, 5, 5, 5, 4]), "rows out of order may follow");
        assert!(done(&[4, 4, 4, 4, 4, 4, 4, 4, 4, 3]));
    }
}
