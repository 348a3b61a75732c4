//! Requests to Slack, as data.

use std::fmt;

use crate::secret::Token;
use crate::source::LogType;
use crate::time::Second;

/// Slack's two families of methods, which differ in host and in how they tell an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// `https://api.slack.com/audit/v1/`: real HTTP statuses.
    Audit,
    /// `https://slack.com/api/`: HTTP 200 and `ok:false`.
    Web,
}

/// One call. As whom it is made is not part of it.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// Which host.
    pub family: Family,
    /// The last part of the path: `logs`, `team.accessLogs`.
    pub method: &'static str,
    /// The arguments, not yet percent-encoded.
    pub arguments: Vec<(&'static str, String)>,
    /// Whether the arguments go as a form in a POST; otherwise as the query of a GET.
    pub post: bool,
}

/// Returns the rows that a page of a log is asked for, unless pages of that size are too large. The documentation of access logs says
/// below 1000. Of audit logs Slack never splits a second, so a page may hold more.
pub fn rows_per_page(log: LogType) -> u32 {
    match log {
        LogType::Audit | LogType::Integration => 1000,
        LogType::Access => 999,
    }
}

/// Workspaces we ask for in a page of `auth.teams.list`: its documented bound.
pub const WORKSPACES_PER_PAGE: u32 = 1000;

impl Request {
    fn get(family: Family, method: &'static str, arguments: Vec<(&'static str, String)>) -> Request {
        Request { family, method, arguments, post: false }
    }

    /// A page of audit logs in `oldest..=latest`. The filters go with every page: a page cursor alone forgets them and walks
    /// back through all history. No action filter: one unknown name fails the whole request.
    pub fn audit_logs(oldest: Second, latest: Second, rows: u32, page_cursor: Option<&str>) -> Request {
        let mut arguments = vec![
            ("oldest", oldest.get().max(0).to_string()),
            ("latest", latest.get().max(0).to_string()),
            ("limit", rows.to_string()),
        ];
        arguments.extend(page_cursor.map(|cursor| ("cursor", cursor.to_owned())));
        Request::get(Family::Audit, "logs", arguments)
    }

    /// A page of access logs from now backwards. Giving `limit` chooses paging by cursor, which has no page 100 to end at.
    /// Without a `workspace` an organization's token gives the data of the whole organization, where Slack allows that.
    pub fn access_logs(rows: u32, page_cursor: Option<&str>, workspace: Option<&str>) -> Request {
        let mut arguments = vec![("limit", rows.to_string())];
        arguments.extend(page_cursor.map(|cursor| ("cursor", cursor.to_owned())));
        arguments.extend(workspace.map(|id| ("team_id", id.to_owned())));
        Request::get(Family::Web, "team.accessLogs", arguments)
    }

    /// A numbered page of access logs, where Slack ignores `limit` and pages in the classic way.
    pub fn access_logs_page(rows: u32, page: u32, workspace: Option<&str>) -> Request {
        let mut arguments = vec![("count", rows.to_string()), ("page", page.to_string())];
        arguments.extend(workspace.map(|id| ("team_id", id.to_owned())));
        Request::get(Family::Web, "team.accessLogs", arguments)
    }

    /// A page of integration logs, of one workspace where an organization's token is used.
    pub fn integration_logs(rows: u32, page: u32, workspace: Option<&str>) -> Request {
        let mut arguments = vec![("count", rows.to_string()), ("page", page.to_string())];
        arguments.extend(workspace.map(|id| ("team_id", id.to_owned())));
        Request::get(Family::Web, "team.integrationLogs", arguments)
    }

    /// The head of a log, as short as may be: whether it can be read, and its newest record.
    pub fn probe(log: LogType, now: Second, workspace: Option<&str>) -> Request {
        match log {
            LogType::Audit => Request::audit_logs(Second::MARCH_2018, now, 1, None),
            LogType::Access => Request::access_logs(1, None, workspace),
            LogType::Integration => Request::integration_logs(1, 1, workspace),
        }
    }

    /// Whose token it is.
    pub fn auth_test() -> Request {
        Request { post: true, ..Request::get(Family::Web, "auth.test", Vec::new()) }
    }

    /// A page of the workspaces that an organization's app is on.
    pub fn workspaces(page_cursor: Option<&str>) -> Request {
        let mut arguments = vec![("limit", WORKSPACES_PER_PAGE.to_string())];
        arguments.extend(page_cursor.map(|cursor| ("cursor", cursor.to_owned())));
        Request { post: true, ..Request::get(Family::Web, "auth.teams.list", arguments) }
    }

    /// The tokens that a code stands for (docs.slack.dev, `oauth.v2.access`). The code is good for ten minutes and for one use.
    pub fn exchange(code: &str, redirect_url: &str) -> Request {
        let arguments = vec![("code", code.to_owned()), ("redirect_uri", redirect_url.to_owned())];
        Request { post: true, ..Request::get(Family::Web, "oauth.v2.access", arguments) }
    }

    /// The tokens that follow on a refresh token (docs.slack.dev, using token rotation).
    pub fn refresh(refresh_token: &Token) -> Request {
        let refresh_token = refresh_token.reveal().to_owned();
        let arguments = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token)];
        Request { post: true, ..Request::get(Family::Web, "oauth.v2.access", arguments) }
    }

    /// Ends the token that it is called with; without token rotation the whole authorisation.
    pub fn revoke() -> Request {
        Request { post: true, ..Request::get(Family::Web, "auth.revoke", Vec::new()) }
    }

    /// The log that it asks for rows of.
    pub fn log(&self) -> Option<LogType> {
        match self.method {
            "logs" => Some(LogType::Audit),
            "team.accessLogs" => Some(LogType::Access),
            "team.integrationLogs" => Some(LogType::Integration),
            _ => None,
        }
    }

    /// The page cursor that it continues from.
    pub fn page_cursor(&self) -> Option<&str> {
        self.arguments.iter().find(|(name, _)| *name == "cursor").map(|(_, cursor)| cursor.as_str())
    }

    /// Whether it continues from a page cursor.
    pub fn has_page_cursor(&self) -> bool {
        self.page_cursor().is_some()
    }
}

/// The values of arguments that are secrets stay hidden.
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
            Request::exchange("c0de", "https://x/"),
            Request::refresh(&Token::new("xoxe-1-r").unwrap())
        );
        assert_eq!(
            shown,
            "oauth.v2.access code=(hidden) redirect_uri=https://x/ oauth.v2.access grant_type=refresh_token refresh_token=(hidden)"
        );
    }

    #[test]
    fn logs_are_read_with_get_and_other_calls_are_posts() {
        let refresh_token = Token::new("xoxe-1-r").unwrap();
        for (request, post, log) in [
            (Request::probe(LogType::Audit, Second::EPOCH, None), false, Some(LogType::Audit)),
            (Request::probe(LogType::Access, Second::EPOCH, None), false, Some(LogType::Access)),
            (Request::probe(LogType::Integration, Second::EPOCH, None), false, Some(LogType::Integration)),
            (Request::auth_test(), true, None),
            (Request::workspaces(None), true, None),
            (Request::exchange("c0de", "https://x/"), true, None),
            (Request::refresh(&refresh_token), true, None),
            (Request::revoke(), true, None),
        ] {
            assert_eq!((request.post, request.log()), (post, log), "{request:?}");
        }
    }
}
