//! What was compared, and with which result.

use std::fmt;
use std::path::PathBuf;

use slacktrail_archive::verify::{Findings, Outage, Period, Verdict};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::{Day, Second};

use super::records::Records;

/// The result of the command.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(super) source: Source,
    pub(super) archive: Archive,
    pub(super) period: Period,
    /// When the command started and ended.
    pub(super) times: (Second, Second),
    /// Whether one log and one day were requested.
    pub(super) is_single: bool,
    pub(super) logs: Vec<ComparedLog>,
}

/// The result of one log.
#[derive(Debug)]
pub(super) struct ComparedLog {
    pub(super) log: LogType,
    /// The findings of each day, oldest first.
    pub(super) days: Vec<Findings>,
    /// The findings of all days as one. It lists no differences, but counts them.
    pub(super) total: Findings,
    pub(super) records: Records,
    /// The outages, and the initial history as the first one.
    pub(super) outages: Vec<Outage>,
    /// The stream's cursor after Slack was read.
    pub(super) cursor: Option<Cursor>,
    /// Whether an earlier command had read a part from Slack.
    pub(super) is_continued: bool,
}

/// The place of the stored records.
#[derive(Clone, Debug)]
pub(super) enum Archive {
    Bucket(String),
    /// A directory that `slacktrail pull` writes.
    Directory(PathBuf),
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Archive::Bucket(bucket) => write!(f, "bucket {bucket}"),
            Archive::Directory(directory) => write!(f, "directory {}", directory.display()),
        }
    }
}

impl Archive {
    /// Returns the archive with the whole path of its directory, which differs for each archive.
    pub(super) fn located(&self) -> Archive {
        match self {
            Archive::Bucket(_) => self.clone(),
            Archive::Directory(directory) => {
                Archive::Directory(std::fs::canonicalize(directory).unwrap_or_else(|_| directory.clone()))
            }
        }
    }
}

impl Compared {
    /// Returns the verdict of the worst day.
    pub(super) fn verdict(&self) -> Verdict {
        self.logs.iter().map(ComparedLog::verdict).max().unwrap_or(Verdict::Complete)
    }

    /// Returns the only day's findings, if one log and one day were requested.
    pub(super) fn single(&self) -> Option<(&ComparedLog, &Findings)> {
        let log = self.logs.first().filter(|_| self.is_single)?;
        Some((log, log.days.first()?))
    }

    /// Returns the last second that was compared of all logs.
    pub(super) fn until(&self) -> Second {
        let until = self.logs.iter().filter_map(|log| log.days.last()).map(|day| day.until).min();
        until.unwrap_or(self.period.until())
    }
}

impl ComparedLog {
    /// Returns the result of days without examples, outages and cursor.
    pub(super) fn of(days: Vec<Findings>) -> ComparedLog {
        let total = total(&days);
        let (log, records, outages) = (total.stream.log, Records::default(), Vec::new());
        ComparedLog { log, days, total, records, outages, cursor: None, is_continued: false }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.days.iter().map(Findings::verdict).max().unwrap_or(Verdict::Complete)
    }

    pub(super) fn days_with(&self, applies: impl Fn(&Findings) -> bool) -> Vec<Day> {
        self.days.iter().filter(|day| applies(day)).map(|day| day.day).collect()
    }
}

fn total(days: &[Findings]) -> Findings {
    let (last, earlier) = days.split_last().expect("a period has at least one day");
    let mut total = last.clone();
    total.keep_examples(0);
    total.limitations.clear();
    for day in earlier {
        total.slack_records += day.slack_records;
        total.objects += day.objects;
        total.lines += day.lines;
        total.not_compared += day.not_compared;
        total.renamed += day.renamed;
        total.lateness = total.lateness.and(day.lateness);
        total.count_all(day);
    }
    for limitation in days.iter().flat_map(|day| &day.limitations) {
        if !total.limitations.contains(limitation) {
            total.limitations.push(*limitation);
        }
    }
    total
}
