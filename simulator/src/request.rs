//! A parsed HTTP request. The only header that it contains is `Authorization`.

use crate::Log;

/// Slack's API families, which differ in host, errors and throttling, and the pages for browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The Audit Logs API: HTTP statuses, no `ok` field.
    Audit,
    /// The Web API: HTTP 200 with an `ok` field.
    Web,
    /// The pages that a browser shows during an installation: `/oauth/v2/authorize` and its form.
    Browser,
}

/// The HTTP methods that Slack's log methods accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, with parameters in the query.
    Get,
    /// POST, with parameters in a form body.
    Post,
}

/// A request to Slack.
#[derive(Clone, Debug)]
pub struct Request {
    /// The API family.
    pub family: Family,
    /// The HTTP method.
    pub method: Method,
    /// The path after the base URL: `logs`, a method such as `team.accessLogs`, or a page such as `authorize`.
    pub path: String,
    /// The decoded query parameters and form fields.
    pub query: Vec<(String, String)>,
    /// The token of the `Authorization` header, without the prefix `Bearer`.
    pub bearer: Option<String>,
    /// The client ID and secret of an `Authorization` header with HTTP Basic authentication.
    pub basic: Option<(String, String)>,
}

impl Request {
    /// Creates a GET request without parameters or token.
    pub fn get(family: Family, path: impl Into<String>) -> Request {
        Request { family, method: Method::Get, path: path.into(), query: Vec::new(), bearer: None, basic: None }
    }

    /// Creates a POST request to a Web API method, without fields or token.
    pub fn post(path: impl Into<String>) -> Request {
        Request { method: Method::Post, ..Request::get(Family::Web, path) }
    }

    /// Creates the request that a browser sends for an authorize URL. `url` may also be only the query.
    pub fn authorize(url: &str) -> Request {
        let query = url.split_once('?').map_or(url, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Request { query, ..Request::get(Family::Browser, "authorize") }
    }

    /// Creates a GET request for the pages of a log.
    pub fn for_log(log: Log) -> Request {
        let family = if log == Log::Audit { Family::Audit } else { Family::Web };
        Request::get(family, log.path())
    }

    /// Sets the token.
    pub fn bearer(mut self, token: &str) -> Request {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Sets the client ID and secret for HTTP Basic authentication.
    pub fn basic(mut self, id: &str, secret: &str) -> Request {
        self.basic = Some((id.to_owned(), secret.to_owned()));
        self
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: impl ToString) -> Request {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Returns the value of a parameter. An empty value counts as missing, as it does in Slack.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the value of an integer parameter.
    ///
    /// # Errors
    ///
    /// Returns the value if it is not an integer. Like Slack, this method rejects scientific notation and fractions.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, &str> {
        self.parameter(name).map(|text| text.parse().map_err(|_| text)).transpose()
    }
}
