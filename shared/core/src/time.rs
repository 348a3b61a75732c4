//! Seconds and UTC days, the units of Slack's logs and of day logs. This module reads no clock.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Maximum assumed difference between two clocks (local, Slack's, the store's).
pub const CLOCK_SKEW_SECONDS: i64 = 600;

/// A second of UTC, counted from 1970, in the years 1 to 9999.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Second(i64);

/// The first second of the year 1, and the last second that is a [`Timestamp`]: 22:00 on 30 December 9999.
const BOUNDS: (i64, i64) = (-62_135_596_800, 253_402_207_200);

impl Second {
    /// 1 March 2018. Slack has no older audit logs (docs.slack.dev, audit logs methods).
    pub const MARCH_2018: Second = Second(1_519_862_400);
    /// Second 0. Records without a valid time are stored under its day.
    pub const EPOCH: Second = Second(0);

    /// Returns the second, counted from 1970, if its year has four digits.
    pub fn new(seconds: i64) -> Option<Second> {
        (BOUNDS.0..=BOUNDS.1).contains(&seconds).then_some(Second(seconds))
    }

    /// Returns the second of an instant.
    pub fn of(instant: Timestamp) -> Second {
        // A `Timestamp` may be outside the bounds, because its years start at -9999.
        Second(instant.as_second().clamp(BOUNDS.0, BOUNDS.1))
    }

    /// Returns the seconds since 1970, as Slack writes times.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Returns this second plus `seconds`, limited to years of four digits.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Second {
        Second(self.0.saturating_add(seconds).clamp(BOUNDS.0, BOUNDS.1))
    }

    /// Returns the seconds from `earlier` to this second, or a negative number if `earlier` is later.
    pub fn since(self, earlier: Second) -> i64 {
        self.0 - earlier.0
    }

    /// Returns the instant at which this second starts.
    pub fn instant(self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH) // always valid within the bounds
    }

    /// Returns the UTC day of this second.
    pub fn day(self) -> Day {
        Day(TimeZone::UTC.to_datetime(self.instant()).date())
    }
}

impl TryFrom<i64> for Second {
    type Error = String;
    fn try_from(seconds: i64) -> Result<Second, String> {
        Second::new(seconds).ok_or_else(|| format!("`{seconds}` is not a second of the years 1 to 9999"))
    }
}

impl From<Second> for i64 {
    fn from(second: Second) -> i64 {
        second.0
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instant())
    }
}

/// A UTC day. It is written as `2026/11/22` in object keys and in Athena's `day` column.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// Returns the first second of the day.
    pub fn start(self) -> Second {
        Second::of(self.0.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |midnight| midnight.timestamp()))
    }

    /// Returns the last second of the day.
    pub fn end(self) -> Second {
        self.start().plus(86_399)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:02}/{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl FromStr for Day {
    type Err = String;
    fn from_str(text: &str) -> Result<Day, String> {
        let day = Date::strptime("%Y/%m/%d", text).ok().map(Day);
        day.filter(|day| day.to_string() == text && day.start().day() == *day)
            .ok_or_else(|| format!("`{text}` is not a day in the format yyyy/mm/dd"))
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Day, String> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

/// Formats an instant in UTC as Athena parses timestamps: `2026-11-22 07:33:41.000`.
pub fn athena_time(instant: Timestamp) -> [u8; 23] {
    let civil = TimeZone::UTC.to_datetime(instant);
    let mut text = *b"0000-00-00 00:00:00.000";
    write_digits(civil.year(), &mut text[..4]);
    write_digits(civil.month().into(), &mut text[5..7]);
    write_digits(civil.day().into(), &mut text[8..10]);
    write_digits(civil.hour().into(), &mut text[11..13]);
    write_digits(civil.minute().into(), &mut text[14..16]);
    write_digits(civil.second().into(), &mut text[17..19]);
    write_digits(civil.millisecond(), &mut text[20..]);
    text
}

/// Writes decimal digits. Every record contains times, and parsing a format string each time would take as long as parsing the record.
fn write_digits(mut number: i16, into: &mut [u8]) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10).unsigned_abs() as u8;
        number /= 10;
    }
}

/// Parses a time that [`athena_time`] wrote. Returns `None` for any other format.
pub fn parse_athena_time(text: &str) -> Option<Second> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let second = Second::new(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())?;
    let (seconds, milliseconds) = text.as_bytes().split_at_checked(20)?;
    let is_athena_time = seconds == &athena_time(second.instant())[..20]
        && milliseconds.len() == 3
        && milliseconds.iter().all(u8::is_ascii_digit);
    is_athena_time.then_some(second)
}

/// Parses the time of an HTTP `Date` or `Retry-After` header.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_formatted_as_in_object_keys_and_parses_back() {
        let second = Second::new(1_795_332_821).unwrap();
        assert_eq!(second.day().to_string(), "2026/11/22");
        assert_eq!("2026/11/22".parse::<Day>().unwrap(), second.day());
        assert_eq!(serde_json::to_string(&second.day()).unwrap(), r#""2026/11/22""#);
        for wrong in ["2026/11/2", "2026-11-22", "2026/13/01", "2026/02/30", "0000/01/01", "9999/12/31", "a/b/c", ""] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        assert_eq!(second.day().start().day(), second.day().end().day());
        assert_ne!(second.day().end().plus(1).day(), second.day());
    }

    #[test]
    fn athena_time_has_milliseconds_and_parses_back_to_second() {
        let instant: Timestamp = "2026-11-22T07:33:41.5Z".parse().unwrap();
        assert_eq!(athena_time(instant), *b"2026-11-22 07:33:41.500");
        assert_eq!(parse_athena_time("2026-11-22 07:33:41.000"), Some(Second::of(instant)));
        for seconds in [BOUNDS.0, -1, 0, 951_782_399, 1_519_862_400, BOUNDS.1] {
            let instant = Second::new(seconds).unwrap().instant();
            assert_eq!(athena_time(instant), instant.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string().as_bytes());
            assert_eq!(
                parse_athena_time(std::str::from_utf8(&athena_time(instant)).unwrap()),
                Some(Second::of(instant))
            );
        }
        for other in [
            "yesterday",
            "2026-11-22T07:33:41.000",
            "2016-12-31 23:59:60.000",
            "2026-11-22 07:33:41",
            "2026-11-22[u-ca=hebrew]",
        ] {
            assert_eq!(parse_athena_time(other), None, "{other}");
        }
    }

    #[test]
    fn only_http_date_parses_as_http_date() {
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 07:33:41 GMT").map(Second::of), Second::new(1_795_332_821));
        assert_eq!(parse_http_date("soon"), None);
    }

    #[test]
    fn seconds_beyond_four_digit_years_are_rejected() {
        assert_eq!(Second::new(253_402_207_201), None);
        assert_eq!(Second::new(i64::MAX), None);
        assert_eq!(Second::new(253_402_207_200).unwrap().day().to_string(), "9999/12/30");
    }
}
