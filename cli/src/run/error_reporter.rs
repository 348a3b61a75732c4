//! Streams' errors as they come up: each is told once, and again only after it has gone or changed.

use std::collections::{BTreeMap, BTreeSet};

use slacktrail_collector::tick::{StreamSummary, Summary};
use slacktrail_core::health::State;

use super::progress::Progress;
use crate::cli_error::CliError;
use crate::duration;
use crate::hints::{self, Collector};
use crate::terminal::{self, Level};

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct ErrorReporter {
    /// By stream: its code and state.
    errors: BTreeMap<String, (String, State)>,
    /// The last failure of a tick as a whole.
    of_run: Option<String>,
    /// Whatever is told but once in a run.
    told: BTreeSet<String>,
}

impl ErrorReporter {
    /// Tells why a tick failed as a whole, unless the one before failed for the same reason.
    pub(crate) fn report_run(&mut self, progress: &Progress, error: &CliError) {
        if self.of_run.replace(error.to_string()) != Some(error.to_string()) {
            tell(progress, Level::Error, error);
        }
    }

    /// Tells what is new in a tick's summary.
    pub(crate) fn report(&mut self, progress: &Progress, summary: &Summary, clock_is_real: bool) {
        self.of_run = None;
        for stream in &summary.streams {
            let name = name(stream);
            match &stream.code {
                None => drop(self.errors.remove(&name)),
                Some(code) => {
                    let error = (code.clone(), stream.state);
                    if self.errors.insert(name, error.clone()) != Some(error) {
                        tell(progress, level(stream.state), &stream_error(stream));
                    }
                }
            }
            let clock = clock(stream).filter(|_| clock_is_real);
            for (subject, error) in [("clock", clock), ("workspaces", workspaces(stream))] {
                if let Some(error) = error
                    && self.told.insert(subject.to_owned())
                {
                    tell(progress, Level::Warning, &error);
                }
            }
        }
    }
}

/// Tells a failure above the progress lines.
fn tell(progress: &Progress, level: Level, error: &CliError) {
    progress.suspend(|| terminal::print_error(level, error));
}

fn name(stream: &StreamSummary) -> String {
    match stream.log {
        Some(log) => format!("{}/{log}", stream.source),
        None => stream.source.clone(),
    }
}

fn level(state: State) -> Level {
    match state {
        State::Ok | State::CatchingUp | State::Waiting | State::Paused | State::Silent => Level::Warning,
        State::Reauthorize | State::Reconfigure | State::Failing => Level::Error,
    }
}

pub(super) fn stream_error(stream: &StreamSummary) -> CliError {
    let (name, hint) = (name(stream), hints::of_stream(stream.hint.as_deref().unwrap_or_default(), Collector::Pull));
    let Some(message) = &stream.message else {
        return CliError::new(format!("{name}: {hint}")); // not polled: the cursor's own words, hint and all
    };
    let error = CliError::new(format!("{name}: {message}")).hint(hint);
    match &stream.cause {
        Some(cause) => error.with_source(cause.clone()),
        None => error,
    }
}

fn clock(stream: &StreamSummary) -> Option<CliError> {
    let seconds = stream.clock_skew_seconds?;
    let which = if seconds > 0 { "ahead of" } else { "behind" };
    let message = format!("this machine's clock is {} {which} Slack's", duration::words(seconds.abs()));
    Some(
        CliError::new(message)
            .hint("set the clock; nothing is lost meanwhile, for Slack's clock decides what is collected"),
    )
}

fn workspaces(stream: &StreamSummary) -> Option<CliError> {
    let number = stream.workspaces_failing;
    let message = format!("{}: {number} of the organization's workspaces cannot be read", name(stream));
    (number > 0).then(|| CliError::new(message).hint("`slacktrail status --dir <directory>` names them and says why"))
}
