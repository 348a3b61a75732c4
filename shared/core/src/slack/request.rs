//! Requests to Slack, as pure data.

use std::fmt;

use crate::source::LogType;
use crate::time::Second;

/// Slack's two groups of methods, which differ in their host and in how they report errors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// `https://api.slack.com/audit/v1/`, with HTTP status codes.
    Audit,
    /// `https://slack.com/api/`, with HTTP status 200 and `ok:false`.
    Web,
}

/// One call to Slack, without its authentication.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// The group of methods, which determines the host.
    pub family: Family,
    /// The last part of the path, for example `logs` or `team.accessLogs`.
    pub method: &'static str,
    /// The arguments, before percent-encoding.
    pub arguments: Vec<(&'static str, String)>,
    /// Whether the arguments are the form of a POST request. Otherwise they are the query of a GET request.
    pub post: bool,
}

/// Returns the default number of rows to request per page.
///
/// Slack documents a limit below 1000 for access logs. A page of audit logs may have more rows than requested, because Slack never splits a
/// second.
pub fn rows_per_page(log: LogType) -> u32 {
    match log {
        LogType::Audit | LogType::Integration => 1000,
        LogType::Access => 999,
    }
}

/// Workspaces to request per page of `auth.teams.list`: its documented maximum.
const WORKSPACES_PER_PAGE: u32 = 1000;

impl Request {
    fn get(family: Family, method: &'static str, arguments: Vec<(&'static str, String)>) -> Request {
        Request { family, method, arguments, post: false }
    }

    /// Adds an argument, if it has a value.
    fn with(mut self, name: &'static str, value: Option<&str>) -> Request {
        self.arguments.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Creates a call to the Web API with its arguments as a form.
    pub fn form(method: &'static str, arguments: Vec<(&'static str, String)>) -> Request {
        Request { family: Family::Web, method, arguments, post: true }
    }

    /// Requests a page of the audit logs in `oldest..=latest`.
    ///
    /// Every page repeats the time range, because a page cursor alone loses it and walks back through all history. The request has no action
    /// filter, because a single unknown action name fails the whole request.
    pub fn audit_logs(oldest: Second, latest: Second, rows: u32, page_cursor: Option<&str>) -> Request {
        let arguments = vec![
            ("oldest", oldest.get().max(0).to_string()),
            ("latest", latest.get().max(0).to_string()),
            ("limit", rows.to_string()),
        ];
        Request::get(Family::Audit, "logs", arguments).with("cursor", page_cursor)
    }

    /// Requests a page of access logs, from now backwards.
    ///
    /// The argument `limit` selects page cursors, which do not end at page 100. Without `workspace`, an organization's token reads the whole
    /// organization, if Slack allows that.
    pub fn access_logs(rows: u32, page_cursor: Option<&str>, workspace: Option<&str>) -> Request {
        let arguments = vec![("limit", rows.to_string())];
        Request::get(Family::Web, "team.accessLogs", arguments).with("cursor", page_cursor).with("team_id", workspace)
    }

    /// Requests a numbered page of access logs, if Slack ignores `limit` and uses numbered pages.
    pub fn access_logs_page(rows: u32, page: u32, workspace: Option<&str>) -> Request {
        Request::numbered("team.accessLogs", rows, page, workspace)
    }

    /// Requests a page of integration logs. An organization's token requires a workspace.
    pub fn integration_logs(rows: u32, page: u32, workspace: Option<&str>) -> Request {
        Request::numbered("team.integrationLogs", rows, page, workspace)
    }

    fn numbered(method: &'static str, rows: u32, page: u32, workspace: Option<&str>) -> Request {
        let arguments = vec![("count", rows.to_string()), ("page", page.to_string())];
        Request::get(Family::Web, method, arguments).with("team_id", workspace)
    }

    /// Requests the owner of a token.
    pub fn auth_test() -> Request {
        Request::form("auth.test", Vec::new())
    }

    /// Requests a page of the workspaces on which an organization's app is installed.
    pub fn workspaces(page_cursor: Option<&str>) -> Request {
        let arguments = vec![("limit", WORKSPACES_PER_PAGE.to_string())];
        Request::form("auth.teams.list", arguments).with("cursor", page_cursor)
    }

    /// Revokes the token of the call. Without token rotation, this revokes the whole authorization.
    pub fn revoke() -> Request {
        Request::form("auth.revoke", Vec::new())
    }

    /// Returns the log whose rows the request reads, or `None` for other requests.
    pub fn log(&self) -> Option<LogType> {
        match self.method {
            "logs" => Some(LogType::Audit),
            "team.accessLogs" => Some(LogType::Access),
            "team.integrationLogs" => Some(LogType::Integration),
            _ => None,
        }
    }

    /// Returns the page cursor that the request continues from.
    pub fn page_cursor(&self) -> Option<&str> {
        self.arguments.iter().find(|(name, _)| *name == "cursor").map(|(_, cursor)| cursor.as_str())
    }

    /// Returns `true` if the request continues from a page cursor.
    pub fn has_page_cursor(&self) -> bool {
        self.page_cursor().is_some()
    }
}

/// Hides the values of secret arguments.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.method)?;
        for (name, value) in &self.arguments {
            let shown = if matches!(*name, "code" | "refresh_token") { "(hidden)" } else { value };
            write!(f, " {name}={shown}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_debug_output_hides_secret_arguments() {
        let shown = format!(
            "{:?} {:?}",
            Request::form("a", vec![("code", "c0de".to_owned()), ("redirect_uri", "https://x/".to_owned())]),
            Request::form("b", vec![("refresh_token", "xoxe-1-r".to_owned())])
        );
        assert_eq!(shown, "a code=(hidden) redirect_uri=https://x/ b refresh_token=(hidden)");
    }

    #[test]
    fn logs_are_read_with_get_and_other_calls_are_posts() {
        for (request, post, log) in [
            (Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None), false, Some(LogType::Audit)),
            (Request::access_logs(1, None, None), false, Some(LogType::Access)),
            (Request::access_logs_page(1, 2, None), false, Some(LogType::Access)),
            (Request::integration_logs(1, 1, None), false, Some(LogType::Integration)),
            (Request::auth_test(), true, None),
            (Request::workspaces(None), true, None),
            (Request::revoke(), true, None),
        ] {
            assert_eq!((request.post, request.log()), (post, log), "{request:?}");
        }
    }
}
