//! `slacktrail pause` and `slacktrail resume`: whether a source is collected at all.

use std::process::ExitCode;

use clap::Args;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::sources as stored_sources;

use crate::aws;
use crate::cli_error::CliError;
use crate::sources::{self, Listing};
use crate::terminal;

/// Stop collecting a source until it is resumed
///
/// Slack keeps its logs meanwhile, and after `slacktrail resume` what it still shows of that time is collected. Pausing a
/// paused source changes nothing.
#[derive(Args, Debug)]
pub(crate) struct Pause {
    /// The source's id
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    json: bool,
}

/// Collect a paused source again
///
/// It goes on where it stopped: what Slack shows of the time in between is collected too. Resuming a source that is not
/// paused changes nothing.
#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// The source's id
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `pause`.
pub(crate) async fn pause(args: &Pause) -> Result<ExitCode, CliError> {
    set(&args.id, true, args.json).await
}

/// Runs `resume`.
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
        terminal::print(&told(id, before.paused, paused));
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of it, in words.
fn told(id: &SourceId, was: bool, is: bool) -> String {
    match (was, is) {
        (false, true) => format!(
            "paused `{id}`: a tick that is running ends, and no other one begins\n\
             Slack keeps its logs meanwhile; `slacktrail resume {id}` goes on where it stopped"
        ),
        (true, true) => format!("`{id}` is paused already; `slacktrail resume {id}` goes on where it stopped"),
        (true, false) => format!(
            "resumed `{id}`: the next tick goes on where it stopped\n\
             what Slack shows of the time in between is collected too; `slacktrail status` shows how it goes"
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
        let told = |was, is| told(&id, was, is).split([':', ';']).next().unwrap().to_owned();
        assert_eq!(told(false, true), "paused `acme`");
        assert_eq!(told(true, true), "`acme` is paused already");
        assert_eq!(told(true, false), "resumed `acme`");
        assert_eq!(told(false, false), "`acme` is not paused");
    }
}
