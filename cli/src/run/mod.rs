//! Runs ticks of the collector on this machine, until nothing is left to collect or the user stops the run. `pull` and `demo` differ
//! only in their [`Pace`].

mod error_reporter;
mod pace;
mod progress;
mod totals;
mod watched;

use std::path::Path;
use std::rc::Rc;

use slacktrail_adapters::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_collector::tick::{Poller, ResourceLimits, TickLimits};
use slacktrail_core::health::Class;
use slacktrail_core::secret::Token;
use slacktrail_core::source::{LogType, SourceId, StreamId};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_ports::{DeploymentStore, Ports};

pub(crate) use pace::{Pace, Wall};
pub(crate) use totals::Totals;

use crate::cli_error::CliError;
use error_reporter::ErrorReporter;
use progress::Progress;
use watched::{WatchedDeployment, WatchedSlack};

type Collector =
    Poller<WatchedSlack<SlackHttp>, DirectoryDayLogs, WatchedDeployment<DirectoryDeployment>, DirectoryCredentials>;

/// When a run ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// When a tick leaves nothing to collect, or when the pace ends it.
    CaughtUp,
    /// When the pace ends it.
    Stopped,
}

/// A run that collects streams of one source into a directory.
pub(crate) struct Run {
    collector: Collector,
    progress: Rc<Progress>,
    reporter: ErrorReporter,
    totals: Totals,
}

impl Run {
    /// Creates a run for `logs` of a source that is stored in `directory`. Performs no I/O.
    pub(crate) fn new(slack: SlackHttp, directory: &Path, token: Token, source: &SourceId, logs: &[LogType]) -> Run {
        let streams: Vec<StreamId> = logs.iter().map(|log| StreamId { source: source.clone(), log: *log }).collect();
        let progress = Rc::new(Progress::new(&streams));
        let deployment = DirectoryDeployment::new(directory);
        let ports = Ports {
            slack: WatchedSlack::new(slack, Rc::clone(&progress)),
            day_logs: DirectoryDayLogs::new(directory),
            deployment: WatchedDeployment::new(deployment, Rc::clone(&progress), source.clone(), logs.to_vec()),
            credentials: DirectoryCredentials::new(token),
        };
        Run {
            collector: Poller::new(ports),
            progress,
            reporter: ErrorReporter::default(),
            totals: Totals::new(streams),
        }
    }

    /// Runs ticks at `pace`.
    ///
    /// # Errors
    /// Returns an error if a tick fails as a whole. With [`Until::Stopped`], only an error of the first tick ends the run. The run prints later
    /// errors, and the next tick retries.
    pub(crate) async fn go(&mut self, pace: &impl Pace, until: Until) -> Result<(), CliError> {
        let mut is_first = true;
        loop {
            let left = match self.tick(pace).await {
                Ok(left) => left,
                Err(error) if until == Until::Stopped && !is_first => {
                    self.reporter.report_run(&self.progress, &error);
                    true
                }
                Err(error) => return Err(error),
            };
            is_first = false;
            if (until == Until::CaughtUp && !left) || !pace.wait().await {
                return Ok(());
            }
        }
    }

    /// Runs one tick. Returns `true` if another tick could collect more.
    async fn tick(&mut self, pace: &impl Pace) -> Result<bool, CliError> {
        let now = pace.now();
        let deployment = self.collector.ports.deployment.load().await?;
        self.progress.begin_tick(&deployment, now);
        let deadline_reached = || pace.is_over();
        let limits = TickLimits { resources: ResourceLimits::default(), deadline_reached: &deadline_reached };
        let summary = self.collector.tick(now, &limits).await?;
        self.progress.end_tick(&summary);
        for stream in &summary.streams {
            if let Some(locked) = stream.reason().filter(|error| error.code == watched::LOCKED) {
                return Err(error_reporter::stream_error(stream, locked));
            }
        }
        self.reporter.report(&self.progress, &summary, pace.is_real());
        self.totals.add(&summary);
        Ok(summary.streams.iter().any(leaves_work))
    }

    /// Ends the progress display, and returns the totals of the run.
    pub(crate) fn finish(self) -> Totals {
        self.totals
    }
}

/// Returns `true` if another tick could collect more of a stream. A stream that requires action does not count.
fn leaves_work(stream: &StreamOutcome) -> bool {
    match stream.state.class() {
        Class::Behind | Class::Retrying => true,
        Class::Current => stream.gaps > 0,
        Class::Stopped | Class::Paused => false,
    }
}
