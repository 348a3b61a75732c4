//! Revocation of tokens: `auth.revoke`, `apps.uninstall`, and an administrator who removes the app. Sections 6.4 and 8.

use jiff::Timestamp;
use serde_json::json;

use super::TokenKind;
use super::exchange::client;
use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::tenant::{Install, Role};
use crate::{Request, Response, World};

impl World {
    /// An administrator removes the app from this place: its users' tokens answer `token_revoked` from now on and its bot's
    /// `account_inactive`, and its refresh tokens are invalid.
    pub fn uninstall(&mut self, now: Timestamp, client_id: &str, install: &Install) {
        let is_meant = |place: &usize| {
            let grant = &self.oauth.grants[*place];
            grant.client_id == client_id && grant.install == *install
        };
        let places: Vec<usize> = (0..self.oauth.grants.len()).filter(is_meant).collect();
        for place in places {
            self.end(now, place);
        }
    }

    /// Answers `auth.revoke`. Without rotation it ends the authorisation, with rotation only the token that calls.
    pub(crate) fn revoke_response(&mut self, now: Timestamp, request: &Request, caller: &Caller) -> Response {
        let is_test = matches!(request.parameter("test"), Some("1" | "true"));
        if !is_test {
            let active_grant = caller.issued.as_ref().filter(|issued| issued.expires.is_none()).and_then(|issued| {
                self.oauth.active_grant(&issued.client_id, issued.kind, &issued.user, &caller.token.install)
            });
            match active_grant {
                Some(place) => self.end(now, place),
                None => self.revoke(&caller.token.text),
            }
        }
        // A dry run has revoked nothing. The documentation shows no reply to one.
        Response::json(200, json!({"ok": true, "revoked": !is_test}).to_string())
    }

    /// Answers `apps.uninstall`.
    pub(crate) fn uninstall_response(
        &mut self,
        now: Timestamp,
        request: &Request,
        caller: &Caller,
    ) -> Result<Response, ApiError> {
        let settings = self.settings.clone();
        let app = client(&settings, request)?;
        let issued = caller.issued.as_ref().filter(|issued| issued.client_id == app.client_id);
        let issued = issued.ok_or_else(|| ApiError::new("client_id_token_mismatch"))?;
        // Who lacks the permission is not documented: here a person who is no administrator.
        if issued.kind == TokenKind::User && caller.token.rights < Role::Admin {
            return Err(ApiError::new("no_permission"));
        }
        self.uninstall(now, &app.client_id, &caller.token.install);
        Ok(Response::json(200, json!({"ok": true}).to_string()))
    }

    /// Revokes a grant and all its tokens.
    fn end(&mut self, now: Timestamp, place: usize) {
        let grant = &mut self.oauth.grants[place];
        grant.ended.get_or_insert(now);
        let code = match grant.kind {
            TokenKind::User => "token_revoked",
            TokenKind::Bot => "account_inactive",
        };
        for token in &grant.tokens {
            self.invalidated.entry(token.text.clone()).or_insert_with(|| code.to_owned());
        }
    }
}
