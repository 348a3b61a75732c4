//! The findings of a comparison, and their verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outages::Lateness;
use slacktrail_core::object::{DayLogId, ObjectKey};
use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::{Day, Second};

/// The findings of the comparison of one day.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The stream.
    pub stream: StreamId,
    /// The day.
    pub day: Day,
    /// The last second that was compared.
    pub until: Second,
    /// The number of pages read from Slack, for all days together.
    pub pages: u32,
    /// The number of the day's records that Slack returned.
    pub slack_records: u64,
    /// The number of objects read.
    pub objects: u64,
    /// The number of lines in these objects.
    pub lines: u64,
    /// The differences, sorted by kind and then by time.
    pub differences: Vec<Difference>,
    /// The number of lines that were not compared, because their time is after [`Findings::until`], because they were stored while Slack was read,
    /// or because their records were not requested.
    pub not_compared: u64,
    /// The number of integration rows that match a stored line but have other bytes, such as a new name of a user or an app.
    pub renamed: u64,
    /// The number of rows that Slack returned with a malformed time. They belong to the day 1970/01/01.
    pub undated: u64,
    /// How late the lines were stored.
    pub lateness: Lateness,
    /// The workspaces of the organization that could not be read.
    pub skipped_workspaces: Vec<SkippedWorkspace>,
    /// The other reasons that prevent a verdict.
    pub limitations: Vec<Limitation>,
    /// The number of differences that [`Findings::keep_examples`] removed, by kind and reason.
    pub omitted: BTreeMap<(Kind, Option<Reason>), usize>,
}

/// The verdict of a comparison.
///
/// The order is from best to worst, so the verdict of several days is the greatest of theirs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Exactly one line matches each record that Slack returned.
    Complete,
    /// No difference is a defect, but not everything could be compared.
    Inconclusive,
    /// At least one difference is a defect.
    Mismatch,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Slack returned a record that no line contains.
    Missing,
    /// Slack returned a record that no line contains, but the record may not be stored yet.
    NotCollectedYet,
    /// A line contains a record that Slack did not return.
    Unexpected,
    /// A line has other bytes than Slack's record with the same ID. For logs whose bytes cannot be compared, the line's ID does not match its content.
    Changed,
    /// A line contains the same record as another line.
    Duplicate,
    /// A line contains a record of another day.
    WrongDay,
    /// A line was not written by slacktrail, or an object cannot be decompressed.
    Unreadable,
    /// An object is missing, although the day log has a later object.
    MissingObject,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Kind; 8] = [
        Kind::Missing,
        Kind::NotCollectedYet,
        Kind::Unexpected,
        Kind::Changed,
        Kind::Duplicate,
        Kind::WrongDay,
        Kind::Unreadable,
        Kind::MissingObject,
    ];

    /// Returns `true` if the difference is a defect of the archive. An unexpected access or integration row is not, because Slack may delete such
    /// rows.
    pub fn is_defect(self, log: LogType) -> bool {
        match self {
            Kind::NotCollectedYet => false,
            Kind::Unexpected => log == LogType::Audit,
            _ => true,
        }
    }
}

/// A difference between Slack and the day log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The kind of the difference.
    pub kind: Kind,
    /// The record's ID.
    pub id: Option<RowId>,
    /// The record's time.
    pub time: Option<Second>,
    /// The number of the object.
    pub object: Option<u32>,
    /// The number of the line in the object, counted from 1.
    pub line: Option<u64>,
    /// Why the record may not be stored yet.
    pub reason: Option<Reason>,
}

/// The reason why a record may not be stored yet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The stream was never collected.
    NeverCollected,
    /// The record is older than the source's `since`.
    BeforeSince,
    /// The record's time is in a gap.
    InGap,
    /// The record is newer than the watermark.
    SinceLastTick,
    /// The record's workspace could not be read when its time was collected.
    SkippedWorkspace,
    /// The record may be late, and a pending re-read will cover its time.
    BeforeReread,
}

/// A reason that prevents a verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limitation {
    /// Slack returned no record of the day, although some are stored. It probably deleted them.
    NoLongerReturned,
    /// Slack's numbered pages ended before the whole day was read.
    PagesEnd,
    /// Slack cannot return the records of the day, so only the day log was checked.
    NotRequested,
}

/// A workspace of an organization that could not be read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SkippedWorkspace {
    /// The workspace's ID.
    pub id: String,
    /// Slack's error code.
    pub code: String,
}

impl Findings {
    /// Returns the verdict.
    pub fn verdict(&self) -> Verdict {
        let log = self.stream.log;
        if Kind::ALL.into_iter().any(|kind| kind.is_defect(log) && self.count(kind) > 0) {
            Verdict::Mismatch
        } else if self.count(Kind::NotCollectedYet) + self.skipped_workspaces.len() + self.limitations.len() > 0 {
            Verdict::Inconclusive
        } else {
            Verdict::Complete
        }
    }

    /// Returns the key of the day log's object with this number.
    pub fn key(&self, number: u32) -> ObjectKey {
        DayLogId { stream: self.stream.clone(), day: self.day }.key(number)
    }

    /// Returns the differences of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.kind == kind)
    }

    /// Returns the number of differences by kind and reason, including omitted ones.
    fn counts(&self) -> BTreeMap<(Kind, Option<Reason>), usize> {
        let mut counts = self.omitted.clone();
        self.differences.iter().for_each(|it| *counts.entry((it.kind, it.reason)).or_insert(0) += 1);
        counts
    }

    /// Returns the number of differences of a kind, including omitted ones.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts().iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum()
    }

    /// Returns the number of records that are not collected yet, by reason.
    pub fn pending(&self) -> BTreeMap<Reason, usize> {
        self.counts().into_iter().filter_map(|((_, reason), count)| Some((reason?, count))).collect()
    }

    /// Counts the differences of other findings, without listing them.
    pub fn count_all(&mut self, other: &Findings) {
        other.counts().into_iter().for_each(|(key, count)| *self.omitted.entry(key).or_insert(0) += count);
    }

    /// Keeps the first `examples_max` differences of each kind, and counts the others, so that many days fit into memory.
    pub fn keep_examples(&mut self, examples_max: usize) {
        let mut kept: BTreeMap<Kind, usize> = BTreeMap::new();
        let omitted = &mut self.omitted;
        self.differences.retain(|it| {
            let count = kept.entry(it.kind).or_insert(0);
            *count += 1;
            if *count > examples_max {
                *omitted.entry((it.kind, it.reason)).or_insert(0) += 1;
            }
            *count <= examples_max
        });
        self.differences.shrink_to_fit();
    }
}
