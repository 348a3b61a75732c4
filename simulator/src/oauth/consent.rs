//! The person's answer: where to install, which scopes, yes or no; and the code that a yes gives. Sections 6.1 and 6.2.

use jiff::Timestamp;

use super::authorize::Asked;
use super::{App, Distribution, TokenKind, User, page, redirect};
use crate::api_error::ApiError;
use crate::settings::Settings;
use crate::tenant::{Install, Role};
use crate::{Family, Method, Request, Response, World};

/// What somebody answers on the consent page, for tests without a browser.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The id of one of [`Settings::users`]; `None` is the first of them.
    pub user: Option<String>,
    /// Where to install.
    pub install: Install,
    /// Optional scopes that are deselected.
    pub deselected: Vec<String>,
}

/// A code on its way to the app.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) rights: Role,
    pub(crate) install: Install,
    pub(crate) user_scopes: Vec<String>,
    pub(crate) bot_scopes: Vec<String>,
    pub(crate) redirect: String,
    pub(crate) redirect_sent: Option<String>,
    pub(crate) issued: Timestamp,
    pub(crate) used: bool,
}

impl Consent {
    /// Install on the organization.
    pub fn organization() -> Consent {
        Consent { user: None, install: Install::Organization, deselected: Vec::new() }
    }

    /// Install on this workspace.
    pub fn workspace(id: &str) -> Consent {
        Consent { install: Install::Workspace(id.to_owned()), ..Consent::organization() }
    }

    /// The same answer by this person.
    pub fn by(self, user: &str) -> Consent {
        Consent { user: Some(user.to_owned()), ..self }
    }

    /// The same answer without this optional scope.
    pub fn without(mut self, scope: &str) -> Consent {
        self.deselected.push(scope.to_owned());
        self
    }
}

impl World {
    /// What a browser does with an authorize URL when somebody consents: the URL that it is sent to, with a code. `asked` is the
    /// authorize URL, or its query alone.
    ///
    /// # Errors
    /// The code that Slack would show instead of the consent page; or `not_offered`, which is no code of Slack's, if the page would
    /// not offer this answer.
    pub fn consent(&mut self, now: Timestamp, asked: &str, consent: &Consent) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let asked = Asked::read(&settings, &Request::authorize(asked))?;
        self.consent_to(now, &asked, consent)
    }

    /// The same when somebody declines.
    ///
    /// # Errors
    /// The code that Slack would show instead of the consent page.
    pub fn decline(&self, asked: &str) -> Result<String, &'static str> {
        Asked::read(&self.settings, &Request::authorize(asked)).map(|asked| declined(&asked))
    }

    /// The same when an install begins on Slack's own pages: a code for all scopes of the app, and no state (section 6.2).
    ///
    /// # Errors
    /// As [`World::consent`].
    pub fn install_from_slack(
        &mut self,
        now: Timestamp,
        client_id: &str,
        consent: &Consent,
    ) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let asked = Asked::from_slack(&settings, client_id)?;
        self.consent_to(now, &asked, consent)
    }

    /// Answers what a browser asks for.
    pub(crate) fn browser_response(&mut self, now: Timestamp, request: &Request) -> Result<Response, ApiError> {
        debug_assert_eq!(request.family, Family::Browser);
        let settings = self.settings.clone();
        match (request.path.as_str(), request.method) {
            ("authorize", Method::Get) => {
                let asked = Asked::read(&settings, request).map_err(ApiError::new)?;
                let user = user(&settings, request.parameter(page::VISITOR)).map_err(ApiError::new)?;
                let targets = targets(&settings, asked.app, user);
                if targets.is_empty() {
                    return Err(ApiError::new(no_target_error(asked.app)));
                }
                Ok(page::consent(&settings, request, &asked, user, &targets))
            }
            ("consent", Method::Post) => self.decide(now, &settings, request).map_err(ApiError::new),
            _ => Err(ApiError::new("not_found")),
        }
    }

    /// Answers the form of the consent page. Everything is checked again: a form says what its sender likes.
    fn decide(&mut self, now: Timestamp, settings: &Settings, request: &Request) -> Result<Response, &'static str> {
        let asked = Asked::read(settings, request)?;
        let to = match request.parameter("decision") {
            Some("deny") => declined(&asked),
            Some("allow") => {
                let user = user(settings, request.parameter(page::VISITOR))?;
                let targets = targets(settings, asked.app, user);
                let chosen = request.parameter("install");
                let install = targets.iter().find(|target| id_of(settings, target) == chosen).ok_or("not_offered")?;
                let is_checked = |kind: TokenKind, scope: &str| {
                    let value = page::optional_value(kind, scope);
                    request.query.iter().any(|(name, checked)| name == "optional" && *checked == value)
                };
                self.allow(now, &asked, user, install, is_checked)
            }
            _ => return Err("invalid_arguments"),
        };
        Ok(Response::redirect(&to))
    }

    fn consent_to(&mut self, now: Timestamp, asked: &Asked<'_>, consent: &Consent) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let user = user(&settings, consent.user.as_deref())?;
        if consent.user.as_ref().is_some_and(|asked| *asked != user.id) {
            return Err("not_offered");
        }
        if !targets(&settings, asked.app, user).contains(&consent.install) {
            return Err(target_error(asked.app, &consent.install));
        }
        let is_deselected = |scope: &str| consent.deselected.iter().any(|name| name == scope);
        let is_offered =
            |kind: TokenKind, name: &String| asked.scopes(kind).contains(name) && asked.app.is_optional(kind, name);
        let kinds = [TokenKind::User, TokenKind::Bot];
        if !consent.deselected.iter().all(|name| kinds.iter().any(|kind| is_offered(*kind, name))) {
            return Err("not_offered");
        }
        Ok(self.allow(now, asked, user, &consent.install, |_, scope| !is_deselected(scope)))
    }

    /// Makes the code. Of the optional scopes only those that are still checked go with it.
    fn allow(
        &mut self,
        now: Timestamp,
        asked: &Asked<'_>,
        user: &User,
        install: &Install,
        is_checked: impl Fn(TokenKind, &str) -> bool,
    ) -> String {
        let granted = |kind| {
            let scopes = asked.scopes(kind).iter();
            scopes.filter(|scope| !asked.app.is_optional(kind, scope) || is_checked(kind, scope)).cloned().collect()
        };
        let code = Code {
            client_id: asked.app.client_id.clone(),
            user: user.id.clone(),
            rights: user.rights,
            install: install.clone(),
            user_scopes: granted(TokenKind::User),
            bot_scopes: granted(TokenKind::Bot),
            redirect: asked.redirect.clone(),
            redirect_sent: asked.redirect_sent.clone(),
            issued: now,
            used: false,
        };
        let text = self.oauth.token_generator.code(self.settings.seed);
        let to = answer_to(asked, ("code", &text));
        self.oauth.codes.insert(text, code);
        to
    }
}

