//! `slacktrail disconnect`: ends the authorisation at Slack and forgets the secret; the logs and the cursors stay.
//!
//! The order of effects lets it be cut off anywhere and run again: the source is marked first, so that no tick uses a token that
//! is about to end; the secret goes last, for without it nobody could revoke the token any more.

use std::process::ExitCode;

use clap::Args;
use inquire::{Confirm, InquireError};
use jiff::Timestamp;
use serde::Serialize;
use slacktrail_connect::{is_token_invalid, revoke};
use slacktrail_core::source::{Source, SourceId, shown_name};
use slacktrail_core::time::Second;
use slacktrail_ports::sources as stored_sources;
use slacktrail_ports::{CredentialStore, DeploymentStore, Slack, StoredCredentials};

use crate::cli_error::CliError;
use crate::connect::deletion::is_being_deleted;
use crate::terminal::{self, Level};
use crate::{aws, environment, prompt, sources};

/// Revoke a source's token at Slack and delete its secret; its logs stay
///
/// It is not collected any more. Its logs and its place in them stay, so that connecting it again continues where it stopped.
/// Cut off in between, run it again.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The source's id
    id: SourceId,
    /// Skip confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    /// Delete the secret even if Slack cannot be told to revoke the token
    #[arg(long)]
    force: bool,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

/// What became of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    /// Slack has revoked it.
    Revoked,
    /// It had ended before.
    AlreadyInvalid,
    /// There was none.
    None,
    /// It may live on: Slack could not be told, and that was to be no hindrance.
    Unknown,
}

/// What came of it, for programs.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    source: &'a SourceId,
    disconnected: bool,
    token: Ended,
    /// Whether there was a secret, which is deleted now.
    secret_deleted: bool,
}

/// While it is being disconnected the token may be rotated so often; then somebody else works against us.
const TOKENS_MAX: usize = 4;

