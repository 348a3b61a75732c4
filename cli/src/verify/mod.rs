//! `slacktrail verify`: reads days from Slack again, and compares them with the stored lines, record by record.
//!
//! Each log is read from Slack once for all days. What Slack returned is kept in working files, so that memory holds one day, and so that the
//! command continues after an interruption.

mod compared;
mod hints;
mod html;
mod json;
mod log;
mod notes;
mod pacer;
mod period;
mod progress;
mod records;
mod report;
mod report_file;
mod summary;
mod working_directory;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_archive::verify::{Period, Verdict};
use slacktrail_core::source::{LogType, Source, SourceId};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use crate::cli_error::CliError;
use crate::days::DaysArguments;
use crate::deployed::Location;
use crate::environment::now;
use crate::outcome::Outcome;
use crate::{aws, directory, environment, interrupt, logs, source, terminal, zone};
use compared::{Archive, Compared};
use log::LogComparison;
use report_file::ReportFile;
use working_directory::WorkingDirectory;

/// Compare days with Slack, record by record
///
/// Reads the days from Slack again, then reads the stored lines. Changes nothing. Reads each log once for all days, and uses half of
/// the calls that Slack allows, so that collection continues: 25 pages per minute of audit logs and 10 of other logs, with up to 1000
/// records per page. After Ctrl-C or an error, the same command continues where it stopped, for 24 hours.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Logs to compare, separated by commas: audit, access, integration [default: all logs of the source]
    #[arg(long, visible_alias = "log", value_name = "LOGS", value_delimiter = ',')]
    logs: Vec<LogType>,
    #[command(flatten)]
    days: DaysArguments,
    /// Show the records of the examples (reads Slack a second time)
    #[arg(long)]
    show_records: bool,
    /// Write a report for an auditor: FILE.html to read and print, or FILE.json for programs
    #[arg(long, value_name = "FILE", value_parser = report_file::parse)]
    report: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    location: Location,
}

const AFTER_HELP: &str = "\
Examples:
  slacktrail verify acme --month 2026-10 --report october.html
  slacktrail verify acme --logs audit --day 2026-11-20 --show-records

Columns (a narrow terminal omits some of them):
  Slack, stored  records that Slack returns, and stored lines
  objects        stored objects
  differences    total of the next columns, if some of them
                 do not fit
  missing        records that are not stored
  changed        stored lines that differ from Slack's record
  duplicate      further lines of the same record
  unexpected     stored lines that Slack does not return
  pending        records that are not collected yet
  corrupt        missing objects, unreadable objects and lines,
                 and lines of another day
  latest         longest time from a record's own time until
                 it was stored
  verdict        see \"Exit code\"
For one day of one log, each is a line, and `corrupt` is split.

What is compared:
  audit        every byte
  access       rows first used on the day: whether each is stored exactly once, with
               the same identifying fields (Slack updates the others on every use)
  integration  everything except the names of renamed users and apps

Access and integration logs are read from now back to the first day, which takes long for an old day. Slack may delete their rows, so \
rows that only the archive has are reported as unexpected, but are no mismatch.

With --dir, the token comes from the variable SLACK_TOKEN.

With --day and one log in --logs, --json prints one object with all differences. Otherwise it prints what --report FILE.json contains: the \
days of each log, with up to 20 differences of each kind per day.

While Slack is read, what it returned is kept as hashes in `$XDG_CACHE_HOME/slacktrail/verify` (default: `~/.cache`, on a Mac \
`~/Library/Caches`), with 48 bytes per record. The files are deleted at the end.

Exit code (the worst day counts):
  0  complete: each record that Slack returns is in exactly one line, unchanged
  1  mismatch: a record is missing, changed, duplicate or (audit logs only) not in
     Slack, or the archive is corrupt
  2  invalid arguments
  3  inconclusive: part of the days is not collected yet or could not be compared,
     or the command failed";

/// The exit code for an inconclusive comparison.
const INCONCLUSIVE: u8 = 3;

/// Compares the days. A failed command is inconclusive.
pub(crate) async fn run(args: Arguments) -> Result<Compared, CliError> {
    verify(&args).await.map_err(|error| error.shown_at(args.location.place(), Some(&args.id)))
}

