//! Formats times, durations, ages, numbers, sizes and lists.

use std::borrow::Borrow;
use std::fmt::Display;

use serde::{Serialize, Serializer};
use slacktrail_core::time::Second;

/// Serializes a time as RFC 3339 in UTC, or `None` as null.
pub(crate) fn instant<T: Copy + Into<Option<Second>>, S: Serializer>(
    time: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    (*time).into().map(|second| second.to_string()).serialize(serializer)
}

/// Returns a duration in at most two units: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let pair = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match () {
        () if days > 0 => pair(days, "d", hours % 24, "h"),
        () if hours > 0 => pair(hours, "h", minutes % 60, "min"),
        () if minutes > 0 => format!("{minutes} min"),
        () => format!("{seconds} s"),
    }
}

/// Returns the age of `then`: `12 min ago`, `just now`, or `-` for `None`.
pub(crate) fn age(then: Option<Second>, now: Second) -> String {
    match then.map(|then| now.since(then)) {
        None => "-".to_owned(),
        Some(seconds) if seconds < 1 => "just now".to_owned(),
        Some(seconds) => format!("{} ago", duration(seconds)),
    }
}

/// Returns a number with thousands separators: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with its noun, in the singular or the plural: `1 record`, `1,234 records`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    counted_as(number, noun, &format!("{noun}s"))
}

/// Returns a number with the words for one or for many: `1 record was`, `2 records were`.
pub(crate) fn counted_as(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Returns a size in bytes with one decimal place: `1.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes / 100 % 10),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Returns the names between backticks, joined by `separator`.
pub(crate) fn quoted<T: Display>(names: impl IntoIterator<Item = T>, separator: &str) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(separator)
}

/// Returns the items, joined with commas and `and`: `a, b and c`.
pub(crate) fn list<T: Borrow<str>>(items: &[T]) -> String {
    match items {
        [others @ .., last] if !others.is_empty() => format!("{} and {}", others.join(", "), last.borrow()),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_has_at_most_two_units() {
        for (seconds, expected) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (12_000, "3 h 20 min"),
            (86_400, "1 d"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn last_of_several_items_follows_and() {
        for (items, expected) in [(&["a"][..], "a"), (&["a", "b"], "a and b"), (&["a", "b", "c"], "a, b and c")] {
            assert_eq!(list(items), expected);
        }
    }

    #[test]
    fn thousands_are_separated() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn one_has_singular_noun() {
        assert_eq!([0, 1, 1_234].map(|number| counted(number, "page")), ["0 pages", "1 page", "1,234 pages"]);
        assert_eq!([1, 2].map(|number| counted_as(number, "row was", "rows were")), ["1 row was", "2 rows were"]);
    }

    #[test]
    fn time_is_shown_as_age() {
        let now = Second::EPOCH.plus(1_000);
        assert_eq!(age(None, now), "-");
        assert_eq!(age(Some(now), now), "just now");
        assert_eq!(age(Some(now.plus(5)), now), "just now");
        assert_eq!(age(Some(Second::EPOCH), now), "16 min ago");
    }
}
