//! API errors: the code, and how each API family returns it.

use serde_json::{Map, Value};

use crate::{Family, Response, oauth};

#[derive(Clone, Debug, Default)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) needed: Option<String>,
    pub(crate) provided: Option<String>,
    /// The value of `Retry-After` in seconds, if the call is throttled.
    pub(crate) retry_after: Option<i64>,
}

impl ApiError {
    pub(crate) fn new(code: &str) -> ApiError {
        ApiError { code: code.to_owned(), ..ApiError::default() }
    }

    pub(crate) fn throttled(family: Family, seconds: i64) -> ApiError {
        ApiError { retry_after: Some(seconds), ..ApiError::new(throttled_code(family)) }
    }

    /// Returns the family's form of this error: an HTTP status for audit, `ok:false` with status 200 for the Web API, a page for a browser.
    pub(crate) fn into_response(self, family: Family) -> Response {
        if family == Family::Audit && self.code == "invalid_authentication" {
            return Response::empty(401);
        }
        if family == Family::Browser {
            return oauth::error_page(&self.code);
        }
        let status = match self.retry_after {
            Some(_) => 429,
            None if family == Family::Audit => audit_status(&self.code),
            None => 200,
        };
        let mut response = Response::json(status, not_ok(&self.code, self.needed, self.provided));
        if let Some(seconds) = self.retry_after {
            response.push("Retry-After", seconds.to_string());
        }
        response
    }
}

/// Returns `{"ok":false,"error":...}`, with the scopes if they are known.
pub(crate) fn not_ok(code: &str, needed: Option<String>, provided: Option<String>) -> String {
    let mut body = Map::new();
    body.insert("ok".to_owned(), Value::Bool(false));
    body.insert("error".to_owned(), code.into());
    let scopes = [("needed", needed), ("provided", provided)];
    body.extend(scopes.into_iter().filter_map(|(key, scope)| Some((key.to_owned(), scope?.into()))));
    Value::Object(body).to_string()
}

/// Returns the code of a 429, which the families spell differently.
pub(crate) fn throttled_code(family: Family) -> &'static str {
    match family {
        Family::Audit => "rate_limited",
        Family::Web | Family::Browser => "ratelimited",
    }
}

/// Returns the status of an audit error. Only those of an invalid token, filter and cursor have been observed. The others follow HTTP.
fn audit_status(code: &str) -> u16 {
    match code {
        "missing_authentication" => 401,
        "user_not_authorized" | "team_not_authorized" | "feature_not_enabled" | "invalid_workspace" => 403,
        "bad_endpoint" => 404,
        "method_not_allowed" => 405,
        _ => 400,
    }
}
