//! `slacktrail pause` and `slacktrail resume`: stop and resume the collection of a source.

use clap::Args;
use serde::Serialize;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::sources;

use crate::aws;
use crate::cli_error::CliError;
use crate::outcome::Outcome;
use crate::sources::Listing;
use crate::{source, terminal};

/// The arguments of both commands.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The source afterwards, and whether it was paused before.
pub(crate) struct Changed {
    source: Source,
    was_paused: bool,
}

/// Pauses or resumes the source.
pub(crate) async fn run(args: Arguments, paused: bool) -> Result<Changed, CliError> {
    let deployment = aws::ports().await?.deployment;
    let before = source::find_connected(&deployment.load().await?.sources, &args.id)?;
    let was_paused = before.paused;
    let set = |present: Source| Source { paused, ..present };
    let changed = sources::update(&deployment, &args.id, |present| {
        present.filter(|present| !present.disconnected && present.paused != paused).map(set)
    });
    Ok(Changed { source: changed.await?.unwrap_or_else(|| set(before)), was_paused })
}

impl Outcome for Changed {
    fn json(&self) -> impl Serialize {
        Listing::of(&self.source)
    }

    fn print(&self) {
        terminal::print(&describe(&self.source.id, self.was_paused, self.source.paused));
    }
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
