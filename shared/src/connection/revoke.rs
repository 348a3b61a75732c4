//! Ends a token that Slack has granted and that is not stored, so that no token stays valid unseen.

use serde::Deserialize;

use super::{CallbackEdges, Failure};
use crate::ports::{Caller, DeploymentStore, Slack, Timer};
use crate::secret::Token;
use crate::slack::Request;
use crate::slack::oauth::Installation;
use crate::source::{Source, Tenant};
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

/// What became of a token that Slack granted for a connection that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenEnd {
    /// Slack has revoked it.
    Revoked,
    /// It may be the token that the source collects with: the source belongs to the same tenant.
    MayBeInUse,
    /// It may still be valid: Slack did not confirm the revocation.
    MayBeValid,
}

impl TokenEnd {
    /// The word for it in log lines.
    pub fn name(self) -> &'static str {
        match self {
            TokenEnd::Revoked => "revoked",
            TokenEnd::MayBeInUse => "may_be_in_use",
            TokenEnd::MayBeValid => "may_be_valid",
        }
    }
}

/// Tokens of an installation that is not stored yet.
#[derive(Clone, Debug)]
pub(super) struct Unstored {
    /// Who granted them, if Slack said so.
    pub(super) tenant: Option<Tenant>,
    /// The user's token first, and the app's own.
    pub(super) tokens: Vec<Token>,
}

impl Unstored {
    /// What an installation granted.
    pub(super) fn of(installed: &Installation) -> Unstored {
        let user = installed.grant.iter().map(|grant| grant.token.clone());
        Unstored { tenant: installed.tenant.clone(), tokens: user.chain(installed.bot.clone()).collect() }
    }
}

/// Revokes a token at Slack.
///
/// # Errors
/// Returns an error if Slack does not confirm it. The token may have been revoked even then.
pub async fn revoke<S: Slack>(slack: &S, source: &Source, token: &Token, now: Second) -> Result<(), Trouble> {
    #[derive(Deserialize)]
    struct Revoked {
        #[serde(default)]
        revoked: serde_json::Value,
    }
    let request = Request::revoke();
    let reply = slack.call_whole(source, &request, Caller::User(token)).await?;
    match reply.json::<Revoked>(&request, now)?.revoked {
        serde_json::Value::Bool(false) => Err(Trouble::slack(
            Remedy::TryLater,
            "not_revoked",
            "Slack answered `auth.revoke` without revoking the token",
            "remove the app in Slack",
        )),
        _ => Ok(()),
    }
}

/// Returns `true` if Slack's refusal says that the token has ended. `invalid_auth` does not: Slack gives it also to a caller from an
/// address that the app does not allow.
pub fn is_ended(trouble: &Trouble) -> bool {
    matches!(trouble.code.as_str(), "token_revoked" | "token_expired" | "account_inactive")
}

/// Ends the tokens of an installation that came to nothing, unless the source may be collecting with them.
pub(super) async fn end<S: Slack, C: DeploymentStore, K, W: Timer>(
    edges: &CallbackEdges<S, C, K, W>,
    source: &Source,
    unstored: &Unstored,
    now: Second,
) -> TokenEnd {
    if may_be_in_use(&edges.table, source, unstored).await {
        return TokenEnd::MayBeInUse;
    }
    let mut end = TokenEnd::Revoked;
    for token in &unstored.tokens {
        match revoke(&edges.slack, source, token, now).await {
            Ok(()) => {}
            Err(trouble) if is_ended(&trouble) => {}
            Err(_) => end = TokenEnd::MayBeValid,
        }
    }
    end
}

/// Slack gives the same token again to a user who installs an app twice, so the token of a refused installation may be the stored one.
async fn may_be_in_use<C: DeploymentStore>(table: &C, source: &Source, unstored: &Unstored) -> bool {
    match table.load_source(&source.id).await {
        Ok(None) => false,
        Ok(Some((_, Ok(present)))) => {
            let differs = |(was, is): (&Tenant, &Tenant)| was.id != is.id;
            !present.disconnected && !present.tenant.as_ref().zip(unstored.tenant.as_ref()).is_some_and(differs)
        }
        Ok(Some((_, Err(_)))) | Err(_) => true,
    }
}

impl Failure {
    /// The same with what became of the token, which the person learns where there is something left to do.
    #[must_use]
    pub(super) fn with_token(mut self, end: TokenEnd) -> Failure {
        if end == TokenEnd::MayBeValid {
            self.refusal.hint.push_str("; remove the app in Slack too, because its token may still be valid");
        }
        Failure { token: Some(end), ..self }
    }
}
