//! Revocation of tokens (docs.slack.dev, `auth.revoke`).

use serde_json::json;

use super::grants::TokenKind;
use crate::auth::Caller;
use crate::{Response, World};

impl World {
    /// Returns the response of `auth.revoke`. Without rotation, this revokes the grant. With rotation, it revokes only the calling token.
    pub(crate) fn revoke_response(&mut self, caller: &Caller) -> Response {
        let issued = caller.issued.as_ref().filter(|issued| issued.expires.is_none());
        let active_grant = issued.and_then(|issued| {
            self.oauth.active_grant(&issued.client_id, issued.kind, &issued.user, &caller.token.install)
        });
        match active_grant {
            Some(index) => self.revoke_grant(index),
            None => self.revoke(&caller.token.text),
        }
        Response::json(200, json!({"ok": true, "revoked": true}).to_string())
    }

    fn revoke_grant(&mut self, index: usize) {
        let grant = &mut self.oauth.grants[index];
        grant.is_revoked = true;
        let code = match grant.kind {
            TokenKind::User => "token_revoked",
            TokenKind::Bot => "account_inactive",
        };
        for token in &grant.tokens {
            self.invalidated.entry(token.text.clone()).or_insert_with(|| code.to_owned());
        }
    }
}
