//! `GET /oauth/v2/authorize`: reads an installation request and checks it against the app's settings (docs.slack.dev, installing with OAuth).

use super::{App, TokenKind};
use crate::Request;
use crate::settings::Settings;

/// A valid installation request of an app.
#[derive(Clone, Debug)]
pub(crate) struct InstallRequest<'a> {
    pub(crate) app: &'a App,
    pub(crate) user_scopes: Vec<String>,
    pub(crate) bot_scopes: Vec<String>,
    /// The URL that Slack redirects to.
    pub(crate) redirect: String,
    /// The `redirect_uri` parameter. The exchange must repeat it.
    pub(crate) redirect_sent: Option<String>,
    pub(crate) state: Option<String>,
}

impl<'a> InstallRequest<'a> {
    /// Reads the query of an authorize URL.
    ///
    /// # Errors
    ///
    /// Returns the error code that Slack shows instead of the consent page.
    pub(crate) fn read(settings: &'a Settings, request: &Request) -> Result<InstallRequest<'a>, &'static str> {
        let text = |name| request.parameter(name).map(str::to_owned);
        let app = app_of(settings, request.parameter("client_id")).ok_or("invalid_client_id")?;
        let redirect_sent = text("redirect_uri");
        let redirect = app.redirect_for(redirect_sent.as_deref()).ok_or("bad_redirect_uri")?;
        let user_scopes = scopes(app, TokenKind::User, request.parameter("user_scope"))?;
        let bot_scopes = scopes(app, TokenKind::Bot, request.parameter("scope"))?;
        // Slack does not document the error code of a request without scopes.
        if user_scopes.is_empty() && bot_scopes.is_empty() {
            return Err("invalid_scope");
        }
        Ok(InstallRequest { app, user_scopes, bot_scopes, redirect, redirect_sent, state: text("state") })
    }

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

/// Reads a comma-separated list of scopes and removes duplicates.
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
