//! The user's decision on the consent page: the installation target, the scopes, and approval or denial. An approval creates a code
//! (docs.slack.dev, installing with OAuth).

use jiff::Timestamp;

use super::authorize::InstallRequest;
use super::{App, Distribution, TokenKind, User, page, redirect};
use crate::api_error::ApiError;
use crate::settings::Settings;
use crate::tenant::{Install, Role};
use crate::{Family, Method, Request, Response, World};

/// An approval on the consent page, for tests without a browser.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The ID of one of [`Settings::users`]. `None` means the first one.
    pub user: Option<String>,
    /// Where to install.
    pub install: Install,
    /// Optional scopes that are deselected.
    pub deselected: Vec<String>,
}

/// A code that Slack issued to an app.
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
    /// Approves the installation on the organization.
    pub fn organization() -> Consent {
        Consent { user: None, install: Install::Organization, deselected: Vec::new() }
    }

    /// Approves the installation on this workspace.
    pub fn workspace(id: &str) -> Consent {
        Consent { install: Install::Workspace(id.to_owned()), ..Consent::organization() }
    }

    /// Sets the user.
    pub fn by(self, user: &str) -> Consent {
        Consent { user: Some(user.to_owned()), ..self }
    }

    /// Deselects an optional scope.
    pub fn without(mut self, scope: &str) -> Consent {
        self.deselected.push(scope.to_owned());
        self
    }
}

