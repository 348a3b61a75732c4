//! Replies of Slack: a page of rows, or why there is none. An empty page and an unreadable reply are never taken for the end.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error;
use super::request::{Family, Request};
use crate::time::{CLOCK_SKEW_SECONDS, Second, parse_http_date};
use crate::trouble::{Remedy, Trouble, place};

/// A reply that tells an error is small; one longer than this is a page.
const ERROR_BYTES_MAX: usize = 16 << 10;
/// Seconds that Slack may take from looking at its rows to the `Date` of its reply. A longer time would be safer, and keep a walk from
/// its end where more rows than fit one page are in use within it.
const ANSWER_SECONDS_MAX: i64 = 1;

/// What came back over HTTP.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, as it came.
    pub retry_after: Option<String>,
    /// The `Date` header: Slack's clock.
    pub date: Option<Timestamp>,
    /// The `x-oauth-scopes` header: what the token that was used may do, where Slack says so.
    pub scopes: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// One page of rows.
#[derive(Debug)]
pub struct Page<'a> {
    /// The rows, in Slack's order.
    pub rows: Vec<&'a RawValue>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
    /// Where pages are numbered: which this is, of how many.
    pub paging: Option<Paging>,
    /// Slack looked at its rows at this time or later, by its own clock.
    pub made_after: Second,
}

/// Which page of how many.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct Paging {
    /// How many pages there are.
    #[serde(default)]
    pub pages: u32,
    /// How many rows all pages have.
    #[serde(default)]
    pub total: u64,
    /// How many rows a full page has; 0 where Slack does not say.
    #[serde(default)]
    pub count: u32,
}

impl Paging {
    /// Whether the page of this number may have so many rows, by what it says of itself. Where that is not to be believed, because
    /// its numbers do not fit each other, any page among pages with rows must have some.
    pub(crate) fn admits(&self, page: u32, rows: usize) -> bool {
        let (rows, count) = (rows as u64, u64::from(self.count));
        if count == 0 || self.total.div_ceil(count) != u64::from(self.pages) {
            return rows > 0 || self.total == 0 || page > self.pages.max(1);
        }
        rows == self.total.saturating_sub(u64::from(page.saturating_sub(1)) * count).min(count)
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum Refusal {
    /// The page cursor is too old: start again without it.
    StalePageCursor,
    /// Numbered pages end before this one.
    NoSuchPage,
    /// Anything else.
    Trouble(Trouble),
}

/// Seconds to wait when Slack limits us and says nothing that we understand.
const RETRY_AFTER_DEFAULT_SECONDS: i64 = 60;
/// However long Slack says: we ask again after an hour.
const RETRY_AFTER_MAX_SECONDS: i64 = 3600;

#[derive(Deserialize)]
struct Envelope<'a> {
    ok: Option<bool>,
    error: Option<String>,
    needed: Option<String>,
    #[serde(borrow)]
    entries: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    logins: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    logs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    teams: Option<Vec<&'a RawValue>>,
    response_metadata: Option<Metadata>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Metadata {
    next_cursor: Option<String>,
}

impl Reply {
    /// Whether it may tell an error: a glance, which spares reading a page twice.
    pub(crate) fn may_be_an_error(&self) -> bool {
        const NAME: &[u8] = b"\"error\"";
        self.status != 200 || self.body.len() <= ERROR_BYTES_MAX && self.body.windows(NAME.len()).any(|at| at == NAME)
    }

    /// The page that answers `request`.
    ///
    /// # Errors
    /// By remedy, from the status, the error code and the shape of the reply.
    pub fn page(&self, request: &Request, now: Second) -> Result<Page<'_>, Refusal> {
        let envelope = self.envelope(request, now)?;
        let rows = match request.method {
            "logs" => envelope.entries,
            "team.accessLogs" => envelope.logins,
            "team.integrationLogs" => envelope.logs,
            _ => envelope.teams,
        };
        let rows = rows.ok_or_else(|| Refusal::Trouble(self.unreadable(request, "it holds no list of rows")))?;
        let next =
            envelope.response_metadata.and_then(|metadata| metadata.next_cursor).filter(|cursor| !cursor.is_empty());
        Ok(Page { rows, next, paging: envelope.paging, made_after: self.slack_now(now).plus(-ANSWER_SECONDS_MAX) })
    }

    /// Slack's time when it answered; where it does not say, one that it was certainly past.
    pub(crate) fn slack_now(&self, now: Second) -> Second {
        self.date.map_or(now.plus(-CLOCK_SKEW_SECONDS), Second::of)
    }

    /// The body of a reply that is no page and no error, as JSON of a shape of the caller's.
    ///
    /// # Errors
    /// As [`Reply::page`].
    pub fn json<'a, T: Deserialize<'a>>(&'a self, request: &Request, now: Second) -> Result<T, Trouble> {
        match self.envelope(request, now) {
            Ok(_) => serde_json::from_slice(&self.body).map_err(|error| self.unreadable(request, &place(&error))),
            Err(Refusal::Trouble(trouble)) => Err(trouble),
            Err(_) => Err(self.unreadable(request, "it speaks of pages")),
        }
    }

    fn envelope(&self, request: &Request, now: Second) -> Result<Envelope<'_>, Refusal> {
        let body = serde_json::from_slice::<Envelope<'_>>(&self.body);
        let code = body.as_ref().ok().and_then(|envelope| envelope.error.as_deref()).filter(|code| !code.is_empty());
        if self.status == 200
            && let Ok(envelope) = body
        {
            // Web replies always say `ok`; audit replies never do, but a `false` there is an error all the same.
            return match (envelope.ok, request.family) {
                (Some(true), _) => Ok(envelope),
                (None, Family::Audit) if envelope.error.is_none() => Ok(envelope),
                (None, Family::Web) => {
                    Err(Refusal::Trouble(self.unreadable(request, "it does not say whether it is `ok`")))
                }
                _ => Err(self.refusal(
                    request,
                    envelope.error.as_deref().unwrap_or("unknown_error"),
                    envelope.needed.as_deref(),
                    now,
                )),
            };
        }
        match (self.status, code) {
            (200, _) => Err(Refusal::Trouble(self.unreadable(request, "it is not the JSON of the contract"))),
            // Seen in the field: a stale audit cursor answers 400, not always with a code.
            (400, _) if request.family == Family::Audit && request.has_page_cursor() => Err(Refusal::StalePageCursor),
            (_, Some(code)) => {
                let needed = body.as_ref().ok().and_then(|envelope| envelope.needed.as_deref());
                Err(self.refusal(request, code, needed, now))
            }
            (429, None) => Err(self.refusal(request, "ratelimited", None, now)),
            // A bad audit token answers 401 with an empty body.
            (401, None) => Err(self.refusal(request, "invalid_authentication", None, now)),
            (403, None) => Err(self.refusal(request, "access_denied", None, now)),
            (status, None) => Err(Refusal::Trouble(self.bare_status(request, status))),
        }
    }

