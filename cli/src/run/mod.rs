//! Runs ticks of the collector on this machine, until nothing is left to collect or the user stops the run. `pull`, `backfill --dir` and
//! `demo` differ in their [`Pace`] and in what they do after a tick.

mod error_reporter;
mod pace;
mod progress;
mod totals;
mod watched;

use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use jiff::Timestamp;
use slacktrail_adapters::directory::{
    CollectorLock, DirectoryCollectors, DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment,
};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_collector::tick::{Poller, ResourceLimits, Summary, TickLimits};
use slacktrail_core::health::Class;
use slacktrail_core::source::StreamId;
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{DeploymentStore, Ports};

pub(crate) use pace::{Pace, Wall};
pub(crate) use totals::{Total, Totals};

use crate::cli_error::CliError;
use crate::{interrupt, terminal};
use error_reporter::ErrorReporter;
use progress::Progress;
use watched::{WatchedDeployment, WatchedSlack};

type DirectoryPoller =
    Poller<WatchedSlack<SlackHttp>, DirectoryDayLogs, WatchedDeployment<DirectoryDeployment>, DirectoryCredentials>;

/// When a run ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// When a tick leaves nothing to collect, or when the pace ends it.
    CaughtUp,
    /// When the pace ends it.
    Stopped,
}

/// What a run shows on standard error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Display {
    /// Progress in a terminal, and errors.
    Progress,
    Errors,
}

/// A tick that has ended.
pub(crate) struct Tick<'a> {
    pub(crate) started_at: Second,
    /// The streams, or why the tick failed as a whole.
    pub(crate) outcome: Result<&'a Summary, &'a CliError>,
}

/// A run that collects streams of one source into a directory.
pub(crate) struct Run {
    poller: DirectoryPoller,
    collectors: DirectoryCollectors,
    /// The streams, each with the lock that shows that this run collects it, or `None` if another process holds the lock.
    streams: Vec<(StreamId, Option<CollectorLock>)>,
    progress: Rc<Progress>,
    reporter: ErrorReporter,
    totals: Totals,
}

impl Run {
    /// Creates a run for `streams` of one source that is stored in `directory`. Performs no I/O.
    pub(crate) fn new(slack: SlackHttp, directory: &Path, token: Token, streams: &[StreamId], display: Display) -> Run {
        let progress = Rc::new(Progress::new(if display == Display::Progress { streams } else { &[] }));
        let deployment = DirectoryDeployment::new(directory);
        let ports = Ports {
            slack: WatchedSlack { slack, progress: Rc::clone(&progress) },
            day_logs: DirectoryDayLogs::new(directory),
            deployment: WatchedDeployment::new(deployment, Rc::clone(&progress), streams.to_vec()),
            credentials: DirectoryCredentials::new(token),
        };
        Run {
            poller: Poller::new(ports),
            collectors: DirectoryCollectors::new(directory),
            streams: streams.iter().map(|stream| (stream.clone(), None)).collect(),
            progress,
            reporter: ErrorReporter::new(directory),
            totals: Totals::new(streams.to_vec()),
        }
    }