/// Where this person can install this app: the organization first, which takes its owner and an org-ready app, then workspaces.
pub(crate) fn targets(settings: &Settings, app: &App, user: &User) -> Vec<Install> {
    let organization = settings.tenant.as_organization().is_some()
        && app.is_org_ready()
        && app.distribution == Distribution::Distributed
        && user.rights == Role::Owner;
    let workspaces = settings.tenant.workspaces().iter().filter(|workspace| {
        let elsewhere = matches!(&app.distribution, Distribution::Home(home) if *home != workspace.id);
        !elsewhere && user.belongs_to(&workspace.id)
    });
    let workspaces = workspaces.map(|workspace| Install::Workspace(workspace.id.clone()));
    organization.then_some(Install::Organization).into_iter().chain(workspaces).collect()
}

/// The id of a place: `E...` or `T...`.
pub(crate) fn id_of<'a>(settings: &'a Settings, install: &'a Install) -> Option<&'a str> {
    match install {
        Install::Organization => settings.tenant.as_organization().map(|(id, _)| id),
        Install::Workspace(id) => Some(id),
    }
}

/// The person of this id, else the first there is.
fn user<'a>(settings: &'a Settings, id: Option<&str>) -> Result<&'a User, &'static str> {
    let named = settings.users.iter().find(|user| Some(user.id.as_str()) == id);
    named.or(settings.users.first()).ok_or("not_offered")
}

fn declined(asked: &Asked<'_>) -> String {
    answer_to(asked, ("error", "access_denied"))
}

fn answer_to(asked: &Asked<'_>, answer: (&str, &str)) -> String {
    let state = asked.state.as_deref().map(|state| ("state", state));
    let parameters: Vec<(&str, &str)> = [answer].into_iter().chain(state).collect();
    redirect::with_parameters(&asked.redirect, &parameters)
}

/// Returns the error code if the app cannot be installed anywhere.
fn no_target_error(app: &App) -> &'static str {
    match app.distribution {
        Distribution::Home(_) => "invalid_team_for_non_distributed_app",
        Distribution::Distributed => "not_offered",
    }
}

/// Returns the error code if the app cannot be installed here.
fn target_error(app: &App, install: &Install) -> &'static str {
    match (&app.distribution, install) {
        (Distribution::Home(home), Install::Workspace(id)) if home == id => "not_offered",
        _ => no_target_error(app),
    }
}
