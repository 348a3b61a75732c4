//! The backlog that is collected: how many records, up to when.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slacktrail_core::time::Second;

const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Audit records at equal distances, up to an instant that Slack and its callers take for now.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Backlog {
    /// How many.
    pub(crate) records: u32,
    /// How many of them a day.
    pub(crate) per_day: u32,
    /// Now: the same for every process of a run. It is near the true time, which files get as theirs.
    pub(crate) now: Second,
}

impl Backlog {
    /// So many records, so many a day, up to now.
    pub(crate) fn of(records: u32, per_day: u32) -> Backlog {
        Backlog { records, per_day, now: Second::of(Timestamp::now()) }
    }

    /// The times of its records, oldest first.
    pub(crate) fn times(self) -> impl Iterator<Item = Timestamp> {
        let before = move |number| i64::from(number) * DAY_MICROSECONDS / i64::from(self.per_day);
        (1..=self.records).rev().map(move |number| self.now.instant() - SignedDuration::from_micros(before(number)))
    }

    /// The time before which there are none.
    pub(crate) fn since(self) -> Second {
        self.times().next().map_or(self.now, Second::of)
    }
}
