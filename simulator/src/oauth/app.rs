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
    /// The bot scopes that the app may request.
    pub bot_scopes: Vec<String>,
    /// The user scopes that users may deselect.
    pub user_optional: Vec<String>,
    /// The bot scopes that users may deselect.
    pub bot_optional: Vec<String>,
    /// Whether organization installs are enabled. They also require a bot scope (see [`App::is_org_ready`]).
    pub org_deploy_enabled: bool,
    /// Whether tokens expire and are refreshed. In Slack, this setting cannot be disabled again.
    pub token_rotation: bool,
    /// Where the app may be installed.
    pub distribution: Distribution,
}

/// The allowed redirect URLs of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// These URLs and URLs below them: the same scheme, host and port, and a path that starts with the same segments.
    Listed(Vec<String>),
    /// Any `https` or loopback URL. Slack does not offer this. It is for manual tests.
    Any,
}

/// Where an app may be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Only on the workspace that owns the app. Elsewhere, Slack returns `invalid_team_for_non_distributed_app`.
    Home(String),
    /// On every workspace of the tenant. Within an organization, `org_deploy_enabled` has this effect.
    Distributed,
}

impl App {
    /// Creates an app for an organization. It has the user scopes `auditlogs:read` and `admin`, and the bot scope `team:read`, which makes it
    /// org-ready.
    pub fn organization(redirect_url: &str) -> App {
        App {
            client_id: "1000000000.1000000001".to_owned(),
            client_secret: "0123456789abcdef0123456789abcdef".to_owned(),
            app_id: "A0ORGANISED".to_owned(),
            name: "slacktrail".to_owned(),
            user_scopes: scopes(&["auditlogs:read", "admin"]),
            bot_scopes: scopes(&["team:read"]),
            org_deploy_enabled: true,
            distribution: Distribution::Distributed,
            ..App::plain(redirect_url)
        }
    }

    /// Creates an app for the workspace `home` only. It has the user scope `admin` and no bot.
    pub fn workspace(redirect_url: &str, home: &str) -> App {
        App {
            client_id: "2000000000.2000000002".to_owned(),
            client_secret: "fedcba9876543210fedcba9876543210".to_owned(),
            app_id: "A0WORKSPACE".to_owned(),
            name: "slacktrail access logs".to_owned(),
            user_scopes: scopes(&["admin"]),
            distribution: Distribution::Home(home.to_owned()),
            ..App::plain(redirect_url)
        }
    }

    /// Enables token rotation.
    pub fn rotating(self) -> App {
        App { token_rotation: true, ..self }
    }

    /// Returns `true` if the app can be installed on an organization, which requires a bot scope in its settings.
    pub fn is_org_ready(&self) -> bool {
        self.org_deploy_enabled && !self.bot_scopes.is_empty()
    }

    /// Returns the scopes that the app may request.
    pub fn scopes(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::User => &self.user_scopes,
            TokenKind::Bot => &self.bot_scopes,
        }
    }

    /// Returns `true` if users may deselect this scope.
    pub(crate) fn is_optional(&self, kind: TokenKind, scope: &str) -> bool {
        let optional = match kind {
            TokenKind::User => &self.user_optional,
            TokenKind::Bot => &self.bot_optional,
        };
        optional.iter().any(|name| name == scope)
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

    fn plain(redirect_url: &str) -> App {
        App {
            client_id: String::new(),
            client_secret: String::new(),
            app_id: String::new(),
            name: String::new(),
            redirects: Redirects::Listed(vec![redirect_url.to_owned()]),
            user_scopes: Vec::new(),
            bot_scopes: Vec::new(),
            user_optional: Vec::new(),
            bot_optional: Vec::new(),
            org_deploy_enabled: false,
            token_rotation: false,
            distribution: Distribution::Distributed,
        }
    }
}

fn scopes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
