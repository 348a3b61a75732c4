//! Which rows a caller can see. This depends on where the token was installed and on `team_id`.

use crate::api_error::ApiError;
use crate::settings::{AccessTeam, Settings};
use crate::tenant::{Install, Token};
use crate::{Log, Request, Row};

/// The user agents of third-party apps, and those of the workspace's team site below.
const APP_AGENT: &str = r#""user_agent":"ApiApp/"#;
const SITE_AGENT: &str = r#""user_agent":"SlackWeb "#;

/// The access or integration rows that a call can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VisibleRows<'a> {
    Everything,
    Workspace(&'a str),
    /// The rows of one workspace with user agents of its team site or of third-party apps.
    SiteAndApps(&'a str),
}

impl<'a> VisibleRows<'a> {
    /// Returns the rows that the token can see. `team_id` only matters for an organization's token.
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
