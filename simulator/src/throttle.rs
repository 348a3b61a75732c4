//! Slack's limits: so many calls in any 60 seconds, for each thing that is counted.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

const WINDOW_SECONDS: i64 = 60;

/// The calls of the last minute, by what they count against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    windows: BTreeMap<String, VecDeque<i64>>,
}

impl Throttle {
    /// Lets one call through, or says after how many seconds to come again. A refused call does not count.
    pub(crate) fn admit(&mut self, key: &str, allowed: Option<u32>, now: Timestamp) -> Result<(), i64> {
        let Some(allowed) = allowed else {
            return Ok(());
        };
        let now = now.as_second();
        if !self.windows.contains_key(key) {
            self.windows.insert(key.to_owned(), VecDeque::new());
        }
        let Some(window) = self.windows.get_mut(key) else {
            return Ok(());
        };
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
