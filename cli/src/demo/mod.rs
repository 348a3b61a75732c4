//! `slacktrail demo`: the real collector against a simulated Slack, and the proof that it stored everything once.

mod archive;
mod check;
mod organization;
mod time;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::secret::Token;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::sources;

use crate::cli_error::CliError;
use crate::duration;
use crate::run::{Run, Totals, Until};
use crate::terminal;
use archive::Archive;
use check::Verdict;
use organization::Organization;
use time::{Hasty, Live, SimulatedTime};

/// Watch it collect from a simulated Slack, with every kind of failure: no account, no network
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A new or empty directory to store the logs in [default: ./logs/demo-1, ./logs/demo-2, ...]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Seconds to collect for: a minute of the simulated Slack each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=600))]
    seconds: u32,
}

/// The source's id, in the names of the files.
const SOURCE: &str = "acme";

/// Runs the command. It succeeds when what it stored is exactly what the simulated Slack showed.
pub(crate) async fn run(args: Arguments) -> Result<ExitCode, CliError> {
    let directory = fresh_directory(args.dir)?;
    let time = Arc::new(SimulatedTime::for_a_life_of(args.seconds));
    terminal::print(organization::INTRODUCTION);
    terminal::print("");
    let organization = Organization::found(Arc::clone(&time)).await?;

    let totals = collect(&organization, &time, &directory, args.seconds).await?;

    let archive = Archive::read(&directory)?;
    let verdict = check::compare(&archive, &organization.truth(time.now()));
    report(&totals, &archive, &verdict, &directory);
    organization.close().await;
    if verdict.is_exact() && totals.is_ok() { Ok(ExitCode::SUCCESS) } else { Err(inexact(&totals)) }
}

/// Collects as in production, a tick each simulated minute, and then what the simulated Slack showed late.
async fn collect(
    organization: &Organization,
    time: &Arc<SimulatedTime>,
    directory: &Path,
    seconds: u32,
) -> Result<Totals, CliError> {
    let source = source(time)?;
    sources::put(&DirectoryDeployment::new(directory), &source).await?;
    let slack = SlackHttp::new(&organization.api_url(), &organization.audit_url())?;
    let token =
        Token::new(organization::TOKEN).map_err(|error| CliError::new("the simulated token").with_source(error))?;
    let mut run = Run::new(slack, directory, token, &source.id, &LogType::ALL);

    run.go(&Live::new(Arc::clone(time), seconds), Until::Stopped).await?;
    organization.rest();
    time.skip_to(organization.settled_at());
    run.go(&Hasty::new(Arc::clone(time)), Until::CaughtUp).await?;
    // What came later than a tick looks back is found by the hourly re-read: so an hour passes at once.
    time.skip_to_the_present();
    run.go(&Hasty::new(Arc::clone(time)), Until::CaughtUp).await?;
    Ok(run.finish())
}

fn source(time: &SimulatedTime) -> Result<Source, CliError> {
    Ok(Source {
        organization: true,
        connected_at: Second::of(time.now()),
        ..Source::new(
            SOURCE.parse().map_err(|error: String| CliError::new(error))?,
            "Acme (simulated)",
            Plan::Enterprise,
            Second::of(time.history_begins()),
        )
    })
}

/// The directory that was asked for, if nothing is in it, or the first `./logs/demo-<n>` that there is not.
fn fresh_directory(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    let Some(directory) = given else {
        let fresh = (1..).map(|number| Path::new("logs").join(format!("demo-{number}"))).find(|path| !path.exists());
        return Ok(fresh.expect("there is a number that no directory has"));
    };
    match std::fs::read_dir(&directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(directory),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(directory),
        Ok(false) => Err(CliError::new(format!("`{}` is not empty", directory.display()))
            .hint("the demonstration compares all that it finds there: give it a new directory")),
        Err(error) => Err(CliError::new(format!("`{}` cannot be read", directory.display()))
            .with_source(error)
            .hint("give it a new directory")),
    }
}

fn report(totals: &Totals, archive: &Archive, verdict: &Verdict, directory: &Path) {
    terminal::print(&totals.table());
    let late: u64 = totals.streams().iter().map(|total| total.late).sum();
    let latest = totals.streams().iter().map(|total| total.late_seconds_max).max().unwrap_or(0);
    terminal::print(&format!(
        "\n{} records were shown late, and collected up to {} after their time.",
        duration::count(late),
        duration::words(latest)
    ));
    terminal::print(&format!("\n{verdict}\n"));
    for (log, line) in archive.samples() {
        terminal::print(&terminal::shorten(&format!("{log}: {line}"), terminal::columns()));
    }
    terminal::print(&format!("\nThe files are in {}. To look at one:", directory.display()));
    if let Some(newest) = archive.newest() {
        terminal::print(&format!(
            "  gzip -dc {} | head -1 | python3 -m json.tool",
            terminal::shell_word(&newest.display().to_string())
        ));
    }
}

fn inexact(totals: &Totals) -> CliError {
    let failing = totals.streams().iter().find_map(|total| total.hint.clone());
    let error = CliError::new("what is stored is not exactly what the simulated Slack showed");
    let error = error.hint("this is a fault of slacktrail: please report it with the output above");
    match failing {
        Some(hint) => error.with_source(hint),
        None => error,
    }
}
