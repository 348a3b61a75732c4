//! How many calls a stream makes: half of what Slack's rate limit allows.

use crate::source::LogType;

impl LogType {
    /// Returns the maximum calls to Slack per tick and stream.
    ///
    /// This is half of what Slack allows per minute, so that other apps can make calls, too: 50 for audit logs, which all apps of an
    /// organization share, and 20 for each other log.
    pub fn calls_per_tick_max(self) -> u32 {
        match self {
            LogType::Audit => 25,
            LogType::Access | LogType::Integration => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_may_use_half_of_slack_rate_limit() {
        assert_eq!(LogType::ALL.map(LogType::calls_per_tick_max), [25, 10, 10]);
    }
}
