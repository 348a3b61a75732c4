//! Reports errors of streams during a run. It reports an error once, and again only after the error changes or returns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use slacktrail_collector::tick::Summary;
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::health::State;
use slacktrail_core::stream::StreamOutcome;

use super::pace::Pace;
use super::progress::Progress;
use crate::cli_error::{CliError, Level};
use crate::deployed::in_directory;
use crate::source::stream_name;
use crate::{format, state, terminal};

/// The codes of errors that a tick reports if it runs out of time.
const UNFINISHED: [&str; 2] = ["page_unfinished", "day_log_read_timeout"];

#[derive(Debug, Default)]
pub(crate) struct ErrorReporter {
    directory: PathBuf,
    /// The code and the state by stream.
    errors: BTreeMap<String, (String, State)>,
    /// The error of the previous tick, if it failed as a whole.
    of_run: Option<String>,
    /// Subjects that are reported once per run.
    reported_once: BTreeSet<&'static str>,
    /// Whether the source was paused at the previous tick.
    is_paused: bool,
}

impl ErrorReporter {
    /// Creates a reporter for a run that collects into `directory`.
    pub(crate) fn new(directory: &Path) -> ErrorReporter {
        ErrorReporter { directory: directory.to_owned(), ..ErrorReporter::default() }
    }

    /// Reports why a tick failed as a whole, unless the previous tick failed for the same reason.
    pub(crate) fn report_run(&mut self, progress: &Progress, error: &CliError) {
        if self.of_run.replace(error.to_string()) != Some(error.to_string()) {
            print(progress, error);
        }
    }

    /// Reports the new errors in the summary of a tick. A tick that the user has stopped reports no page or day log that it did not finish.
    pub(crate) fn report(&mut self, progress: &Progress, summary: &Summary, pace: &impl Pace) {
        self.of_run = None;
        let paused = summary.streams.iter().find(|stream| stream.state == State::Paused);
        if let (Some(stream), false) = (paused, self.is_paused) {
            print(progress, &self.paused(stream));
        }
        self.is_paused = paused.is_some();
        for stream in &summary.streams {
            let name = name(stream);
            match &stream.reason {
                None => drop(self.errors.remove(&name)),
                Some(error) if pace.is_stopped() && UNFINISHED.contains(&error.code.as_str()) => {}
                Some(error) => {
                    let reported = (error.code.clone(), stream.state);
                    if self.errors.insert(name, reported.clone()) != Some(reported) {
                        print(progress, &stream_error(stream, error).with_level(state::level(stream.state)));
                    }
                }
            }
            let clock = clock(stream).filter(|_| pace.is_real());
            for (subject, error) in [("clock", clock), ("workspaces", self.workspaces(stream))] {
                if let Some(error) = error
                    && self.reported_once.insert(subject)
                {
                    print(progress, &error.with_level(Level::Warning));
                }
            }
        }
    }

    fn paused(&self, stream: &StreamOutcome) -> CliError {
        let resume = in_directory(&format!("resume {}", stream.source), &self.directory);
        CliError::new(format!("source `{}` is paused, so ticks skip it", stream.source))
            .with_level(Level::Warning)
            .hint(format!("run `{resume}` to continue where collection stopped"))
    }

    fn workspaces(&self, stream: &StreamOutcome) -> Option<CliError> {
        let number = stream.workspaces_failing;
        let workspaces = format::counted(number as u64, "workspace");
        let message = format!("{}: {workspaces} of the organization cannot be read", name(stream));
        let status = in_directory("status", &self.directory);
        (number > 0).then(|| CliError::new(message).hint(format!("run `{status}` for their IDs and the cause")))
    }
}

/// Prints an error above the progress lines.
fn print(progress: &Progress, error: &CliError) {
    progress.suspend(|| terminal::print_error(error));
}

fn name(stream: &StreamOutcome) -> String {
    stream_name(stream.source.as_str(), stream.log)
}

pub(super) fn stream_error(stream: &StreamOutcome, error: &Error) -> CliError {
    let mut named = error.clone();
    named.message = format!("{}: {error}", name(stream));
    CliError::at(Place::Pull, Some(&stream.source), &named)
}

fn clock(stream: &StreamOutcome) -> Option<CliError> {
    let seconds = stream.clock_skew_seconds?;
    let which = if seconds > 0 { "ahead of" } else { "behind" };
    let message = format!("this machine's clock is {} {which} Slack's", format::duration(seconds.abs()));
    Some(CliError::new(message).hint("set the clock; no data is lost, because slacktrail uses Slack's clock"))
}
