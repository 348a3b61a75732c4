//! Which rows a caller can see, by where the token is installed and which `team_id` it names.

use crate::api_error::ApiError;
use crate::settings::{AccessTeam, Settings};
use crate::tenant::{Install, Token};
use crate::{Log, Request, Row};

/// User agents of third-party apps and of the workspace's own site.
const APP_AGENT: &str = r#""user_agent":"ApiApp/"#;
const SITE_AGENT: &str = r#""user_agent":"SlackWeb "#;

/// The rows of access and integration logs that one call can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VisibleRows<'a> {
    /// All there are.
    Everything,
    /// Those of one workspace.
    Workspace(&'a str),
    /// Those of one workspace that come from its site or from third-party apps.
    SiteAndApps(&'a str),
}

impl<'a> VisibleRows<'a> {
    /// Applies the rules of `team_id`, which count only for an organization's token.
    pub(crate) fn of(settings: &Settings, token: &'a Token, request: &'a Request) -> Result<VisibleRows<'a>, ApiError> {
        if let Install::Workspace(own) = &token.install {
            let alone = settings.tenant.as_organization().is_none();
            return Ok(if alone { VisibleRows::Everything } else { VisibleRows::Workspace(own) });
        }
        let access = request.path == Log::Access.path();
        let Some(team) = request.parameter("team_id") else {
            let whole = access && settings.access_team == AccessTeam::Narrows;
            return if whole { Ok(VisibleRows::Everything) } else { Err(ApiError::new("missing_argument")) };
        };
        if access && !team.starts_with('T') {
            return Err(ApiError::new("invalid_team_id"));
        }
        match settings.tenant.workspace(team) {
            Some(workspace) if !workspace.owner_belongs => Err(ApiError::new("invalid_auth")),
            Some(workspace) if !workspace.app_added => Err(ApiError::new("team_access_not_granted")),
            Some(_) if access && settings.access_team == AccessTeam::Narrows => Ok(VisibleRows::SiteAndApps(team)),
            Some(_) => Ok(VisibleRows::Workspace(team)),
            None => Err(ApiError::new("invalid_auth")),
        }
    }

    pub(crate) fn covers(&self, row: &Row) -> bool {
        match self {
            VisibleRows::Everything => true,
            VisibleRows::Workspace(team) => row.workspace.as_deref() == Some(team),
            VisibleRows::SiteAndApps(team) => {
                row.workspace.as_deref() == Some(team)
                    && (row.json.contains(APP_AGENT) || row.json.contains(SITE_AGENT))
            }
        }
    }
}
