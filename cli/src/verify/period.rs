//! The period to compare: the selected days, up to a few minutes ago.

use slacktrail_archive::verify::{MARGIN_SECONDS, Period};
use slacktrail_core::time::{Day, Second};

use crate::cli_error::CliError;
use crate::days::Days;
use crate::typed_time::shown_day;

pub(super) fn of(days: Days, now: Second) -> Result<Period, CliError> {
    let (undated, Days { first, last }) = (Second::EPOCH.day(), days);
    if first.start() < Second::MARCH_2018 && (first, last) != (undated, undated) {
        return Err(CliError::invalid_argument("Slack has no logs from before 2018-03-01").hint(
            "use 2018-03-01 or a later day; rows without a valid time are stored under 1970-01-01 (`--day 1970-01-01`)",
        ));
    }
    Period::new(first, last, now).ok_or_else(|| {
        let minutes = MARGIN_SECONDS / 60;
        CliError::new(format!(
            "the day {} has only just begun: records must be {minutes} minutes old to be compared",
            shown_day(first)
        ))
        .hint("run the command again in a few minutes")
    })
}

/// Returns the days of a period: `2026-10-01 to 2026-10-31`, or `2026-10-01`.
pub(super) fn range(first: Day, last: Day) -> String {
    if first == last { shown_day(first) } else { format!("{} to {}", shown_day(first), shown_day(last)) }
}

/// Returns a period for a sentence: `from 2026-10-01 to 2026-10-31`, or `on 2026-10-01`.
pub(super) fn within(first: Day, last: Day) -> String {
    if first == last { format!("on {}", shown_day(first)) } else { format!("from {}", range(first, last)) }
}

/// Returns the ranges of consecutive days. `days` are in ascending order.
pub(super) fn ranges(days: &[Day]) -> Vec<(Day, Day)> {
    let is_next = |day: &Day, next: &Day| day.end().plus(1).day() == *next;
    days.chunk_by(is_next).map(|range| (range[0], range[range.len() - 1])).collect()
}

/// Returns the ranges of consecutive days as text. `days` are in ascending order.
pub(super) fn shown_ranges(days: &[Day]) -> Vec<String> {
    ranges(days).into_iter().map(|(first, last)| range(first, last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed_time;

    fn day(text: &str) -> Day {
        typed_time::day(text).unwrap()
    }

    fn second(text: &str) -> Second {
        Second::of(text.parse().unwrap())
    }

    #[test]
    fn period_ends_at_last_day_or_few_minutes_ago() {
        let until = |first: &str, last: &str, now: &str| {
            let period = of(Days { first: day(first), last: day(last) }, second(now));
            period.map(|period| period.until().to_string()).map_err(|error| error.to_string())
        };
        let now = "2026-11-20T12:00:00Z";
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(until("2026-11-19", "2026-11-19", now), ok("2026-11-19T23:59:59Z"));
        assert_eq!(until("2026-11-20", "2026-11-20", now), ok("2026-11-20T11:55:00Z"));
        assert_eq!(until("2026-11-01", "2026-11-30", now), ok("2026-11-20T11:55:00Z"));
        assert_eq!(until("1970-01-01", "1970-01-01", now), ok("1970-01-01T23:59:59Z"));
        let midnight = "2026-11-20T00:04:59Z";
        assert_eq!(until("2026-11-19", "2026-11-20", midnight), ok("2026-11-19T23:59:59Z"));
        for (first, last, now, error) in [
            ("2018-02-28", "2018-03-02", now, "from before 2018-03-01"),
            ("1970-01-01", "2026-11-19", now, "from before 2018-03-01"),
            ("2026-11-20", "2026-11-20", midnight, "only just begun"),
        ] {
            assert!(until(first, last, now).unwrap_err().contains(error), "{first} {last}");
        }
    }

    #[test]
    fn consecutive_days_are_one_range() {
        let days = ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-03"].map(day);
        assert_eq!(shown_ranges(&days), ["2026-10-30 to 2026-11-01", "2026-11-03"]);
        assert_eq!(ranges(&[]), []);
    }
}