/// Runs the command.
pub(crate) async fn run(args: Arguments) -> Result<ExitCode, CliError> {
    let slack = environment::slack()?;
    let ports = aws::ports().await?;
    let source = sources::find(&ports.deployment.load().await?.sources, &args.id)?;
    let stored = match ports.credentials.reload_credentials(&args.id).await {
        // This command has deleted it a moment ago, and AWS has not completed that.
        Err(error) if source.disconnected && is_being_deleted(&error) => None,
        stored => stored?,
    };
    if source.disconnected && stored.is_none() {
        report(&args, Ended::None, false);
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !is_meant(&source)? {
        return Err(CliError::new(format!("nothing was changed: source `{}` stays connected", args.id)));
    }

    let disconnected = stored_sources::update(&ports.deployment, &args.id, |present| {
        present.map(|present| Source { disconnected: true, ..present })
    });
    let source = disconnected.await?.unwrap_or(source); // no tick begins with it any more
    let secret_deleted = stored.is_some();
    let ended = end(&args, &slack, &ports.credentials, &source, stored).await?;
    ports.credentials.delete_credentials(&args.id).await?;
    report(&args, ended, secret_deleted);
    Ok(ExitCode::SUCCESS)
}

/// Tells what will happen and asks whether it is meant.
fn is_meant(source: &Source) -> Result<bool, CliError> {
    let id = &source.id;
    if !prompt::can_ask() {
        return Err(CliError::new(format!("disconnecting `{id}` is asked about first, and nobody can be asked here"))
            .hint(format!("if it is meant: slacktrail disconnect {id} --yes")));
    }
    terminal::note(&format!(
        "disconnecting `{id}` ({})\n\
         - revokes its token at Slack, which ends the app's authorisation there\n\
         - deletes its secret in Secrets Manager, the app's client secret with it\n\
         - keeps its logs and its place in them: connecting it again continues there",
        shown_name(&source.label)
    ));
    match Confirm::new("Disconnect it?").with_default(false).prompt() {
        Ok(answer) => Ok(answer),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
        Err(error) => Err(CliError::new("asking whether it is meant failed").with_source(error).hint("give `--yes`")),
    }
}

/// Ends the token, and the one that follows on it if a tick that was running has rotated it meanwhile.
async fn end<S: Slack, K: CredentialStore>(
    args: &Arguments,
    slack: &S,
    credentials: &K,
    source: &Source,
    stored: Option<StoredCredentials>,
) -> Result<Ended, CliError> {
    let mut stored = stored;
    let mut ended = Ended::None;
    for _ in 0..TOKENS_MAX {
        let Some(present) = stored else { return Ok(ended) };
        match end_one(slack, source, &present).await {
            Ok(one) => ended = one,
            Err(error) if args.force => {
                terminal::print_error(Level::Warning, &error.hint("remove the app in Slack to be sure"));
                ended = Ended::Unknown;
            }
            Err(error) => return Err(error),
        }
        let again = credentials.reload_credentials(&source.id).await?;
        if again.as_ref().is_none_or(|again| again.version == present.version) {
            return Ok(ended);
        }
        stored = again;
    }
    Err(CliError::new(format!("the secret of source `{}` changes all the time", source.id))
        .hint("see who else writes it, then run the command again"))
}

async fn end_one<S: Slack>(slack: &S, source: &Source, stored: &StoredCredentials) -> Result<Ended, CliError> {
    let id = &source.id;
    let Some(credentials) = &stored.credentials else {
        return Err(CliError::new(format!("the secret of source `{id}` is not one that slacktrail wrote"))
            .hint("see what it is; `--force` deletes it without revoking a token"));
    };
    let Some(grant) = &credentials.grant else { return Ok(Ended::None) };
    match revoke(slack, source, &grant.token, Second::of(Timestamp::now())).await {
        Ok(()) => {
            if grant.token_refresh.is_some() {
                // Slack ends only the token itself; the refresh token is forgotten with the secret.
                terminal::note("the app rotates its tokens: to end its authorisation as well, remove the app in Slack");
            }
            Ok(Ended::Revoked)
        }
        Err(error) if is_token_invalid(&error) => Ok(Ended::AlreadyInvalid),
        Err(error) => Err(CliError::new(format!("the token of source `{id}` could not be revoked"))
            .with_source(CliError::from(error))
            .hint(
                "it is not collected any more, and its secret is kept: run the command again in a minute; \
                 or with `--force`, and remove the app in Slack yourself",
            )),
    }
}

fn report(args: &Arguments, token: Ended, secret_deleted: bool) {
    let source = &args.id;
    if args.json {
        return terminal::print_json(&Outcome { source, disconnected: true, token, secret_deleted });
    }
    terminal::print(&told(source, token, secret_deleted));
}

fn told(id: &SourceId, token: Ended, secret_deleted: bool) -> String {
    if !secret_deleted && token == Ended::None {
        return format!("`{id}` is disconnected already, and has no secret");
    }
    let token = match token {
        Ended::Revoked => "Slack has revoked its token",
        Ended::AlreadyInvalid => "its token had ended before",
        Ended::None => "it had no token",
        Ended::Unknown => "its token may live on: remove the app in Slack",
    };
    format!(
        "disconnected `{id}`: {token}, and its secret is deleted\n\
         its logs stay, and `slacktrail connect {id}` continues where it stopped"
    )
}

#[cfg(test)]
mod tests {
    use slacktrail_core::slack::{PageError, Request, Response};

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
        for dead in ["token_revoked", "token_expired", "account_inactive"] {
            assert!(is_token_invalid(&to_error(dead)), "{dead}");
        }
        for alive in ["invalid_auth", "ratelimited", "internal_error", "not_allowed_token_type"] {
            assert!(!is_token_invalid(&to_error(alive)), "{alive}");
        }
    }

    #[test]
    fn outcome_of_token_revocation_is_reported() {
        let id: SourceId = "acme".parse().unwrap();
        assert!(told(&id, Ended::Revoked, true).starts_with("disconnected `acme`: Slack has revoked its token, and"));
        assert!(told(&id, Ended::AlreadyInvalid, true).contains("its token had ended before"));
        assert!(told(&id, Ended::Unknown, true).contains("remove the app in Slack"));
        assert_eq!(told(&id, Ended::None, false), "`acme` is disconnected already, and has no secret");
    }
}
