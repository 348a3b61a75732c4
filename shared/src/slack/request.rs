//! Requests to Slack, as data.

use crate::time::Second;

/// Slack's two families of methods, which differ in host and in how they tell an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// `https://api.slack.com/audit/v1/`: real HTTP statuses.
    Audit,
    /// `https://slack.com/api/`: HTTP 200 and `ok:false`.
    Web,
}

/// One call. The token is not part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
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

    /// Whether it continues from a page cursor.
    pub fn has_page_cursor(&self) -> bool {
        self.arguments.iter().any(|(name, _)| *name == "cursor")
    }
}
