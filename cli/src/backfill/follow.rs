//! Looks on while the deployment collects a range: a bar on a terminal, a few plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use slacktrail_core::health::State;
use slacktrail_core::source::StreamId;
use slacktrail_core::time::Second;
use slacktrail_ports::{DeploymentStore, Version};

use super::range::Range;
use super::rest::{Pace, Rest, words};
use crate::cli_error::CliError;
use crate::sources;
use crate::status::stream_status::{StreamStatus, Target};
use crate::terminal;

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Followed {
    /// The range is collected.
    ToItsEnd,
    /// Somebody pressed Ctrl-C.
    UntilStopped,
}

/// From one look at the cursor to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often the spinner turns while nothing happens.
const TURN: Duration = Duration::from_millis(120);
/// A line in a pipe for each such part of the range.
const LINE_EACH_PERCENT: i64 = 10;

const BAR: &str = "{spinner} {bar:24} {percent:>3} %  {msg}";
const SPINNER: &str = "{spinner} {msg}";

/// Looks on until the range is collected. `since`: the version of the cursor that holds its gap.
///
/// # Errors
/// When it is not being collected any more: paused, disconnected, refused, or its cursor gone.
pub(super) async fn follow<T: DeploymentStore>(
    deployment: &T,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Followed, CliError> {
    let mut display = Display::new(range);
    let to_its_end = async {
        loop {
            match look(deployment, stream, range, since).await? {
                Rest::Nothing => return Ok(Followed::ToItsEnd),
                rest => display.show(&rest),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let followed = tokio::select! {
        followed = to_its_end => followed,
        _ = tokio::signal::ctrl_c() => Ok(Followed::UntilStopped),
    };
    display.bar.finish_and_clear();
    followed
}

/// One look at what is left.
async fn look<T: DeploymentStore>(
    deployment: &T,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Rest, CliError> {
    let stored = deployment.load().await?;
    let source = sources::find_connected(&stored.sources, &stream.source)?;
    let cursor = match stored.cursors.get(stream) {
        Some((version, Ok(cursor))) if Some(*version) >= since => cursor,
        Some((_, Err(error))) => return Err(error.clone().into()),
        _ => {
            return Err(CliError::new(format!("the cursor of `{stream}` was removed, and the range with it"))
                .hint("run the command again"));
        }
    };
    let rest = Rest::of(cursor, range);
    if rest != Rest::Nothing {
        let status = StreamStatus::of(&stored, &source, stream.log, Target::Aws, Second::of(Timestamp::now()));
        check(&status)?;
    }
    Ok(rest)
}

/// Whether it goes on by itself.
fn check(status: &StreamStatus) -> Result<(), CliError> {
    let name = status.name();
    let stands_still = |why: &str| CliError::new(format!("{name} is not being collected: {why}"));
    match status.state {
        State::Ok | State::CatchingUp | State::Waiting | State::Silent => Ok(()),
        State::Paused => Err(stands_still("its source was paused")
            .hint(format!("after `slacktrail resume {}` the backfill goes on by itself", status.source))),
        State::Reauthorize | State::Reconfigure | State::Failing => {
            Err(stands_still(status.hint.as_deref().unwrap_or("see `slacktrail status`"))
                .hint("the backfill goes on by itself once that is mended; `slacktrail status` shows how it is"))
        }
    }
}

/// What is shown: a bar that hides itself where standard error is no terminal, and lines there.
struct Display {
    bar: ProgressBar,
    whole: i64,
    began: Instant,
    pace: Option<Pace>,
    /// What the last line told: the part that was collected, or a place.
    told: Option<String>,
}

impl Display {
    fn new(range: Range) -> Display {
        let bar = ProgressBar::with_draw_target(Some(range.seconds().unsigned_abs()), ProgressDrawTarget::stderr());
        bar.set_style(style(SPINNER));
        bar.enable_steady_tick(TURN);
        Display { bar, whole: range.seconds(), began: Instant::now(), pace: None, told: None }
    }

    fn show(&mut self, rest: &Rest) {
        let (message, mark) = match rest {
            Rest::Nothing => return,
            Rest::Unknown(place) => (place.clone(), place.clone()),
            Rest::Seconds(left) => {
                let pace = *self.pace.get_or_insert(Pace::from(*left));
                let elapsed = i64::try_from(self.began.elapsed().as_secs()).unwrap_or(i64::MAX);
                let collected = (self.whole - left).max(0);
                self.bar.set_style(style(BAR));
                self.bar.set_position(collected.unsigned_abs());
                let percent = collected * 100 / self.whole.max(1);
                (words(*left, pace.estimate(*left, elapsed)), (percent / LINE_EACH_PERCENT).to_string())
            }
        };
        if self.bar.is_hidden() && self.told.as_ref() != Some(&mark) {
            terminal::note(&message);
            self.told = Some(mark);
        }
        terminal::show_progress(&self.bar, &message);
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
    style.progress_chars("━━╌")
}
