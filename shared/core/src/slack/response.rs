//! Responses of Slack: a page of rows, or the reason why there is none. An empty page or an invalid response never counts as the end of a log.

use jiff::Timestamp;
use serde::Deserialize;

use super::Paging;
use super::error;
use super::request::{Family, Request};
use super::workspace_list::LISTED_MAX;
use super::{Advance, PageReader, TooLarge};
use crate::error::{Error, json_location};
use crate::time::{CLOCK_SKEW_SECONDS, Second, parse_http_date};

/// Maximum seconds between Slack's read of its rows and the `Date` of its response. A greater value would be safer, but a walk would never end
/// while more rows than fit into one page are in use within that time.
const ANSWER_SECONDS_MAX: i64 = 1;

/// An HTTP response. `B` is its body: bytes, or `slacktrail_ports::Body` while it arrives.
#[derive(Clone, Debug, Default)]
pub struct Response<B = Vec<u8>> {
    /// The HTTP status code.
    pub status: u16,
    /// The unparsed `Retry-After` header.
    pub retry_after: Option<String>,
    /// The `Date` header, which is the time on Slack's clock.
    pub date: Option<Timestamp>,
    /// The `x-oauth-scopes` header, with the scopes of the token, if Slack sent it.
    pub scopes: Option<String>,
    /// The body.
    pub body: B,
}

/// The fields of a page beside its rows.
#[derive(Clone, Debug)]
pub struct PageFields {
    /// The cursor of the next page, or `None` at the end of the log.
    pub next: Option<String>,
    /// The page counts, if pages are numbered.
    pub paging: Option<Paging>,
    /// A time on Slack's clock before which Slack did not read the rows.
    pub made_after: Second,
}

/// A page that was read as a whole.
#[derive(Debug)]
pub struct Page {
    /// The JSON of each row, in Slack's order.
    pub rows: Vec<String>,
    /// The fields beside the rows.
    pub end: PageFields,
}

/// The reason why a response is not a page.
#[derive(Clone, Debug)]
pub enum PageError {
    /// The page cursor has expired. The walk must restart without it.
    StalePageCursor,
    /// The page number is beyond the end of the log.
    NoSuchPage,
    /// Slack returned another error, or the response is invalid.
    Error(Error),
}

impl PageError {
    /// Returns the error of a tick or command for which the response means nothing else. A later tick reads the page again.
    pub fn into_error(self) -> Error {
        let why = match self {
            PageError::Error(error) => return error,
            PageError::NoSuchPage => "the page does not exist",
            PageError::StalePageCursor => "its own page cursor is invalid",
        };
        Error::slack("no_page", format!("reading a page of Slack's log: Slack responded that {why}"))
    }
}

/// The wait if Slack limits the call rate without a valid `Retry-After`.
const RETRY_AFTER_DEFAULT_SECONDS: i64 = 60;
/// The longest wait, whatever `Retry-After` says.
pub(crate) const RETRY_AFTER_MAX_SECONDS: i64 = 3_600;

impl Response {
    /// Reads the response to `request` as a whole page. The poller does not use this for logs, because it reads their pages while they arrive.
    ///
    /// # Errors
    ///
    /// Returns an error if the status, the error code, the structure or the size of the response shows that it is not a page.
    pub fn page(&self, request: &Request, now: Second) -> Result<Page, PageError> {
        let (rows, reader) = self.read(request)?;
        let end = self.page_fields(&reader, request, now)?;
        Ok(Page { rows, end })
    }

    /// Parses the body of a response that is not a page.
    ///
    /// # Errors
    ///
    /// Returns an error if Slack returned one, or if the body does not have the form of `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self, request: &Request, now: Second) -> Result<T, Error> {
        let answered = self.read(request).and_then(|(_, reader)| self.answered(&reader, request, now));
        match answered {
            Ok(()) => {
                serde_json::from_slice(&self.body).map_err(|error| self.unreadable(request, &json_location(&error)))
            }
            Err(PageError::Error(error)) => Err(error),
            Err(_) => Err(self.unreadable(request, "it has an error of a paged response")),
        }
    }

    fn read(&self, request: &Request) -> Result<(Vec<String>, PageReader), PageError> {
        let rows_max = if request.log().is_some() { usize::MAX } else { LISTED_MAX };
        let too_large = |limit| PageError::Error(too_large(request, limit));
        let mut reader = PageReader::new(request.method);
        let mut rows = Vec::new();
        reader.push(&self.body).map_err(too_large)?;
        reader.end();
        while reader.advance().map_err(too_large)? == Advance::Row {
            if rows.len() == rows_max {
                return Err(too_large(TooLarge::Rows));
            }
            rows.push(reader.row().json.into_owned());
        }
        Ok((rows, reader))
    }
}

