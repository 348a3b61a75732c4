//! Shows progress as one line on standard error, unless standard error is no terminal.

use std::time::{Duration, Instant};

use slacktrail_archive::verify::{Period, Position};
use slacktrail_core::source::LogType;
use slacktrail_core::time::{Day, Second};

use super::period::range;
use crate::environment::now;
use crate::progress::{BAR, ProgressLine, estimate};
use crate::typed_time::shown_day;
use crate::{format, terminal, zone};

/// The time after which the rest can be estimated.
const ESTIMATE_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Progress {
    line: ProgressLine,
    log: LogType,
    first: Day,
    /// Where reading starts, because it goes backwards: the end of the period for audit logs, otherwise now.
    newest: Second,
    /// When reading started, and how much was done then, to estimate the rest.
    start: std::cell::Cell<Option<(Instant, i64)>>,
}

impl Progress {
    /// Creates the progress line. For a log that may take long, prints what is read. `is_single` says that only one day was requested.
    pub(super) fn new(log: LogType, period: Period, is_single: bool) -> Progress {
        let line = ProgressLine::new(Some(BAR));
        let (first, per_minute) = (period.first(), log.calls_per_tick_max());
        if log == LogType::Audit {
            line.show_bar(0, period.until().since(first.start()).unsigned_abs());
            if !is_single {
                let days = range(first, period.until().day());
                let note = format!("reading audit logs of {days} at up to {per_minute} pages per minute");
                line.suspend(|| terminal::note(&note));
            }
        } else {
            let note = format!(
                "reading {log} logs from now back to {} at up to {per_minute} pages per minute; this takes long for an old day",
                shown_day(first)
            );
            line.suspend(|| terminal::note(&note));
        }
        let newest = if log == LogType::Audit { period.until() } else { now() };
        Progress { line, log, first, newest, start: std::cell::Cell::new(None) }
    }

    /// Shows how far Slack has been read, and when it will be read at this rate.
    pub(super) fn show_position(&self, position: &Position<'_>) {
        let mut parts =
            vec![format::counted(position.records, "record"), format::counted(u64::from(position.pages), "page")];
        parts.extend(position.workspace.map(|workspace| format!("workspace {workspace}")));
        parts.extend(position.oldest.map(|oldest| format!("back to {}", zone::shown().time(oldest))));
        // A log that is read per workspace goes back to the first day for each, so its time shows no progress.
        if let Some(oldest) = position.oldest.filter(|_| position.workspace.is_none()) {
            let (done, all) = (self.newest.since(oldest), self.newest.since(self.first.start()));
            let done = done.clamp(0, all);
            self.line.show_bar(done.unsigned_abs(), all.unsigned_abs());
            if let Some(seconds) = self.estimate(done, all) {
                parts.insert(0, format!("about {} left", format::duration(seconds))); // first, because a narrow terminal shows no more
            }
        }
        self.line.show(&parts.join(", "));
    }

    fn estimate(&self, done: i64, all: i64) -> Option<i64> {
        let (started, done_before) = self.start.get().unwrap_or((Instant::now(), done));
        self.start.set(Some((started, done_before)));
        let elapsed = started.elapsed();
        estimate(elapsed, done - done_before, all - done).filter(|_| elapsed >= ESTIMATE_AFTER)
    }

    /// Shows how many objects of a day have been read. `index` is the number of days that were compared before, out of `count`.
    pub(super) fn show_objects(&self, (day, index, count): (Day, usize, usize), done: u64, all: u64) {
        let objects = format!("{} of {}", format::count(done), format::counted(all, "object"));
        if count == 1 {
            self.line.show_bar(done, all);
            return self.line.show(&objects);
        }
        self.line.show_bar(index as u64, count as u64);
        let day = shown_day(day);
        self.line.show(&format!("comparing {} {day}, day {} of {count}, {objects}", self.log, index + 1));
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