impl World {
    /// Approves an installation request, and returns the redirect URL with a code. `authorize_url` may also be only its query.
    ///
    /// # Errors
    ///
    /// Returns the error code that Slack would show instead of the consent page. Returns `not_offered`, which is not a Slack code, if the page
    /// would not offer this choice.
    pub fn consent(&mut self, now: Timestamp, authorize_url: &str, consent: &Consent) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let install_request = InstallRequest::read(&settings, &Request::authorize(authorize_url))?;
        self.consent_to(now, &install_request, consent)
    }

    /// Denies an installation request, and returns the redirect URL with the error.
    ///
    /// # Errors
    ///
    /// Returns the error code that Slack would show instead of the consent page.
    pub fn decline(&self, authorize_url: &str) -> Result<String, &'static str> {
        let install_request = InstallRequest::read(&self.settings, &Request::authorize(authorize_url))?;
        Ok(declined(&install_request))
    }

    /// Approves an installation that starts on Slack's own pages. The redirect URL has a code for all scopes of the app, and no state.
    ///
    /// # Errors
    ///
    /// Returns the error code that Slack would show instead of the consent page, or `not_offered` if the page would not offer this choice.
    pub fn install_from_slack(
        &mut self,
        now: Timestamp,
        client_id: &str,
        consent: &Consent,
    ) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let install_request = InstallRequest::from_slack(&settings, client_id)?;
        self.consent_to(now, &install_request, consent)
    }

    /// Returns the response to a browser.
    pub(crate) fn browser_response(&mut self, now: Timestamp, request: &Request) -> Result<Response, ApiError> {
        debug_assert_eq!(request.family, Family::Browser);
        let settings = self.settings.clone();
        match (request.path.as_str(), request.method) {
            ("authorize", Method::Get) => {
                let install_request = InstallRequest::read(&settings, request).map_err(ApiError::new)?;
                let user = user(&settings, request.parameter(page::USER_PARAMETER)).map_err(ApiError::new)?;
                let targets = targets(&settings, install_request.app, user);
                if targets.is_empty() {
                    return Err(ApiError::new(no_target_error(install_request.app)));
                }
                Ok(page::consent(&settings, request, &install_request, user, &targets))
            }
            ("consent", Method::Post) => self.handle_decision(now, &settings, request).map_err(ApiError::new),
            _ => Err(ApiError::new("not_found")),
        }
    }

    /// Returns the response to the form of the consent page. Checks everything again, because a client can send any form.
    fn handle_decision(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        request: &Request,
    ) -> Result<Response, &'static str> {
        let install_request = InstallRequest::read(settings, request)?;
        let to = match request.parameter("decision") {
            Some("deny") => declined(&install_request),
            Some("allow") => {
                let user = user(settings, request.parameter(page::USER_PARAMETER))?;
                let targets = targets(settings, install_request.app, user);
                let chosen = request.parameter("install");
                let install =
                    targets.iter().find(|target| install_id(settings, target) == chosen).ok_or("not_offered")?;
                let is_checked = |kind: TokenKind, scope: &str| {
                    let value = page::optional_value(kind, scope);
                    request.query.iter().any(|(name, checked)| name == "optional" && *checked == value)
                };
                self.allow(now, &install_request, user, install, is_checked)
            }
            _ => return Err("invalid_arguments"),
        };
        Ok(Response::redirect(&to))
    }

    fn consent_to(
        &mut self,
        now: Timestamp,
        install_request: &InstallRequest<'_>,
        consent: &Consent,
    ) -> Result<String, &'static str> {
        let settings = self.settings.clone();
        let user = user(&settings, consent.user.as_deref())?;
        if consent.user.as_ref().is_some_and(|id| *id != user.id) {
            return Err("not_offered");
        }
        if !targets(&settings, install_request.app, user).contains(&consent.install) {
            return Err(target_error(install_request.app, &consent.install));
        }
        let is_deselected = |scope: &str| consent.deselected.iter().any(|name| name == scope);
        let is_offered = |kind: TokenKind, name: &String| {
            install_request.scopes(kind).contains(name) && install_request.app.is_optional(kind, name)
        };
        let kinds = [TokenKind::User, TokenKind::Bot];
        if !consent.deselected.iter().all(|name| kinds.iter().any(|kind| is_offered(*kind, name))) {
            return Err("not_offered");
        }
        Ok(self.allow(now, install_request, user, &consent.install, |_, scope| !is_deselected(scope)))
    }

    /// Creates a code, and returns the redirect URL. The code grants only the optional scopes that are still checked.
    fn allow(
        &mut self,
        now: Timestamp,
        install_request: &InstallRequest<'_>,
        user: &User,
        install: &Install,
        is_checked: impl Fn(TokenKind, &str) -> bool,
    ) -> String {
        let granted = |kind| {
            let scopes = install_request.scopes(kind).iter();
            scopes
                .filter(|scope| !install_request.app.is_optional(kind, scope) || is_checked(kind, scope))
                .cloned()
                .collect()
        };
        let code = Code {
            client_id: install_request.app.client_id.clone(),
            user: user.id.clone(),
            rights: user.rights,
            install: install.clone(),
            user_scopes: granted(TokenKind::User),
            bot_scopes: granted(TokenKind::Bot),
            redirect: install_request.redirect.clone(),
            redirect_sent: install_request.redirect_sent.clone(),
            issued: now,
            used: false,
        };
        let text = self.oauth.token_generator.code(self.settings.seed);
        let to = redirect_url(install_request, ("code", &text));
        self.oauth.codes.insert(text, code);
        to
    }
}

/// Returns where the user can install the app: the organization first, if the user is its owner and the app is org-ready, then workspaces.
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

/// Returns the ID of an installation target: `E...` or `T...`.
pub(crate) fn install_id<'a>(settings: &'a Settings, install: &'a Install) -> Option<&'a str> {
    match install {
        Install::Organization => settings.tenant.as_organization().map(|(id, _)| id),
        Install::Workspace(id) => Some(id),
    }
}

/// Returns the user with this ID, or the first user if there is none.
fn user<'a>(settings: &'a Settings, id: Option<&str>) -> Result<&'a User, &'static str> {
    let named = settings.users.iter().find(|user| Some(user.id.as_str()) == id);
    named.or(settings.users.first()).ok_or("not_offered")
}

fn declined(install_request: &InstallRequest<'_>) -> String {
    redirect_url(install_request, ("error", "access_denied"))
}

fn redirect_url(install_request: &InstallRequest<'_>, answer: (&str, &str)) -> String {
    let state = install_request.state.as_deref().map(|state| ("state", state));
    let parameters: Vec<(&str, &str)> = [answer].into_iter().chain(state).collect();
    redirect::with_parameters(&install_request.redirect, &parameters)
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