    /// Runs ticks at `pace`, until the run ends as `until` says or `after_tick` breaks. If the user abandons the run, ends the process.
    ///
    /// # Errors
    /// Returns an error of `after_tick`, or if a tick fails as a whole. With [`Until::Stopped`], only a failure of the first tick ends the run.
    /// The run prints later failures, and the next tick retries.
    pub(crate) async fn go(
        &mut self,
        pace: &impl Pace,
        until: Until,
        after_tick: impl AsyncFnMut(&Tick<'_>) -> Result<ControlFlow<()>, CliError>,
    ) -> Result<(), CliError> {
        let progress = Rc::clone(&self.progress);
        let abandoned = async {
            pace.interrupted(1).await;
            progress.suspend(|| terminal::note("finishing the tick; press Ctrl-C again to stop at once"));
            pace.interrupted(2).await;
        };
        tokio::select! {
            biased; // between two ticks, the first Ctrl-C ends the run
            ended = self.run_ticks(pace, until, after_tick) => return ended,
            () = abandoned => {}
        }
        self.progress.clear();
        std::process::exit(i32::from(interrupt::EXIT_CODE))
    }

    async fn run_ticks(
        &mut self,
        pace: &impl Pace,
        until: Until,
        mut after_tick: impl AsyncFnMut(&Tick<'_>) -> Result<ControlFlow<()>, CliError>,
    ) -> Result<(), CliError> {
        let mut is_first = true;
        loop {
            let now = pace.now();
            let ends_on_error = until == Until::CaughtUp || is_first;
            let ticked = match self.tick(pace, now).await {
                Err(error) if ends_on_error => return Err(error),
                ticked => ticked,
            };
            is_first = false;
            if let Some(error) = ticked.as_ref().ok().and_then(locked).filter(|_| ends_on_error) {
                return Err(error);
            }
            match &ticked {
                Ok(summary) => self.reporter.report(&self.progress, summary, pace),
                Err(error) => self.reporter.report_run(&self.progress, error),
            }
            let leaves_work = ticked.as_ref().map_or(true, |summary| summary.streams.iter().any(leaves_work));
            let tick = Tick { started_at: Second::of(now), outcome: ticked.as_ref() };
            let ends = after_tick(&tick).await?.is_break() || (until == Until::CaughtUp && !leaves_work);
            if ends || !pace.wait().await {
                return Ok(());
            }
        }
    }

    async fn tick(&mut self, pace: &impl Pace, now: Timestamp) -> Result<Summary, CliError> {
        self.mark_streams(now)?;
        let deployment = self.poller.ports.deployment.load().await?;
        self.progress.begin_tick(&deployment, now);
        let deadline_reached = || pace.is_over();
        let limits = TickLimits { resources: ResourceLimits::default(), deadline_reached: &deadline_reached };
        let summary = self.poller.tick(deployment, now, &limits).await?;
        self.end_tick(&summary, Second::of(now))?;
        Ok(summary)
    }

    fn end_tick(&mut self, summary: &Summary, now: Second) -> Result<(), CliError> {
        self.progress.end_tick(summary);
        self.totals.add(summary);
        self.save_times(summary, now)
    }

    /// Marks the streams as being collected. If another process holds a stream's lock, the next tick tries again.
    fn mark_streams(&mut self, now: Timestamp) -> Result<(), CliError> {
        for (stream, lock) in self.streams.iter_mut().filter(|(_, lock)| lock.is_none()) {
            *lock = self.collectors.lock(stream, now)?;
        }
        Ok(())
    }

    /// Stores when each stream was collected, because an idle stream's cursor is saved only every 15 minutes.
    fn save_times(&self, summary: &Summary, now: Second) -> Result<(), CliError> {
        let is_collected = |outcome: &&StreamOutcome| {
            let is_healthy = matches!(outcome.state.class(), Class::Current | Class::Behind);
            outcome.polled && is_healthy && outcome.error().is_none()
        };
        for outcome in summary.streams.iter().filter(is_collected) {
            if let Some(log) = outcome.log {
                self.collectors.save(&StreamId { source: outcome.source.clone(), log }, now)?;
            }
        }
        Ok(())
    }

    /// Ends the progress display, and returns the totals of the run.
    pub(crate) fn finish(self) -> Totals {
        self.totals
    }
}

/// Returns the error of a stream whose cursor could not be saved, because another process has locked the directory.
fn locked(summary: &Summary) -> Option<CliError> {
    let is_locked = |stream: &&StreamOutcome| stream.code() == Some(watched::LOCKED);
    let stream = summary.streams.iter().find(is_locked)?;
    Some(error_reporter::stream_error(stream, stream.reason.as_ref()?))
}

/// Returns `true` if another tick could collect more of a stream. A stream that requires action does not count.
fn leaves_work(stream: &StreamOutcome) -> bool {
    match stream.state.class() {
        Class::Behind | Class::Retrying => true,
        Class::Current => stream.gaps > 0,
        Class::Stopped | Class::Paused => false,
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::error::Error;
    use slacktrail_core::health::State;
    use slacktrail_core::source::LogType;

    use super::*;

    #[test]
    fn locked_stream_hides_no_record_of_other_streams() {
        let directory = tempfile::tempdir().unwrap();
        let slack = SlackHttp::new("http://127.0.0.1:9/", "http://127.0.0.1:9/").unwrap();
        let stream = |log| StreamId { source: "slack".parse().unwrap(), log };
        let (audit, access) = (stream(LogType::Audit), stream(LogType::Access));
        let token = Token::new("xoxp-1").unwrap();
        let mut run = Run::new(slack, directory.path(), token, &[audit.clone(), access.clone()], Display::Errors);
        let collected = |stream| StreamOutcome { polled: true, ..StreamOutcome::initial(stream, State::Ok) };
        let reason = Some(Error::deployment(watched::LOCKED, "locked"));
        let mut streams = vec![StreamOutcome { reason, ..collected(&audit) }, collected(&access)];
        streams[1].counts.records = 5;
        let summary = Summary { streams, shards: None, token_refreshes: Vec::new() };

        run.end_tick(&summary, Second::MARCH_2018).unwrap();
        assert_eq!(locked(&summary).unwrap().to_string(), "slack/audit: locked");
        let last_collected = |stream| run.collectors.last_collected(stream).unwrap();
        assert_eq!((last_collected(&audit), last_collected(&access)), (None, Some(Second::MARCH_2018)));
        assert_eq!(run.finish().streams().iter().map(|total| total.counts.records).collect::<Vec<_>>(), [0, 5]);
    }
}
