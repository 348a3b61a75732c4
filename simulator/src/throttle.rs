//! Slack's rate limits: a number of calls per key in any 60 seconds.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

const WINDOW_SECONDS: i64 = 60;

/// The times of the calls in the last minute, by rate limit key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    windows: BTreeMap<String, VecDeque<i64>>,
}

impl Throttle {
    /// Counts one call, or returns the seconds after which the caller may retry. A rejected call does not count.
    pub(crate) fn admit(&mut self, key: &str, allowed: Option<u32>, now: Timestamp) -> Result<(), i64> {
        let Some(allowed) = allowed else {
            return Ok(());
        };
        let now = now.as_second();
        let window = self.windows.entry(key.to_owned()).or_default();
        while window.front().is_some_and(|first| first + WINDOW_SECONDS <= now) {
            window.pop_front();
        }
        if window.len() < allowed as usize {
            window.push_back(now);
            return Ok(());
        }
        let first = window.front().copied().unwrap_or(now);
        Err((first + WINDOW_SECONDS - now).clamp(1, WINDOW_SECONDS))
    }
}
