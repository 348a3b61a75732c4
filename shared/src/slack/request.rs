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

/// Rows we ask for in a page of audit logs. A second is never split, so a page may hold more.
pub const AUDIT_ROWS_PER_PAGE: u32 = 1000;
/// Rows we ask for in a page of access logs: the documentation says below 1000.
pub const ACCESS_ROWS_PER_PAGE: u32 = 999;
/// Rows we ask for in a page of integration logs.
pub const INTEGRATION_ROWS_PER_PAGE: u32 = 1000;
/// Workspaces we ask for in a page of `auth.teams.list`: its documented bound.
pub const WORKSPACES_PER_PAGE: u32 = 1000;

impl Request {
    fn get(family: Family, method: &'static str, arguments: Vec<(&'static str, String)>) -> Request {
        Request { family, method, arguments, post: false }
    }

    /// A page of audit logs in `oldest..=latest`. The filters go with every page: a page cursor alone forgets them and walks
    /// back through all history. No action filter: one unknown name fails the whole request.
    pub fn audit_logs(oldest: Second, latest: Second, page_cursor: Option<&str>) -> Request {
        let mut arguments = vec![
            ("oldest", oldest.get().max(0).to_string()),
            ("latest", latest.get().max(0).to_string()),
            ("limit", AUDIT_ROWS_PER_PAGE.to_string()),
        ];
        arguments.extend(page_cursor.map(|cursor| ("cursor", cursor.to_owned())));
        Request::get(Family::Audit, "logs", arguments)
    }

    /// A page of access logs from now backwards. Giving `limit` chooses paging by cursor, which has no page 100 to end at.
    /// `team_id` is left out: with an organisation's token that gives the data of the whole organisation.
    pub fn access_logs(page_cursor: Option<&str>) -> Request {
        let mut arguments = vec![("limit", ACCESS_ROWS_PER_PAGE.to_string())];
        arguments.extend(page_cursor.map(|cursor| ("cursor", cursor.to_owned())));
        Request::get(Family::Web, "team.accessLogs", arguments)
    }

    /// A page of integration logs, of one workspace where an organisation's token is used.
    pub fn integration_logs(page: u32, workspace: Option<&str>) -> Request {
        let mut arguments = vec![("count", INTEGRATION_ROWS_PER_PAGE.to_string()), ("page", page.to_string())];
        arguments.extend(workspace.map(|id| ("team_id", id.to_owned())));
        Request::get(Family::Web, "team.integrationLogs", arguments)
    }

    /// The head of a log, as short as may be: whether it can be read, and its newest record.
    pub fn probe(log: LogType, now: Second, workspace: Option<&str>) -> Request {
        let head = match log {
            LogType::Audit => Request::audit_logs(Second::MARCH_2018, now, None),
            LogType::Access => Request::access_logs(None),
            LogType::Integration => Request::integration_logs(1, workspace),
        };
        let arguments = head.arguments.into_iter().map(|(name, value)| match name {
            "limit" | "count" => (name, "1".to_owned()),
            _ => (name, value),
        });
        Request { arguments: arguments.collect(), ..head }
    }

    /// Whose token it is.
    pub fn auth_test() -> Request {
        Request { post: true, ..Request::get(Family::Web, "auth.test", Vec::new()) }
    }

    /// A page of the workspaces that an organisation's app is on.
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

    /// Whether it continues from a page cursor.
    pub fn has_page_cursor(&self) -> bool {
        self.arguments.iter().any(|(name, _)| *name == "cursor")
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
    fn a_request_does_not_show_the_secrets_among_its_arguments() {
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
}
