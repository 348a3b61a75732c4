//! Who may come in: finds the caller's token and checks it, before any log is looked at.

use std::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::tenant::{Install, Plan, Rights, Token};
use crate::{Family, Method, Request};

/// Tokens that were withdrawn, each with the code that the Web API gives for it.
pub(crate) type Withdrawn = BTreeMap<String, String>;

/// The token of an audit call that may go on.
pub(crate) fn audit<'a>(
    settings: &'a Settings,
    withdrawn: &Withdrawn,
    request: &Request,
) -> Result<&'a Token, Refusal> {
    if request.method != Method::Get {
        return Err(Refusal::new("method_not_allowed"));
    }
    if request.path != "logs" {
        return Err(Refusal::new("bad_endpoint"));
    }
    let text = request.bearer.as_deref().ok_or_else(|| Refusal::new("missing_authentication"))?;
    let token = find(settings, text).filter(|token| !withdrawn.contains_key(&token.text));
    let token = token.ok_or_else(|| Refusal::new("invalid_authentication"))?;
    let refused = match token {
        _ if settings.plan != Plan::Enterprise => "feature_not_enabled",
        _ if token.install != Install::Organisation => "team_not_authorized",
        _ if token.rights != Rights::Owner => "user_not_authorized",
        _ if !has_scope(token, "auditlogs:read") => "invalid_authentication",
        _ => return Ok(token),
    };
    Err(Refusal::new(refused))
}

/// The token of a Web API call that is valid at all.
pub(crate) fn web<'a>(settings: &'a Settings, withdrawn: &Withdrawn, request: &Request) -> Result<&'a Token, Refusal> {
    debug_assert_eq!(request.family, Family::Web);
    let text = request.bearer.as_deref().or_else(|| request.parameter("token"));
    let text = text.ok_or_else(|| Refusal::new("not_authed"))?;
    if let Some(code) = withdrawn.get(text) {
        return Err(Refusal::new(code));
    }
    find(settings, text).ok_or_else(|| Refusal::new("invalid_auth"))
}

/// Checks that a valid token may read access or integration logs, of which the first are not on the free plan.
pub(crate) fn web_log(settings: &Settings, token: &Token, on_free: bool) -> Result<(), Refusal> {
    if !has_scope(token, "admin") {
        let (needed, provided) = (Some("admin".to_owned()), Some(token.scopes.join(",")));
        return Err(Refusal { needed, provided, ..Refusal::new("missing_scope") });
    }
    if token.rights < Rights::Admin {
        return Err(Refusal::new(settings.member_error));
    }
    if settings.plan == Plan::Free && !on_free {
        return Err(Refusal::new("paid_only"));
    }
    Ok(())
}

fn find<'a>(settings: &'a Settings, text: &str) -> Option<&'a Token> {
    settings.tokens.iter().find(|token| token.text == text)
}

fn has_scope(token: &Token, scope: &str) -> bool {
    token.scopes.iter().any(|granted| granted == scope)
}
