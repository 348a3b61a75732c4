//! `oauth.v2.access`: exchanges a code for tokens (docs.slack.dev, `oauth.v2.access`).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::App;
use super::authorize::app_of;
use super::consent::Code;
use super::grants::{Grant, Pair, TokenKind};
use crate::api_error::ApiError;
use crate::settings::Settings;
use crate::tenant::Install;
use crate::{Method, Request, Response, World};

/// The lifetime of a code (docs.slack.dev, installing with OAuth).
const CODE_TTL: SignedDuration = SignedDuration::from_mins(10);

impl World {
    /// Returns the response of `oauth.v2.access` for a code or a refresh token.
    pub(crate) fn access_response(&mut self, now: Timestamp, request: &Request) -> Result<Response, ApiError> {
        // Slack does not document its response to GET. The simulator rejects it, because secrets do not belong in a URL.
        if request.method != Method::Post {
            return Err(ApiError::new("invalid_arguments"));
        }
        let settings = self.settings.clone();
        let app = client(&settings, request)?;
        match request.parameter("grant_type") {
            None | Some("authorization_code") => self.exchange(now, app, request),
            Some("refresh_token") => self.refresh(now, app, request),
            Some(_) => Err(ApiError::new("invalid_grant_type")),
        }
    }

    fn exchange(&mut self, now: Timestamp, app: &App, request: &Request) -> Result<Response, ApiError> {
        let text = request.parameter("code").unwrap_or_default();
        let code = self.oauth.codes.get(text).cloned();
        let code = code.ok_or_else(|| ApiError::new("invalid_code"))?;
        self.check(now, app, &code, request).map_err(ApiError::new)?;
        self.oauth.codes.remove(text);
        let mut body = Map::new();
        let mut authed_user = json!({"id": code.user});
        for (kind, user, scopes) in
            [(TokenKind::User, code.user.clone(), &code.user_scopes), (TokenKind::Bot, bot_user(app), &code.bot_scopes)]
        {
            if scopes.is_empty() {
                continue;
            }
            let index = self.grant(app, kind, &user, &code, scopes);
            let pair = self.pair_of_install(now, index, app);
            let fields = token_fields(now, &self.oauth.grants[index], &pair);
            match (kind, authed_user.as_object_mut()) {
                (TokenKind::User, Some(authed_user)) => authed_user.extend(fields),
                _ => body.extend(fields),
            }
        }
        body.insert("authed_user".to_owned(), authed_user);
        if body.contains_key("access_token") {
            body.insert("bot_user_id".to_owned(), bot_user(app).into());
        }
        body.extend(install_fields(&self.settings, app, &code.install));
        Ok(Response::json(200, Value::Object(body).to_string()))
    }

