//! Revokes tokens that Slack granted but slacktrail did not store, so that no unknown token stays valid.

use std::mem;

use serde::Deserialize;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::Request;
use slacktrail_core::source::{Source, Tenant};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, DeploymentStore, Slack};
use slacktrail_tokens::oauth::{GrantedTokens, granted_tokens};

use crate::{Authorization, CallbackPorts, Timer};

/// The outcome of revoking a token that Slack granted for a failed authorization.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenOutcome {
    /// Slack revoked the token.
    Revoked,
    /// Slack revoked the access token, but not its refresh token. With token rotation, the app's authorization continues.
    RefreshTokenMayBeValid,
    /// The token may be one that a source collects with, because this source or another one belongs to the same tenant. It was not revoked.
    MayBeInUse,
    /// Slack did not confirm the revocation, so the token may still be valid.
    MayBeValid,
    /// The response was lost or malformed, so Slack may have issued a token that slacktrail did not receive.
    MayExist,
}

impl TokenOutcome {
    /// Returns the value of the log field `token`.
    pub fn name(self) -> &'static str {
        match self {
            TokenOutcome::Revoked => "revoked",
            TokenOutcome::RefreshTokenMayBeValid => "refresh_token_may_be_valid",
            TokenOutcome::MayBeInUse => "may_be_in_use",
            TokenOutcome::MayBeValid => "may_be_valid",
            TokenOutcome::MayExist => "may_exist",
        }
    }
}

/// The unstored tokens that Slack has granted so far. Has no `Debug`, because it would show tokens.
#[derive(Default)]
pub(super) enum Granted {
    /// No tokens, because the code was not sent.
    #[default]
    Nothing,
    /// The part of the response that has arrived. It has not been parsed.
    Unread(Vec<u8>),
    /// The tokens of a parsed response.
    Read(GrantedTokens),
}

impl Granted {
    /// Appends a chunk of the response.
    pub(super) fn receive(&mut self, chunk: &[u8]) {
        if let Granted::Unread(body) = self {
            body.extend_from_slice(chunk);
        }
    }

    /// Moves the received part of the response out. Leaves [`Granted::Nothing`] until the caller sets a new value.
    pub(super) fn take_response(&mut self) -> Vec<u8> {
        match mem::take(self) {
            Granted::Unread(body) => body,
            Granted::Nothing | Granted::Read(_) => Vec::new(),
        }
    }

    /// Returns what a failed exchange may have granted. Even an error response may contain tokens.
    ///
    /// After a transient error, Slack may have issued a token that the response does not contain (docs.slack.dev, `fatal_error`). The same
    /// applies if Slack calls the code invalid or used, because this call may have been delivered twice.
    pub(super) fn of_failed(body: Vec<u8>, error: &Error) -> Granted {
        let may_be_issued = match error.code.as_str() {
            "ratelimited" | "rate_limited" => false,
            "invalid_code" | "code_already_used" => true,
            _ => error.kind == ErrorKind::Retry,
        };
        if may_be_issued {
            return Granted::Unread(body);
        }
        Granted::Read(GrantedTokens { may_be_more: false, ..granted_tokens(&body) })
    }

    /// Returns the tokens to revoke, or `None` if Slack granted none.
    pub(super) fn into_tokens(self) -> Option<GrantedTokens> {
        let granted = match self {
            Granted::Nothing => return None,
            Granted::Unread(body) => granted_tokens(&body),
            Granted::Read(granted) => granted,
        };
        Some(granted).filter(|granted| granted.may_be_more || !granted.access.is_empty())
    }
}

/// Revokes a token at Slack.
///
/// # Errors
/// Returns an error if Slack does not confirm the revocation. The token may have been revoked even if this function returns an error.
pub async fn revoke<S: Slack>(slack: &S, source: &Source, token: &Token, now: Second) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Revoked {
        #[serde(default)]
        revoked: serde_json::Value,
    }
    let request = Request::revoke();
    let response = slack.call_whole(source, &request, CallAuth::User(token)).await?;
    match response.json::<Revoked>(&request, now)?.revoked {
        serde_json::Value::Bool(false) => {
            Err(Error::slack("not_revoked", "Slack answered `auth.revoke` without revoking the token"))
        }
        _ => Ok(()),
    }
}

/// Returns `true` if Slack's error means that the token is revoked or expired. `invalid_auth` does not count, because Slack also returns it
/// for calls from an IP address that the app does not allow.
pub fn is_token_invalid(error: &Error) -> bool {
    matches!(error.code.as_str(), "token_revoked" | "token_expired" | "account_inactive")
}

/// Revokes the tokens of a failed installation, unless a source may be using them.
pub(super) async fn revoke_all<S: Slack, C: DeploymentStore, K, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    authorization: &Authorization,
    granted: &GrantedTokens,
    now: Second,
) -> TokenOutcome {
    if granted.access.is_empty() {
        return TokenOutcome::MayExist;
    }
    let source = &authorization.source;
    if is_of_other_source(authorization, granted) || may_be_in_use(&ports.table, source, granted).await {
        return TokenOutcome::MayBeInUse;
    }
    let mut outcome = match granted {
        GrantedTokens { may_be_more: true, .. } => TokenOutcome::MayExist,
        // With token rotation, `auth.revoke` revokes only the calling token, and Slack has no method that revokes a refresh token.
        GrantedTokens { has_refresh_token: true, .. } => TokenOutcome::RefreshTokenMayBeValid,
        _ => TokenOutcome::Revoked,
    };
    for token in &granted.access {
        match revoke(&ports.slack, source, token, now).await {
            Ok(()) => {}
            Err(error) if is_token_invalid(&error) => {}
            Err(_) => outcome = TokenOutcome::MayBeValid,
        }
    }
    outcome
}

/// Returns `true` if another source collects from the tenant of these tokens, because it may use the same app and thus the same token.
fn is_of_other_source(authorization: &Authorization, granted: &GrantedTokens) -> bool {
    let Some(tenant) = &granted.tenant else { return false };
    authorization.others.iter().any(|other| other.is(&tenant.id, authorization.source.gov))
}

/// Returns `true` unless the source certainly does not use these tokens. If a user installs an app twice, Slack issues the same token again,
/// so the token of a failed installation may be the stored one.
async fn may_be_in_use<C: DeploymentStore>(table: &C, source: &Source, granted: &GrantedTokens) -> bool {
    match table.load_source(&source.id).await {
        Ok(None) => false,
        Ok(Some((_, Ok(present)))) => {
            let differs = |(was, is): (&Tenant, &Tenant)| was.id != is.id;
            !present.disconnected && !present.tenant.as_ref().zip(granted.tenant.as_ref()).is_some_and(differs)
        }
        Ok(Some((_, Err(_)))) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::slack::error::to_error;

    use super::*;

    #[test]
    fn expired_token_counts_as_revoked_and_ambiguous_error_does_not() {
        for code in ["token_revoked", "token_expired", "account_inactive"] {
            assert!(is_token_invalid(&to_error("auth.revoke", code, None)), "{code}");
        }
        for code in ["invalid_auth", "ratelimited", "internal_error", "not_allowed_token_type"] {
            assert!(!is_token_invalid(&to_error("auth.revoke", code, None)), "{code}");
        }
    }
}
