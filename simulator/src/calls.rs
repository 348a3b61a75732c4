//! What was asked of this Slack: counts by method and minute, for tests that hold a caller to its budget.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Counts of calls, those that met a fault or a limit included.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    by_path: BTreeMap<String, BTreeMap<i64, u32>>,
    throttled: BTreeMap<String, u32>,
}

impl Calls {
    /// All calls.
    pub fn total(&self) -> u32 {
        self.by_path.values().flat_map(BTreeMap::values).sum()
    }

    /// All calls of one path: see [`crate::Request::path`].
    pub fn of(&self, path: &str) -> u32 {
        self.minutes(path).map(|(_, count)| count).sum()
    }

    /// Calls of one path in the calendar minute that holds `instant`.
    pub fn in_minute(&self, path: &str, instant: Timestamp) -> u32 {
        self.by_path.get(path).and_then(|minutes| minutes.get(&minute(instant))).copied().unwrap_or(0)
    }

    /// The most calls of one path in any calendar minute.
    pub fn busiest_minute(&self, path: &str) -> u32 {
        self.minutes(path).map(|(_, count)| count).max().unwrap_or(0)
    }

    /// Every calendar minute with a call of this path: its number since 1970, and the calls.
    pub fn minutes(&self, path: &str) -> impl Iterator<Item = (i64, u32)> {
        self.by_path.get(path).into_iter().flatten().map(|(minute, count)| (*minute, *count))
    }

    /// Every path that was called, with its calls.
    pub fn paths(&self) -> impl Iterator<Item = (&str, u32)> {
        self.by_path.iter().map(|(path, minutes)| (path.as_str(), minutes.values().sum()))
    }

    /// Calls of one path that went over Slack's limit (scripted 429s do not count).
    pub fn throttled(&self, path: &str) -> u32 {
        self.throttled.get(path).copied().unwrap_or(0)
    }

    pub(crate) fn note(&mut self, path: &str, now: Timestamp) {
        if !self.by_path.contains_key(path) {
            self.by_path.insert(path.to_owned(), BTreeMap::new());
        }
        if let Some(minutes) = self.by_path.get_mut(path) {
            *minutes.entry(minute(now)).or_default() += 1;
        }
    }

    pub(crate) fn note_throttled(&mut self, path: &str) {
        *self.throttled.entry(path.to_owned()).or_default() += 1;
    }
}

fn minute(instant: Timestamp) -> i64 {
    instant.as_second().div_euclid(60)
}
