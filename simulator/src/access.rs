//! `team.accessLogs`: each row sums up one user, IP address and device. Slack updates the row when the user returns.

use std::collections::BTreeSet;
use std::ops::Bound;

use jiff::Timestamp;
use rand::{RngExt, rngs::StdRng};

use crate::api_error::ApiError;
use crate::page::{Form, PageFault, Tail, count_and_page};
use crate::settings::{AccessColumn, Fill, Paging, Settings};
use crate::visibility::VisibleRows;
use crate::{Endless, Request, Response, Row, cursor};

/// The last page of classic paging.
const PAGE_MAX: usize = 100;
const COUNT_MAX: usize = 1_000;
/// The maximum `limit`. Slack rejects a larger one.
const LIMIT_MAX: usize = 1_000;
const ROWS_DEFAULT: usize = 100;
const LIST: &str = "logins";
const KEYSET: &str = "logins";
const OFFSET: &str = "logins-from";

/// The rows of a page, and the cursor of the next page.
type Page<'a> = (Vec<&'a Row>, Option<String>);
/// The value of the sort column, then the row's number. Of two rows with the same value, the one added later is newer.
type Key = (i64, usize);

/// All access rows, sorted by one of their two dates.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLog {
    rows: Vec<Row>,
    sorted: BTreeSet<Key>,
    by: Option<AccessColumn>,
}

impl AccessLog {
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Adds a row and returns its number.
    pub(crate) fn add(&mut self, row: Row) -> usize {
        let number = self.rows.len();
        if let Some(by) = self.by {
            self.sorted.insert((value(&row, by), number));
        }
        self.rows.push(row);
        number
    }

    /// Updates row `number` for a return of its user at `now`. Does nothing if there is no such row.
    pub(crate) fn touch(&mut self, number: usize, now: Timestamp) {
        let Some(row) = self.rows.get_mut(number) else {
            return;
        };
        if let Some(by) = self.by {
            self.sorted.remove(&(value(row, by), number));
        }
        row.touch(now);
        if let Some(by) = self.by {
            self.sorted.insert((value(row, by), number));
        }
    }

    /// Sorts by `by` from now on.
    fn sort_by(&mut self, by: AccessColumn) {
        if self.by != Some(by) {
            self.by = Some(by);
            self.sorted = self.rows.iter().enumerate().map(|(number, row)| (value(row, by), number)).collect();
        }
    }

    /// Returns the response of `team.accessLogs`.
    pub(crate) fn answer(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        request: &Request,
        visible_rows: &VisibleRows<'_>,
        (page_fault, form): (PageFault, Form),
        rng: &mut StdRng,
    ) -> Result<Response, ApiError> {
        self.sort_by(settings.access_order);
        let before = match request.parameter("before") {
            None | Some("now") => i64::MAX,
            Some(text) => text.parse().map_err(|_| ApiError::new("invalid_arguments"))?,
        };
        let view = View { log: self, settings, now, visible_rows, before, form };
        if settings.access_classic {
            return view.classic_page(request, page_fault);
        }
        let limit = request.integer("limit").map_err(|_| ApiError::new("invalid_limit"))?.unwrap_or(0);
        let limit = usize::try_from(limit).ok().filter(|limit| *limit <= LIMIT_MAX);
        let limit = limit.ok_or_else(|| ApiError::new("invalid_limit"))?;
        if limit == 0 && request.parameter("cursor").is_none() {
            return view.classic_page(request, page_fault);
        }
        let requested = if limit == 0 { ROWS_DEFAULT } else { limit };
        let rows_max = page_fault.rows(requested, settings.access_fill, |most| rng.random_range(0..=most));
        match page_fault.endless {
            Some(endless) if endless != Endless::Circle => {
                view.endless_page(request, rows_max, endless, rng.random_range(0..1 << 40))
            }
            _ => view.cursor_page(request, rows_max, page_fault),
        }
    }
}

/// The rows that one call can see.
struct View<'a> {
    log: &'a AccessLog,
    settings: &'a Settings,
    now: Timestamp,
    visible_rows: &'a VisibleRows<'a>,
    before: i64,
    form: Form,
}

impl<'a> View<'a> {
    fn classic_page(&self, request: &Request, page_fault: PageFault) -> Result<Response, ApiError> {
        let (count, page) = count_and_page(request)?;
        if count > COUNT_MAX || page > PAGE_MAX {
            return Err(ApiError::new("over_pagination_limit"));
        }
        let count = match self.settings.access_fill {
            Fill::UpTo(rows) if self.settings.access_classic => count.min(rows),
            _ => count,
        };
        let rows: Vec<&Row> = self.rows(Bound::Unbounded).map(|(_, row)| row).collect();
        // Without a cursor, an empty page means the end. A fault must not produce one.
        let page_fault = PageFault { empty: false, ..page_fault };
        Ok(self.form.numbered_page(LIST, &rows, (count, page), page_fault))
    }

