//! Counts calls by method, so that tests can check a caller's budget.

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

/// The number of calls of each path (see [`crate::Request::path`]), including those that a fault or a rate limit affected.
#[derive(Clone, Debug, Default)]
pub struct Calls(BTreeMap<String, u32>);

impl Calls {
    /// Returns the number of all calls.
    pub fn total(&self) -> u32 {
        self.0.values().sum()
    }

    /// Returns the number of calls of one path.
    pub fn of(&self, path: &str) -> u32 {
        self.0.get(path).copied().unwrap_or(0)
    }

    pub(crate) fn record(&mut self, path: &str) {
        *self.0.entry(path.to_owned()).or_default() += 1;
    }
}
