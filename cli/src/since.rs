//! `--since`: how far back collection starts.

use std::str::FromStr;

use slacktrail_core::time::{Day, Second};

use crate::cli_error::CliError;

/// The value of `--since`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Since {
    /// The current time.
    Now,
    /// This many seconds ago.
    Ago(i64),
    /// The start of this UTC day.
    Day(Day),
    /// As far back as Slack keeps audit logs.
    All,
}

impl Since {
    /// The default: 7 days ago.
    pub(crate) const DEFAULT: Since = Since::Ago(7 * 86_400);

    /// Returns the time that this value means at `now`, but never a time before March 2018.
    ///
    /// # Errors
    /// Returns an error if the time is in the future.
    pub(crate) fn resolve(self, now: Second) -> Result<Second, CliError> {
        let second = match self {
            Since::Now => now,
            Since::Ago(seconds) => now.plus(-seconds),
            Since::Day(day) => day.start(),
            Since::All => Second::MARCH_2018,
        };
        if second > now {
            return Err(CliError::new(format!("`--since` is in the future: {second}"))
                .hint("use today (UTC) or an earlier day, or `now` to collect only new records"));
        }
        Ok(second.max(Second::MARCH_2018))
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Since, String> {
        let wrong = || "use `now`, `all`, a day such as `2026-01-31`, or a duration such as `12h` or `7d`".to_owned();
        match text {
            "now" => return Ok(Since::Now),
            "all" => return Ok(Since::All),
            _ => {}
        }
        if text.contains('-') && !text.contains('/') {
            return text.replace('-', "/").parse().map(Since::Day).map_err(|_| wrong());
        }
        let unit = match text.chars().last() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        Ok(Since::Ago(i64::from(number) * unit))
    }
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
}
