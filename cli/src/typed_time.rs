//! Parses the times that users type: days, `--since`, `--silent-after` and `--max-age`.

use std::str::FromStr;

use slacktrail_core::time::{Day, Second};

use crate::cli_error::CliError;

/// Returns a UTC day that is typed as `2026-01-31`.
pub(crate) fn day(text: &str) -> Option<Day> {
    if text.contains('/') { None } else { text.replace('-', "/").parse().ok() }
}

/// Returns the first and the last day of a UTC month that is typed as `2026-01`.
pub(crate) fn month(text: &str) -> Option<(Day, Day)> {
    let days: Vec<Day> = (1..=31).filter_map(|number| day(&format!("{text}-{number:02}"))).collect();
    Some((*days.first()?, *days.last()?))
}

/// Returns a day as users type it.
pub(crate) fn shown_day(day: Day) -> String {
    day.to_string().replace('/', "-")
}

/// Returns the seconds of a duration such as `12h`. `units` contains the seconds of each accepted unit.
fn duration<N: FromStr + Into<i64>>(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let (number, seconds) = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)))?;
    Some(number.parse::<N>().ok()?.into() * seconds)
}

/// How far back collection starts: the value of `--since`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Since {
    /// This many seconds ago.
    Ago(i64),
    /// The start of this UTC day.
    Day(Day),
}

impl Since {
    /// The default: 7 days ago.
    pub(crate) const DEFAULT: Since = Since::Ago(7 * 86_400);

    /// Returns the time that this value means at `now`, but never a time before March 2018.
    pub(crate) fn resolve(self, now: Second) -> Result<Second, CliError> {
        let second = match self {
            Since::Ago(seconds) => now.plus(-seconds),
            Since::Day(day) => day.start(),
        };
        if second > now {
            return Err(CliError::invalid_argument(format!("`--since` is in the future: {second}"))
                .hint("use today (UTC) or an earlier day, or `now` to collect only new records"));
        }
        Ok(second.max(Second::MARCH_2018))
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Since, &'static str> {
        let since = match text {
            "now" => Some(Since::Ago(0)),
            "all" => Some(Since::Day(Second::MARCH_2018.day())), // Slack has no older audit logs
            text if text.contains('-') => day(text).map(Since::Day),
            text => duration::<u32>(text, &[('m', 60), ('h', 3_600), ('d', 86_400)]).map(Since::Ago),
        };
        since.ok_or("use `now`, `all`, a day such as `2026-01-31`, or a duration such as `12h` or `7d`")
    }
}

/// Seconds without a record after which a stream is silent, or `None` for never: the value of `--silent-after`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SilentAfter(pub(crate) Option<i64>);

impl FromStr for SilentAfter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SilentAfter, &'static str> {
        let seconds = duration::<u16>(text, &[('h', 3_600), ('d', 86_400)]).filter(|seconds| *seconds > 0);
        match seconds {
            None if text != "never" => Err("use `never`, or a duration such as `24h` or `3d`"),
            seconds => Ok(SilentAfter(seconds)),
        }
    }
}

/// Parses the seconds after which a directory counts as not collected: the value of `--max-age`.
pub(crate) fn max_age(text: &str) -> Result<i64, &'static str> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let seconds = duration::<u32>(text, &units).filter(|seconds| *seconds > 0);
    seconds.ok_or("use a duration such as `90s`, `10m`, `1h` or `2d`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> Second {
        Second::of(text.parse().unwrap())
    }

    #[test]
    fn since_is_word_day_or_duration() {
        let now = second("2026-11-22T17:00:05Z");
        for (text, expected) in [
            ("now", "2026-11-22T17:00:05Z"),
            ("all", "2018-03-01T00:00:00Z"),
            ("7d", "2026-11-15T17:00:05Z"),
            ("12h", "2026-11-22T05:00:05Z"),
            ("90m", "2026-11-22T15:30:05Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("2010-01-01", "2018-03-01T00:00:00Z"),
            ("99999d", "2018-03-01T00:00:00Z"),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().resolve(now).unwrap(), second(expected), "{text}");
        }
    }

    #[test]
    fn invalid_since_is_rejected_with_accepted_forms() {
        for text in
            ["", "yesterday", "7", "d", "-7d", "7w", "2026-13-01", "2026-1-1", "2026/01/01", "1.5d", "ä", "4294967296d"]
        {
            assert!(text.parse::<Since>().unwrap_err().contains("`12h`"), "{text}");
        }
    }

    #[test]
    fn future_since_is_rejected() {
        let now = second("2026-11-22T17:00:05Z");
        let error = "2026-11-23".parse::<Since>().unwrap().resolve(now).unwrap_err();
        assert!(error.to_string().contains("2026-11-23T00:00:00Z"), "{error}");
    }

    #[test]
    fn silent_after_is_hours_days_or_never() {
        for (text, expected) in [("24h", Some(86_400)), ("3d", Some(259_200)), ("1h", Some(3_600)), ("never", None)] {
            assert_eq!(text.parse(), Ok(SilentAfter(expected)), "{text}");
        }
        for text in ["", "h", "0h", "-1d", "24", "90m", "1.5d", "always", "99999999d", "ä"] {
            assert!(text.parse::<SilentAfter>().unwrap_err().contains("`24h`"), "{text}");
        }
    }

    #[test]
    fn max_age_is_positive_duration() {
        for (text, expected) in [("90s", 90), ("3m", 180), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(max_age(text), Ok(expected), "{text}");
        }
        for text in ["", "h", "0m", "-1d", "60", "1.5h", "never", "1w"] {
            assert!(max_age(text).unwrap_err().contains("`1h`"), "{text}");
        }
    }

    #[test]
    fn month_is_its_first_and_last_day() {
        for (text, expected) in [
            ("2026-10", Some(("2026-10-01", "2026-10-31"))),
            ("2024-02", Some(("2024-02-01", "2024-02-29"))),
            ("2026-02", Some(("2026-02-01", "2026-02-28"))),
            ("2026-12", Some(("2026-12-01", "2026-12-31"))),
            ("2026-13", None),
            ("2026-1", None),
            ("2026-10-01", None),
            ("2026/10", None),
            ("10-2026", None),
            ("October", None),
        ] {
            let days = month(text).map(|(first, last)| (shown_day(first), shown_day(last)));
            assert_eq!(days.as_ref().map(|(first, last)| (first.as_str(), last.as_str())), expected, "{text}");
        }
    }

    #[test]
    fn day_has_one_accepted_format() {
        for wrong in ["", "yesterday", "today", "7d", "2024-1-1", "2024/01/01", "2024-02-30", "01.02.2024"] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
        assert_eq!(day("2024-02-29").unwrap().to_string(), "2024/02/29");
    }
}
