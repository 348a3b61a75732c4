//! Shows progress as one line on standard error, unless standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use slacktrail_archive::verify::Position;
use slacktrail_core::source::LogType;
use slacktrail_core::time::{Day, Second};

use crate::{duration, terminal};

const BAR: &str = "{spinner} {bar:20} {msg}";
const SPINNER: &str = "{spinner} {msg}";
/// The time between two updates of the spinner.
const SPINNER_INTERVAL: Duration = Duration::from_millis(120);

/// The progress of a comparison.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    log: LogType,
    /// The last second that is compared. Audit logs are read from this second backwards, and other logs from now backwards.
    until: Second,
}

impl Progress {
    pub(super) fn new(log: LogType, day: Day, until: Second) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        bar.enable_steady_tick(SPINNER_INTERVAL);
        if log == LogType::Audit {
            bar.set_length(until.since(day.start()).unsigned_abs());
            bar.set_style(style(BAR));
        } else {
            bar.set_style(style(SPINNER));
            let per_minute = log.calls_per_tick_max();
            terminal::note(&format!(
                "reading {log} logs from now back to {day} at up to {per_minute} pages per minute; this takes long for an old day"
            ));
        }
        Progress { bar, log, until }
    }

    /// Shows how far Slack has been read.
    pub(super) fn show_position(&self, position: &Position<'_>) {
        if let Some(oldest) = position.oldest.filter(|_| self.log == LogType::Audit) {
            self.bar.set_position(self.until.since(oldest).max(0).unsigned_abs());
        }
        let mut parts = vec![
            format!("{} records", duration::count(position.records as u64)),
            format!("{} pages", duration::count(u64::from(position.pages))),
        ];
        parts.extend(position.workspace.map(|workspace| format!("workspace {workspace}")));
        parts.extend(position.oldest.map(|oldest| format!("back to {oldest}")));
        terminal::show_progress(&self.bar, &parts.join(", "));
    }

    /// Shows how many objects have been read.
    pub(super) fn show_objects(&self, done: u64, all: u64) {
        self.bar.set_style(style(BAR));
        self.bar.set_length(all);
        self.bar.set_position(done);
        terminal::show_progress(&self.bar, &format!("{} of {} objects", duration::count(done), duration::count(all)));
    }

    /// Shows that the comparison waits, because it must leave calls for collection.
    pub(super) fn show_wait(&self, wait: Duration) {
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        let message = self.bar.message();
        let before = message.split("; waiting ").next().unwrap_or_default();
        terminal::show_progress(&self.bar, &format!("{before}; waiting {}", duration::words(seconds.max(1))));
    }

    /// Prints a note above the progress line.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| terminal::note(text));
    }

    /// Removes the progress line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates above are valid");
    style.progress_chars("━━╌")
}
