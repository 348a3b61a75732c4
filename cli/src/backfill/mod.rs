//! `slacktrail backfill`: has a time collected that lies before the source's own, or that is to be read again.
//!
//! It only adds a gap to the stream's cursor; the deployment's poller collects it. So it can be cut off and repeated at will.

mod follow;
mod range;
mod rest;

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use slacktrail_core::cursor::{BACKFILLS_MAX, Backfill, Cursor};
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::{DeploymentStore, ReplaceOutcome, Version};

use crate::cli_error::CliError;
use crate::terminal::{self, Level};
use crate::{aws, logs, sources};
use follow::{Followed, follow};
use range::{Range, TypedDay};

/// Collect an earlier time of a log, or a time anew
///
/// The deployment collects it beside what is new, which goes first. What is stored already is not stored twice, so any time
/// can be asked for, again and again. The command waits until it is collected; Ctrl-C leaves it going on.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The source's id
    id: SourceId,
    /// The log: audit, access or integration
    #[arg(long, value_name = "LOG")]
    log: LogType,
    /// The first day (UTC), such as 2024-01-01
    #[arg(long, value_name = "DAY")]
    from: TypedDay,
    /// The day (UTC) at whose beginning it ends: --from 2024-01-01 --to 2024-02-01 is January
    #[arg(long, value_name = "DAY")]
    to: TypedDay,
    /// Do not wait until it is collected
    #[arg(long)]
    detach: bool,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
What can be found: of audit logs, all that Slack keeps, back to March 2018. Access logs hold a row for each user, address and \
device, which Slack changes at each use: of those first seen in the time, the rows that Slack still has are collected as they \
are now. Both access and integration logs are read from now back to the time, however far that is.";

/// What came of it, for programs.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    source: &'a SourceId,
    log: LogType,
    /// The first and the last second.
    oldest: String,
    latest: String,
    state: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// It was asked for, and is being collected from now on.
    Started,
    /// It was asked for before, and is being collected.
    InProgress,
    /// It is collected.
    Completed,
}

/// A tick may be first so often when the gap is added.
const ROUNDS_MAX: usize = 5;

/// Runs the command. It succeeds when the range is collected; with `--detach`, when it is going to be.
pub(crate) async fn run(args: Arguments) -> Result<ExitCode, CliError> {
    let now = Second::of(Timestamp::now());
    let range = Range::resolve(args.from, args.to, now)?;
    let deployment = aws::ports().await?.deployment;
    let source = sources::find_connected(&deployment.load().await?.sources, &args.id)?;
    check(&args, &source)?;
    let stream = StreamId { source: source.id.clone(), log: args.log };

    let (version, stage) = add(&deployment, &source, &stream, range, now).await?;
    announce(&args, &stream, range, stage);
    if args.detach {
        report(&args, range, stage);
        return Ok(ExitCode::SUCCESS);
    }
    match follow(&deployment, &stream, range, version).await? {
        Followed::ToItsEnd => {
            report(&args, range, Stage::Completed);
            Ok(ExitCode::SUCCESS)
        }
        Followed::UntilStopped => {
            let stopped =
                CliError::new(format!("stopped looking on: {stream} goes on being collected in the deployment"));
            terminal::print_error(Level::Warning, &stopped.hint("run the same command again to see how far it is"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether there is anything to wait for.
fn check(args: &Arguments, source: &Source) -> Result<(), CliError> {
    let id = &source.id;
    if !source.logs.contains(&args.log) {
        return Err(CliError::new(format!("source `{id}` collects no `{}` logs", args.log)).hint(format!(
            "it collects {}; `slacktrail connect {id} --logs ...` changes that",
            logs::names(&source.logs, ", ")
        )));
    }
    if source.paused && !args.detach {
        return Err(CliError::new(format!("source `{id}` is paused, so that nothing is collected")).hint(format!(
            "resume it (`slacktrail resume {id}`), or give `--detach` to have it collected after that"
        )));
    }
    Ok(())
}

/// Adds the gap to the stream's cursor, again where a tick was first.
async fn add<T: DeploymentStore>(
    deployment: &T,
    source: &Source,
    stream: &StreamId,
    range: Range,
    now: Second,
) -> Result<(Option<Version>, Stage), CliError> {
    for _ in 0..ROUNDS_MAX {
        let stored = deployment.load().await?.cursors.remove(stream);
        let (version, mut cursor) = match stored {
            Some((version, cursor)) => (Some(version), cursor?),
            None => (None, Cursor::first(source, stream.log, now)),
        };
        match cursor.backfill(stream.log, range.oldest, range.latest, now) {
            Backfill::InProgress => return Ok((version, Stage::InProgress)),
            Backfill::TooMany => return Err(too_many(stream)),
            Backfill::Empty => return Err(CliError::new(format!("there is no time {range}"))),
            Backfill::Started => {}
        }
        if let ReplaceOutcome::Replaced(version) = deployment.replace_cursor(stream, version, &cursor).await? {
            return Ok((Some(version), Stage::Started));
        }
    }
    Err(CliError::new(format!("the cursor of `{stream}` was replaced by ticks each time"))
        .hint("run the command again"))
}

fn too_many(stream: &StreamId) -> CliError {
    CliError::new(format!("{BACKFILLS_MAX} backfills of `{stream}` are under way, which is the most"))
        .hint("wait until one is through (`slacktrail status`), or ask for longer times at once")
}

/// Says what will be collected, and what can be found. Not a result yet where that is waited for.
fn announce(args: &Arguments, stream: &StreamId, range: Range, stage: Stage) {
    if args.from != TypedDay::of(range.oldest) {
        terminal::note(&format!("Slack has no logs from before {}", Second::MARCH_2018));
    }
    match stage {
        _ if args.detach => {}
        Stage::InProgress => terminal::note(&format!("{stream} {range} is being collected already")),
        Stage::Started | Stage::Completed => terminal::note(&format!("collecting {stream} {range}")),
    }
    match stream.log {
        LogType::Audit => {}
        LogType::Access => terminal::note(
            "of the rows first seen in that time, those that Slack still has are collected as they are now",
        ),
        LogType::Integration => {
            terminal::note("Slack's integration log knows no time: it is read from now back to then")
        }
    }
}

fn report(args: &Arguments, range: Range, stage: Stage) {
    let (source, log) = (&args.id, args.log);
    if args.json {
        let (oldest, latest) = (range.oldest.to_string(), range.latest.to_string());
        return terminal::print_json(&Outcome { source, log, oldest, latest, state: stage });
    }
    terminal::print(&match stage {
        Stage::Completed => format!("collected {source}/{log} {range}; what was there already was not stored twice"),
        Stage::Started => {
            format!("the next ticks collect {source}/{log} {range}; `slacktrail status` shows what is left")
        }
        Stage::InProgress => {
            format!("{source}/{log} {range} is under way already; `slacktrail status` shows what is left")
        }
    });
}
