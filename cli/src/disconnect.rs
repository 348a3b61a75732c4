//! `slacktrail disconnect`: revokes the token at Slack and deletes the secret. The logs and the cursors stay.
//!
//! The command can be interrupted anywhere and run again. It marks the source first, so that no tick uses a token that is about to be
//! revoked. It deletes the secret last, because the token cannot be revoked without it.

use std::convert::Infallible;

use clap::Args;
use serde::Serialize;
use slacktrail_connect::{is_token_invalid, revoke};
use slacktrail_core::codes::Place;
use slacktrail_core::source::{Source, SourceId, shown_name};
use slacktrail_ports::sources;
use slacktrail_ports::{CredentialStore, DeploymentStore, Slack, StoredCredentials};

use crate::aws::AwsArguments;
use crate::cli_error::CliError;
use crate::connect::deletion::is_being_deleted;
use crate::deployed::no_directory;
use crate::environment::{self, now};
use crate::outcome::Outcome;
use crate::prompt::{self, Stopped};
use crate::{aws, source, terminal};

/// Revoke a source's token at Slack and delete its secret, but keep its logs
///
/// Collection of the source stops. Its logs and cursors stay, so that `slacktrail connect` continues where collection stopped.
/// If the command is interrupted, run it again.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Skip confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    /// Delete the secret even if the token cannot be revoked
    #[arg(long)]
    force: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long = "dir", value_name = "DIR", hide = true, value_parser = no_directory("a directory stores no token: remove the app in Slack to revoke it, or run `slacktrail pause ID --dir DIR`"))]
    _dir: Option<Infallible>,
    #[command(flatten)]
    aws: AwsArguments,
}

/// What happened to the token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum TokenOutcome {
    Revoked,
    AlreadyInvalid,
    /// The source had no token.
    None,
    /// It may still be valid: the revocation failed, and `--force` was set.
    Unknown,
}

#[derive(Debug, Serialize)]
pub(crate) struct Disconnected {
    source: SourceId,
    disconnected: bool,
    token: TokenOutcome,
    /// `true` if the source had a secret, which is now deleted.
    secret_deleted: bool,
}

/// How many tokens the command revokes if the token changes while it runs. After that, another process keeps writing the secret.
const TOKENS_MAX: usize = 4;

pub(crate) async fn run(args: Arguments) -> Result<Disconnected, CliError> {
    disconnect(&args).await.map_err(|error| error.shown_at(Place::Command, Some(&args.id)))
}

async fn disconnect(args: &Arguments) -> Result<Disconnected, CliError> {
    let slack = environment::slack()?;
    let ports = aws::ports(&args.aws).await?;
    let source = source::find(&ports.deployment.load().await?.sources, &args.id, "slacktrail sources")?;
    let stored = match ports.credentials.reload_credentials(&args.id).await {
        // A previous run deleted the secret, and AWS has not completed the deletion.
        Err(error) if source.disconnected && is_being_deleted(&error) => None,
        stored => stored?,
    };
    if source.disconnected && stored.is_none() {
        return Ok(Disconnected::of(args.id.clone(), TokenOutcome::None, false));
    }
    if !args.yes && !confirm(&source)? {
        return Err(CliError::new(format!("nothing was changed: source `{}` stays connected", args.id)));
    }

    let disconnected = sources::update(&ports.deployment, &args.id, |present| {
        present.map(|present| Source { disconnected: true, ..present })
    });
    let source = disconnected.await?.unwrap_or(source); // from here on, no new tick uses it
    let secret_deleted = stored.is_some();
    let token = revoke_all(args, &slack, &ports.credentials, &source, stored).await?;
    ports.credentials.delete_credentials(&args.id).await?;
    Ok(Disconnected::of(args.id.clone(), token, secret_deleted))
}

impl Disconnected {
    fn of(source: SourceId, token: TokenOutcome, secret_deleted: bool) -> Disconnected {
        Disconnected { source, disconnected: true, token, secret_deleted }
    }
}

impl Outcome for Disconnected {
    fn json(&self) -> impl Serialize {
        self
    }

    fn text(&self) -> String {
        let id = &self.source;
        if !self.secret_deleted && self.token == TokenOutcome::None {
            return format!("`{id}` is already disconnected and has no secret");
        }
        let token = match self.token {
            TokenOutcome::Revoked => "Slack revoked its token",
            TokenOutcome::AlreadyInvalid => "its token was already invalid",
            TokenOutcome::None => "it had no token",
            TokenOutcome::Unknown => "its token may still be valid (remove the app in Slack)",
        };
        format!(
            "disconnected `{id}`: {token}, and its secret was deleted\n\
             its logs stay; run `slacktrail connect {id}` to continue where collection stopped"
        )
    }
}

