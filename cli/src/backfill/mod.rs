//! `slacktrail backfill`: collects a past time range of a stream, or collects a range again.
//!
//! The command only adds a gap to the stream's cursor, so it can be interrupted and repeated. The poller collects the gap. In a directory,
//! the `slacktrail pull` that runs there does, or else this command itself.

mod collect;
mod follow;
mod range;

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::directory::DirectoryCollectors;
use slacktrail_core::cursor::{BACKFILLS_MAX, Backfill, Cursor};
use slacktrail_core::error::Error;
use slacktrail_core::object::DayLogId;
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{DeploymentStore, ReplaceOutcome, Version};

use crate::cli_error::CliError;
use crate::days::DaysArguments;
use crate::deployed::{Deployed, Location};
use crate::environment::now;
use crate::outcome::Outcome;
use crate::{logs, terminal, zone};
use collect::Collector;
use follow::{Followed, follow};
use range::Range;

/// Collect a past time range of a log, or collect a range again
///
/// The poller collects the range in the background; new records come first. It stores no record twice, so you can repeat any
/// range. The command waits until the range is collected. After Ctrl-C, the backfill continues.
///
/// With --dir, the command collects the range itself, with the token in SLACK_TOKEN, unless `slacktrail pull` runs in the
/// directory. After Ctrl-C, the next `backfill` or `pull` continues.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Log to collect: audit, access or integration
    #[arg(long, value_name = "LOG")]
    log: LogType,
    #[command(flatten)]
    days: DaysArguments,
    /// Do not wait until the range is collected
    #[arg(long)]
    detach: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    location: Location,
}

const AFTER_HELP: &str = "\
Audit logs go back to March 2018. Access logs have one row per user, address and device, which Slack updates on every use: \
slacktrail collects the rows first seen in the range that Slack still has, as they are now. It reads access and integration \
logs from now back to the range, however long ago that is.";

/// A range and the state of its backfill.
#[derive(Debug, Serialize)]
pub(crate) struct Backfilled {
    source: SourceId,
    log: LogType,
    #[serde(flatten)]
    range: Range,
    state: BackfillState,
    /// The next action if the backfill is not complete.
    #[serde(skip)]
    next: String,
}

/// The state of a backfill.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum BackfillState {
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
    backfill(&args).await.map_err(|error| error.shown_at(args.location.place(), Some(&args.id)))
}

async fn backfill(args: &Arguments) -> Result<Backfilled, CliError> {
    let now = now();
    let days = args.days.resolve(now)?;
    let range = Range::of(days, now)?;
    let deployed = args.location.open().await?;
    let source = deployed.find_connected(&args.id).await?;
    check(args, &source, &deployed)?;
    let stream = StreamId { source: source.id.clone(), log: args.log };
    let collector = match args.detach {
        true => None,
        false => collector(&deployed, &source, &stream).await?,
    };

    let (version, state) = add(&deployed, &source, &stream, range, now).await?;
    if days.first.start() < range.oldest {
        terminal::note("Slack has no logs from before 2018-03-01");
    }
    announce(args, &stream, range, state);
    let state = match args.detach {
        true => state,
        false => {
            wait(&deployed, &source, &stream, (range, version), collector).await?;
            BackfillState::Completed
        }
    };
    let next = match &deployed {
        Deployed::Aws(..) => "run `slacktrail status` to see what is left",
        Deployed::Directory(..) => "the next tick of `slacktrail pull` collects it",
    };
    Ok(Backfilled { source: stream.source, log: stream.log, range, state, next: next.to_owned() })
}

/// Returns the collector that this command runs, or `None` if the poller or another process collects the stream.
async fn collector(deployed: &Deployed, source: &Source, stream: &StreamId) -> Result<Option<Collector>, CliError> {
    match deployed {
        Deployed::Directory(path, _) if DirectoryCollectors::new(path).collecting_since(stream)?.is_none() => {
            Ok(Some(Collector::new(path, source, stream).await?))
        }
        Deployed::Aws(..) | Deployed::Directory(..) => Ok(None),
    }
}

/// Waits until the range is collected. If the process that collects a directory's stream ends before that, this command collects the rest.
async fn wait(
    deployed: &Deployed,
    source: &Source,
    stream: &StreamId,
    (range, version): (Range, Option<Version>),
    mut own: Option<Collector>,
) -> Result<(), CliError> {
    loop {
        let followed = match own.take() {
            Some(own) => own.collect(deployed, range, version).await?,
            None => {
                if let Deployed::Directory(..) = deployed {
                    terminal::note(
                        "another `slacktrail` collects this stream in the directory, and this command waits for it",
                    );
                }
                follow(deployed, stream, range, version).await?
            }
        };
        match followed {
            Followed::Completed => return Ok(()),
            Followed::Interrupted(error) => return Err(error),
            Followed::Ended => own = collector(deployed, source, stream).await?,
        }
    }
}

