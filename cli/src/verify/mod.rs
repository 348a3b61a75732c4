//! `slacktrail verify`: reads a day from Slack again, and compares it with the stored lines, record by record.

mod json;
mod pacer;
mod progress;
mod records;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_archive::verify::{self, Findings, MARGIN_SECONDS, Step, Verdict, Verification};
use slacktrail_core::secret::Token;
use slacktrail_core::source::{LogType, Source, SourceId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use crate::cli_error::CliError;
use crate::environment::now;
use crate::identity::Identity;
use crate::outcome::Outcome;
use crate::{aws, directory, environment, logs, source, terminal, typed_time};
use pacer::Pacer;
use progress::Progress;
use records::Records;

/// Compare a day with Slack, record by record
///
/// Reads the day from Slack again, then reads the stored lines. Changes nothing. Uses half of the calls that Slack allows, so that
/// collection continues: 25 pages per minute of audit logs and 10 of other logs, with up to 1000 records per page.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Log to compare: audit, access or integration
    #[arg(long, value_name = "LOG")]
    log: LogType,
    /// Day (UTC), such as 2026-11-20
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    day: Day,
    /// Read a directory written by `slacktrail pull` instead of the deployment, with the token in SLACK_TOKEN
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Show the records of the examples (reads Slack a second time)
    #[arg(long)]
    show_records: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER_HELP: &str = "\
What is compared:
  audit        every byte
  access       rows first used on the day: whether each is stored exactly once, with
               the same identifying fields (Slack updates the others on every use)
  integration  everything except the names of renamed users and apps

Access and integration logs are read from now back to the day, which takes long for an old day. Slack may delete their rows, so \
rows that only the archive has are reported as extra, but are no mismatch.

Exit code:
  0  complete: each record that Slack returns is in exactly one line, unchanged
  1  mismatch: a record is missing, changed, duplicate or (audit logs only) not in
     Slack, or the archive is corrupt
  2  invalid arguments
  3  inconclusive: part of the day is not collected yet or could not be compared,
     or the command failed";

/// The exit code for an inconclusive comparison.
const INCONCLUSIVE: u8 = 3;

fn parse_day(text: &str) -> Result<Day, &'static str> {
    typed_time::day(text).ok_or("expected a day such as `2026-11-20`")
}

/// What was compared.
pub(crate) struct Compared {
    findings: Findings,
    records: Records,
}

/// Compares the day. A failed command is inconclusive.
pub(crate) async fn run(args: Arguments) -> Result<Compared, CliError> {
    let now = now();
    let until = last_comparable(args.day, now)?;
    match &args.dir {
        Some(directory) => in_directory(&args, directory, until, now).await,
        None => deployed(&args, until).await,
    }
}

impl Outcome for Compared {
    const ERROR_CODE: u8 = INCONCLUSIVE;

    fn json(&self) -> impl Serialize {
        json::Comparison::of(&self.findings, &self.records)
    }

    fn print(&self) {
        terminal::print(&report::text(&self.findings, &self.records));
    }

    fn exit_code(&self) -> u8 {
        match self.findings.verdict() {
            Verdict::Complete => 0,
            Verdict::Mismatch => 1,
            Verdict::Inconclusive => INCONCLUSIVE,
        }
    }
}

/// Returns the last second of the day that can be compared.
///
/// # Errors
///
/// Returns an error if the day has no second that can be compared.
fn last_comparable(day: Day, now: Second) -> Result<Second, CliError> {
    if day.start() > now {
        return Err(CliError::new(format!("`--day` is in the future: {day}")).hint("use today (UTC) or an earlier day"));
    }
    if day.end() < Second::MARCH_2018 && day != Second::EPOCH.day() {
        return Err(CliError::new(format!("Slack has no logs from before {}", Second::MARCH_2018))
            .hint("use 2018-03-01 or a later day; rows without a valid time are stored under 1970-01-01"));
    }
    verify::until(day, now).ok_or_else(|| {
        let minutes = MARGIN_SECONDS / 60;
        CliError::new(format!(
            "the day {day} has only just begun: records must be {minutes} minutes old to be compared"
        ))
        .hint("run the command again in a few minutes")
    })
}