/// Prints what the command will do, and asks for confirmation.
fn confirm(source: &Source) -> Result<bool, CliError> {
    let id = &source.id;
    if !prompt::can_ask() {
        return Err(CliError::new(format!(
            "disconnecting `{id}` requires confirmation, but standard input or standard error is not a terminal"
        ))
        .hint(format!("run `slacktrail disconnect {id} --yes` to skip confirmation")));
    }
    terminal::note(&format!(
        "disconnecting `{id}` ({})\n\
         - revokes its token at Slack, which ends the app's authorization there\n\
         - deletes its secret in Secrets Manager, including the app's client secret\n\
         - keeps its logs and cursors: connecting it again continues where collection stopped",
        shown_name(&source.label)
    ));
    match prompt::confirm("Disconnect it?", false) {
        Err(Stopped::Failed(error)) => Err(error.hint("use `--yes` to skip confirmation")),
        answer => Ok(answer?),
    }
}

/// Revokes the token. If a running tick has refreshed it in the meantime, also revokes the new token.
async fn revoke_all<S: Slack, K: CredentialStore>(
    args: &Arguments,
    slack: &S,
    credentials: &K,
    source: &Source,
    stored: Option<StoredCredentials>,
) -> Result<TokenOutcome, CliError> {
    let mut stored = stored;
    let mut outcome = TokenOutcome::None;
    for _ in 0..TOKENS_MAX {
        let Some(present) = stored else { return Ok(outcome) };
        match revoke_one(slack, source, &present).await {
            Ok(one) => outcome = one,
            Err(error) if args.force => {
                terminal::warn(error.hint("remove the app in Slack to be sure"));
                outcome = TokenOutcome::Unknown;
            }
            Err(error) => return Err(error),
        }
        let again = credentials.reload_credentials(&source.id).await?;
        if again.as_ref().is_none_or(|again| again.version == present.version) {
            return Ok(outcome);
        }
        stored = again;
    }
    Err(CliError::new(format!("the secret of source `{}` keeps changing", source.id))
        .hint("find out in CloudTrail what else writes to it, then run the command again"))
}

async fn revoke_one<S: Slack>(
    slack: &S,
    source: &Source,
    stored: &StoredCredentials,
) -> Result<TokenOutcome, CliError> {
    let id = &source.id;
    let Some(credentials) = &stored.credentials else {
        return Err(CliError::new(format!("the secret of source `{id}` was not written by slacktrail"))
            .hint("check its content; `--force` deletes it without revoking a token"));
    };
    let Some(grant) = &credentials.grant else { return Ok(TokenOutcome::None) };
    match revoke(slack, source, &grant.token, now()).await {
        Ok(()) => {
            if grant.token_refresh.is_some() {
                // Slack revokes only the access token. The refresh token is deleted with the secret.
                terminal::note("the app uses token rotation: to end its authorization too, remove the app in Slack");
            }
            Ok(TokenOutcome::Revoked)
        }
        Err(error) if is_token_invalid(&error) => Ok(TokenOutcome::AlreadyInvalid),
        Err(error) => {
            Err(CliError::new(format!("the token of source `{id}` could not be revoked")).with_source(error).hint(
                "run the command again in a minute (collection has stopped, and the secret is kept); \
                 or use `--force`, and remove the app in Slack yourself",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::slack::{PageError, Request, Response};
    use slacktrail_core::time::Second;

    use super::*;

    #[test]
    fn expired_token_counts_as_revoked_and_ambiguous_error_does_not() {
        let to_error = |code: &str| {
            let body = format!(r#"{{"ok":false,"error":"{code}"}}"#).into_bytes();
            let response = Response { status: 200, body, ..Response::default() };
            match response.page(&Request::revoke(), Second::EPOCH) {
                Err(PageError::Error(error)) => error,
                other => panic!("{other:?}"),
            }
        };
        for code in ["token_revoked", "token_expired", "account_inactive"] {
            assert!(is_token_invalid(&to_error(code)), "{code}");
        }
        for code in ["invalid_auth", "ratelimited", "internal_error", "not_allowed_token_type"] {
            assert!(!is_token_invalid(&to_error(code)), "{code}");
        }
    }

    #[test]
    fn outcome_of_token_revocation_is_reported() {
        let id: SourceId = "acme".parse().unwrap();
        let describe = |token, secret_deleted| Disconnected::of(id.clone(), token, secret_deleted).text();
        assert!(describe(TokenOutcome::Revoked, true).starts_with("disconnected `acme`: Slack revoked its token, and"));
        assert!(describe(TokenOutcome::AlreadyInvalid, true).contains("its token was already invalid"));
        assert!(describe(TokenOutcome::Unknown, true).contains("remove the app in Slack"));
        assert_eq!(describe(TokenOutcome::None, false), "`acme` is already disconnected and has no secret");
    }
}
