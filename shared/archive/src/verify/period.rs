//! The period that a verification compares: whole UTC days, without the last minutes before it began.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use slacktrail_core::time::{Day, Second};

/// The age below which records are not compared, because Slack may not return them yet, and the tick that collects them may still run.
pub const MARGIN_SECONDS: i64 = 300;

/// Consecutive days, up to the last second that can be compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Period {
    first: Day,
    last: Day,
    until: Second,
}

impl Period {
    /// Returns the period from `first` to `last`, both inclusive, without the time that cannot be compared yet at `now`. Returns `None` if it
    /// contains no second.
    pub fn new(first: Day, last: Day, now: Second) -> Option<Period> {
        let until = last.end().min(now.plus(-MARGIN_SECONDS));
        (until >= first.start()).then_some(Period { first, last, until })
    }

    /// Returns this period up to `until` if it ends later.
    #[must_use]
    pub fn shortened_to(self, until: Second) -> Period {
        Period { until: self.until.min(until), ..self }
    }

    /// Returns the first day.
    pub fn first(&self) -> Day {
        self.first
    }

    /// Returns the requested last day. It may be later than the last day that can be compared.
    pub fn last(&self) -> Day {
        self.last
    }

    /// Returns the last second that is compared.
    pub fn until(&self) -> Second {
        self.until
    }

    /// Returns the last second of a day of the period that is compared.
    pub fn until_on(&self, day: Day) -> Second {
        day.end().min(self.until)
    }

    /// Returns all seconds that are compared.
    pub fn seconds(&self) -> RangeInclusive<Second> {
        self.first.start()..=self.until
    }

    /// Returns the days that are compared, oldest first.
    pub fn days(&self) -> impl Iterator<Item = Day> + use<> {
        let until = self.until;
        let next = |day: &Day| Some(day.end().plus(1).day());
        std::iter::successors(Some(self.first), next).take_while(move |day| day.start() <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn second(text: &str) -> Second {
        Second::of(text.parse().unwrap())
    }

    #[test]
    fn period_contains_both_days_and_ends_five_minutes_ago() {
        let days = |first: &str, last: &str, now: &str| {
            let period = Period::new(day(first), day(last), second(now))?;
            let days: Vec<String> = period.days().map(|day| day.to_string()).collect();
            Some((days.len(), days.last().cloned()?, period.until().to_string()))
        };
        let whole = |count, last: &str, until: &str| Some((count, last.to_owned(), until.to_owned()));
        let now = "2026-11-20T00:05:00Z";
        assert_eq!(days("2026/10/01", "2026/10/31", now), whole(31, "2026/10/31", "2026-10-31T23:59:59Z"));
        assert_eq!(days("2024/02/28", "2024/03/01", now), whole(3, "2024/03/01", "2024-03-01T23:59:59Z"));
        assert_eq!(days("2026/11/01", "2026/11/30", now), whole(20, "2026/11/20", "2026-11-20T00:00:00Z"));
        let earlier = "2026-11-20T00:04:59Z";
        assert_eq!(days("2026/11/19", "2026/11/20", earlier), whole(1, "2026/11/19", "2026-11-19T23:59:59Z"));
        assert_eq!(days("2026/11/20", "2026/11/20", earlier), None);
        assert_eq!(days("2026/11/20", "2026/11/20", now), whole(1, "2026/11/20", "2026-11-20T00:00:00Z"));
    }
}
