//! `GET /oauth/v2/authorize`: reads what an app asks for and compares it with the app's settings. Section 6.1.

use super::{App, Distribution, TokenKind};
use crate::Request;
use crate::settings::Settings;

/// What an app asks for, once it is found to be allowed to.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) app: &'a App,
    pub(crate) user_scopes: Vec<String>,
    pub(crate) bot_scopes: Vec<String>,
    /// Where the answer goes.
    pub(crate) redirect: String,
    /// `redirect_uri` as it was sent: the exchange must send the same.
    pub(crate) redirect_sent: Option<String>,
    pub(crate) state: Option<String>,
    /// The workspace to preselect.
    pub(crate) team: Option<String>,
}

impl<'a> Asked<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// The code that Slack shows instead of the consent page.
    pub(crate) fn read(settings: &'a Settings, request: &Request) -> Result<Asked<'a>, &'static str> {
        let text = |name| request.parameter(name).map(str::to_owned);
        let app = app_of(settings, request.parameter("client_id")).ok_or("invalid_client_id")?;
        let redirect_sent = text("redirect_uri");
        let redirect = app.redirect_for(redirect_sent.as_deref()).ok_or("bad_redirect_uri")?;
        let user_scopes = scopes(app, TokenKind::User, request.parameter("user_scope"))?;
        let bot_scopes = scopes(app, TokenKind::Bot, request.parameter("scope"))?;
        // What Slack calls a request for nothing at all is not documented.
        if user_scopes.is_empty() && bot_scopes.is_empty() {
            return Err("invalid_scope");
        }
        let (state, team) = (text("state"), text("team"));
        if matches!((&app.distribution, &team), (Distribution::Home(home), Some(team)) if home != team) {
            return Err("invalid_team_for_non_distributed_app");
        }
        Ok(Asked { app, user_scopes, bot_scopes, redirect, redirect_sent, state, team })
    }

    /// An install that begins on Slack's own pages: everything that the app is configured for, to its first redirect URL, and
    /// without a state (section 6.2).
    pub(crate) fn from_slack(settings: &'a Settings, client_id: &str) -> Result<Asked<'a>, &'static str> {
        let app = app_of(settings, Some(client_id)).ok_or("invalid_client_id")?;
        let redirect = app.redirect_for(None).ok_or("bad_redirect_uri")?;
        let (user_scopes, bot_scopes) = (app.user_scopes.clone(), app.bot_scopes.clone());
        Ok(Asked { app, user_scopes, bot_scopes, redirect, redirect_sent: None, state: None, team: None })
    }

    /// The scopes of a kind that are asked for.
    pub(crate) fn scopes(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::User => &self.user_scopes,
            TokenKind::Bot => &self.bot_scopes,
        }
    }
}

pub(crate) fn app_of<'a>(settings: &'a Settings, client_id: Option<&str>) -> Option<&'a App> {
    settings.apps.iter().find(|app| Some(app.client_id.as_str()) == client_id)
}

/// A comma list without repetitions.
fn scopes(app: &App, kind: TokenKind, list: Option<&str>) -> Result<Vec<String>, &'static str> {
    let mut found: Vec<String> = Vec::new();
    for scope in list.unwrap_or_default().split(',').map(str::trim).filter(|scope| !scope.is_empty()) {
        if !app.scopes(kind).iter().any(|name| name == scope) {
            return Err("invalid_scope");
        }
        if !found.iter().any(|name| name == scope) {
            found.push(scope.to_owned());
        }
    }
    Ok(found)
}
