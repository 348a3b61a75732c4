//! The backlog that the benchmark collects.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slacktrail_core::time::Second;

const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Audit records at equal intervals, up to the current time of the simulated Slack.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Backlog {
    /// The number of records.
    pub(crate) records: u32,
    /// The number of records per day.
    pub(crate) per_day: u32,
    /// The current time, which is the same for every process of a run. It is close to the true time, because the modification times of files
    /// are true.
    pub(crate) now: Second,
}

impl Backlog {
    /// Creates a backlog of `records` records that ends now.
    pub(crate) fn of(records: u32, per_day: u32) -> Backlog {
        Backlog { records, per_day, now: Second::of(Timestamp::now()) }
    }

    /// Returns the times of the records, oldest first.
    pub(crate) fn times(self) -> impl Iterator<Item = Timestamp> {
        let before = move |number| i64::from(number) * DAY_MICROSECONDS / i64::from(self.per_day);
        (1..=self.records).rev().map(move |number| self.now.instant() - SignedDuration::from_micros(before(number)))
    }

    /// Returns the time of the oldest record.
    pub(crate) fn since(self) -> Second {
        self.times().next().map_or(self.now, Second::of)
    }
}