impl<B> Response<B> {
    /// Returns the response with another body.
    pub fn with_body<C>(self, body: C) -> Response<C> {
        let Response { status, retry_after, date, scopes, body: _ } = self;
        Response { status, retry_after, date, scopes, body }
    }

    /// Returns the fields of a page beside its rows, after `reader` has read the page to its end.
    ///
    /// # Errors
    ///
    /// Returns an error if the status, the error code or the structure of the response shows that it is not a page.
    pub fn page_fields(&self, reader: &PageReader, request: &Request, now: Second) -> Result<PageFields, PageError> {
        self.answered(reader, request, now)?;
        let unreadable = |what| PageError::Error(self.unreadable(request, what));
        if !reader.has_rows() {
            return Err(unreadable("it contains no list of rows"));
        }
        let next = reader.envelope().next_cursor().map_err(unreadable)?;
        Ok(PageFields {
            next,
            paging: reader.envelope().paging(),
            // The cursor may store this time, and a stored time that is further in the local clock's future is not trusted.
            made_after: self.slack_now(now).plus(-ANSWER_SECONDS_MAX).min(now.plus(CLOCK_SKEW_SECONDS)),
        })
    }

    /// Returns Slack's time at the response, or a time that Slack's clock had certainly passed if there is no `Date`.
    pub(crate) fn slack_now(&self, now: Second) -> Second {
        self.date.map_or(now.plus(-CLOCK_SKEW_SECONDS), Second::of)
    }

    /// Returns the latest time of a row that is collected. The search for stored records relies on it, because it ends where objects were stored
    /// before a record's time, by the bucket's clock. The bucket may be a directory, whose clock is the local one. Later rows are collected when
    /// their time has come, because the watermark passes neither clock.
    pub fn latest_row_time(&self, now: Second) -> Second {
        let latest = now.plus(CLOCK_SKEW_SECONDS);
        self.date.map_or(latest, |date| Second::of(date).min(latest))
    }

    /// Checks whether the request succeeded.
    fn answered(&self, reader: &PageReader, request: &Request, now: Second) -> Result<(), PageError> {
        let (code, needed) = (reader.envelope().error(), reader.envelope().needed());
        if self.status == 200 && reader.is_whole() {
            // Responses of the Web API always contain `ok`. Audit responses never do, but `false` is an error there, too.
            return match (reader.envelope().ok(), request.family) {
                (Some(true), _) => Ok(()),
                (None, Family::Audit) if code.is_none() => Ok(()),
                (None, Family::Web) => Err(PageError::Error(self.unreadable(request, "it has no valid `ok`"))),
                _ => Err(self.page_error(request, code.unwrap_or("unknown_error"), needed.as_deref(), now)),
            };
        }
        match (self.status, code) {
            (200, _) if reader.has_rows() => Err(PageError::Error(Self::cut_off(request))),
            (200, _) => Err(PageError::Error(self.unreadable(request, "it is not complete JSON"))),
            // Observed: for an expired audit page cursor, Slack returns status 400, not always with an error code.
            (400, _) if request.family == Family::Audit && request.has_page_cursor() => Err(PageError::StalePageCursor),
            (_, Some(code)) => Err(self.page_error(request, code, needed.as_deref(), now)),
            (429, None) => Err(self.page_error(request, "ratelimited", None, now)),
            // For an invalid audit token, Slack returns status 401 with an empty body. The Web API always returns an error code, so there such a
            // status comes from a proxy.
            (401, None) if request.family == Family::Audit => {
                Err(self.page_error(request, "invalid_authentication", None, now))
            }
            (403, None) if request.family == Family::Audit => Err(self.page_error(request, "access_denied", None, now)),
            (status, None) => Err(PageError::Error(self.bare_status(request, status, now))),
        }
    }

    fn page_error(&self, request: &Request, code: &str, needed: Option<&str>, now: Second) -> PageError {
        match code {
            "invalid_cursor" if request.has_page_cursor() => PageError::StalePageCursor,
            "over_pagination_limit" if request.method == "team.integrationLogs" => PageError::NoSuchPage,
            _ => {
                let limited = self.status == 429 || matches!(code, "ratelimited" | "rate_limited");
                let wait = (limited || self.retry_after.is_some()).then(|| self.retry_after_seconds(now));
                PageError::Error(error::to_error(request.method, code, needed).with_retry_after(wait))
            }
        }
    }

