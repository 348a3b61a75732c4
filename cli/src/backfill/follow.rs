//! Follows a backfill while the poller collects it: a progress bar in a terminal, otherwise a few lines.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use slacktrail_core::health::State;
use slacktrail_core::source::StreamId;
use slacktrail_core::time::Second;
use slacktrail_ports::{DeploymentStore, Version};

use super::range::Range;
use super::rest::{Pace, Rest, describe};
use crate::cli_error::CliError;
use crate::sources;
use crate::status::stream_status::{StreamStatus, Target};
use crate::terminal;

/// How following a backfill ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Followed {
    /// The range is collected.
    Completed,
    /// The user pressed Ctrl-C.
    Stopped,
}

/// The time between two reads of the cursor.
const READ_INTERVAL: Duration = Duration::from_secs(2);
/// The interval of the spinner animation.
const SPINNER_INTERVAL: Duration = Duration::from_millis(120);
/// Without a terminal, a line is printed each time another such part of the range is collected.
const LINE_EACH_PERCENT: i64 = 10;

const BAR: &str = "{spinner} {bar:24} {percent:>3} %  {msg}";
const SPINNER: &str = "{spinner} {msg}";

/// Waits until the range is collected, and shows the progress. `since` is the version of the cursor that first contains the gap.
///
/// # Errors
/// Returns an error if collection stops, because the source is paused or disconnected, the stream requires action, or the cursor is deleted.
pub(super) async fn follow<T: DeploymentStore>(
    deployment: &T,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Followed, CliError> {
    let mut display = Display::new(range);
    let completed = async {
        loop {
            match read_rest(deployment, stream, range, since).await? {
                Rest::Nothing => return Ok(Followed::Completed),
                rest => display.show(&rest),
            }
            tokio::time::sleep(READ_INTERVAL).await;
        }
    };
    let followed = tokio::select! {
        followed = completed => followed,
        _ = tokio::signal::ctrl_c() => Ok(Followed::Stopped),
    };
    display.bar.finish_and_clear();
    followed
}

/// Reads what is left of the range.
async fn read_rest<T: DeploymentStore>(
    deployment: &T,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Rest, CliError> {
    let stored = deployment.load_source(&stream.source).await?;
    let loaded = stored.map(|(_, source)| (stream.source.clone(), source)).into_iter().collect();
    let source = sources::find_connected(&loaded, &stream.source)?;
    let stored = deployment.load_stream(stream).await?;
    let cursor = match &stored {
        Some((version, Ok(cursor))) if Some(*version) >= since => cursor,
        Some((_, Err(error))) => return Err(error.clone().into()),
        _ => {
            return Err(CliError::new(format!("the cursor of `{stream}` was deleted, and the backfill with it"))
                .hint("run the command again"));
        }
    };
    let rest = Rest::of(cursor, range);
    if rest != Rest::Nothing {
        let status = StreamStatus::of(stored.as_ref(), &source, stream.log, Target::Aws, Second::of(Timestamp::now()));
        check(&status)?;
    }
    Ok(rest)
}

/// Checks that the stream is being collected.
fn check(status: &StreamStatus) -> Result<(), CliError> {
    let name = status.name();
    let not_collected = |reason: &str| CliError::new(format!("{name} is not being collected: {reason}"));
    match status.state {
        State::Ok | State::CatchingUp | State::Waiting | State::Silent => Ok(()),
        State::Paused => Err(not_collected("its source is paused")
            .hint(format!("run `slacktrail resume {}` to continue the backfill", status.source))),
        State::Reauthorize | State::Reconfigure | State::Failing => {
            Err(not_collected(status.hint.as_deref().unwrap_or("see `slacktrail status`"))
                .hint("run `slacktrail status` for the cause; the backfill continues once it is fixed"))
        }
    }
}

/// A progress bar, or lines if standard error is not a terminal.
struct Display {
    bar: ProgressBar,
    whole: i64,
    started: Instant,
    pace: Option<Pace>,
    /// What the last line showed: the collected part, or a position.
    printed: Option<String>,
}

impl Display {
    fn new(range: Range) -> Display {
        let bar = ProgressBar::with_draw_target(Some(range.seconds().unsigned_abs()), ProgressDrawTarget::stderr());
        bar.set_style(style(SPINNER));
        bar.enable_steady_tick(SPINNER_INTERVAL);
        Display { bar, whole: range.seconds(), started: Instant::now(), pace: None, printed: None }
    }

    fn show(&mut self, rest: &Rest) {
        let (message, mark) = match rest {
            Rest::Nothing => return,
            Rest::Unknown(position) => (position.clone(), position.clone()),
            Rest::Seconds(left) => {
                let pace = *self.pace.get_or_insert(Pace::from(*left));
                let elapsed = i64::try_from(self.started.elapsed().as_secs()).unwrap_or(i64::MAX);
                let collected = (self.whole - left).max(0);
                self.bar.set_style(style(BAR));
                self.bar.set_position(collected.unsigned_abs());
                let percent = collected * 100 / self.whole.max(1);
                (describe(*left, pace.estimate(*left, elapsed)), (percent / LINE_EACH_PERCENT).to_string())
            }
        };
        if self.bar.is_hidden() && self.printed.as_ref() != Some(&mark) {
            terminal::note(&message);
            self.printed = Some(mark);
        }
        terminal::show_progress(&self.bar, &message);
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates above are valid");
    style.progress_chars("━━╌")
}
