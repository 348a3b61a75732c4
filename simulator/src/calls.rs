//! Counts calls by method and minute, so that tests can check a caller's budget.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// One call, as a judge of collectors needs it. It contains no token.
#[derive(Clone, Debug)]
pub struct Call {
    /// The time of the call.
    pub at: Timestamp,
    /// The path (see [`crate::Request::path`]).
    pub path: String,
    /// The parameters.
    pub query: Vec<(String, String)>,
    /// The seconds that Slack asked the caller to wait.
    pub retry_after_seconds: Option<i64>,
}

/// Counts of calls, including those that a fault or a rate limit affected.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    by_path: BTreeMap<String, BTreeMap<i64, u32>>,
    throttled: BTreeMap<String, u32>,
}

impl Calls {
    /// Returns the number of all calls.
    pub fn total(&self) -> u32 {
        self.by_path.values().flat_map(BTreeMap::values).sum()
    }

    /// Returns the number of calls of one path (see [`crate::Request::path`]).
    pub fn of(&self, path: &str) -> u32 {
        self.minutes(path).sum()
    }

    /// Returns the highest number of calls of one path in any calendar minute.
    pub fn busiest_minute(&self, path: &str) -> u32 {
        self.minutes(path).max().unwrap_or(0)
    }

    /// Returns the number of calls of this path in each calendar minute that has any.
    fn minutes(&self, path: &str) -> impl Iterator<Item = u32> {
        self.by_path.get(path).into_iter().flat_map(BTreeMap::values).copied()
    }

    /// Returns the number of calls of one path that exceeded Slack's rate limit. Scripted 429s do not count.
    pub fn throttled(&self, path: &str) -> u32 {
        self.throttled.get(path).copied().unwrap_or(0)
    }

    pub(crate) fn record(&mut self, path: &str, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        *self.by_path.entry(path.to_owned()).or_default().entry(minute).or_default() += 1;
    }

    pub(crate) fn record_throttled(&mut self, path: &str) {
        *self.throttled.entry(path.to_owned()).or_default() += 1;
    }
}
