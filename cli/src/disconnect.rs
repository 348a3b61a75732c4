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
enum Revocation {
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
    token: Revocation,
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
        let (token, secret_deleted) = (Revocation::None, false);
        return Ok(Disconnected { source: args.id.clone(), disconnected: true, token, secret_deleted });
    }
    if !args.yes && !confirm(&source)? {
        return Err(declined(&source));
    }

    let disconnected = sources::update(&ports.deployment, &args.id, |present| {
        present.map(|present| Source { disconnected: true, ..present })
    });
    let source = disconnected.await?.unwrap_or(source); // from here on, no new tick uses it
    let secret_deleted = stored.is_some();
    let token = revoke_all(args, &slack, &ports.credentials, &source, stored).await?;
    ports.credentials.delete_credentials(&args.id).await?;
    Ok(Disconnected { source: args.id.clone(), disconnected: true, token, secret_deleted })
}

/// Returns the error if the user does not confirm. A previous run may already have disconnected the source.
fn declined(source: &Source) -> CliError {
    CliError::new(match source.disconnected {
        true => "nothing was changed".to_owned(),
        false => format!("nothing was changed: source `{}` stays connected", source.id),
    })
}

impl Outcome for Disconnected {
    fn json(&self) -> impl Serialize {
        self
    }

    fn text(&self) -> String {
        let id = &self.source;
        if !self.secret_deleted && self.token == Revocation::None {
            return format!("`{id}` is already disconnected and has no secret");
        }
        let token = match self.token {
            Revocation::Revoked => "Slack revoked its token",
            Revocation::AlreadyInvalid => "its token was already invalid",
            Revocation::None => "it had no token",
            Revocation::Unknown => "its token may still be valid (remove the app in Slack)",
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

impl Revocation {
    /// Combines what happened to two tokens. One that may still be valid is not forgotten.
    fn and(self, next: Revocation) -> Revocation {
        if self == Revocation::Unknown { self } else { next }
    }
}

/// Revokes the token. If a running tick refreshes it while the command runs, also revokes the new token.
async fn revoke_all<S: Slack, K: CredentialStore>(
    args: &Arguments,
    slack: &S,
    credentials: &K,
    source: &Source,
    stored: Option<StoredCredentials>,
) -> Result<Revocation, CliError> {
    let mut stored = stored;
    let mut outcome = Revocation::None;
    for _ in 0..TOKENS_MAX {
        let Some(present) = stored else { return Ok(outcome) };
        match revoke_one(slack, source, &present).await {
            Ok(one) => outcome = outcome.and(one),
            Err(error) if args.force => {
                terminal::warn(error.hint("remove the app in Slack to be sure"));
                outcome = Revocation::Unknown;
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

async fn revoke_one<S: Slack>(slack: &S, source: &Source, stored: &StoredCredentials) -> Result<Revocation, CliError> {
    let id = &source.id;
    let Some(credentials) = &stored.credentials else {
        return Err(CliError::new(format!("the secret of source `{id}` was not written by slacktrail"))
            .hint("check its content; `--force` deletes it without revoking a token"));
    };
    let Some(grant) = &credentials.grant else { return Ok(Revocation::None) };
    match revoke(slack, source, &grant.token, now()).await {
        Ok(()) => {
            if grant.token_refresh.is_some() {
                // Slack revokes only the access token. The refresh token is deleted with the secret.
                terminal::note("the app uses token rotation: to end its authorization too, remove the app in Slack");
            }
            Ok(Revocation::Revoked)
        }
        Err(error) if is_token_invalid(&error) => Ok(Revocation::AlreadyInvalid),
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
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    #[test]
    fn declined_question_says_connected_only_of_connected_source() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Pro, Second::EPOCH);
        assert_eq!(declined(&source).to_string(), "nothing was changed: source `acme` stays connected");
        assert_eq!(declined(&Source { disconnected: true, ..source }).to_string(), "nothing was changed");
    }

    #[test]
    fn token_that_may_be_valid_is_reported_despite_later_revocation() {
        assert_eq!(Revocation::Unknown.and(Revocation::Revoked), Revocation::Unknown);
        assert_eq!(Revocation::None.and(Revocation::Revoked), Revocation::Revoked);
        assert_eq!(Revocation::Revoked.and(Revocation::AlreadyInvalid), Revocation::AlreadyInvalid);
    }

    #[test]
    fn outcome_of_token_revocation_is_reported() {
        let id: SourceId = "acme".parse().unwrap();
        let describe = |token, secret_deleted| {
            Disconnected { disconnected: true, source: id.clone(), token, secret_deleted }.text()
        };
        assert!(describe(Revocation::Revoked, true).starts_with("disconnected `acme`: Slack revoked its token, and"));
        assert!(describe(Revocation::AlreadyInvalid, true).contains("its token was already invalid"));
        assert!(describe(Revocation::Unknown, true).contains("remove the app in Slack"));
        assert_eq!(describe(Revocation::None, false), "`acme` is already disconnected and has no secret");
    }
}
