//! Ticks of the collector on this machine, until nothing is left to collect or somebody stops it. `pull` and `demo` differ only
//! in the [`Pace`] that they give.

mod error_reporter;
mod pace;
mod progress;
mod totals;
mod watched;

use std::path::Path;
use std::rc::Rc;

use slacktrail_adapters::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_collector::tick::{Poller, ResourceLimits, StreamSummary, TickLimits};
use slacktrail_core::health::State;
use slacktrail_core::secret::Token;
use slacktrail_core::source::{LogType, SourceId, StreamId};
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
    /// As soon as a tick leaves nothing to collect.
    CaughtUp,
    /// When the pace says so.
    Stopped,
}

/// Some streams of one source, collected into a directory.
pub(crate) struct Run {
    collector: Collector,
    progress: Rc<Progress>,
    reporter: ErrorReporter,
    totals: Totals,
}

impl Run {
    /// Prepares to collect these logs of a source that is stored in `directory`. Nothing is asked or written yet.
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

    /// Ticks at a pace.
    ///
    /// # Errors
    /// When this machine's side fails as a whole: at once, or where the run goes on until it is stopped, in its first tick.
    /// Later such failures are told, and the next tick tries again.
    pub(crate) async fn go(&mut self, pace: &impl Pace, until: Until) -> Result<(), CliError> {
        let mut is_first = true;
        loop {
            let left = match self.tick(pace).await {
                Ok(left) => left,
                Err(error) if until == Until::Stopped && !is_first => {
                    self.reporter.report_run(&self.progress, &error);
                    true
                }
                Err(error) => {
                    self.progress.clear();
                    return Err(error);
                }
            };
            is_first = false;
            if (until == Until::CaughtUp && !left) || !pace.wait().await {
                return Ok(());
            }
        }
    }

    /// One tick. Returns whether it left something that a next tick could collect.
    async fn tick(&mut self, pace: &impl Pace) -> Result<bool, CliError> {
        let now = pace.now();
        let deployment = self.collector.ports().deployment.load().await?;
        self.progress.begin_tick(&deployment, now);
        let deadline_reached = || pace.is_over();
        let limits =
            TickLimits { calls_max: None, resources: ResourceLimits::default(), deadline_reached: &deadline_reached };
        let summary = self.collector.tick(now, &limits).await?;
        self.progress.end_tick(&summary);
        if let Some(locked) = summary.streams.iter().find(|stream| stream.code.as_deref() == Some(watched::LOCKED)) {
            return Err(error_reporter::stream_error(locked));
        }
        self.reporter.report(&self.progress, &summary, pace.is_real());
        self.totals.add(&summary);
        Ok(summary.streams.iter().any(leaves_work))
    }

    /// Ends the progress display and says what came of the run.
    pub(crate) fn finish(self) -> Totals {
        self.progress.clear();
        self.totals
    }
}

/// Whether another tick would find something to do. What only a person can mend is not waited for.
fn leaves_work(stream: &StreamSummary) -> bool {
    match stream.state {
        State::CatchingUp | State::Waiting => true,
        State::Ok | State::Silent => stream.gaps > 0,
        State::Reauthorize | State::Reconfigure | State::Failing | State::Paused => false,
    }
}
