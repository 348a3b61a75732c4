//! Follows a backfill while the poller or another process collects it: a progress bar in a terminal, otherwise a few lines.

use std::time::{Duration, Instant};

use slacktrail_adapters::directory::DirectoryCollectors;
use slacktrail_core::health::Class;
use slacktrail_core::source::StreamId;
use slacktrail_ports::{DeploymentStore, Version};

use super::range::{Range, Rest, describe};
use crate::cli_error::{CliError, Level};
use crate::deployed::Deployed;
use crate::environment::now;
use crate::interrupt;
use crate::progress::{Bar, ProgressLine, estimate};
use crate::source;
use crate::status::stream_status::StreamStatus;

/// How waiting for a backfill ended.
#[derive(Debug)]
pub(super) enum Followed {
    /// The range is collected.
    Completed,
    /// The user pressed Ctrl-C. Contains the message.
    Interrupted(CliError),
    /// The process that collected the directory's stream has ended.
    Ended,
}

/// The time between two reads of the cursor.
const READ_INTERVAL: Duration = Duration::from_secs(2);
/// Without a terminal, a line is printed each time another such part of the range is collected.
const LINE_EACH_PERCENT: i64 = 10;

const BAR: Bar = Bar { template: "{bar:24} {percent:>3} %  ", columns: 32 };

/// Waits until the range is collected, and shows the progress. `since` is the version of the cursor that first contains the gap.
///
/// # Errors
/// Returns an error if collection stops, because the source is paused or disconnected, the stream requires action, or the cursor is deleted.
pub(super) async fn follow(
    deployed: &Deployed,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Followed, CliError> {
    let mut progress = RestProgress::new(range);
    let completed = async {
        loop {
            match read_rest(deployed, stream, range, since).await? {
                Rest::Nothing => return Ok(Followed::Completed),
                _ if !is_collecting(deployed, stream)? => return Ok(Followed::Ended),
                rest => progress.show(&rest),
            }
            tokio::time::sleep(READ_INTERVAL).await;
        }
    };
    tokio::select! {
        followed = completed => followed,
        () = interrupt::ctrl_c() => Ok(Followed::Interrupted(
            CliError::interrupted(format!("stopped waiting: the backfill of `{stream}` continues in the background"))
                .with_level(Level::Warning)
                .hint("run the same command again to see its progress"),
        )),
    }
}

/// Returns `true` if a process collects the stream. On AWS, ticks start every minute.
fn is_collecting(deployed: &Deployed, stream: &StreamId) -> Result<bool, CliError> {
    match deployed.directory() {
        None => Ok(true),
        Some(path) => Ok(DirectoryCollectors::new(path).collecting_since(stream)?.is_some()),
    }
}

/// Reads what is left of the range.
pub(super) async fn read_rest(
    deployed: &Deployed,
    stream: &StreamId,
    range: Range,
    since: Option<Version>,
) -> Result<Rest, CliError> {
    let stored = deployed.load_source(&stream.source).await?;
    let loaded = stored.map(|(_, source)| (stream.source.clone(), source)).into_iter().collect();
    let source = source::find_connected(&loaded, &stream.source, &deployed.command("sources"))?;
    let stored = deployed.load_stream(stream).await?;
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
        check(&StreamStatus::of(stored.as_ref(), &source, stream.log, deployed.tick_place(), now()), deployed)?;
    }
    Ok(rest)
}

fn check(status: &StreamStatus, deployed: &Deployed) -> Result<(), CliError> {
    let name = status.name();
    let not_collected = |reason: &str| CliError::new(format!("`{name}` is not being collected: {reason}"));
    match status.state.class() {
        Class::Current | Class::Behind | Class::Retrying => Ok(()),
        Class::Paused => {
            let resume = deployed.command(&format!("resume {}", status.source));
            Err(not_collected("its source is paused").hint(format!("run `{resume}` to continue the backfill")))
        }
        Class::Stopped => {
            let error = not_collected(status.error.as_deref().unwrap_or("it requires action"));
            let fix = status.hint.clone().unwrap_or_else(|| format!("run `{}`", deployed.command("status")));
            Err(error.hint(format!("{fix}; the backfill then continues")))
        }
    }
}

pub(super) struct RestProgress {
    line: ProgressLine,
    whole: i64,
    started: Instant,
    /// The seconds that were left at the first read.
    first: Option<i64>,
}

impl RestProgress {
    pub(super) fn new(range: Range) -> RestProgress {
        RestProgress {
            line: ProgressLine::new(Some(BAR)),
            whole: range.seconds(),
            started: Instant::now(),
            first: None,
        }
    }

    pub(super) fn show(&mut self, rest: &Rest) {
        let (message, step) = match rest {
            Rest::Nothing => return,
            Rest::Unknown(position) => (position.clone(), position.clone()),
            Rest::Seconds(left) => {
                let first = *self.first.get_or_insert(*left);
                let estimate = estimate(self.started.elapsed(), first - left, *left);
                let collected = (self.whole - left).max(0);
                self.line.show_bar(collected.unsigned_abs(), self.whole.unsigned_abs());
                let percent = collected * 100 / self.whole.max(1);
                (describe(*left, estimate), (percent / LINE_EACH_PERCENT).to_string())
            }
        };
        self.line.show_step(&message, &step, &message);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use slacktrail_adapters::directory::DirectoryDeployment;
    use slacktrail_core::health::State;

    use super::*;
    use crate::status::stream_status::tests::failing;

    #[test]
    fn error_of_stopped_backfill_is_cause_and_hint_is_fix() {
        let deployed = Deployed::Directory("logs".into(), DirectoryDeployment::new(Path::new("logs")));
        let stopped = failing(State::Reauthorize, "token_revoked", "the token was revoked", "connect again");
        let error = check(&stopped, &deployed).unwrap_err();
        assert_eq!(error.to_string(), "`acme/audit` is not being collected: the token was revoked");
        assert_eq!(error.next_action(), Some("connect again; the backfill then continues"));
    }
}
