//! `slacktrail status`: shows the state of each stream, with a hint for each stream that has a problem.

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

/// Show the state of each stream
///
/// A stream is ok, catching up, waiting (slacktrail retries), paused, or in a state that requires action: reauthorize, reconfigure,
/// failing or silent. Hints below the table name the cause and the fix.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Refresh every two seconds until Ctrl-C; in a pipe, print only changes
    #[arg(long)]
    watch: bool,
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
    let snapshot = deployed.snapshot().await?;
    if args.json {
        terminal::print_json(&snapshot.statuses);
    } else if snapshot.statuses.is_empty() && snapshot.disconnected == 0 {
        terminal::note("no source is connected yet\nhint: run `slacktrail connect <id>` to connect one");
    } else {
        terminal::print_painted(&snapshot.report(), report::colored);
    }
    let check_failed = args.check && snapshot.statuses.iter().any(StreamStatus::requires_action);
    Ok(if check_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The location of the sources and the cursors.
enum Deployed {
    Aws(DynamoDeployment),
    Directory(PathBuf),
}

/// The status of all streams at one time.
struct Snapshot {
    statuses: Vec<StreamStatus>,
    /// The number of disconnected sources. They have no entry in `statuses`.
    disconnected: usize,
    now: Second,
}

impl Deployed {
    async fn snapshot(&self) -> Result<Snapshot, CliError> {
        let (deployment, target) = match self {
            Deployed::Aws(deployment) => (deployment.load().await?, Target::Aws),
            Deployed::Directory(directory) => {
                let deployment = DirectoryDeployment::new(directory).load().await?;
                if deployment.sources.is_empty() {
                    return Err(CliError::new(format!("directory `{}` contains no source", directory.display()))
                        .hint("pass the same directory as to `slacktrail pull --dir`"));
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
