//! Scripted faults: what goes wrong, on which call, and what a fault does to a reply. Nothing here is random; a test that wants chance draws it itself.

use std::time::Duration;

use jiff::Timestamp;

use crate::api_error::{not_ok, throttled_code};
use crate::{Family, Log, Request, Response, Row};

/// One scripted fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// On which of the calls that match.
    pub when: When,
    /// Which calls match.
    pub on: CallMatcher,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// Which of the matching calls meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Only the n-th since the fault was scripted, counting from 1.
    Nth(u32),
    /// Every n-th.
    EveryNth(u32),
    /// All of them, until the faults are cleared.
    Every,
    /// All in this time, both ends included.
    During(Timestamp, Timestamp),
}

/// Which calls a fault is meant for. Everything that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallMatcher {
    /// Only this path, such as `auth.test`.
    pub path: Option<String>,
    /// Only with this `team_id`.
    pub team: Option<String>,
    /// `Some(true)`: only pages asked for by cursor; `Some(false)`: only first pages.
    pub cursor: Option<bool>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Any status with any text as `text/plain`; an empty text is an empty body.
    Status(u16, String),
    /// A page for browsers under any status, 200 and 502 among them.
    Html(u16),
    /// 401 without a body, as the audit API answers a bad token.
    EmptyUnauthorized,
    /// HTTP 200 with `ok:false`.
    NotOk {
        /// The error code.
        code: String,
        /// The scopes that `missing_scope` says are needed.
        needed: Option<String>,
        /// The scopes that it says were provided.
        provided: Option<String>,
    },
    /// An error code of the audit API under a status.
    AuditError(u16, String),
    /// 429. The family's own error code is the body, unless another body is given.
    Throttled {
        /// The `Retry-After` header, in any text; `None`: no such header.
        retry_after: Option<String>,
        /// A body instead of the usual one.
        body: Option<String>,
    },
    /// The true body, broken off in the middle.
    Truncated,
    /// A page without rows that still names a cursor, to where the page should have begun. (Integration logs know no cursor: the page
    /// is just empty. Numbered pages of access logs never are.) Asked for again by the next call, the page is as it should be.
    EmptyPage,
    /// A page of this many rows, whatever was asked for, once as [`FaultKind::EmptyPage`]. (A last numbered page stays whole where nothing would say how many rows there are.)
    Oversize(usize),
    /// The cursor of a call that has one is refused.
    StaleCursor,
    /// A page of audit or access logs whose cursor leads nowhere.
    Endless(Endless),
    /// Numbered pages say that there are so many rows in all, whatever there are: those beyond the last are empty.
    Claims(usize),
    /// Numbered pages show the first page's rows, whichever is asked for.
    PageIgnored,
    /// These rows come into the log just before the answer, so that the page shifts.
    Insert(Vec<Row>),
    /// The access row of this number (see [`crate::World::add`]) moves to the head just before the answer.
    Touch(usize),
    /// The `Date` header says this, or is missing.
    Date(Option<String>),
    /// The connection is closed without an answer, and the call has no effect.
    Hangup,
    /// The call takes effect, and the connection is closed without an answer: the reply is lost.
    HangupAfter,
    /// The server waits this long before it answers.
    Delay(Duration),
}

/// How a page cursor leads nowhere. With [`When::Every`] the log has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endless {
    /// No rows, and the cursor that was asked with.
    SameCursor,
    /// No rows, and another cursor each time.
    FreshCursor,
    /// The rows of the first page, and the cursor that was asked with.
    OldRows,
    /// True pages, the last of which leads to the first again.
    Circle,
}

impl Endless {
    /// The next page's cursor, after a page that was asked for with this one.
    pub(crate) fn next(self, asked: Option<&str>, now: Timestamp, call: u64) -> String {
        match (self, asked) {
            (Endless::FreshCursor, _) => crate::cursor::encode("endless", [i64::try_from(call).unwrap_or(0)], now),
            (_, Some(cursor)) => cursor.to_owned(),
            (_, None) => "same=".to_owned(),
        }
    }
}

impl CallMatcher {
    /// Every call.
    pub fn any() -> CallMatcher {
        CallMatcher::default()
    }

    /// Calls of this path.
    pub fn path(path: &str) -> CallMatcher {
        CallMatcher { path: Some(path.to_owned()), ..CallMatcher::default() }
    }

    /// Calls for a log.
    pub fn log(log: Log) -> CallMatcher {
        CallMatcher::path(log.path())
    }