    fn bare_status(&self, request: &Request, status: u16, now: Second) -> Error {
        let wait = self.retry_after.is_some().then(|| self.retry_after_seconds(now));
        Error::slack(
            format!("http_{status}"),
            format!("Slack answered `{}` with HTTP status {status} and no error code", request.method),
        )
        .with_retry_after(wait)
    }

    fn unreadable(&self, request: &Request, what: &str) -> Error {
        Error::slack(
            "invalid_response",
            format!(
                "Slack answered `{}` with HTTP status {} and a body that slacktrail cannot use: {what}",
                request.method, self.status
            ),
        )
    }

    /// Returns the error of a page that ends in its middle, as PHP does when it runs out of memory. A smaller page may be complete.
    fn cut_off(request: &Request) -> Error {
        Error::slack(
            "incomplete_response",
            format!("Slack's response to `{}` ends in the middle of its JSON", request.method),
        )
    }

    /// Parses `Retry-After` as seconds or as an HTTP date. Anything else means one minute.
    fn retry_after_seconds(&self, now: Second) -> i64 {
        let text = self.retry_after.as_deref().unwrap_or("").trim();
        let seconds =
            text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|seconds| seconds.ceil() as i64);
        let until =
            || parse_http_date(text).map(|instant| Second::of(instant).since(self.date.map_or(now, Second::of)));
        seconds.or_else(until).unwrap_or(RETRY_AFTER_DEFAULT_SECONDS).clamp(1, RETRY_AFTER_MAX_SECONDS)
    }
}

