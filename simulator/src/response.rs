//! The outcome of a request: a response, or a closed connection.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::Shown;

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers. A response of a world contains `Date`, unless a fault removed it.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the server waits before it sends the response. Callers in the same process may ignore it.
    pub delay: Duration,
    /// Whether the connection closes after the last byte of the body, before the end of the response.
    pub breaks_off: bool,
    /// The content of the page, if the response is one.
    pub shown: Option<Shown>,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An HTTP response with any status.
    Response(Response),
    /// The connection closed before the first byte of a response. The caller sees a transport error.
    Hangup,
}

impl Outcome {
    /// Returns the response, or `None` if the connection closed.
    pub fn response(self) -> Option<Response> {
        match self {
            Outcome::Response(response) => Some(response),
            Outcome::Hangup => None,
        }
    }
}

impl Response {
    /// Creates a JSON response.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, JSON, body.into())
    }

    /// Creates an HTML response.
    pub fn html(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, "text/html; charset=utf-8", body.into())
    }

    /// Creates a redirect to `to`.
    pub fn redirect(to: &str) -> Response {
        let mut response = Response::empty(302);
        response.push("Location", to);
        response
    }

    /// Creates a plain text response.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, "text/plain; charset=utf-8", body.into())
    }

    /// Creates a response without a body.
    pub fn empty(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            breaks_off: false,
            shown: None,
        }
    }

    /// Returns the value of a header. The name is not case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Returns `true` if the body is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.header("Content-Type") == Some(JSON)
    }

    fn of(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Response { status, headers, body, delay: Duration::ZERO, breaks_off: false, shown: None }
    }
}

/// Returns a time as a header contains it.
pub(crate) fn http_date(time: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

const JSON: &str = "application/json; charset=utf-8";
