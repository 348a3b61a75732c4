//! Shows times to people: in UTC, or with `--local` in the time zone of this machine. JSON, and the reports of `verify`, always have UTC.

use std::borrow::Cow;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slacktrail_core::time::Second;

use crate::cli_error::CliError;

/// The zone that [`use_local`] chose.
static CHOSEN: OnceLock<Zone> = OnceLock::new();

/// A time zone in which times are shown. Each time names its offset: `2026-11-22T07:33:41Z`, `2026-11-22T08:33:41+01:00`.
#[derive(Debug)]
pub(crate) enum Zone {
    Utc,
    Local(TimeZone),
}

/// Returns the zone in which this process shows times.
pub(crate) fn shown() -> &'static Zone {
    CHOSEN.get().unwrap_or(&Zone::Utc)
}

/// Shows times in the time zone of this machine from now on: that of `TZ`, or else of the system.
///
/// # Errors
/// Returns an error if the zone is unknown. No other zone replaces it, because that would show wrong times.
pub(crate) fn use_local() -> Result<(), CliError> {
    let name = std::env::var_os("TZ").map(|name| name.to_string_lossy().into_owned());
    let zone = match (name.as_deref(), TimeZone::try_system()) {
        (_, Ok(zone)) => zone,
        (Some("UTC"), Err(_)) => TimeZone::UTC, // needs no time zone database
        (name, Err(_)) => return Err(unknown(name)),
    };
    let _ = CHOSEN.set(Zone::Local(zone)); // nothing else sets it
    Ok(())
}

fn unknown(name: Option<&str>) -> CliError {
    let (zone, hint) = match name {
        Some(name) => (format!("the time zone `{name}` in `TZ`"), "set `TZ` to a name such as `Europe/Berlin`"),
        None => ("the time zone of this machine".to_owned(), "set `TZ` to the name of a zone, such as `Europe/Berlin`"),
    };
    CliError::new(format!("`--local` cannot show times: {zone} is unknown"))
        .hint(format!("{hint}; if it is right, install the time zone database (package `tzdata`)"))
}

impl Zone {
    pub(crate) fn time(&self, second: Second) -> String {
        self.format(second, "%Y-%m-%dT%H:%M:%S%:z").unwrap_or_else(|| second.to_string())
    }

    /// Returns the day of a time, with its offset unless the day is a UTC day.
    pub(crate) fn day(&self, second: Second) -> String {
        let in_utc = || second.to_string().chars().take(10).collect();
        self.format(second, "%Y-%m-%d %:z").unwrap_or_else(in_utc)
    }

    fn format(&self, second: Second, format: &str) -> Option<String> {
        match self {
            Zone::Utc => None,
            Zone::Local(zone) => Some(second.instant().to_zoned(zone.clone()).strftime(format).to_string()),
        }
    }

    /// Returns a message whose times are those of this zone. In `message`, they are in UTC, as in stored messages and in JSON.
    pub(crate) fn message<'a>(&self, message: &'a str) -> Cow<'a, str> {
        if let Zone::Utc = self {
            return Cow::Borrowed(message);
        }
        let mut shown = String::with_capacity(message.len());
        for part in message.split_inclusive('Z') {
            match last_time(part) {
                Some((before, second)) => {
                    shown.push_str(before);
                    shown.push_str(&self.time(second));
                }
                None => shown.push_str(part),
            }
        }
        Cow::Owned(shown)
    }
}

/// Splits `text` before the time with which it ends, if it ends with a time as [`Second`] is written.
fn last_time(text: &str) -> Option<(&str, Second)> {
    let start = text.len().checked_sub("2026-11-22T07:33:41Z".len())?;
    let (before, time) = text.split_at_checked(start)?;
    let second = Second::of(time.parse::<Timestamp>().ok()?);
    (second.to_string() == time).then_some((before, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::Local(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()) // needs no time zone database
    }

    fn second(text: &str) -> Second {
        Second::of(text.parse().unwrap())
    }

    #[test]
    fn local_time_and_day_name_their_offset() {
        for (time, local, day) in [
            ("2026-11-22T23:33:41Z", "2026-11-23T00:33:41+01:00", "2026-11-23 +01:00"),
            ("2026-07-01T12:00:00Z", "2026-07-01T14:00:00+02:00", "2026-07-01 +02:00"),
            // An hour that the clocks show twice.
            ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00+02:00", "2026-10-25 +02:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00", "2026-10-25 +01:00"),
        ] {
            assert_eq!(berlin().time(second(time)), local);
            assert_eq!(berlin().day(second(time)), day);
            assert_eq!(Zone::Utc.time(second(time)), time);
            assert_eq!(Zone::Utc.day(second(time)), time[..10]);
        }
        let chatham = Zone::Local(TimeZone::posix("<+1245>-12:45").unwrap());
        assert_eq!(chatham.time(second("2026-11-22T23:33:41Z")), "2026-11-23T12:18:41+12:45");
    }

    #[test]
    fn only_utc_times_of_message_change() {
        for (message, expected) in [
            ("no record since 2026-11-22T07:33:41Z", "no record since 2026-11-22T08:33:41+01:00"),
            (
                "2026-11-22T07:33:41Z to 2026-11-22T07:33:42Z: AZ",
                "2026-11-22T08:33:41+01:00 to 2026-11-22T08:33:42+01:00: AZ",
            ),
            ("on 2026-11-22, `Zoë` Z", "on 2026-11-22, `Zoë` Z"),
            ("2026-11-22T07:33:41.123Z", "2026-11-22T07:33:41.123Z"),
            ("2026-13-22T07:33:41Z 2026-11-22t07:33:41Z", "2026-13-22T07:33:41Z 2026-11-22t07:33:41Z"),
            ("äääääääääääZ", "äääääääääääZ"),
            ("", ""),
        ] {
            assert_eq!(berlin().message(message), expected);
            assert_eq!(Zone::Utc.message(message), message);
        }
    }
}