/// Returns the error of a response that exceeds a limit of [`PageReader`].
pub fn too_large(request: &Request, limit: TooLarge) -> Error {
    let what = match limit {
        TooLarge::Bytes => "a longer body than slacktrail reads (256 MiB of a log, 1 MiB of anything else)",
        TooLarge::Rows => "more or longer rows than slacktrail reads in a page",
        TooLarge::Row => "a longer row than slacktrail reads (4 MiB)",
        TooLarge::Key => "a longer key than slacktrail reads (4 KiB)",
    };
    Error::slack("response_too_large", format!("Slack answered `{}` with {what}", request.method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const NOW: Second = Second::EPOCH;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), ..Response::default() }
    }

    fn audit(cursor: Option<&str>) -> Request {
        Request::audit_logs(NOW, NOW, 1000, cursor)
    }

    fn to_error(response: &Response, request: &Request) -> Error {
        match response.page(request, NOW) {
            Err(PageError::Error(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn end_has_three_forms_and_empty_page_is_not_one() {
        for end in [
            r#"{"entries":[{}]}"#,
            r#"{"entries":[{}],"response_metadata":{}}"#,
            r#"{"entries":[{}],"response_metadata":{"next_cursor":""}}"#,
        ] {
            assert_eq!(response(200, end).page(&audit(None), NOW).unwrap().end.next, None);
        }
        let empty = response(200, r#"{"entries":[],"response_metadata":{"next_cursor":"abc="}}"#);
        assert_eq!(empty.page(&audit(None), NOW).unwrap().end.next.as_deref(), Some("abc="));
    }

    #[test]
    fn not_ok_under_200_and_malformed_responses_are_errors() {
        let web = Request::access_logs(999, None, None);
        assert_eq!(
            to_error(&response(200, r#"{"ok":false,"error":"invalid_auth"}"#), &web).kind,
            ErrorKind::Reauthorize
        );
        assert_eq!(to_error(&response(200, r#"{"ok":false}"#), &web).code, "unknown_error");
        assert_eq!(
            to_error(&response(200, r#"{"ok":false,"error":"missing_scope","needed":"admin"}"#), &audit(None)).kind,
            ErrorKind::Reconfigure
        );
        for (body, request) in [
            ("<html>", &web),
            ("", &web),
            (r#"{"logins":[]}"#, &web),
            (r#"{"ok":true}"#, &web),
            ("{}", &audit(None)),
            (r#"{"ok":true,"logs":[]}"#, &web),
            (r#"{"ok":true,"logins":null}"#, &web),
            (r#"{"ok":1,"logins":[]}"#, &web),
            (r#"{"ok":true,"logins":[],"response_metadata":{"next_cursor":true}}"#, &web),
        ] {
            assert_eq!(to_error(&response(200, body), request).code, "invalid_response", "{body}");
        }
        assert_eq!(to_error(&response(200, r#"{"ok":true,"logins":[{}"#), &web).code, "incomplete_response");
    }

    #[test]
    fn empty_401_requires_reauthorization_and_each_status_has_kind() {
        assert_eq!(to_error(&response(401, ""), &audit(None)).kind, ErrorKind::Reauthorize);
        assert_eq!(to_error(&response(403, ""), &audit(None)).kind, ErrorKind::Reconfigure);
        let web = Request::access_logs(999, None, None);
        assert_eq!(to_error(&response(401, ""), &web).code, "http_401");
        assert_eq!(to_error(&response(403, "<html>"), &web).kind, ErrorKind::Retry);
        assert_eq!(to_error(&response(400, ""), &audit(None)).kind, ErrorKind::Investigate);
        assert_eq!(to_error(&response(502, "<html>"), &audit(None)).kind, ErrorKind::Retry);
        assert_eq!(
            to_error(&response(401, r#"{"error":"user_not_authorized"}"#), &audit(None)).kind,
            ErrorKind::Reconfigure
        );
    }

    #[test]
    fn stale_page_cursor_is_recognized_in_both_apis_if_one_was_sent() {
        let stale = |response: &Response, request: &Request| {
            matches!(response.page(request, NOW), Err(PageError::StalePageCursor))
        };
        assert!(stale(&response(400, ""), &audit(Some("x"))));
        assert!(stale(&response(400, r#"{"error":"invalid_cursor"}"#), &audit(Some("x"))));
        assert!(stale(
            &response(200, r#"{"ok":false,"error":"invalid_cursor"}"#),
            &Request::access_logs(999, Some("x"), None)
        ));
        assert!(!stale(&response(400, r#"{"error":"invalid_cursor"}"#), &audit(None)));
    }

    #[test]
    fn retry_after_is_seconds_date_or_one_minute_and_at_most_one_hour() {
        let wait = |header: Option<&str>| {
            let limited = Response {
                status: 429,
                retry_after: header.map(str::to_owned),
                date: parse_http_date("Sun, 22 Nov 2026 07:33:41 GMT"),
                ..Response::default()
            };
            to_error(&limited, &audit(None)).retry_after_seconds
        };
        assert_eq!(wait(Some("30")), Some(30));
        assert_eq!(wait(Some(" 1.5 ")), Some(2));
        assert_eq!(wait(Some("Sun, 22 Nov 2026 07:34:41 GMT")), Some(60));
        assert_eq!(wait(Some("soon")), Some(60));
        assert_eq!(wait(None), Some(60));
        assert_eq!(wait(Some("-5")), Some(1));
        assert_eq!(wait(Some("99999999999999999999")), Some(3600));
    }

    #[test]
    fn retry_after_date_of_proxy_without_date_counts_from_local_clock() {
        let now = Second::of(parse_http_date("Sun, 22 Nov 2026 07:33:41 GMT").unwrap());
        let retry_after = Some("Sun, 22 Nov 2026 07:35:11 GMT".to_owned());
        let unavailable = Response { retry_after, ..response(503, "<html>") };
        for request in [&audit(None), &Request::access_logs(999, None, None)] {
            match unavailable.page(request, now) {
                Err(PageError::Error(error)) => assert_eq!(error.retry_after_seconds, Some(90)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn page_is_dated_by_slack_clock_or_long_before_local_clock() {
        let now = Second::MARCH_2018;
        let made_after = |date: Option<Timestamp>| {
            let page = Response { date, ..response(200, r#"{"entries":[]}"#) };
            page.page(&audit(None), now).unwrap().end.made_after.since(now)
        };
        assert_eq!(made_after(Some(now.plus(7).instant())), 6);
        assert_eq!(made_after(None), -CLOCK_SKEW_SECONDS - 1);
    }

    #[test]
    fn only_integration_pages_end_at_pagination_limit() {
        let limit = response(200, r#"{"ok":false,"error":"over_pagination_limit"}"#);
        let integration = Request::integration_logs(1000, 101, None);
        assert!(matches!(limit.page(&integration, NOW), Err(PageError::NoSuchPage)));
        assert_eq!(to_error(&limit, &Request::access_logs_page(999, 101, None)).code, "over_pagination_limit");
    }

    #[test]
    fn audit_error_is_not_page_and_only_rate_limit_asks_to_wait() {
        let refused = |body: &str| to_error(&response(200, body), &audit(None));
        let invalid = refused(r#"{"entries":[],"error":"invalid_auth"}"#);
        assert_eq!((invalid.code.as_str(), invalid.retry_after_seconds), ("invalid_auth", None));
        assert_eq!(refused(r#"{"ok":false,"error":"ratelimited"}"#).retry_after_seconds, Some(60));
    }
}
