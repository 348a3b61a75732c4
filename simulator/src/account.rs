//! `auth.test` and `auth.teams.list`: the identity of a token, and the workspaces that it can access.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::oauth::{Issued, seconds_until};
use crate::settings::Settings;
use crate::tenant::{Install, Token, Workspace};
use crate::{Request, Response, cursor};

const TEAMS_DEFAULT: i64 = 100;
const TEAMS_MAX: i64 = 1_000;
const CURSOR: &str = "teams";

/// Returns the response of `auth.test`.
pub(crate) fn identity(settings: &Settings, now: Timestamp, caller: &Caller) -> Response {
    let token = &caller.token;
    let organization = settings.tenant.as_organization();
    let (team_id, team) = match (&token.install, organization) {
        (Install::Organization, Some(organization)) => organization,
        (Install::Workspace(id), _) => (id.as_str(), settings.tenant.workspace_name(id)),
        (Install::Organization, None) => ("", ""),
    };
    let mut body = json!({
        "ok": true,
        "url": format!("https://{}.slack.com/", team_id.to_lowercase()),
        "team": team,
        "user": "collector",
        "team_id": team_id,
        "user_id": "W0COLLECTOR",
        "app_id": "A0SLACKTRAIL",
        "app_name": "slacktrail",
        "is_enterprise_install": token.install == Install::Organization,
    });
    if let Some((id, _)) = organization {
        body["enterprise_id"] = Value::from(id);
    }
    if let Some(issued) = &caller.issued {
        add_issued_fields(&mut body, settings, now, issued);
    }
    Response::json(200, body.to_string())
}

/// Adds the user and the app of a token that OAuth issued.
fn add_issued_fields(body: &mut Value, settings: &Settings, now: Timestamp, issued: &Issued) {
    let user = settings.users.iter().find(|user| user.id == issued.user);
    body["user"] = user.map_or("bot", |user| user.name.as_str()).into();
    body["user_id"] = issued.user.as_str().into();
    if let Some(app) = settings.apps.iter().find(|app| app.client_id == issued.client_id) {
        body["app_id"] = app.app_id.as_str().into();
        body["app_name"] = app.name.as_str().into();
    }
    if let Some(expires) = issued.expires {
        body["expires_in"] = seconds_until(now, expires).into();
    }
}

/// Returns the response of `auth.teams.list`.
pub(crate) fn teams(
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    token: &Token,
    stale_cursor: bool,
) -> Result<Response, ApiError> {
    let limit = request.integer("limit").ok().map(|limit| limit.unwrap_or(TEAMS_DEFAULT));
    let limit = limit.filter(|limit| (1..=TEAMS_MAX).contains(limit)).ok_or_else(|| ApiError::new("invalid_limit"))?;
    let start = request.parameter("cursor").map(|text| {
        let decoded = cursor::decode::<1>(CURSOR, text, now, settings.cursor_ttl).filter(|_| !stale_cursor);
        decoded.ok_or_else(|| ApiError::new("invalid_cursor"))
    });
    let start = start.transpose()?.map_or(0, |[start]| start);
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    let mut reachable = settings.tenant.workspaces().iter().filter(|team| reaches(token, team)).skip(skip);
    let page = reachable.by_ref().take(usize::try_from(limit).unwrap_or(1));
    let page: Vec<Value> = page.map(|team| json!({"id": team.id, "name": team.name})).collect();
    let next = reachable.next().map(|_| cursor::encode(CURSOR, [start + limit], now)).unwrap_or_default();
    let body = json!({"ok": true, "teams": page, "response_metadata": {"next_cursor": next}});
    Ok(Response::json(200, body.to_string()))
}

fn reaches(token: &Token, team: &Workspace) -> bool {
    match &token.install {
        Install::Organization => team.app_added,
        Install::Workspace(id) => *id == team.id,
    }
}
