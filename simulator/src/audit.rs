//! The Audit Logs API: newest first over an inclusive range of seconds, in pages that do not split a second.

use jiff::Timestamp;
use rand::seq::SliceRandom;
use rand::{RngExt, rngs::StdRng};
use serde_json::Value;

use crate::api_error::ApiError;
use crate::generate::KNOWN_ACTIONS;
use crate::page::{Form, PageFault, Tail};
use crate::row_store::RowStore;
use crate::settings::{SecondOrder, Seconds, Settings};
use crate::{Endless, Request, Response, Row, cursor};

/// 1 March 2018: no audit record is older.
pub const AUDIT_BEGINNING: Timestamp = Timestamp::constant(1_519_862_400, 0);
const ACTIONS_MAX: usize = 30;
const CURSOR: &str = "audit";

/// One question about the audit log, read and checked.
struct Ask<'a> {
    oldest: i64,
    latest: i64,
    /// Go on with this second, after so many of its rows.
    place: (i64, usize),
    rows_max: usize,
    /// A fault wants the page empty, and a next one all the same.
    emptied: bool,
    filter: Filter<'a>,
}

/// The filters on what a row says; the slow path, since rows are kept as text.
struct Filter<'a> {
    actions: Vec<&'a str>,
    actor: Option<&'a str>,
    entity: Option<&'a str>,
}

/// Answers `logs`.
pub(crate) fn answer(
    store: &RowStore,
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    page_fault: PageFault,
    form: Form,
    dice: &mut StdRng,
) -> Result<Response, ApiError> {
    if let Some(endless) = page_fault.endless.filter(|endless| *endless != Endless::Circle) {
        return Ok(endless_page(store, settings, now, request, endless, form, dice));
    }
    let ask = Ask::read(settings, now, request, page_fault, dice)?;
    let (mut rows, next) = ask.page(store, settings, now);
    if settings.audit_second_order == SecondOrder::Shuffled {
        for second in rows.chunk_by_mut(|a, b| a.second() == b.second()) {
            second.shuffle(dice);
        }
    }
    let kept = if settings.audit_cursor_forgets { (i64::MIN, i64::MAX) } else { (ask.oldest, ask.latest) };
    let leads_on = page_fault.endless == Some(Endless::Circle) && request.parameter("cursor").is_some();
    let next = next.or(leads_on.then_some((ask.latest, 0))).map(|(second, skip)| {
        cursor::encode(CURSOR, [second, i64::try_from(skip).unwrap_or(i64::MAX), kept.0, kept.1], now)
    });
    Ok(form.page("entries", &rows, Tail::Cursor(next.as_deref(), settings.audit_end)))
}

/// A page whose cursor leads nowhere.
fn endless_page(
    store: &RowStore,
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    endless: Endless,
    form: Form,
    dice: &mut StdRng,
) -> Response {
    let first = Request {
        query: request.query.iter().filter(|(name, _)| name != "cursor").cloned().collect(),
        ..request.clone()
    };
    let ask = Ask::read(settings, now, &first, PageFault::default(), dice);
    let rows = match (endless, ask) {
        (Endless::OldRows, Ok(ask)) => ask.page(store, settings, now).0,
        _ => Vec::new(),
    };
    let next = endless.next(request.parameter("cursor"), now, dice.random_range(0..1 << 40));
    form.page("entries", &rows, Tail::Cursor(Some(&next), settings.audit_end))
}

impl<'a> Ask<'a> {
    fn read(
        settings: &Settings,
        now: Timestamp,
        request: &'a Request,
        page_fault: PageFault,
        dice: &mut StdRng,
    ) -> Result<Ask<'a>, ApiError> {
        let bound = |name| request.integer(name).map_err(|_| ApiError::new("invalid_range"));
        let (mut oldest, mut latest) = (bound("oldest")?, bound("latest")?);
        check_range(oldest, latest, now, settings.audit_range_strict)?;
        let limit = request.integer("limit").map_err(|_| ApiError::new("invalid_limit"))?;
        let limit = limit.map_or(Ok(settings.audit_limit_default), usize::try_from);
        let limit = limit.map_err(|_| ApiError::new("invalid_limit"))?.clamp(1, settings.audit_limit_max.max(1));

