//! The Audit Logs API: returns an inclusive range of seconds, newest first. By default, a page does not end inside a second.

use jiff::Timestamp;
use rand::seq::SliceRandom;
use rand::{RngExt, rngs::StdRng};

use crate::api_error::ApiError;
use crate::page::{Form, PageFault, Tail};
use crate::row_store::RowStore;
use crate::settings::{SecondOrder, Seconds, Settings};
use crate::{Endless, Request, Response, Row, cursor};

/// The number of rows of a page if the request has no `limit`.
const LIMIT_DEFAULT: usize = 100;
/// 1 March 2018, before which Slack has no audit records.
const AUDIT_BEGINNING: Timestamp = Timestamp::constant(1_519_862_400, 0);
const CURSOR: &str = "audit";

/// The validated parameters of one audit log request.
struct LogQuery {
    oldest: i64,
    latest: i64,
    /// The second to continue with, and how many of its rows to skip.
    position: (i64, usize),
    rows_max: usize,
    /// Whether a fault makes the page empty but keeps its cursor.
    emptied: bool,
}

/// Returns the response of `logs`.
pub(crate) fn answer(
    store: &RowStore,
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    page_fault: PageFault,
    form: Form,
    rng: &mut StdRng,
) -> Result<Response, ApiError> {
    if let Some(endless) = page_fault.endless.filter(|endless| *endless != Endless::Circle) {
        return Ok(endless_page(store, settings, now, request, endless, form, rng));
    }
    let log_query = LogQuery::read(settings, now, request, page_fault, rng)?;
    let (mut rows, next) = log_query.page(store, settings, now);
    if settings.audit_second_order == SecondOrder::Shuffled {
        for second in rows.chunk_by_mut(|a, b| a.second() == b.second()) {
            second.shuffle(rng);
        }
    }
    let kept = if settings.audit_cursor_forgets { (i64::MIN, i64::MAX) } else { (log_query.oldest, log_query.latest) };
    let is_circular = page_fault.endless == Some(Endless::Circle) && request.parameter("cursor").is_some();
    let next = next.or(is_circular.then_some((log_query.latest, 0))).map(|(second, skip)| {
        cursor::encode(CURSOR, [second, i64::try_from(skip).unwrap_or(i64::MAX), kept.0, kept.1], now)
    });
    Ok(form.page("entries", &rows, Tail::Cursor(next.as_deref(), settings.audit_end)))
}

/// Returns a page whose cursor never reaches the end.
fn endless_page(
    store: &RowStore,
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    endless: Endless,
    form: Form,
    rng: &mut StdRng,
) -> Response {
    let first = Request {
        query: request.query.iter().filter(|(name, _)| name != "cursor").cloned().collect(),
        ..request.clone()
    };
    let log_query = LogQuery::read(settings, now, &first, PageFault::default(), rng);
    let rows = match (endless, log_query) {
        (Endless::OldRows, Ok(log_query)) => log_query.page(store, settings, now).0,
        _ => Vec::new(),
    };
    let next = endless.next(request.parameter("cursor"), now, rng.random_range(0..1 << 40));
    form.page("entries", &rows, Tail::Cursor(Some(&next), settings.audit_end))
}

impl LogQuery {
    fn read(
        settings: &Settings,
        now: Timestamp,
        request: &Request,
        page_fault: PageFault,
        rng: &mut StdRng,
    ) -> Result<LogQuery, ApiError> {
        let bound = |name| request.integer(name).map_err(|_| ApiError::new("invalid_range"));
        let (mut oldest, mut latest) = (bound("oldest")?, bound("latest")?);
        check_range(oldest, latest, now, settings.audit_range_strict)?;
        let limit = request.integer("limit").map_err(|_| ApiError::new("invalid_limit"))?;
        let limit = limit.map_or(Ok(LIMIT_DEFAULT), usize::try_from);
        let limit = limit.map_err(|_| ApiError::new("invalid_limit"))?.clamp(1, settings.audit_limit_max.max(1));

        let mut position = (latest.unwrap_or(i64::MAX), 0);
        if let Some(text) = request.parameter("cursor") {
            let decoded =
                cursor::decode::<4>(CURSOR, text, now, settings.cursor_ttl).filter(|_| !page_fault.stale_cursor);
            let [second, skip, kept_oldest, kept_latest] = decoded.ok_or_else(|| ApiError::new("invalid_cursor"))?;
            oldest = oldest.max(Some(kept_oldest));
            latest = Some(latest.unwrap_or(i64::MAX).min(kept_latest));
            position = (second, usize::try_from(skip).unwrap_or(0));
        }
        Ok(LogQuery {
            oldest: oldest.unwrap_or(i64::MIN),
            latest: latest.unwrap_or(i64::MAX),
            position,
            rows_max: page_fault.rows(limit, settings.audit_fill, |most| rng.random_range(0..=most)),
            emptied: page_fault.empty,
        })
    }

    /// Returns the rows of the page, and the position where the next page starts.
    fn page<'a>(
        &self,
        store: &'a RowStore,
        settings: &Settings,
        now: Timestamp,
    ) -> (Vec<&'a Row>, Option<(i64, usize)>) {
        let whole = settings.audit_seconds == Seconds::Whole;
        let (start, mut skip) = self.position;
        let mut page: Vec<&Row> = Vec::with_capacity(self.rows_max.min(store.rows().len()));
        for row in store.between(self.oldest, self.latest.min(start)).iter().rev() {
            if !row.is_visible(now) {
                continue;
            }
            if skip > 0 && row.second() == start {
                skip -= 1;
                continue;
            }
            let inside = whole && page.last().is_some_and(|last| last.second() == row.second());
            if page.len() >= self.rows_max && !inside {
                let next = self.next_position(&page, whole, row);
                return (page, Some(next));
            }
            page.push(row);
        }
        let full = page.last().filter(|_| settings.trailing_empty_page && page.len() >= self.rows_max);
        let next = full.map(|last| (last.second() - 1, 0)).or(self.emptied.then_some(self.position));
        (page, next)
    }

    /// Returns the position where the page after `page` starts. `following` is its first row.
    fn next_position(&self, page: &[&Row], whole: bool, following: &Row) -> (i64, usize) {
        let (start, skip) = self.position;
        let Some(last) = page.last() else {
            return self.position;
        };
        let second = last.second();
        if whole || following.second() != second {
            return (second - 1, 0);
        }
        let count = page.iter().filter(|row| row.second() == second).count();
        (second, if second == start { skip + count } else { count })
    }
}

/// Rejects a range that is reversed, before audit logs existed, or in the future. The documentation does not say whether Slack rejects a
/// range that only partly lies there. With `strict`, this function does.
fn check_range(oldest: Option<i64>, latest: Option<i64>, now: Timestamp, strict: bool) -> Result<(), ApiError> {
    let (beginning, now) = (AUDIT_BEGINNING.as_second(), now.as_second());
    let reversed = oldest.zip(latest).is_some_and(|(oldest, latest)| oldest > latest);
    let outside = oldest.is_some_and(|oldest| oldest > now) || latest.is_some_and(|latest| latest < beginning);
    let partly = oldest.is_some_and(|oldest| oldest < beginning) || latest.is_some_and(|latest| latest > now);
    if reversed || outside || (strict && partly) { Err(ApiError::new("invalid_range")) } else { Ok(()) }
}
