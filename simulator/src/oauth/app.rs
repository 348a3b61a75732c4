//! An app as its developer has configured it: what Slack compares a request to install with.

use super::grants::TokenKind;
use super::redirect;

/// An app that can be installed. Plain data; see the constructors for two that are configured well.
#[derive(Clone, Debug)]
pub struct App {
    /// Public name of the OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// `A...`
    pub app_id: String,
    /// What people see.
    pub name: String,
    /// Where Slack may send people back to.
    pub redirects: Redirects,
    /// User scopes that may be asked for.
    pub user_scopes: Vec<String>,
    /// Bot scopes that may be asked for.
    pub bot_scopes: Vec<String>,
    /// Of the user scopes, those that people may deselect.
    pub user_optional: Vec<String>,
    /// Of the bot scopes, those that people may deselect.
    pub bot_optional: Vec<String>,
    /// Whether it may be installed on the organization, which also takes a bot scope: see [`App::is_org_ready`].
    pub org_deploy_enabled: bool,
    /// Whether its tokens expire and are refreshed. A real app cannot switch this off again.
    pub token_rotation: bool,
    /// Where it may be installed.
    pub distribution: Distribution,
}

/// Where Slack may send people back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// To these URLs and below them: the same scheme, host and port, and a path that begins with these segments.
    Listed(Vec<String>),
    /// To any `https` URL, and to any URL of loopback. The real Slack has no such thing; it is for trying things out.
    Any,
}

/// Where an app may be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Only on the workspace where it was made; elsewhere: `invalid_team_for_non_distributed_app`.
    Home(String),
    /// Anywhere here. `org_deploy_enabled` brings this within an organization.
    Distributed,
}

impl App {
    /// An app for an organization: user scopes `auditlogs:read` and `admin`, and the bot scope `team:read` that makes it org-ready.
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

    /// An app for the workspace `home` alone: the user scope `admin`, no bot.
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

    /// The same app with token rotation.
    pub fn rotating(self) -> App {
        App { token_rotation: true, ..self }
    }

    /// Whether it can be installed on an organization: that takes a bot scope in its settings too (section 6.1, `scope`).
    pub fn is_org_ready(&self) -> bool {
        self.org_deploy_enabled && !self.bot_scopes.is_empty()
    }

    /// The scopes of a kind that may be asked for.
    pub fn scopes(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::User => &self.user_scopes,
            TokenKind::Bot => &self.bot_scopes,
        }
    }

    /// Whether people may deselect this scope.
    pub(crate) fn is_optional(&self, kind: TokenKind, scope: &str) -> bool {
        let optional = match kind {
            TokenKind::User => &self.user_optional,
            TokenKind::Bot => &self.bot_optional,
        };
        optional.iter().any(|name| name == scope)
    }

    /// Where Slack sends people back to: `sent` if the settings allow it, without it the first URL of the settings.
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
