//! The time range of a backfill: whole UTC days, as the user types them.

use slacktrail_core::time::Second;

use crate::cli_error::CliError;
use crate::days::Days;

/// The range to collect, with both ends inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    /// The first second.
    pub(crate) oldest: Second,
    /// The last second.
    pub(crate) latest: Second,
}

impl Range {
    /// Returns the range of whole days, limited to the time from March 2018 to `now`.
    pub(crate) fn of(days: Days, now: Second) -> Result<Range, CliError> {
        let (oldest, latest) = (days.first.start(), days.last.end());
        if latest < Second::MARCH_2018 {
            return Err(CliError::invalid_argument("Slack has no logs from before 2018-03-01")
                .hint("use 2018-03-01 or a later day"));
        }
        Ok(Range { oldest: oldest.max(Second::MARCH_2018), latest: latest.min(now) })
    }

    /// Returns the length of the range in seconds.
    pub(crate) fn seconds(self) -> i64 {
        self.latest.since(self.oldest) + 1
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "from {} to {}", self.oldest, self.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::tests::days;

    fn range(flags: &str) -> Result<String, String> {
        let now = Second::of("2026-11-22T17:00:05Z".parse().unwrap());
        Range::of(days(flags)?, now).map(|range| range.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn range_includes_first_and_last_day() {
        for (flags, expected) in [
            ("--from 2024-01-01 --to 2024-01-31", "from 2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z"),
            ("--month 2024-02", "from 2024-02-01T00:00:00Z to 2024-02-29T23:59:59Z"),
            ("--day 2024-02-28", "from 2024-02-28T00:00:00Z to 2024-02-28T23:59:59Z"),
            ("--from 2010-01-01 --to 2018-03-01", "from 2018-03-01T00:00:00Z to 2018-03-01T23:59:59Z"),
            ("--from 2026-11-22 --to 2030-01-01", "from 2026-11-22T00:00:00Z to 2026-11-22T17:00:05Z"),
        ] {
            assert_eq!(range(flags).unwrap(), expected, "{flags}");
        }
        assert!(range("--from 2017-01-01 --to 2018-02-28").unwrap_err().contains("before 2018-03-01"));
    }
}
