//! `slacktrail status`: shows the state of each stream, with a hint for each stream that has a problem.

mod collected;
mod report;
pub(crate) mod stream_status;
mod watch;

use clap::Args;
use serde::Serialize;
use slacktrail_core::source::SourceId;
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use crate::cli_error::CliError;
use crate::deployed::{Deployed, Location};
use crate::environment::now;
use crate::outcome::Outcome;
use crate::source::NO_SOURCE;
use crate::{source, terminal, typed_time, zone};
use stream_status::StreamStatus;

/// Show the state of each stream
///
/// A stream is ok, catching up, waiting (slacktrail retries), paused, or in a state that requires action: reauthorize, reconfigure,
/// failing or silent. Hints below the table name the cause and the fix.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Show only this source
    id: Option<SourceId>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Refresh every two seconds until Ctrl-C; in a pipe, print only changes
    #[arg(long)]
    pub(crate) watch: bool,
    /// Exit with code 1 if a stream requires action
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// With --dir: report a stream as failing if it was last collected longer ago than this, such as 1h [default: 3m while `pull` runs there]
    #[arg(long, value_name = "DURATION", requires = "dir", value_parser = typed_time::max_age)]
    max_age: Option<i64>,
    #[command(flatten)]
    location: Location,
}

const AFTER_HELP: &str = "\
Columns (a narrow terminal omits some of them):
  for           time in this state
  last checked  age of the last known tick without error; on
                AWS, quiet streams save it every 15 minutes
  last record   age of the newest record
  lag           age of the newest time up to which all is
                stored; if ok, as of the last check
  backlog       time that is not completely collected yet;
                `re-read` looks for late records

Exit code: 0 if the status could be read; with --check, 1 if a stream requires action.
With --dir, --max-age makes --check useful in cron: `slacktrail status --dir DIR --check --max-age 1h`.
With --json --watch, each change prints the list of all streams as one line of JSON.";

pub(crate) async fn run(args: Arguments) -> Result<Snapshot, CliError> {
    let check = args.check;
    Ok(Snapshot { check, ..Observed::open(args).await?.snapshot().await? })
}

/// Shows the status until Ctrl-C.
pub(crate) async fn watch(args: Arguments) -> Result<(), CliError> {
    let json = args.json;
    watch::watch(&Observed::open(args).await?, json).await
}

/// The deployment whose status is shown.
struct Observed {
    deployed: Deployed,
    /// The only source to show, or `None` for all.
    id: Option<SourceId>,
    max_age: Option<i64>,
}

/// The status of all streams at one time.
pub(crate) struct Snapshot {
    statuses: Vec<StreamStatus>,
    /// The number of disconnected sources. They have no entry in `statuses`.
    disconnected: usize,
    now: Second,
    /// Whether the command fails if a stream requires action.
    check: bool,
}

impl Observed {
    async fn open(args: Arguments) -> Result<Observed, CliError> {
        let deployed = args.location.open().await;
        let deployed = deployed.map_err(|error| error.shown_at(args.location.place(), args.id.as_ref()))?;
        Ok(Observed { deployed, id: args.id, max_age: args.max_age })
    }

    async fn snapshot(&self) -> Result<Snapshot, CliError> {
        self.read().await.map_err(|error| error.shown_at(self.deployed.place(), self.id.as_ref()))
    }

    async fn read(&self) -> Result<Snapshot, CliError> {
        let mut deployment = self.deployed.load().await?;
        if let Some(id) = &self.id {
            source::check_known(&deployment.sources, id, &self.deployed.command("sources"))?;
            deployment.sources.retain(|known, _| known == id);
        }
        let now = now();
        let mut statuses = stream_status::statuses(&deployment, self.deployed.tick_place(), now);
        if let Some(directory) = self.deployed.directory() {
            collected::add(&mut statuses, (directory, &deployment), self.max_age, now)?;
        }
        let disconnected = deployment.sources.values().flatten().filter(|source| source.disconnected).count();
        Ok(Snapshot { statuses, disconnected, now, check: false })
    }
}

impl Snapshot {
    fn has_no_source(&self) -> bool {
        self.statuses.is_empty() && self.disconnected == 0
    }

    fn report(&self) -> String {
        if self.has_no_source() {
            return NO_SOURCE.to_owned();
        }
        report::text(&self.statuses, self.disconnected, self.now, zone::shown())
    }
}

impl Outcome for Snapshot {
    fn json(&self) -> impl Serialize {
        &self.statuses
    }

    fn print(&self) {
        if self.has_no_source() {
            terminal::note(NO_SOURCE);
        } else {
            terminal::print_painted(&self.report(), report::colored);
        }
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.check && self.statuses.iter().any(StreamStatus::requires_action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_without_source_says_how_to_connect_one() {
        let snapshot = |disconnected| Snapshot { statuses: Vec::new(), disconnected, now: Second::EPOCH, check: false };
        assert_eq!(snapshot(0).report(), NO_SOURCE);
        assert!(snapshot(1).report().starts_with("1 disconnected source"), "{}", snapshot(1).report());
    }
}
