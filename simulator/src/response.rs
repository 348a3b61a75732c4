//! What comes back: a reply, or a connection closed without one.

use std::time::Duration;

use crate::Shown;

/// One HTTP reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers. There is always a `Date`, unless a fault took it away.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// How long the server waits before it sends this; a caller in the same process is free to ignore it.
    pub delay: Duration,
    /// Whether the connection breaks off after the body's last byte, before the end of the reply.
    pub breaks_off: bool,
    /// The page that it holds, if it holds one.
    pub shown: Option<Shown>,
}

/// What a caller meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An HTTP reply of any status.
    Response(Response),
    /// The connection was closed before a single byte of an answer: a transport error to the caller.
    Hangup,
}

impl Outcome {
    /// The reply, unless the connection was closed.
    pub fn response(self) -> Option<Response> {
        match self {
            Outcome::Response(response) => Some(response),
            Outcome::Hangup => None,
        }
    }
}

impl Response {
    /// A reply in JSON.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, JSON, body.into())
    }

    /// A page for a browser, where a program hoped for JSON.
    pub fn html(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, "text/html; charset=utf-8", body.into())
    }

    /// A reply that sends a browser elsewhere.
    pub fn redirect(to: &str) -> Response {
        let mut response = Response::empty(302);
        response.push("Location", to);
        response
    }

    /// A reply in plain text.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::of(status, "text/plain; charset=utf-8", body.into())
    }

    /// A reply without a body.
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

    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a header.
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Whether the body is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.header("Content-Type") == Some(JSON)
    }

    fn of(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Response { status, headers, body, delay: Duration::ZERO, breaks_off: false, shown: None }
    }
}

const JSON: &str = "application/json; charset=utf-8";
