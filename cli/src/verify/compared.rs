//! What was compared, and with which result.

use std::fmt;
use std::path::PathBuf;

use slacktrail_archive::verify::{Findings, Lateness, Outage, Period, Verdict};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::{LogType, Source, StreamId};
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
    /// The bucket of a deployment.
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
    pub(super) fn verdict(&self) -> Verdict {
        self.days.iter().map(Findings::verdict).max().unwrap_or(Verdict::Complete)
    }

    /// Returns the days to which a condition applies.
    pub(super) fn days_with(&self, applies: impl Fn(&Findings) -> bool) -> Vec<Day> {
        self.days.iter().filter(|day| applies(day)).map(|day| day.day).collect()
    }

    /// Returns the findings of all days as one. It lists no differences, but counts them.
    pub(super) fn total(&self, source: &Source) -> Findings {
        let stream = StreamId { source: source.id.clone(), log: self.log };
        let last = self.days.last();
        let mut total = Findings {
            stream,
            day: last.map_or(Second::EPOCH.day(), |day| day.day),
            until: last.map_or(Second::EPOCH, |day| day.until),
            pages: last.map_or(0, |day| day.pages),
            slack_records: 0,
            objects: 0,
            lines: 0,
            differences: Vec::new(),
            not_compared: 0,
            renamed: 0,
            undated: last.map_or(0, |day| day.undated),
            lateness: Lateness::default(),
            skipped_workspaces: last.map(|day| day.skipped_workspaces.clone()).unwrap_or_default(),
            limitations: Vec::new(),
            omitted: Default::default(),
        };
        for day in &self.days {
            total.slack_records += day.slack_records;
            total.objects += day.objects;
            total.lines += day.lines;
            total.not_compared += day.not_compared;
            total.renamed += day.renamed;
            total.lateness = total.lateness.and(day.lateness);
            let new = |limitation: &&_| !total.limitations.contains(*limitation);
            let limitations: Vec<_> = day.limitations.iter().filter(new).copied().collect();
            total.limitations.extend(limitations);
            total.count_all(day);
        }
        total
    }
}

#[cfg(test)]
impl Default for ComparedLog {
    fn default() -> ComparedLog {
        ComparedLog {
            log: LogType::Audit,
            days: Vec::new(),
            records: Records::default(),
            outages: Vec::new(),
            cursor: None,
            is_continued: false,
        }
    }
}
