//! `slacktrail pause` and `slacktrail resume`: stop and resume the collection of a source.

use clap::Args;
use serde::Serialize;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::sources;

use crate::cli_error::CliError;
use crate::deployed::{Deployed, Location};
use crate::outcome::Outcome;
use crate::sources::Listing;

/// The arguments of both commands.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Print the source as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    location: Location,
}

/// The source afterwards, and whether it was paused before.
pub(crate) struct Changed {
    deployed: Deployed,
    source: Source,
    was_paused: bool,
}

pub(crate) async fn run(args: Arguments, paused: bool) -> Result<Changed, CliError> {
    change(&args, paused).await.map_err(|error| error.shown_at(args.location.place(), Some(&args.id)))
}

async fn change(args: &Arguments, paused: bool) -> Result<Changed, CliError> {
    let deployed = args.location.open().await?;
    let before = deployed.find_connected(&args.id).await?;
    let was_paused = before.paused;
    let set = |present: Source| Source { paused, ..present };
    let changed = sources::update(&deployed, &args.id, |present| {
        present.filter(|present| !present.disconnected && present.paused != paused).map(set)
    });
    let source = changed.await?.unwrap_or_else(|| set(before));
    Ok(Changed { deployed, source, was_paused })
}

impl Outcome for Changed {
    fn json(&self) -> impl Serialize {
        Listing::of(&self.source)
    }

    fn text(&self) -> String {
        let id = &self.source.id;
        let resume = self.deployed.command(&format!("resume {id}"));
        let next_tick = match &self.deployed {
            Deployed::Aws(..) => "the next tick",
            Deployed::Directory(..) => "the next tick of `slacktrail pull`",
        };
        match (self.was_paused, self.source.paused) {
            (false, true) => format!(
                "paused `{id}`: the current tick finishes, and no new tick starts\n\
                 Slack keeps its logs; run `{resume}` to continue where collection stopped"
            ),
            (true, true) => format!("`{id}` is already paused; run `{resume}` to continue where collection stopped"),
            (true, false) => format!(
                "resumed `{id}`: {next_tick} continues where collection stopped\n\
                 it also collects the records of the pause; run `{}` to see the progress",
                self.deployed.command("status")
            ),
            (false, false) => format!("`{id}` is not paused; nothing to resume"),
        }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_adapters::directory::DirectoryDeployment;
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    #[test]
    fn each_pause_and_resume_outcome_has_own_message() {
        let message = |was_paused, paused| {
            let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
            let deployed = Deployed::Directory("a b".into(), DirectoryDeployment::new("a b"));
            Changed { deployed, source: Source { paused, ..source }, was_paused }.text()
        };
        let first = |text: String| text.split([':', ';']).next().unwrap().to_owned();
        assert_eq!(first(message(false, true)), "paused `acme`");
        assert_eq!(first(message(true, true)), "`acme` is already paused");
        assert_eq!(first(message(true, false)), "resumed `acme`");
        assert_eq!(first(message(false, false)), "`acme` is not paused");
        assert!(message(false, true).contains("`slacktrail resume acme --dir 'a b'`"), "{}", message(false, true));
    }
}