async fn verify(args: &Arguments) -> Result<Compared, CliError> {
    let now = now();
    let period = period::of(args.days.resolve(now)?, now)?;
    // A file that cannot be written is reported before Slack is read.
    let report = args.report.as_deref().map(ReportFile::create).transpose()?;
    let comparing = async {
        match &args.location.dir {
            Some(directory) => in_directory(args, directory, period).await,
            None => deployed(args, period).await,
        }
    };
    let (compared, working_directories) = tokio::select! {
        compared = comparing => compared?,
        () = interrupt::ctrl_c() => return Err(interrupted()),
    };
    if let Some(report) = report {
        report.write(&compared)?;
    }
    working_directories.into_iter().for_each(WorkingDirectory::delete);
    Ok(compared)
}

fn interrupted() -> CliError {
    CliError::new("interrupted: the comparison is not complete").hint(if working_directory::cache().is_some() {
        "run the same command again within 24 hours to continue where it stopped"
    } else {
        "set `XDG_CACHE_HOME` or `HOME`, so that the command can keep what it has read, and continue after an interruption"
    })
}

impl Outcome for Compared {
    const ERROR_CODE: u8 = INCONCLUSIVE;

    fn json(&self) -> impl Serialize {
        json::Output(self)
    }

    fn print(&self) {
        terminal::print(&match self.single() {
            Some((log, findings)) => report::text(self, (log, findings), zone::shown()),
            None => summary::text(self, terminal::columns(), zone::shown()),
        });
    }

    fn exit_code(&self) -> u8 {
        match self.verdict() {
            Verdict::Complete => 0,
            Verdict::Mismatch => 1,
            Verdict::Inconclusive => INCONCLUSIVE,
        }
    }
}

type ComparedWithFiles = Result<(Compared, Vec<WorkingDirectory>), CliError>;

async fn deployed(args: &Arguments, period: Period) -> ComparedWithFiles {
    let ports = aws::ports(&args.location.aws).await?;
    let archive = Archive::Bucket(ports.day_logs.bucket().to_owned());
    let ports = ports.with(environment::slack()?);
    let source = source::find_connected(&ports.deployment.load().await?.sources, &args.id, "slacktrail sources")?;
    let logs = logs(args, &source)?;
    compare(args, &ports, source, (archive, logs, period)).await
}

async fn in_directory(args: &Arguments, directory: &Path, period: Period) -> ComparedWithFiles {
    let (token, slack) = (environment::token()?, environment::slack()?);
    let source = source::find(
        &directory::load(directory).await?.sources,
        &args.id,
        &crate::deployed::in_directory("sources", directory),
    )?;
    let logs = logs(args, &source)?;
    directory::identify(&slack, &token, &source, Some(&source), &logs).await?;
    let (day_logs, deployment) = (DirectoryDayLogs::new(directory), DirectoryDeployment::new(directory));
    let ports = Ports { slack, day_logs, deployment, credentials: DirectoryCredentials::new(token) };
    compare(args, &ports, source, (Archive::Directory(directory.to_owned()), logs, period)).await
}

/// Returns the logs to compare: the requested ones, or all that the source collects.
fn logs(args: &Arguments, source: &Source) -> Result<Vec<LogType>, CliError> {
    match args.logs.iter().find(|log| !source.logs.contains(log)) {
        Some(log) => Err(CliError::new(format!("source `{}` does not collect `{log}` logs", source.id))
            .hint(format!("use one of its logs: {}", logs::names(&source.logs, ", ")))),
        None if args.logs.is_empty() => Ok(logs::in_order(&source.logs)),
        None => Ok(logs::in_order(&args.logs)),
    }
}

/// Compares one log after the other. Returns the working files, too, which the caller deletes once the report is written.
async fn compare<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
    args: &Arguments,
    ports: &Ports<S, D, T, K>,
    source: Source,
    (archive, logs, period): (Archive, Vec<LogType>, Period),
) -> ComparedWithFiles {
    let is_single = args.days.is_single() && args.logs.len() == 1;
    let started_at = now();
    let (mut compared, mut working_directories) = (Vec::new(), Vec::new());
    for log in logs {
        let comparison =
            LogComparison { ports, source: &source, log, period, is_single, show_records: args.show_records };
        let (log, files) = comparison.run(&archive).await?;
        compared.push(log);
        working_directories.push(files);
    }
    let times = (started_at, now());
    Ok((Compared { source, archive, period, times, is_single, logs: compared }, working_directories))
}
