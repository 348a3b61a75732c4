//! One request as Slack sees it, after HTTP has been taken apart. It holds no socket and no header but who is calling.

use crate::Log;

/// Which of Slack's two API families is asked: they differ in host, errors and throttling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The Audit Logs API: plain HTTP statuses, no `ok` field.
    Audit,
    /// The Web API: HTTP 200 and an `ok` field.
    Web,
    /// What a browser shows when an app is installed: `/oauth/v2/authorize` and the form on it.
    Browser,
}

/// The HTTP method. Slack's log methods know only these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in a form body.
    Post,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The family of the API.
    pub family: Family,
    /// The HTTP method.
    pub method: Method,
    /// What follows the base URL: `logs`, a method's name such as `team.accessLogs`, or a page's such as `authorize`.
    pub path: String,
    /// Decoded parameters; for a POST the form fields.
    pub query: Vec<(String, String)>,
    /// The token of the `Authorization` header, without the word `Bearer`.
    pub bearer: Option<String>,
    /// User and password of an `Authorization` header of HTTP Basic: a client's id and secret.
    pub basic: Option<(String, String)>,
}

impl Request {
    /// A GET request without parameters or token.
    pub fn get(family: Family, path: impl Into<String>) -> Request {
        Request { family, method: Method::Get, path: path.into(), query: Vec::new(), bearer: None, basic: None }
    }

    /// A POST request to a method of the Web API, without fields or token.
    pub fn post(path: impl Into<String>) -> Request {
        Request { method: Method::Post, ..Request::get(Family::Web, path) }
    }

    /// What a browser asks for when it is sent to an authorize URL; the query alone is enough.
    pub fn authorize(url: &str) -> Request {
        let query = url.split_once('?').map_or(url, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Request { query, ..Request::get(Family::Browser, "authorize") }
    }

    /// A GET request for the pages of a log.
    pub fn for_log(log: Log) -> Request {
        let family = if log == Log::Audit { Family::Audit } else { Family::Web };
        Request::get(family, log.path())
    }

    /// The same request with a token.
    pub fn bearer(mut self, token: &str) -> Request {
        self.bearer = Some(token.to_owned());
        self
    }

    /// The same request with a client's id and secret by HTTP Basic.
    pub fn basic(mut self, id: &str, secret: &str) -> Request {
        self.basic = Some((id.to_owned(), secret.to_owned()));
        self
    }

    /// The same request with one more parameter.
    pub fn with(mut self, name: &str, value: impl ToString) -> Request {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// A parameter's value. An empty one counts as absent, as it does at Slack.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that must be a whole number in plain digits.
    ///
    /// # Errors
    /// The text that is not a whole number: scientific notation and fractions are refused, as Slack refuses them.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, &str> {
        self.parameter(name).map(|text| text.parse().map_err(|_| text)).transpose()
    }
}
