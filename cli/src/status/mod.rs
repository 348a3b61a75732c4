//! `slacktrail status`: shows the state of each stream, with a hint for each stream that has a problem.

mod report;
pub(crate) mod stream_status;
mod watch;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::aws::DynamoDeployment;
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use crate::cli_error::CliError;
use crate::environment::now;
use crate::outcome::Outcome;
use crate::source::NO_SOURCE;
use crate::{aws, directory, terminal};
use stream_status::{StreamStatus, Target};

/// Show the state of each stream
///
/// A stream is ok, catching up, waiting (slacktrail retries), paused, or in a state that requires action: reauthorize, reconfigure,
/// failing or silent. Hints below the table name the cause and the fix.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Refresh every two seconds until Ctrl-C; in a pipe, print only changes
    #[arg(long)]
    pub(crate) watch: bool,
    /// Exit with code 1 if a stream requires action
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// Read a directory written by `slacktrail pull` instead of the deployment
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit code: 0 if the status could be read; with --check, 1 if a stream requires action.
With --json --watch, each change prints the list of all streams as one line of JSON.";

/// Reads the status.
pub(crate) async fn run(args: Arguments) -> Result<Snapshot, CliError> {
    let snapshot = Deployed::of(args.dir).await?.snapshot().await?;
    Ok(Snapshot { check: args.check, ..snapshot })
}

/// Shows the status until Ctrl-C.
pub(crate) async fn watch(args: Arguments) -> Result<(), CliError> {
    watch::watch(&Deployed::of(args.dir).await?, args.json).await
}

/// The location of the sources and the cursors.
enum Deployed {
    Aws(DynamoDeployment),
    Directory(PathBuf),
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

impl Deployed {
    async fn of(dir: Option<PathBuf>) -> Result<Deployed, CliError> {
        Ok(match dir {
            Some(directory) => Deployed::Directory(directory),
            None => Deployed::Aws(aws::ports().await?.deployment),
        })
    }

    async fn snapshot(&self) -> Result<Snapshot, CliError> {
        let (deployment, target) = match self {
            Deployed::Aws(deployment) => (deployment.load().await?, Target::Aws),
            Deployed::Directory(directory) => (directory::load(directory).await?, Target::Directory),
        };
        let now = now();
        let disconnected = deployment.sources.values().flatten().filter(|source| source.disconnected).count();
        Ok(Snapshot { statuses: stream_status::statuses(&deployment, target, now), disconnected, now, check: false })
    }
}

impl Snapshot {
    fn report(&self) -> String {
        report::text(&self.statuses, self.disconnected, self.now)
    }
}

impl Outcome for Snapshot {
    fn json(&self) -> impl Serialize {
        &self.statuses
    }

    fn print(&self) {
        if self.statuses.is_empty() && self.disconnected == 0 {
            terminal::note(NO_SOURCE);
        } else {
            terminal::print_painted(&self.report(), report::colored);
        }
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.check && self.statuses.iter().any(StreamStatus::requires_action))
    }
}
