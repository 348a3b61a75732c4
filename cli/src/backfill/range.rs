//! The time range of a backfill: whole UTC days, as the user types them.

use slacktrail_core::time::{Day, Second};

use crate::cli_error::CliError;

/// The range to collect, with both ends inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    /// The first second.
    pub(crate) oldest: Second,
    /// The last second.
    pub(crate) latest: Second,
}

impl Range {
    /// Returns the range from the start of `from` to the start of `to`, limited to the time from March 2018 to `now`.
    ///
    /// # Errors
    /// Returns an error if the range is empty.
    pub(crate) fn resolve(from: Day, to: Day, now: Second) -> Result<Range, CliError> {
        let (oldest, latest) = (from.start(), to.start().plus(-1));
        if latest < oldest {
            return Err(CliError::new("`--to` is not later than `--from`, so the range is empty")
                .hint("set `--to` to the day after the last day: `--from 2024-01-01 --to 2024-02-01` is January"));
        }
        if oldest > now {
            return Err(
                CliError::new(format!("`--from` is in the future: {oldest}")).hint("use today (UTC) or an earlier day")
            );
        }
        if latest < Second::MARCH_2018 {
            return Err(CliError::new(format!("Slack has no logs before {}", Second::MARCH_2018))
                .hint("set `--to` to a day after 2018-03-01"));
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
    use crate::typed_time;

    fn resolve(from: &str, to: &str) -> Result<String, String> {
        let now = Second::of("2026-11-22T17:00:05Z".parse().unwrap());
        let range = Range::resolve(typed_time::day(from).unwrap(), typed_time::day(to).unwrap(), now);
        range.map(|range| range.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn range_includes_first_day_and_excludes_last_day() {
        for (from, to, expected) in [
            ("2024-01-01", "2024-02-01", "from 2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z"),
            ("2024-02-28", "2024-03-01", "from 2024-02-28T00:00:00Z to 2024-02-29T23:59:59Z"),
            ("2010-01-01", "2018-03-02", "from 2018-03-01T00:00:00Z to 2018-03-01T23:59:59Z"),
            ("2026-11-22", "2030-01-01", "from 2026-11-22T00:00:00Z to 2026-11-22T17:00:05Z"),
        ] {
            assert_eq!(resolve(from, to).unwrap(), expected);
        }
    }

    #[test]
    fn empty_range_is_rejected() {
        assert!(resolve("2024-01-01", "2024-01-01").unwrap_err().contains("not later"));
        assert!(resolve("2024-02-01", "2024-01-01").unwrap_err().contains("not later"));
        assert!(resolve("2026-11-23", "2026-11-24").unwrap_err().contains("in the future: 2026-11-23T00:00:00Z"));
        assert!(resolve("2017-01-01", "2018-03-01").unwrap_err().contains("before 2018-03-01"));
    }
}
