//! `slacktrail backfill`: collects a past time range of a stream, or collects a range again.
//!
//! The command only adds a gap to the stream's cursor. The poller collects it, so the command can be interrupted and repeated.

mod follow;
mod range;
mod rest;

use clap::Args;
use serde::Serialize;
use slacktrail_core::cursor::{BACKFILLS_MAX, Backfill, Cursor};
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{DeploymentStore, ReplaceOutcome, Version};

use crate::cli_error::{CliError, Level};
use crate::environment::now;
use crate::outcome::Outcome;
use crate::{aws, logs, source, terminal, typed_time};
use follow::{Followed, follow};
use range::Range;

/// Collect a past time range of a log, or collect a range again
///
/// The poller collects the range in the background; new records come first. It stores no record twice, so you can repeat any
/// range. The command waits until the range is collected. After Ctrl-C, the backfill continues.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Log to collect: audit, access or integration
    #[arg(long, value_name = "LOG")]
    log: LogType,
    /// First day (UTC), such as 2024-01-01
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    from: Day,
    /// Day after the last day (UTC): --from 2024-01-01 --to 2024-02-01 is January
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    to: Day,
    /// Do not wait until the range is collected
    #[arg(long)]
    detach: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER_HELP: &str = "\
Audit logs go back to March 2018. Access logs have one row per user, address and device, which Slack updates on every use: \
slacktrail collects the rows first seen in the range that Slack still has, as they are now. It reads access and integration \
logs from now back to the range, however long ago that is.";

fn parse_day(text: &str) -> Result<Day, &'static str> {
    typed_time::day(text).ok_or("use a day such as `2024-01-31`")
}

/// A range and the state of its backfill.
#[derive(Debug, Serialize)]
pub(crate) struct Backfilled {
    source: SourceId,
    log: LogType,
    #[serde(skip)]
    range: Range,
    /// The first second of the range.
    oldest: String,
    /// The last second of the range.
    latest: String,
    state: Stage,
}

/// The state of a backfill.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// This command added it.
    Started,
    /// It was already being collected.
    InProgress,
    /// The range is collected.
    Completed,
}

/// How often the command tries to add the gap, because a tick may replace the cursor at the same time.
const ADD_TRIES_MAX: usize = 5;

/// Adds the backfill, and waits until the range is collected unless `--detach` is set.
pub(crate) async fn run(args: Arguments) -> Result<Backfilled, CliError> {
    let now = now();
    let range = Range::resolve(args.from, args.to, now)?;
    let deployment = aws::ports().await?.deployment;
    let source = source::find_connected(&deployment.load().await?.sources, &args.id)?;
    check(&args, &source)?;
    let stream = StreamId { source: source.id.clone(), log: args.log };

    let (version, stage) = add(&deployment, &source, &stream, range, now).await?;
    announce(&args, &stream, range, stage);
    let state = match args.detach {
        true => stage,
        false => match follow(&deployment, &stream, range, version).await? {
            Followed::Completed => Stage::Completed,
            Followed::Stopped => return Err(stopped_waiting(&stream)),
        },
    };
    let (oldest, latest) = (range.oldest.to_string(), range.latest.to_string());
    Ok(Backfilled { source: stream.source, log: stream.log, range, oldest, latest, state })
}

fn stopped_waiting(stream: &StreamId) -> CliError {
    CliError::new(format!("stopped waiting: the backfill of `{stream}` continues in the background"))
        .with_level(Level::Warning)
        .hint("run the same command again to see its progress")
}

/// Checks that the source collects the log, and that it is not paused if the command waits.
fn check(args: &Arguments, source: &Source) -> Result<(), CliError> {
    let id = &source.id;
    if !source.logs.contains(&args.log) {
        return Err(CliError::new(format!("source `{id}` does not collect `{}` logs", args.log)).hint(format!(
            "use one of {}, or run `slacktrail connect {id} --logs ...` to change the logs",
            logs::names(&source.logs, ", ")
        )));
    }
    if source.paused && !args.detach {
        return Err(CliError::new(format!("source `{id}` is paused")).hint(format!(
            "run `slacktrail resume {id}` first, or use `--detach` to collect the range after you resume the source"
        )));
    }
    Ok(())
}

/// Adds the gap to the stream's cursor. Retries if a tick replaces the cursor at the same time.
async fn add<T: DeploymentStore>(
    deployment: &T,
    source: &Source,
    stream: &StreamId,
    range: Range,
    now: Second,
) -> Result<(Option<Version>, Stage), CliError> {
    for _ in 0..ADD_TRIES_MAX {
        let stored = deployment.load_stream(stream).await?;
        let (version, mut cursor) = match stored {
            Some((version, cursor)) => (Some(version), cursor?),
            None => (None, Cursor::first(source, stream.log, now)),
        };
        match cursor.backfill(stream.log, range.oldest, range.latest, now) {
            Backfill::InProgress => return Ok((version, Stage::InProgress)),
            Backfill::TooMany => return Err(too_many(stream)),
            Backfill::Empty => return Err(CliError::new(format!("the range {range} is empty"))),
            Backfill::Started => {}
        }
        if let ReplaceOutcome::Replaced(version) = deployment.replace_cursor(stream, version, &cursor).await? {
            return Ok((Some(version), Stage::Started));
        }
    }
    Err(CliError::new(format!(
        "adding the backfill to `{stream}` failed: ticks replaced the cursor {ADD_TRIES_MAX} times"
    ))
    .hint("run the command again"))
}

fn too_many(stream: &StreamId) -> CliError {
    CliError::new(format!("too many backfills: `{stream}` already has {BACKFILLS_MAX} in progress"))
        .hint("wait for one to finish (`slacktrail status`), or request one longer range")
}

/// Prints which records the poller will collect.
fn announce(args: &Arguments, stream: &StreamId, range: Range, stage: Stage) {
    if args.from != range.oldest.day() {
        terminal::note(&format!("Slack has no logs before {}", Second::MARCH_2018));
    }
    match stage {
        _ if args.detach => {}
        Stage::InProgress => terminal::note(&format!("already collecting {stream} {range}")),
        Stage::Started | Stage::Completed => terminal::note(&format!("collecting {stream} {range}")),
    }
    match stream.log {
        LogType::Audit => {}
        LogType::Access => terminal::note(
            "slacktrail collects the rows first seen in this range that Slack still has, as they are now",
        ),
        LogType::Integration => terminal::note(
            "Slack cannot filter the integration log by time: slacktrail reads it from now back to the range",
        ),
    }
}

impl Outcome for Backfilled {
    fn json(&self) -> impl Serialize {
        self
    }

    fn print(&self) {
        let Backfilled { source, log, range, state, .. } = self;
        terminal::print(&match state {
            Stage::Completed => format!("collected {source}/{log} {range}; no record was stored twice"),
            Stage::Started => {
                format!("started to collect {source}/{log} {range}; run `slacktrail status` to see what is left")
            }
            Stage::InProgress => {
                format!("already collecting {source}/{log} {range}; run `slacktrail status` to see what is left")
            }
        });
    }
}