    fn refusal(&self, request: &Request, code: &str, needed: Option<&str>, now: Second) -> Refusal {
        match code {
            "invalid_cursor" if request.has_page_cursor() => Refusal::StalePageCursor,
            "over_pagination_limit" if request.method == "team.integrationLogs" => Refusal::NoSuchPage,
            _ => {
                let limited = self.status == 429 || matches!(code, "ratelimited" | "rate_limited");
                let wait = (limited || self.retry_after.is_some()).then(|| self.retry_after_seconds(now));
                Refusal::Trouble(error::trouble(request.method, code, needed).after(wait))
            }
        }
    }

    fn bare_status(&self, request: &Request, status: u16) -> Trouble {
        let (remedy, hint) = match status {
            400 | 404 | 405 | 414 => (
                Remedy::Investigate,
                "Slack finds our request wrong: see the URL settings, or report it with this line",
            ),
            _ => (Remedy::TryLater, "nothing to do: the next tick asks again"),
        };
        let wait = self.retry_after.is_some().then(|| self.retry_after_seconds(parse_date(self)));
        Trouble::slack(
            remedy,
            format!("http_{status}"),
            format!("Slack answered `{}` with HTTP status {status} and no error code", request.method),
            hint,
        )
        .after(wait)
    }

    fn unreadable(&self, request: &Request, what: &str) -> Trouble {
        Trouble::slack(
            Remedy::TryLater,
            "unreadable_reply",
            format!(
                "Slack answered `{}` with HTTP status {} and {} bytes that we cannot use: {what}",
                request.method,
                self.status,
                self.body.len()
            ),
            "the next tick asks again; if it stays, a proxy may stand between us and Slack",
        )
    }

    /// `Retry-After` is seconds, or an HTTP date; anything else is a minute.
    fn retry_after_seconds(&self, now: Second) -> i64 {
        let text = self.retry_after.as_deref().unwrap_or("").trim();
        let seconds =
            text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|seconds| seconds.ceil() as i64);
        let until =
            || parse_http_date(text).map(|instant| Second::of(instant).since(self.date.map_or(now, Second::of)));
        seconds.or_else(until).unwrap_or(RETRY_AFTER_DEFAULT_SECONDS).clamp(1, RETRY_AFTER_MAX_SECONDS)
    }
}

