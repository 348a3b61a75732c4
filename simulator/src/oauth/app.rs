//! The configuration of a Slack app, which Slack checks installations against.

use super::grants::TokenKind;
use super::redirect;

/// An app that can be installed. The constructors return two valid configurations.
#[derive(Clone, Debug)]
pub struct App {
    /// The OAuth client ID.
    pub client_id: String,
    /// The OAuth client secret.
    pub client_secret: String,
    /// The app ID, `A...`.
    pub app_id: String,
    /// The display name.
    pub name: String,
    /// The allowed redirect URLs.
    pub redirects: Redirects,
    /// The user scopes that the app may request.
    pub user_scopes: Vec<String>,
    /// The bot scopes that the app may request. An app without any cannot be installed on an organization.
    pub bot_scopes: Vec<String>,
    /// The user scopes that users may deselect.
    pub user_optional: Vec<String>,
    /// Whether tokens expire and are refreshed. In Slack, this setting cannot be disabled again.
    pub token_rotation: bool,
    /// The workspace that owns the app, if the app may only be installed there. Elsewhere, Slack returns
    /// `invalid_team_for_non_distributed_app`.
    pub home: Option<String>,
}

/// The allowed redirect URLs of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// These URLs and URLs below them: the same scheme, host and port, and a path that starts with the same segments.
    Listed(Vec<String>),
    /// Any `https` or loopback URL. Slack does not offer this. It is for manual tests.
    Any,
}

impl App {
    /// Creates an app for an organization. It has the user scopes `auditlogs:read` and `admin`, and the bot scope `team:read`.
    pub fn organization(redirect_url: &str) -> App {
        App {
            client_id: "1000000000.1000000001".to_owned(),
            client_secret: "0123456789abcdef0123456789abcdef".to_owned(),
            app_id: "A0ORGANISED".to_owned(),
            name: "slacktrail".to_owned(),
            redirects: Redirects::Listed(vec![redirect_url.to_owned()]),
            user_scopes: vec!["auditlogs:read".to_owned(), "admin".to_owned()],
            bot_scopes: vec!["team:read".to_owned()],
            user_optional: Vec::new(),
            token_rotation: false,
            home: None,
        }
    }

    /// Creates an app for the workspace `home` only. It has the user scope `admin` and no bot.
    pub fn workspace(redirect_url: &str, home: &str) -> App {
        App {
            client_id: "2000000000.2000000002".to_owned(),
            client_secret: "fedcba9876543210fedcba9876543210".to_owned(),
            app_id: "A0WORKSPACE".to_owned(),
            name: "slacktrail access logs".to_owned(),
            user_scopes: vec!["admin".to_owned()],
            bot_scopes: Vec::new(),
            home: Some(home.to_owned()),
            ..App::organization(redirect_url)
        }
    }

    /// Enables token rotation.
    pub fn rotating(self) -> App {
        App { token_rotation: true, ..self }
    }

    /// Returns the scopes that the app may request.
    pub(crate) fn scopes(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::User => &self.user_scopes,
            TokenKind::Bot => &self.bot_scopes,
        }
    }

    /// Returns `true` if users may deselect this scope.
    pub(crate) fn is_optional(&self, kind: TokenKind, scope: &str) -> bool {
        kind == TokenKind::User && self.user_optional.iter().any(|name| name == scope)
    }

    /// Returns the URL that Slack redirects to: `sent` if the settings allow it, or the first configured URL if `sent` is `None`.
    pub(crate) fn redirect_for(&self, sent: Option<&str>) -> Option<String> {
        let target = match (sent, &self.redirects) {
            (None, Redirects::Any) => return None,
            (None, Redirects::Listed(urls)) => urls.first()?,
            (Some(sent), Redirects::Any) => sent,
            (Some(sent), Redirects::Listed(urls)) => {
                urls.iter().any(|url| redirect::is_below(sent, url)).then_some(sent)?
            }
        };
        redirect::is_acceptable(target).then(|| target.to_owned())
    }
}