    /// Checks that the code may be exchanged. A rejected exchange does not use up the code. Slack does not document this.
    fn check(&self, now: Timestamp, app: &App, code: &Code, request: &Request) -> Result<(), &'static str> {
        if code.client_id != app.client_id || now.duration_since(code.issued) >= CODE_TTL {
            return Err("invalid_code");
        }
        let sent = request.parameter("redirect_uri");
        let is_same = match &code.redirect_sent {
            Some(before) => sent == Some(before),
            // If the authorize URL had no `redirect_uri`, the exchange may omit it or send the URL that was used.
            None => sent.is_none_or(|sent| sent == code.redirect),
        };
        if !is_same {
            return Err("bad_redirect_uri");
        }
        if code.user_scopes.is_empty() && code.bot_scopes.is_empty() {
            return Err("no_scopes");
        }
        let on_workspace = code.install != Install::Organization;
        if on_workspace && self.oauth.grants.iter().any(|grant| is_on_organization(grant, app)) {
            return Err("cannot_install_an_org_installed_app");
        }
        Ok(())
    }

    /// Adds scopes to the grant, and returns its index. Scopes accumulate over installations (docs.slack.dev, installing with OAuth).
    fn grant(&mut self, app: &App, kind: TokenKind, user: &str, code: &Code, scopes: &[String]) -> usize {
        let index = self.oauth.active_grant(&app.client_id, kind, user, &code.install).unwrap_or_else(|| {
            self.oauth.grants.push(Grant {
                client_id: app.client_id.clone(),
                kind,
                user: user.to_owned(),
                install: code.install.clone(),
                scopes: Vec::new(),
                tokens: Vec::new(),
                is_revoked: false,
                refresh_tokens: Vec::new(),
            });
            self.oauth.grants.len() - 1
        });
        let granted = &mut self.oauth.grants[index].scopes;
        for scope in scopes {
            if !granted.contains(scope) {
                granted.push(scope.clone());
            }
        }
        index
    }

    /// Returns the token pair of an installation. Without rotation, this is the existing token, if any (inferred, not documented). Otherwise it
    /// is a new pair, which replaces earlier refresh tokens as if they had been used.
    fn pair_of_install(&mut self, now: Timestamp, index: usize, app: &App) -> Pair {
        if !app.token_rotation {
            let mut tokens = self.oauth.grants[index].tokens.iter().rev();
            let same = tokens.find(|token| token.expires.is_none() && self.is_live(token, now));
            if let Some(access) = same.cloned() {
                return Pair { access, refresh: None };
            }
        }
        let before = self.oauth.grants[index].refresh_tokens.len();
        let pair = self.new_pair(now, index, app);
        for old in &mut self.oauth.grants[index].refresh_tokens[..before] {
            old.replaced.get_or_insert_with(|| (now, pair.clone()));
        }
        pair
    }
}

/// Returns the calling app, which authenticates with HTTP Basic or with fields.
pub(crate) fn client<'a>(settings: &'a Settings, request: &Request) -> Result<&'a App, ApiError> {
    let (id, secret) = match &request.basic {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (request.parameter("client_id"), request.parameter("client_secret")),
    };
    let app = app_of(settings, id).ok_or_else(|| ApiError::new("invalid_client_id"))?;
    if secret != Some(app.client_secret.as_str()) {
        return Err(ApiError::new("bad_client_secret"));
    }
    Ok(app)
}

/// Returns the response fields of one token. A user token's fields are in `authed_user` after an installation, and otherwise at the top
/// level.
pub(crate) fn token_fields(now: Timestamp, grant: &Grant, pair: &Pair) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("access_token".to_owned(), pair.access.text.as_str().into());
    fields.insert("token_type".to_owned(), grant.kind.name().into());
    fields.insert("scope".to_owned(), grant.scopes.join(",").into());
    if let Some(expires) = pair.access.expires {
        fields.insert("expires_in".to_owned(), seconds_until(now, expires).into());
    }
    if let Some(refresh) = &pair.refresh {
        fields.insert("refresh_token".to_owned(), refresh.as_str().into());
    }
    fields
}

/// Returns the response fields of the app and its installation target. `team` is null for an organization.
pub(crate) fn install_fields(settings: &Settings, app: &App, install: &Install) -> Map<String, Value> {
    let named = |id: &str, name: &str| json!({"id": id, "name": name});
    let team = match install {
        Install::Organization => Value::Null,
        Install::Workspace(id) => named(id, settings.tenant.workspace_name(id)),
    };
    let enterprise = settings.tenant.as_organization().map_or(Value::Null, |(id, name)| named(id, name));
    let fields = [
        ("ok", true.into()),
        ("app_id", app.app_id.as_str().into()),
        ("team", team),
        ("enterprise", enterprise),
        ("is_enterprise_install", (*install == Install::Organization).into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns the remaining whole seconds, at least zero.
pub(crate) fn seconds_until(now: Timestamp, expires: Timestamp) -> i64 {
    expires.duration_since(now).as_secs().max(0)
}

/// Returns the ID of an app's bot, which is the same for every installation target.
pub(crate) fn bot_user(app: &App) -> String {
    format!("U0BOT{}", app.app_id.trim_start_matches("A0"))
}

fn is_on_organization(grant: &Grant, app: &App) -> bool {
    grant.client_id == app.client_id && !grant.is_revoked && grant.install == Install::Organization
}
