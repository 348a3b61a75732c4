//! The user's decision on the consent page: the installation target, the scopes, and approval or denial. An approval creates a code
//! (docs.slack.dev, installing with OAuth).

use jiff::Timestamp;
use serde_json::Value;

use super::authorize::{InstallRequest, app_of};
use super::{App, TokenKind, page, redirect};
use crate::api_error::ApiError;
use crate::settings::Settings;
use crate::tenant::{Install, Role};
use crate::{Family, Method, Request, Response, World};

/// A user of the tenant, who can sign in to the consent page and belongs to every workspace.
#[derive(Clone, Debug)]
pub struct User {
    /// The ID, `W...` or `U...`.
    pub id: String,
    /// The name that `auth.test` and the consent page show.
    pub name: String,
    /// The role in the tenant. Tokens have the current role of their user, not the role at the time of the installation.
    pub rights: Role,
}

impl User {
    /// Creates a user.
    pub fn new(id: &str, name: &str, rights: Role) -> User {
        User { id: id.to_owned(), name: name.to_owned(), rights }
    }
}

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

/// An unused code that Slack issued to an app.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) install: Install,
    pub(crate) user_scopes: Vec<String>,
    pub(crate) bot_scopes: Vec<String>,
    pub(crate) redirect: String,
    pub(crate) redirect_sent: Option<String>,
    pub(crate) issued: Timestamp,
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
        let user = user(&settings, consent.user.as_deref())?;
        let is_checked = |scope: &str| consent.deselected.iter().all(|name| name != scope);
        self.allow(now, &install_request, user, &consent.install, is_checked)
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
        let app = app_of(&self.settings, Some(client_id)).ok_or("invalid_client_id")?;
        let scopes = [app.user_scopes.join(","), app.bot_scopes.join(",")];
        let query = format!("client_id={client_id}&user_scope={}&scope={}", scopes[0], scopes[1]);
        self.consent(now, &query, consent)
    }

    /// Installs an app without a browser, and returns Slack's response to the exchange of the code. Slack must accept the installation.
    pub fn install(&mut self, now: Timestamp, app: &App, user_scope: &str, consent: &Consent) -> Value {
        let query = format!("client_id={}&user_scope={user_scope}", app.client_id);
        let redirect = self.consent(now, &query, consent).expect("Slack redirects");
        let code = redirect.split_once("code=").expect("the redirect has a code").1;
        let request = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret).with("code", code);
        let response = self.answer(now, &request).response().expect("Slack responds");
        serde_json::from_slice(&response.body).expect("the response is JSON")
    }

    /// Returns the response to a browser. The first user is signed in.
    pub(crate) fn browser_response(&mut self, now: Timestamp, request: &Request) -> Result<Response, ApiError> {
        debug_assert_eq!(request.family, Family::Browser);
        let settings = self.settings.clone();
        match (request.path.as_str(), request.method) {
            ("authorize", Method::Get) => {
                let install_request = InstallRequest::read(&settings, request).map_err(ApiError::new)?;
                let user = user(&settings, None).map_err(ApiError::new)?;
                let targets = targets(&settings, install_request.app, user);
                if targets.is_empty() {
                    return Err(ApiError::new(target_error(install_request.app)));
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
                let chosen = request.parameter("install").unwrap_or_default();
                let is_organization = settings.tenant.as_organization().is_some_and(|(id, _)| id == chosen);
                let install =
                    if is_organization { Install::Organization } else { Install::Workspace(chosen.to_owned()) };
                let is_checked =
                    |scope: &str| request.query.iter().any(|(name, checked)| name == "optional" && checked == scope);
                self.allow(now, &install_request, user(settings, None)?, &install, is_checked)?
            }
            _ => return Err("invalid_arguments"),
        };
        Ok(Response::redirect(&to))
    }

    /// Creates a code, and returns the redirect URL. The code grants only the optional scopes that are still checked.
    fn allow(
        &mut self,
        now: Timestamp,
        install_request: &InstallRequest<'_>,
        user: &User,
        install: &Install,
        is_checked: impl Fn(&str) -> bool,
    ) -> Result<String, &'static str> {
        if !targets(&self.settings, install_request.app, user).contains(install) {
            return Err(target_error(install_request.app));
        }
        let granted = |kind| {
            let scopes = install_request.scopes(kind).iter();
            scopes.filter(|scope| !install_request.app.is_optional(kind, scope) || is_checked(scope)).cloned().collect()
        };
        let code = Code {
            client_id: install_request.app.client_id.clone(),
            user: user.id.clone(),
            install: install.clone(),
            user_scopes: granted(TokenKind::User),
            bot_scopes: granted(TokenKind::Bot),
            redirect: install_request.redirect.clone(),
            redirect_sent: install_request.redirect_sent.clone(),
            issued: now,
        };
        let text = self.oauth.token_generator.code(self.settings.seed);
        let to = redirect_url(install_request, ("code", &text));
        self.oauth.codes.insert(text, code);
        Ok(to)
    }
}

/// Returns where the user can install the app: the organization first, if the user is its owner and the app has a bot, then workspaces.
fn targets(settings: &Settings, app: &App, user: &User) -> Vec<Install> {
    let organization = settings.tenant.as_organization().is_some()
        && !app.bot_scopes.is_empty()
        && app.home.is_none()
        && user.rights == Role::Owner;
    let workspaces = settings.tenant.workspaces().iter().map(|workspace| &workspace.id);
    let workspaces = workspaces.filter(|id| app.home.as_ref().is_none_or(|home| home == *id));
    let workspaces = workspaces.map(|id| Install::Workspace(id.clone()));
    organization.then_some(Install::Organization).into_iter().chain(workspaces).collect()
}

/// Returns the user with this ID, or the first user if there is no ID.
fn user<'a>(settings: &'a Settings, id: Option<&str>) -> Result<&'a User, &'static str> {
    settings.users.iter().find(|user| id.is_none_or(|id| user.id == id)).ok_or("not_offered")
}

fn declined(install_request: &InstallRequest<'_>) -> String {
    redirect_url(install_request, ("error", "access_denied"))
}

fn redirect_url(install_request: &InstallRequest<'_>, answer: (&str, &str)) -> String {
    let state = install_request.state.as_deref().map(|state| ("state", state));
    let parameters: Vec<(&str, &str)> = [answer].into_iter().chain(state).collect();
    redirect::with_parameters(&install_request.redirect, &parameters)
}

/// Returns the error code if the page does not offer an installation target.
fn target_error(app: &App) -> &'static str {
    if app.home.is_some() { "invalid_team_for_non_distributed_app" } else { "not_offered" }
}