        let mut place = (latest.unwrap_or(i64::MAX), 0);
        if let Some(text) = request.parameter("cursor") {
            let decoded =
                cursor::decode::<4>(CURSOR, text, now, settings.cursor_ttl).filter(|_| !page_fault.stale_cursor);
            let [second, skip, kept_oldest, kept_latest] = decoded.ok_or_else(|| ApiError::new("invalid_cursor"))?;
            oldest = oldest.max(Some(kept_oldest));
            latest = Some(latest.unwrap_or(i64::MAX).min(kept_latest));
            place = (second, usize::try_from(skip).unwrap_or(0));
        }
        Ok(Ask {
            oldest: oldest.unwrap_or(i64::MIN),
            latest: latest.unwrap_or(i64::MAX),
            place,
            rows_max: page_fault.rows(limit, settings.audit_fill, |most| dice.random_range(0..=most)),
            emptied: page_fault.empty,
            filter: Filter::read(request, settings.audit_action_strict)?,
        })
    }

    /// The rows of the page, and the place where the next one begins.
    fn page<'l>(
        &self,
        store: &'l RowStore,
        settings: &Settings,
        now: Timestamp,
    ) -> (Vec<&'l Row>, Option<(i64, usize)>) {
        let whole = settings.audit_seconds == Seconds::Whole;
        let (top, mut skip) = self.place;
        let mut page: Vec<&Row> = Vec::with_capacity(self.rows_max.min(store.rows().len()));
        for row in store.between(self.oldest, self.latest.min(top)).iter().rev() {
            if !row.is_visible(now) || !self.filter.admits(row) {
                continue;
            }
            if skip > 0 && row.second() == top {
                skip -= 1;
                continue;
            }
            let inside = whole && page.last().is_some_and(|last| last.second() == row.second());
            if page.len() >= self.rows_max && !inside {
                let next = self.next_place(&page, whole, row);
                return (page, Some(next));
            }
            page.push(row);
        }
        let full = page.last().filter(|_| settings.trailing_empty_page && page.len() >= self.rows_max);
        let next = full.map(|last| (last.second() - 1, 0)).or(self.emptied.then_some(self.place));
        (page, next)
    }

    /// Where the page after `page` begins, of which `following` is the first row.
    fn next_place(&self, page: &[&Row], whole: bool, following: &Row) -> (i64, usize) {
        let (top, skip) = self.place;
        let Some(last) = page.last() else {
            return self.place;
        };
        let second = last.second();
        if whole || following.second() != second {
            return (second - 1, 0);
        }
        let here = page.iter().filter(|row| row.second() == second).count();
        (second, if second == top { skip + here } else { here })
    }
}

impl<'a> Filter<'a> {
    fn read(request: &'a Request, strict: bool) -> Result<Filter<'a>, ApiError> {
        let actions: Vec<&str> = request.parameter("action").map(|list| list.split(',').collect()).unwrap_or_default();
        let unknown = strict && actions.iter().any(|action| !KNOWN_ACTIONS.contains(action));
        if unknown || actions.len() > ACTIONS_MAX {
            return Err(ApiError::new("invalid_action"));
        }
        Ok(Filter { actions, actor: request.parameter("actor"), entity: request.parameter("entity") })
    }

    fn admits(&self, row: &Row) -> bool {
        if self.actions.is_empty() && self.actor.is_none() && self.entity.is_none() {
            return true;
        }
        let Ok(value) = serde_json::from_str::<Value>(&row.json) else {
            return false;
        };
        let action = value["action"].as_str().unwrap_or_default();
        (self.actions.is_empty() || self.actions.contains(&action))
            && self.actor.is_none_or(|id| subject(&value["actor"]) == Some(id))
            && self.entity.is_none_or(|id| subject(&value["entity"]) == Some(id))
    }
}

/// The id inside `{"type":"user","user":{"id":...}}`.
fn subject(value: &Value) -> Option<&str> {
    value[value["type"].as_str()?]["id"].as_str()
}

/// Refuses a range upside down, before audit logs existed, or in the future. Sources leave open whether one that only partly lies
/// there is refused: `strict` does.
fn check_range(oldest: Option<i64>, latest: Option<i64>, now: Timestamp, strict: bool) -> Result<(), ApiError> {
    let (beginning, now) = (AUDIT_BEGINNING.as_second(), now.as_second());
    let upside_down = oldest.zip(latest).is_some_and(|(oldest, latest)| oldest > latest);
    let outside = oldest.is_some_and(|oldest| oldest > now) || latest.is_some_and(|latest| latest < beginning);
    let partly = oldest.is_some_and(|oldest| oldest < beginning) || latest.is_some_and(|latest| latest > now);
    if upside_down || outside || (strict && partly) { Err(ApiError::new("invalid_range")) } else { Ok(()) }
}
