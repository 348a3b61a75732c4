//! `slacktrail pause` and `slacktrail resume`: stop and resume the collection of a source.

use std::process::ExitCode;

use clap::Args;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::sources as stored_sources;

use crate::aws;
use crate::cli_error::CliError;
use crate::sources::{self, Listing};
use crate::terminal;

/// Stop collecting a source until you resume it
///
/// Slack keeps its logs during the pause. After `slacktrail resume`, slacktrail collects the records of that time that Slack
/// still returns. Pausing a paused source changes nothing.
#[derive(Args, Debug)]
pub(crate) struct Pause {
    /// Source ID
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    json: bool,
}

/// Resume a paused source
///
/// Collection continues where it stopped and includes the records of the pause that Slack still returns. Resuming a source
/// that is not paused changes nothing.
#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// Source ID
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn pause(args: &Pause) -> Result<ExitCode, CliError> {
    set(&args.id, true, args.json).await
}

pub(crate) async fn resume(args: &Resume) -> Result<ExitCode, CliError> {
    set(&args.id, false, args.json).await
}

async fn set(id: &SourceId, paused: bool, json: bool) -> Result<ExitCode, CliError> {
    let deployment = aws::ports().await?.deployment;
    let before = sources::find_connected(&deployment.load().await?.sources, id)?;
    let set = |present: Source| Source { paused, ..present };
    let changed = stored_sources::update(&deployment, id, |present| {
        present.filter(|present| !present.disconnected && present.paused != paused).map(set)
    });
    let after = changed.await?.unwrap_or_else(|| set(before.clone()));
    if json {
        terminal::print_json(&Listing::of(&after));
    } else {
        terminal::print(&describe(id, before.paused, paused));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(id: &SourceId, was: bool, is: bool) -> String {
    match (was, is) {
        (false, true) => format!(
            "paused `{id}`: the current tick finishes, and no new tick starts\n\
             Slack keeps its logs; run `slacktrail resume {id}` to continue where collection stopped"
        ),
        (true, true) => {
            format!("`{id}` is already paused; run `slacktrail resume {id}` to continue where collection stopped")
        }
        (true, false) => format!(
            "resumed `{id}`: the next tick continues where collection stopped\n\
             it also collects the records of the pause; run `slacktrail status` to see the progress"
        ),
        (false, false) => format!("`{id}` is not paused; nothing to resume"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_and_resume_outcome_has_own_message() {
        let id: SourceId = "acme".parse().unwrap();
        let message = |was, is| describe(&id, was, is).split([':', ';']).next().unwrap().to_owned();
        assert_eq!(message(false, true), "paused `acme`");
        assert_eq!(message(true, true), "`acme` is already paused");
        assert_eq!(message(true, false), "resumed `acme`");
        assert_eq!(message(false, false), "`acme` is not paused");
    }
}
