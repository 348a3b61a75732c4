//! Revocation of tokens: `auth.revoke`, `apps.uninstall`, and removal of the app by an admin (docs.slack.dev, `auth.revoke`,
//! `apps.uninstall`).

use jiff::Timestamp;
use serde_json::json;

use super::TokenKind;
use super::exchange::client;
use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::tenant::{Install, Role};
use crate::{Request, Response, World};

impl World {
    /// Removes the app from an installation target, as an admin would. Its user tokens then return `token_revoked`, its bot tokens return
    /// `account_inactive`, and its refresh tokens are invalid.
    pub fn uninstall(&mut self, now: Timestamp, client_id: &str, install: &Install) {
        let is_affected = |index: &usize| {
            let grant = &self.oauth.grants[*index];
            grant.client_id == client_id && grant.install == *install
        };
        let indexes: Vec<usize> = (0..self.oauth.grants.len()).filter(is_affected).collect();
        for index in indexes {
            self.end(now, index);
        }
    }

    /// Returns the response of `auth.revoke`. Without rotation, this revokes the grant. With rotation, it revokes only the calling token.
    pub(crate) fn revoke_response(&mut self, now: Timestamp, request: &Request, caller: &Caller) -> Response {
        let is_test = matches!(request.parameter("test"), Some("1" | "true"));
        if !is_test {
            let active_grant = caller.issued.as_ref().filter(|issued| issued.expires.is_none()).and_then(|issued| {
                self.oauth.active_grant(&issued.client_id, issued.kind, &issued.user, &caller.token.install)
            });
            match active_grant {
                Some(index) => self.end(now, index),
                None => self.revoke(&caller.token.text),
            }
        }
        // Slack does not document the response to a dry run.
        Response::json(200, json!({"ok": true, "revoked": !is_test}).to_string())
    }

    /// Returns the response of `apps.uninstall`.
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
        // Slack does not document which users lack the permission. The simulator requires an admin.
        if issued.kind == TokenKind::User && caller.token.rights < Role::Admin {
            return Err(ApiError::new("no_permission"));
        }
        self.uninstall(now, &app.client_id, &caller.token.install);
        Ok(Response::json(200, json!({"ok": true}).to_string()))
    }

    /// Revokes a grant and all its tokens.
    fn end(&mut self, now: Timestamp, index: usize) {
        let grant = &mut self.oauth.grants[index];
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
