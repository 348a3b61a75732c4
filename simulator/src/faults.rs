//! Scripted faults: the fault, the calls that it applies to, and its effect on the response. Faults are deterministic. Tests that need
//! random faults generate them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::api_error::{not_ok, throttled_code};
use crate::response::http_date;
use crate::{Family, Log, Request, Response, Row};

/// One scripted fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which of the matching calls the fault applies to.
    pub when: When,
    /// The calls that match.
    pub on: CallMatcher,
    /// The effect of the fault.
    pub kind: FaultKind,
}

/// Which of the matching calls a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The n-th call since the fault was added, counting from 1.
    Nth(u32),
    /// Every n-th call, until the faults are cleared.
    EveryNth(u32),
    /// Every call in this time range, including both ends.
    During(Timestamp, Timestamp),
}

/// The calls that a fault applies to. All fields that are set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallMatcher {
    /// The path, such as `auth.test`.
    pub path: Option<String>,
    /// The `team_id`.
    pub team: Option<String>,
    /// `Some(true)`: only requests with a cursor. `Some(false)`: only requests without one.
    pub cursor: Option<bool>,
}

/// The effect of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Any status with any text as `text/plain`. An empty text means an empty body.
    Status(u16, String),
    /// An HTML page with any status, for example 200 or 502.
    Html(u16),
    /// 401 without a body, as the audit API returns for an invalid token.
    EmptyUnauthorized,
    /// HTTP 200 with `ok:false` and this error code.
    NotOk(String),
    /// A status and an error code of the audit API.
    AuditError(u16, String),
    /// 429, with the family's error code in the body unless `body` is set.
    Throttled {
        /// Any text for the `Retry-After` header. `None` omits the header.
        retry_after: Option<String>,
        /// A body that replaces the usual one.
        body: Option<String>,
    },
    /// A proxy's 503 without a body and without `Date`. Its `Retry-After` is an HTTP date, this many seconds from now.
    Unavailable(i64),
    /// The first half of the regular body.
    Truncated,
    /// An empty page with a cursor that leads to the start of the same page. The page is complete if the next call requests it again.
    /// Integration logs have no cursor, so their page is only empty. Numbered pages of access logs are never empty.
    EmptyPage,
    /// A page of this many rows, whatever limit was requested. The page is complete if the next call requests it again. The last numbered page
    /// stays complete if the response does not contain the total.
    Oversize(usize),
    /// Slack rejects the cursor. Calls without a cursor are not affected.
    StaleCursor,
    /// A page of audit or access logs whose cursor never reaches the end.
    Endless(Endless),
    /// Numbered pages claim this total number of rows. Pages after the last row are empty.
    Claims(usize),
    /// Every numbered page contains the rows of the first page.
    PageIgnored,
    /// The log receives these rows just before the response, so that the page shifts.
    Insert(Vec<Row>),
    /// The user of the access row with this number (see [`crate::World::add`]) returns just before the response.
    Touch(usize),
    /// The response has no `Date` header.
    NoDate,
    /// The connection closes without a response, and the call has no effect.
    Hangup,
    /// The call takes effect, but the connection closes without a response.
    HangupAfter,
    /// The server waits this long before it responds.
    Delay(Duration),
}

/// A page cursor that never reaches the end. With [`Fault::every`], the log is endless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endless {
    /// No rows, and the cursor of the request.
    SameCursor,
    /// No rows, and a new cursor each time.
    FreshCursor,
    /// The rows of the first page, and the cursor of the request.
    OldRows,
    /// Regular pages. The cursor of the last page leads back to the first page.
    Circle,
}

impl Endless {
    /// Returns the cursor of the page that follows a request with the cursor `asked`.
    pub(crate) fn next(self, asked: Option<&str>, now: Timestamp, call: u64) -> String {
        match (self, asked) {
            (Endless::FreshCursor, _) => crate::cursor::encode("endless", [i64::try_from(call).unwrap_or(0)], now),
            (_, Some(cursor)) => cursor.to_owned(),
            (_, None) => "same=".to_owned(),
        }
    }
}

impl CallMatcher {
    /// Matches every call.
    pub fn any() -> CallMatcher {
        CallMatcher::default()
    }

    /// Matches calls of this path.
    pub fn path(path: &str) -> CallMatcher {
        CallMatcher { path: Some(path.to_owned()), ..CallMatcher::default() }
    }

    /// Matches calls that read a log.
    pub fn log(log: Log) -> CallMatcher {
        CallMatcher::path(log.path())
    }

    /// Restricts the matcher to calls with this `team_id`.
    pub fn team(mut self, team: &str) -> CallMatcher {
        self.team = Some(team.to_owned());
        self
    }

    /// Restricts the matcher to requests with a cursor.
    pub fn later_pages(mut self) -> CallMatcher {
        self.cursor = Some(true);
        self
    }

