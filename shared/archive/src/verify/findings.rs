//! What a comparison found, and what that comes to.

use serde::Serialize;

use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::{Day, Second};

/// What the comparison of a day found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Whose log, and which.
    pub stream: StreamId,
    /// The day.
    pub day: Day,
    /// The last second that was compared.
    pub until: Second,
    /// Pages that were read of Slack.
    pub pages: u32,
    /// Records of the day that Slack shows.
    pub slack_records: u64,
    /// Objects that were read.
    pub objects: u64,
    /// Lines in them.
    pub lines: u64,
    /// What differs, by kind and then by time.
    pub differences: Vec<Difference>,
    /// Lines that were not compared: of a time after [`Findings::until`], stored while Slack was read, or of what Slack was not asked for.
    pub not_compared: u64,
    /// Integration rows that Slack shows with another name for a person or an app than is stored.
    pub renamed: u64,
    /// Rows that Slack showed with no time that can be read. They belong to the day 1970/01/01.
    pub undated: u64,
    /// Workspaces of the organization that could not be read.
    pub skipped_workspaces: Vec<SkippedWorkspace>,
    /// What else kept it from being decided.
    pub limitations: Vec<Limitation>,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Each record that Slack shows is in exactly one line, and is what Slack shows.
    Complete,
    /// Something differs that should not.
    Mismatch,
    /// Nothing differs that should not, and not all could be compared.
    Inconclusive,
}

/// How something differs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Slack shows a record that no line holds.
    Missing,
    /// The same, and it need not be stored yet.
    NotCollectedYet,
    /// A line holds a record that Slack does not show.
    Extra,
    /// A line holds other bytes than Slack shows for its identity; or, where bytes cannot be compared, a record of another identity.
    Changed,
    /// A line holds a record that another line holds.
    Duplicate,
    /// A line holds a record of another day.
    WrongDay,
    /// A line is none that slacktrail wrote, or an object cannot be unpacked.
    Unreadable,
    /// A number below the last one that no object has.
    MissingObject,
}

impl Kind {
    /// All kinds, in the order of every listing.
    pub const ALL: [Kind; 8] = [
        Kind::Missing,
        Kind::NotCollectedYet,
        Kind::Extra,
        Kind::Changed,
        Kind::Duplicate,
        Kind::WrongDay,
        Kind::Unreadable,
        Kind::MissingObject,
    ];

    /// Whether it should not be. Access and integration rows Slack may forget.
    pub fn is_defect(self, log: LogType) -> bool {
        match self {
            Kind::NotCollectedYet => false,
            Kind::Extra => log == LogType::Audit,
            Kind::Missing
            | Kind::Changed
            | Kind::Duplicate
            | Kind::WrongDay
            | Kind::Unreadable
            | Kind::MissingObject => true,
        }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// How.
    pub kind: Kind,
    /// Whose record it is.
    pub id: Option<RowId>,
    /// The record's time.
    pub time: Option<Second>,
    /// The number of the object that it is in.
    pub object: Option<u32>,
    /// Its line there, from 1.
    pub line: Option<u64>,
    /// Why it need not be stored yet.
    pub reason: Option<Reason>,
}

/// Why a record need not be stored yet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The stream was never collected.
    NeverCollected,
    /// It is from before the time from which the source is collected.
    BeforeSince,
    /// Its time is still to be collected.
    InGap,
    /// It is younger than the last tick that is known.
    SinceLastTick,
    /// Its workspace could not be read when its time was collected.
    SkippedWorkspace,
    /// Slack showed it late, and a re-read that will find it is still to come.
    BeforeReread,
}

/// What kept a comparison from being decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limitation {
    /// Slack shows no record of the whole day, of which some are stored: it seems to have forgotten them.
    Forgotten,
    /// Slack's numbered pages end before the day does.
    PagesEnd,
    /// The day cannot be asked of Slack, so that only its day log was looked at.
    NotAsked,
}

/// A workspace of an organization that could not be read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SkippedWorkspace {
    /// Its id.
    pub id: String,
    /// Slack's error code.
    pub code: String,
}

impl Findings {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        let log = self.stream.log;
        if self.differences.iter().any(|difference| difference.kind.is_defect(log)) {
            Verdict::Mismatch
        } else if self.count(Kind::NotCollectedYet) + self.skipped_workspaces.len() + self.limitations.len() > 0 {
            Verdict::Inconclusive
        } else {
            Verdict::Complete
        }
    }

    /// The differences of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.kind == kind)
    }

    /// How many they are.
    pub fn count(&self, kind: Kind) -> usize {
        self.of_kind(kind).count()
    }
}