fn parse_date(reply: &Reply) -> Second {
    reply.date.map_or(Second::EPOCH, Second::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Second = Second::EPOCH;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() }
    }

    fn audit(cursor: Option<&str>) -> Request {
        Request::audit_logs(NOW, NOW, cursor)
    }

    fn trouble(reply: &Reply, request: &Request) -> Trouble {
        match reply.page(request, NOW) {
            Err(Refusal::Trouble(trouble)) => trouble,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_end_comes_in_three_forms_and_an_empty_page_is_not_one() {
        for end in [
            r#"{"entries":[{}]}"#,
            r#"{"entries":[{}],"response_metadata":{}}"#,
            r#"{"entries":[{}],"response_metadata":{"next_cursor":""}}"#,
        ] {
            assert_eq!(reply(200, end).page(&audit(None), NOW).unwrap().next, None);
        }
        let empty = reply(200, r#"{"entries":[],"response_metadata":{"next_cursor":"abc="}}"#);
        assert_eq!(empty.page(&audit(None), NOW).unwrap().next.as_deref(), Some("abc="));
    }

    #[test]
    fn not_ok_under_200_is_an_error_and_so_is_every_reply_that_we_cannot_read() {
        let web = Request::access_logs(None);
        assert_eq!(trouble(&reply(200, r#"{"ok":false,"error":"invalid_auth"}"#), &web).remedy, Remedy::Reauthorize);
        assert_eq!(trouble(&reply(200, r#"{"ok":false}"#), &web).code, "unknown_error");
        assert_eq!(
            trouble(&reply(200, r#"{"ok":false,"error":"missing_scope","needed":"admin"}"#), &audit(None)).remedy,
            Remedy::Reconfigure
        );
        for (body, request) in [
            ("<html>", &web),
            ("", &web),
            (r#"{"logins":[]}"#, &web),
            (r#"{"ok":true}"#, &web),
            (r#"{"ok":true,"logins":[{}"#, &web),
            ("{}", &audit(None)),
            (r#"{"ok":true,"logs":[]}"#, &web),
        ] {
            assert_eq!(trouble(&reply(200, body), request).code, "unreadable_reply", "{body}");
        }
    }

    #[test]
    fn an_empty_401_asks_for_a_new_token_and_a_status_alone_has_its_remedy() {
        assert_eq!(trouble(&reply(401, ""), &audit(None)).remedy, Remedy::Reauthorize);
        assert_eq!(trouble(&reply(403, ""), &audit(None)).remedy, Remedy::Reconfigure);
        assert_eq!(trouble(&reply(400, ""), &audit(None)).remedy, Remedy::Investigate);
        assert_eq!(trouble(&reply(502, "<html>"), &audit(None)).remedy, Remedy::TryLater);
        assert_eq!(
            trouble(&reply(401, r#"{"error":"user_not_authorized"}"#), &audit(None)).remedy,
            Remedy::Reconfigure
        );
    }

    #[test]
    fn a_stale_page_cursor_is_known_in_both_families_and_only_with_a_cursor() {
        let stale =
            |reply: &Reply, request: &Request| matches!(reply.page(request, NOW), Err(Refusal::StalePageCursor));
        assert!(stale(&reply(400, ""), &audit(Some("x"))));
        assert!(stale(&reply(400, r#"{"error":"invalid_cursor"}"#), &audit(Some("x"))));
        assert!(stale(&reply(200, r#"{"ok":false,"error":"invalid_cursor"}"#), &Request::access_logs(Some("x"))));
        assert!(!stale(&reply(400, r#"{"error":"invalid_cursor"}"#), &audit(None)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_or_else_a_minute_and_at_most_an_hour() {
        let wait = |header: Option<&str>| {
            let limited = Reply {
                status: 429,
                retry_after: header.map(str::to_owned),
                date: parse_http_date("Sun, 22 Nov 2026 07:33:41 GMT"),
                ..Reply::default()
            };
            trouble(&limited, &audit(None)).retry_after_seconds
        };
        assert_eq!(wait(Some("30")), Some(30));
        assert_eq!(wait(Some(" 1.5 ")), Some(2));
        assert_eq!(wait(Some("Sun, 22 Nov 2026 07:34:41 GMT")), Some(60));
        assert_eq!(wait(Some("soon")), Some(60));
        assert_eq!(wait(None), Some(60));
        assert_eq!(wait(Some("-5")), Some(1));
        assert_eq!(wait(Some("99999999999999999999")), Some(3600));
    }
}