    /// Restricts the matcher to requests without a cursor.
    pub fn first_pages(mut self) -> CallMatcher {
        self.cursor = Some(false);
        self
    }

    fn matches(&self, request: &Request) -> bool {
        self.path.as_ref().is_none_or(|path| *path == request.path)
            && self.team.as_deref().is_none_or(|team| request.parameter("team_id") == Some(team))
            && self.cursor.is_none_or(|cursor| request.parameter("cursor").is_some() == cursor)
    }
}

impl Fault {
    /// Creates a fault for the next matching call only.
    pub fn next(on: CallMatcher, kind: FaultKind) -> Fault {
        Fault::nth(1, on, kind)
    }

    /// Creates a fault for the n-th matching call only, counting from 1.
    pub fn nth(n: u32, on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::Nth(n), on, kind }
    }

    /// Creates a fault for every matching call.
    pub fn every(on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::EveryNth(1), on, kind }
    }

    /// Creates a fault for every matching call from `from` to `until`.
    pub fn during(from: Timestamp, until: Timestamp, on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::During(from, until), on, kind }
    }
}

impl FaultKind {
    /// Returns `ok:false` with this code.
    pub fn not_ok(code: &str) -> FaultKind {
        FaultKind::NotOk(code.to_owned())
    }

    /// Returns 429 with this `Retry-After`.
    pub fn throttled(retry_after: &str) -> FaultKind {
        FaultKind::Throttled { retry_after: Some(retry_after.to_owned()), body: None }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FaultScript {
    /// Each fault, with the number of calls that have matched it.
    faults: Vec<(Fault, u32)>,
}

impl FaultScript {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    pub(crate) fn end_lasting(&mut self) {
        self.faults.retain(|(fault, _)| matches!(fault.when, When::Nth(_)));
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// Returns the faults that apply to this call, in the order in which they were added. Removes faults that cannot occur again.
    pub(crate) fn next_faults(&mut self, now: Timestamp, request: &Request) -> Vec<FaultKind> {
        let mut hits = Vec::new();
        self.faults.retain_mut(|(fault, matched)| {
            // A stale cursor requires a cursor. Calls without one do not count as matching.
            let without_cursor = fault.kind == FaultKind::StaleCursor && request.parameter("cursor").is_none();
            if without_cursor || !fault.on.matches(request) {
                return true;
            }
            *matched += 1;
            let (applies, is_exhausted) = match fault.when {
                When::Nth(n) => (*matched == n, *matched >= n),
                When::EveryNth(n) => (n > 0 && *matched % n == 0, false),
                When::During(from, until) => (from <= now && now <= until, now > until),
            };
            if applies {
                hits.push(fault.kind.clone());
            }
            !is_exhausted
        });
        hits
    }
}

/// Returns the response that replaces the regular one at `now`, if the fault has one.
pub(crate) fn replacement(fault: &FaultKind, family: Family, now: Timestamp) -> Option<Response> {
    Some(match fault {
        FaultKind::Status(status, text) if text.is_empty() => Response::empty(*status),
        FaultKind::Status(status, text) => Response::text(*status, text.as_str()),
        FaultKind::Html(status) => Response::html(*status, HTML),
        FaultKind::EmptyUnauthorized => Response::empty(401),
        FaultKind::NotOk(code) => Response::json(200, not_ok(code, None, None)),
        FaultKind::AuditError(status, code) => Response::json(*status, not_ok(code, None, None)),
        FaultKind::Throttled { retry_after, body } => {
            let usual = || not_ok(throttled_code(family), None, None);
            let mut response = Response::json(429, body.clone().unwrap_or_else(usual));
            if let Some(text) = retry_after {
                response.push("Retry-After", text.as_str());
            }
            response
        }
        FaultKind::Unavailable(seconds) => {
            let mut response = Response::empty(503);
            let until = now.saturating_add(SignedDuration::from_secs(*seconds)).unwrap_or(Timestamp::MAX);
            response.push("Retry-After", http_date(until));
            response
        }
        _ => return None,
    })
}

/// Applies a fault to a response, which may itself be the replacement of another fault.
pub(crate) fn apply(response: &mut Response, fault: &FaultKind) {
    match fault {
        FaultKind::Truncated => cut_off(response, response.body.len() / 2),
        FaultKind::NoDate | FaultKind::Unavailable(_) => response.headers.retain(|(name, _)| name != "Date"),
        FaultKind::Delay(delay) => response.delay += *delay,
        _ => {}
    }
}

/// Truncates the body of a response to `bytes`.
pub(crate) fn cut_off(response: &mut Response, bytes: usize) {
    response.body.truncate(bytes);
    if let Some(shown) = &mut response.shown {
        shown.whole = false;
    }
}

const HTML: &str =
    "<!DOCTYPE html>\n<html><head><title>Slack</title></head><body><h1>Something went wrong</h1></body></html>\n";
