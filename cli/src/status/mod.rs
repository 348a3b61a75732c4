//! `slacktrail status`: how each stream is doing, and what to do about those that are not well.

mod report;
pub(crate) mod stream_status;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use slacktrail_adapters::aws::DynamoDeployment;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use crate::aws;
use crate::cli_error::CliError;
use crate::terminal;
use stream_status::{StreamStatus, Target};

/// Show how each stream is doing
///
/// A stream is ok, catching up, waiting (nothing to do: it is tried again), paused, or in a state that requires action:
/// reauthorize, reconfigure, failing, silent. What to do then stands below the table.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Look again every two seconds until Ctrl-C; in a pipe, print again whenever something has changed
    #[arg(long)]
    watch: bool,
    /// Exit with code 1 if a stream requires action
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// Read a directory that `slacktrail pull` filled instead of the deployment
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit code: 0 if the status could be read; with --check, 1 if a stream requires action.
With --json --watch each change is one line of JSON: the list of all streams.";

/// Runs the command.
pub(crate) async fn run(args: Arguments) -> Result<ExitCode, CliError> {
    let deployed = match &args.dir {
        Some(directory) => Deployed::Directory(directory.clone()),
        None => Deployed::Aws(aws::ports().await?.deployment),
    };
    if args.watch {
        watch::watch(&deployed, args.json).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let snapshot = deployed.look().await?;
    if args.json {
        terminal::print_json(&snapshot.statuses);
    } else if snapshot.statuses.is_empty() && snapshot.disconnected == 0 {
        terminal::note("no source is connected yet\nhint: slacktrail connect <id> --help");
    } else {
        terminal::print_painted(&snapshot.report(), report::coloured);
    }
    let is_wanting = args.check && snapshot.statuses.iter().any(StreamStatus::requires_action);
    Ok(if is_wanting { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where the sources and the cursors are.
enum Deployed {
    Aws(DynamoDeployment),
    Directory(PathBuf),
}

/// What was seen at one look.
struct Snapshot {
    statuses: Vec<StreamStatus>,
    /// Sources that are disconnected, and have no entries.
    disconnected: usize,
    now: Second,
}

impl Deployed {
    async fn look(&self) -> Result<Snapshot, CliError> {
        let (deployment, target) = match self {
            Deployed::Aws(deployment) => (deployment.load().await?, Target::Aws),
            Deployed::Directory(directory) => {
                let deployment = DirectoryDeployment::new(directory).load().await?;
                if deployment.sources.is_empty() {
                    return Err(CliError::new(format!("nothing was ever pulled into `{}`", directory.display()))
                        .hint("give the directory that `slacktrail pull --dir` was given"));
                }
                (deployment, Target::Directory)
            }
        };
        let now = Second::of(Timestamp::now());
        let disconnected = deployment.sources.values().flatten().filter(|source| source.disconnected).count();
        Ok(Snapshot { statuses: stream_status::statuses(&deployment, target, now), disconnected, now })
    }
}

impl Snapshot {
    fn report(&self) -> String {
        report::text(&self.statuses, self.disconnected, self.now)
    }
}