/// Checks that the source collects the log, and that it is not paused if the command waits.
fn check(args: &Arguments, source: &Source, deployed: &Deployed) -> Result<(), CliError> {
    let id = &source.id;
    if !source.logs.contains(&args.log) {
        let add_log = match deployed {
            Deployed::Aws(..) => format!("slacktrail connect {id} --logs ..."),
            Deployed::Directory(..) => deployed.command(&format!("pull {id} --logs {}", args.log)),
        };
        return Err(CliError::new(format!("source `{id}` does not collect `{}` logs", args.log))
            .hint(format!("use one of {}, or run `{add_log}` to change the logs", logs::names(&source.logs, ", "))));
    }
    if source.paused && !args.detach {
        let resume = deployed.command(&format!("resume {id}"));
        return Err(CliError::new(format!("source `{id}` is paused")).hint(format!(
            "run `{resume}` first, or use `--detach` to collect the range after you resume the source"
        )));
    }
    Ok(())
}

/// Adds the gap to the stream's cursor. Retries if a tick replaces the cursor at the same time.
///
/// Also clears the last object number of each day log of the range that has no object left, so that the next tick does not miss it.
async fn add(
    deployed: &Deployed,
    source: &Source,
    stream: &StreamId,
    range: Range,
    now: Second,
) -> Result<(Option<Version>, BackfillState), CliError> {
    for _ in 0..ADD_TRIES_MAX {
        let stored = deployed.load_stream(stream).await?;
        let (version, mut cursor) = match stored {
            Some((version, cursor)) => {
                let named = |mut error: Error| {
                    error.message = format!("{stream}: {}", error.message);
                    error
                };
                (Some(version), cursor.map_err(named)?)
            }
            None => (None, Cursor::first(source, stream.log, now)),
        };
        let is_cleared = clear_deleted_days(deployed, stream, range, &mut cursor).await?;
        let state = match cursor.backfill(stream.log, range.oldest, range.latest, now) {
            Backfill::InProgress if !is_cleared => return Ok((version, BackfillState::InProgress)),
            Backfill::InProgress => BackfillState::InProgress,
            Backfill::TooMany => {
                let message = format!("too many backfills: `{stream}` already has {BACKFILLS_MAX} in progress");
                let status = deployed.command("status");
                let hint = format!("wait for one to finish (`{status}`), or request one longer range");
                return Err(CliError::new(message).hint(hint));
            }
            Backfill::Empty => return Err(CliError::new(format!("the range {range} is empty"))),
            Backfill::Started => BackfillState::Started,
        };
        if let ReplaceOutcome::Replaced(version) = deployed.replace_cursor(stream, version, &cursor).await? {
            return Ok((Some(version), state));
        }
    }
    Err(CliError::new(format!(
        "adding the backfill to `{stream}` failed: ticks replaced the cursor {ADD_TRIES_MAX} times"
    ))
    .hint("run the command again"))
}

/// Clears the last object numbers of day logs that were deleted as a whole in order to collect them again. Returns `true` if there are any.
///
/// If only some objects of a day are missing, its number stays, so that the next tick reports them.
async fn clear_deleted_days(
    deployed: &Deployed,
    stream: &StreamId,
    range: Range,
    cursor: &mut Cursor,
) -> Result<bool, CliError> {
    let in_range = |day: &Day| day.end() >= range.oldest && day.start() <= range.latest;
    let days: Vec<Day> = cursor.last_objects.keys().copied().filter(in_range).collect();
    let numbers = cursor.last_objects.len();
    for day in days {
        if deployed.is_day_log_empty(&DayLogId { stream: stream.clone(), day }).await? {
            cursor.last_objects.remove(&day);
        }
    }
    Ok(cursor.last_objects.len() < numbers)
}

/// Prints which records will be collected.
fn announce(args: &Arguments, stream: &StreamId, range: Range, state: BackfillState) {
    match state {
        _ if args.detach => {}
        BackfillState::InProgress => terminal::note(&format!("already collecting `{stream}` {range}")),
        BackfillState::Started | BackfillState::Completed => terminal::note(&format!("collecting `{stream}` {range}")),
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

    fn text(&self) -> String {
        let Backfilled { source, log, range, state, next, .. } = self;
        let range = zone::shown().message(&range.to_string()).into_owned();
        match state {
            BackfillState::Completed => format!("collected `{source}/{log}` {range}; no record was stored twice"),
            BackfillState::Started => format!("started to collect `{source}/{log}` {range}; {next}"),
            BackfillState::InProgress => format!("already collecting `{source}/{log}` {range}; {next}"),
        }
    }
}