async fn deployed(args: &Arguments, until: Second) -> Result<Compared, CliError> {
    let ports = aws::ports().await?.with(environment::slack()?);
    let source = source::find_connected(&ports.deployment.load().await?.sources, &args.id)?;
    compare(args, &ports, &source, until).await
}

async fn in_directory(args: &Arguments, directory: &Path, until: Second, now: Second) -> Result<Compared, CliError> {
    let (token, slack) = (environment::token()?, environment::slack()?);
    let source = source::find(&directory::load(directory).await?.sources, &args.id)?;
    check_token(&slack, &source, &token, args.log, now).await?;
    let (day_logs, deployment) = (DirectoryDayLogs::new(directory), DirectoryDeployment::new(directory));
    let ports = Ports { slack, day_logs, deployment, credentials: DirectoryCredentials::new(token) };
    compare(args, &ports, &source, until).await
}

/// Checks that the token belongs to the tenant of the source and can read the log.
async fn check_token<S: Slack>(
    slack: &S,
    source: &Source,
    token: &Token,
    log: LogType,
    now: Second,
) -> Result<(), CliError> {
    let identity = Identity::ask_with_own_token(slack, source, token, now).await?;
    identity.check_logs(&[log])?;
    identity.check_same_tenant(source)
}

async fn compare<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
    args: &Arguments,
    ports: &Ports<S, D, T, K>,
    source: &Source,
    until: Second,
) -> Result<Compared, CliError> {
    if !source.logs.contains(&args.log) {
        return Err(CliError::new(format!("source `{}` does not collect `{}` logs", source.id, args.log))
            .hint(format!("use one of its logs: {}", logs::names(&source.logs, ", "))));
    }
    let days = (args.day, until);
    let mut verification = Verification::begin(ports, source, args.log, days).await.map_err(CliError::from)?;
    let progress = Progress::new(args.log, args.day, until);
    let mut pacer = Pacer::new(args.log.calls_per_tick_max());
    read(&mut verification, &mut pacer, &progress).await?;
    let findings = verification.conclude(|done, all| progress.show_objects(done, all)).await.map_err(CliError::from)?;
    let mut records = Records::default();
    if args.show_records {
        records.load_stored_lines(&verification, &findings).await?;
        if let Some((ids, range)) = records::examples_in_slack(&findings) {
            verification.read_again(ids, range);
            read(&mut verification, &mut pacer, &progress).await?;
            records.set_slack_records(verification.kept());
        }
    }
    Ok(Compared { findings, records })
}

/// Reads the day from Slack, at a rate that leaves calls for collection.
async fn read<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
    verification: &mut Verification<'_, S, D, T, K>,
    pacer: &mut Pacer,
    progress: &Progress,
) -> Result<(), CliError> {
    loop {
        progress.show_position(&verification.position());
        pacer.wait_for_slot(progress).await;
        match verification.step(now()).await {
            Ok(Step::Done) => return Ok(()),
            Ok(Step::More) => pacer.reset_failures(),
            Err(error) => pacer.wait_before_retry(error, progress).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> Second {
        Second::of(text.parse().unwrap())
    }

    #[test]
    fn day_is_compared_whole_or_up_to_few_minutes_ago() {
        let now = second("2026-11-20T12:00:00Z");
        let until = |day: &str| last_comparable(typed_time::day(day).unwrap(), now).map_err(|error| error.to_string());
        assert_eq!(until("2026-11-19"), Ok(second("2026-11-19T23:59:59Z")));
        assert_eq!(until("2026-11-20"), Ok(second("2026-11-20T11:55:00Z")));
        assert_eq!(until("1970-01-01"), Ok(second("1970-01-01T23:59:59Z")));
        assert!(until("2026-11-21").unwrap_err().contains("is in the future"));
        assert!(until("2018-02-28").unwrap_err().contains("from before 2018-03-01"));
        let midnight = second("2026-11-20T00:04:59Z");
        assert!(
            last_comparable(typed_time::day("2026-11-20").unwrap(), midnight)
                .unwrap_err()
                .to_string()
                .contains("only just begun")
        );
    }
}
