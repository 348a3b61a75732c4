//! Authentication: finds and checks the caller's token before a log is read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api_error::ApiError;
use crate::oauth::{Issued, TokenKind};
use crate::settings::Settings;
use crate::tenant::{Install, Plan, Role, Token};
use crate::{Family, Method, Request, World};

/// Invalidated tokens, each with the error code that the Web API returns for it.
pub(crate) type Invalidated = BTreeMap<String, String>;

/// The token of an authenticated call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) token: Token,
    /// Details of a token that OAuth issued. `None` for a token from the settings, which has no app and no user.
    pub(crate) issued: Option<Issued>,
}

/// Checks an audit call.
pub(crate) fn audit(world: &World, now: Timestamp, request: &Request) -> Result<(), ApiError> {
    if request.method != Method::Get {
        return Err(ApiError::new("method_not_allowed"));
    }
    if request.path != "logs" {
        return Err(ApiError::new("bad_endpoint"));
    }
    let text = request.bearer.as_deref().ok_or_else(|| ApiError::new("missing_authentication"))?;
    let token = match find(world, text) {
        Some(caller) if !world.invalidated.contains_key(text) && !caller.is_expired(now) && !caller.is_bot() => {
            caller.token
        }
        _ => return Err(ApiError::new("invalid_authentication")),
    };
    let code = match token {
        _ if world.settings.plan != Plan::Enterprise => "feature_not_enabled",
        _ if token.install != Install::Organization => "team_not_authorized",
        _ if token.rights != Role::Owner => "user_not_authorized",
        _ if !has_scope(&token, "auditlogs:read") => "invalid_authentication",
        _ => return Ok(()),
    };
    Err(ApiError::new(code))
}

/// Returns the caller of a Web API call, if its token is valid.
pub(crate) fn web(world: &World, now: Timestamp, request: &Request) -> Result<Caller, ApiError> {
    debug_assert_eq!(request.family, Family::Web);
    let text = request.bearer.as_deref().or_else(|| request.parameter("token"));
    let text = text.ok_or_else(|| ApiError::new("not_authed"))?;
    if let Some(code) = world.invalidated.get(text) {
        return Err(ApiError::new(code));
    }
    let caller = find(world, text).ok_or_else(|| ApiError::new("invalid_auth"))?;
    if caller.is_expired(now) {
        return Err(ApiError::new("token_expired"));
    }
    Ok(caller)
}

/// Checks that a valid token may read access or integration logs.
pub(crate) fn web_log(settings: &Settings, caller: &Caller) -> Result<(), ApiError> {
    if caller.is_bot() {
        return Err(ApiError::new("not_allowed_token_type"));
    }
    let token = &caller.token;
    if !has_scope(token, "admin") {
        let (needed, provided) = (Some("admin".to_owned()), Some(token.scopes.join(",")));
        return Err(ApiError { needed, provided, ..ApiError::new("missing_scope") });
    }
    if token.rights < Role::Admin {
        return Err(ApiError::new("no_permission"));
    }
    if settings.plan == Plan::Free {
        return Err(ApiError::new("paid_only"));
    }
    Ok(())
}

/// Returns the token with this text, even if it is expired or invalidated.
fn find(world: &World, text: &str) -> Option<Caller> {
    if let Some(token) = world.settings.tokens.iter().find(|token| token.text == text) {
        return Some(Caller { token: token.clone(), issued: None });
    }
    world.oauth.find(&world.settings, text).map(|(token, issued)| Caller { token, issued: Some(issued) })
}

impl Caller {
    /// Returns the app that rate limits apply to. Each token from the settings counts as a separate app.
    pub(crate) fn app(&self) -> &str {
        self.issued.as_ref().map_or(&self.token.text, |issued| &issued.client_id)
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.issued.as_ref().and_then(|issued| issued.expires).is_some_and(|expires| expires <= now)
    }

    fn is_bot(&self) -> bool {
        self.issued.as_ref().is_some_and(|issued| issued.kind == TokenKind::Bot)
    }
}

fn has_scope(token: &Token, scope: &str) -> bool {
    token.scopes.iter().any(|granted| granted == scope)
}
