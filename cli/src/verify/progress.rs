//! Shows progress as one line on standard error, unless standard error is no terminal.

use std::time::Duration;

use slacktrail_archive::verify::Position;
use slacktrail_core::source::LogType;
use slacktrail_core::time::{Day, Second};

use crate::progress::ProgressLine;
use crate::{format, terminal};

const BAR: &str = "{bar:20} ";

/// The progress of a comparison.
#[derive(Debug)]
pub(super) struct Progress {
    line: ProgressLine,
    log: LogType,
    day: Day,
    /// The last second that is compared. Audit logs are read from this second backwards, and other logs from now backwards.
    until: Second,
}

impl Progress {
    pub(super) fn new(log: LogType, day: Day, until: Second) -> Progress {
        let line = ProgressLine::new(BAR);
        if log == LogType::Audit {
            line.show_bar(0, until.since(day.start()).unsigned_abs());
        } else {
            let per_minute = log.calls_per_tick_max();
            terminal::note(&format!(
                "reading {log} logs from now back to {day} at up to {per_minute} pages per minute; this takes long for an old day"
            ));
        }
        Progress { line, log, day, until }
    }

    /// Shows how far Slack has been read.
    pub(super) fn show_position(&self, position: &Position<'_>) {
        if let Some(oldest) = position.oldest.filter(|_| self.log == LogType::Audit) {
            let (done, all) = (self.until.since(oldest).max(0), self.until.since(self.day.start()));
            self.line.show_bar(done.unsigned_abs(), all.unsigned_abs());
        }
        let mut parts = vec![
            format!("{} records", format::count(position.records as u64)),
            format!("{} pages", format::count(u64::from(position.pages))),
        ];
        parts.extend(position.workspace.map(|workspace| format!("workspace {workspace}")));
        parts.extend(position.oldest.map(|oldest| format!("back to {oldest}")));
        self.line.show(&parts.join(", "));
    }

    /// Shows how many objects have been read.
    pub(super) fn show_objects(&self, done: u64, all: u64) {
        self.line.show_bar(done, all);
        self.line.show(&format!("{} of {} objects", format::count(done), format::count(all)));
    }

    /// Shows that the comparison waits, because it must leave calls for collection.
    pub(super) fn show_wait(&self, wait: Duration) {
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        let message = self.line.message();
        let before = message.split("; waiting ").next().unwrap_or_default();
        self.line.show(&format!("{before}; waiting {}", format::duration(seconds.max(1))));
    }

    /// Prints a note above the progress line.
    pub(super) fn note(&self, text: &str) {
        self.line.suspend(|| terminal::note(text));
    }
}