    fn cursor_page(&self, request: &Request, rows_max: usize, page_fault: PageFault) -> Result<Response, ApiError> {
        let cursor = request.parameter("cursor");
        if page_fault.stale_cursor && cursor.is_some() {
            return Err(ApiError::new("invalid_cursor"));
        }
        let (page, next) = match self.settings.access_paging {
            Paging::Keyset => self.keyset_page(cursor, rows_max, page_fault.empty)?,
            Paging::Offset => self.offset_page(cursor, rows_max, page_fault.empty)?,
        };
        let is_circular = page_fault.endless == Some(Endless::Circle) && cursor.is_some();
        let next = next.or_else(|| is_circular.then(|| self.start()));
        Ok(self.form.page(LIST, &page, Tail::Cursor(next.as_deref(), self.settings.access_end)))
    }

    /// Returns the cursor of the first page.
    fn start(&self) -> String {
        match self.settings.access_paging {
            Paging::Keyset => cursor::encode(KEYSET, [i64::MAX, i64::MAX], self.now),
            Paging::Offset => cursor::encode(OFFSET, [0], self.now),
        }
    }

    /// Returns a page whose cursor never reaches the end.
    fn endless_page(
        &self,
        request: &Request,
        rows_max: usize,
        endless: Endless,
        call: u64,
    ) -> Result<Response, ApiError> {
        let page = match endless {
            Endless::OldRows => self.keyset_page(None, rows_max, false)?.0,
            _ => Vec::new(),
        };
        let next = endless.next(request.parameter("cursor"), self.now, call);
        Ok(self.form.page(LIST, &page, Tail::Cursor(Some(&next), self.settings.access_end)))
    }

    fn keyset_page(&self, cursor: Option<&str>, rows_max: usize, emptied: bool) -> Result<Page<'a>, ApiError> {
        let start = cursor.map(|text| self.decode::<2>(KEYSET, text)).transpose()?;
        // The first page starts above every key, because row numbers stay far below `i64::MAX`.
        let [second, number] = start.unwrap_or([i64::MAX, i64::MAX]);
        let mut last = (second, usize::try_from(number).unwrap_or(usize::MAX));
        let mut page = Vec::new();
        let mut more = false;
        for (key, row) in self.rows(Bound::Excluded(last)) {
            more = page.len() >= rows_max;
            if more {
                break;
            }
            last = key;
            page.push(row);
        }
        more |= emptied || self.trailing(&page, rows_max);
        let position = [last.0, i64::try_from(last.1).unwrap_or(i64::MAX)];
        Ok((page, more.then(|| cursor::encode(KEYSET, position, self.now))))
    }

    fn offset_page(&self, cursor: Option<&str>, rows_max: usize, emptied: bool) -> Result<Page<'a>, ApiError> {
        let start = cursor.map(|text| self.decode::<1>(OFFSET, text)).transpose()?;
        let skip = usize::try_from(start.unwrap_or([0])[0]).unwrap_or(0);
        let mut rows = self.rows(Bound::Unbounded).map(|(_, row)| row).skip(skip);
        let page: Vec<&Row> = rows.by_ref().take(rows_max).collect();
        let more = rows.next().is_some() || emptied || self.trailing(&page, rows_max);
        let position = [i64::try_from(skip + page.len()).unwrap_or(i64::MAX)];
        Ok((page, more.then(|| cursor::encode(OFFSET, position, self.now))))
    }

    fn trailing(&self, page: &[&Row], rows_max: usize) -> bool {
        self.settings.trailing_empty_page && !page.is_empty() && page.len() >= rows_max
    }

    fn decode<const N: usize>(&self, list: &str, text: &str) -> Result<[i64; N], ApiError> {
        cursor::decode(list, text, self.now, self.settings.cursor_ttl).ok_or_else(|| ApiError::new("invalid_cursor"))
    }

    /// Returns the visible rows below `end`, newest first.
    fn rows(&self, end: Bound<Key>) -> impl Iterator<Item = (Key, &'a Row)> {
        let (log, settings, now, visible_rows, before) =
            (self.log, self.settings, self.now, self.visible_rows, self.before);
        // If `before` applies to the sort column, start the range there, so that the filter below has nothing to skip.
        let end = match end {
            Bound::Excluded(key) if key.0 <= before => end,
            _ if settings.before_column == settings.access_order => Bound::Included((before, usize::MAX)),
            _ => end,
        };
        log.sorted
            .range((Bound::Unbounded, end))
            .rev()
            .map(|key| (*key, &log.rows[key.1]))
            .filter(move |(_, row)| row.is_visible(now) && visible_rows.covers(row))
            .filter(move |(_, row)| value(row, settings.before_column) <= before)
    }
}

fn value(row: &Row, column: AccessColumn) -> i64 {
    match column {
        AccessColumn::First => row.second(),
        AccessColumn::Last => row.last_second(),
    }
}