    /// Of these, only the ones with this `team_id`.
    pub fn team(mut self, team: &str) -> CallMatcher {
        self.team = Some(team.to_owned());
        self
    }

    /// Of these, only pages asked for by cursor.
    pub fn later_pages(mut self) -> CallMatcher {
        self.cursor = Some(true);
        self
    }

    /// Of these, only pages asked for without a cursor.
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
    /// A fault on the next matching call only.
    pub fn next(on: CallMatcher, kind: FaultKind) -> Fault {
        Fault::nth(1, on, kind)
    }

    /// A fault on the n-th matching call only, counting from 1.
    pub fn nth(n: u32, on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::Nth(n), on, kind }
    }

    /// A fault on every matching call.
    pub fn every(on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::Every, on, kind }
    }

    /// A fault on every matching call from `from` to `until`.
    pub fn during(from: Timestamp, until: Timestamp, on: CallMatcher, kind: FaultKind) -> Fault {
        Fault { when: When::During(from, until), on, kind }
    }
}

impl FaultKind {
    /// `ok:false` with this code.
    pub fn not_ok(code: &str) -> FaultKind {
        FaultKind::NotOk { code: code.to_owned(), needed: None, provided: None }
    }

    /// 429 with this `Retry-After`.
    pub fn throttled(retry_after: &str) -> FaultKind {
        FaultKind::Throttled { retry_after: Some(retry_after.to_owned()), body: None }
    }
}

/// The faults still to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultScript {
    /// Each with the number of calls that matched it so far.
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

    /// What hits this call, in the order of scripting. A fault that cannot occur again is forgotten.
    pub(crate) fn next_faults(&mut self, now: Timestamp, request: &Request) -> Vec<FaultKind> {
        let mut met = Vec::new();
        self.faults.retain_mut(|(fault, matched)| {
            // A refused cursor needs a cursor: other calls neither meet the fault nor count.
            let without_cursor = fault.kind == FaultKind::StaleCursor && request.parameter("cursor").is_none();
            if without_cursor || !fault.on.matches(request) {
                return true;
            }
            *matched += 1;
            let (is_met, is_spent) = match fault.when {
                When::Nth(n) => (*matched == n, *matched >= n),
                When::EveryNth(n) => (n > 0 && *matched % n == 0, false),
                When::Every => (true, false),
                When::During(from, until) => (from <= now && now <= until, now > until),
            };
            if is_met {
                met.push(fault.kind.clone());
            }
            !is_spent
        });
        met
    }
}

/// The reply that a fault puts in the place of the true one.
pub(crate) fn replacement(fault: &FaultKind, family: Family) -> Option<Response> {
    Some(match fault {
        FaultKind::Status(status, text) if text.is_empty() => Response::empty(*status),
        FaultKind::Status(status, text) => Response::text(*status, text.as_str()),
        FaultKind::Html(status) => Response::html(*status, HTML),
        FaultKind::EmptyUnauthorized => Response::empty(401),
        FaultKind::NotOk { code, needed, provided } => {
            Response::json(200, not_ok(code, needed.clone(), provided.clone()))
        }
        FaultKind::AuditError(status, code) => Response::json(*status, not_ok(code, None, None)),
        FaultKind::Throttled { retry_after, body } => {
            let usual = || not_ok(throttled_code(family), None, None);
            let mut response = Response::json(429, body.clone().unwrap_or_else(usual));
            if let Some(text) = retry_after {
                response.push("Retry-After", text.as_str());
            }
            response
        }
        _ => return None,
    })
}

/// What a fault does to a reply, true or scripted.
pub(crate) fn apply(response: &mut Response, fault: &FaultKind) {
    match fault {
        FaultKind::Truncated => cut_off(response, response.body.len() / 2),
        FaultKind::Date(text) => {
            response.headers.retain(|(name, _)| name != "Date");
            if let Some(text) = text {
                response.push("Date", text.as_str());
            }
        }
        FaultKind::Delay(delay) => response.delay += *delay,
        _ => {}
    }
}

/// Breaks a reply off after so many bytes.
pub(crate) fn cut_off(response: &mut Response, bytes: usize) {
    response.body.truncate(bytes);
    if let Some(shown) = &mut response.shown {
        shown.whole = false;
    }
}

const HTML: &str =
    "<!DOCTYPE html>\n<html><head><title>Slack</title></head><body><h1>Something went wrong</h1></body></html>\n";
