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
        self.minutes(path).map(|(_, count)| count).sum()
    }

    /// Returns the highest number of calls of one path in any calendar minute.
    pub fn busiest_minute(&self, path: &str) -> u32 {
        self.minutes(path).map(|(_, count)| count).max().unwrap_or(0)
    }

    /// Returns each calendar minute with a call of this path: its number since 1970, and the number of calls.
    pub fn minutes(&self, path: &str) -> impl Iterator<Item = (i64, u32)> {
        self.by_path.get(path).into_iter().flatten().map(|(minute, count)| (*minute, *count))
    }

    /// Returns every called path and its number of calls.
    pub fn paths(&self) -> impl Iterator<Item = (&str, u32)> {
        self.by_path.iter().map(|(path, minutes)| (path.as_str(), minutes.values().sum()))
    }

    /// Returns the number of calls of one path that exceeded Slack's rate limit. Scripted 429s do not count.
    pub fn throttled(&self, path: &str) -> u32 {
        self.throttled.get(path).copied().unwrap_or(0)
    }

    pub(crate) fn record(&mut self, path: &str, now: Timestamp) {
        if !self.by_path.contains_key(path) {
            self.by_path.insert(path.to_owned(), BTreeMap::new());
        }
        if let Some(minutes) = self.by_path.get_mut(path) {
            *minutes.entry(now.as_second().div_euclid(60)).or_default() += 1;
        }
    }

    pub(crate) fn record_throttled(&mut self, path: &str) {
        *self.throttled.entry(path.to_owned()).or_default() += 1;
    }
}
