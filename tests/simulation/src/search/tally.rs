//! Counts of the schedules that were searched, by kind and log.

use std::collections::BTreeMap;
use std::time::Duration;

use slacktrail_core::source::LogType;

use super::explore::Kind;

/// Counts of schedules.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(Kind, LogType), u64>,
    /// The most ticks that any schedule needed until everything was stored.
    pub settled_after_max: u32,
    /// The seeds that ran: the first one and their number.
    pub seeds: Option<(u64, u64)>,
}

impl Tally {
    /// Counts a schedule.
    pub fn count(&mut self, kind: Kind, log: LogType, settled_after: u32) {
        *self.counts.entry((kind, log)).or_default() += 1;
        self.settled_after_max = self.settled_after_max.max(settled_after);
    }

    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Tally) {
        for (key, count) in &other.counts {
            *self.counts.entry(*key).or_default() += count;
        }
        self.settled_after_max = self.settled_after_max.max(other.settled_after_max);
    }

    /// Returns the number of all schedules.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Formats the counts and rates as a table.
    pub fn table(&self, wall: Duration) -> String {
        let mut text =
            format!("{:<16}{:>12}{:>12}{:>12}{:>12}\n", "schedules", "audit", "access", "integration", "all");
        let kinds = Kind::EXHAUSTIVE.into_iter().chain([Kind::Randomized]);
        let count = |kind: Option<Kind>, log: Option<LogType>| -> u64 {
            let counts = self.counts.iter();
            counts
                .filter(|((k, l), _)| kind.is_none_or(|kind| kind == *k) && log.is_none_or(|log| log == *l))
                .map(|(_, count)| count)
                .sum()
        };
        for kind in kinds.map(Some).chain([None]) {
            text += &format!("{:<16}", kind.map_or("all", Kind::name));
            for log in LogType::ALL.map(Some).into_iter().chain([None]) {
                text += &format!("{:>12}", thousands(count(kind, log)));
            }
            text.push('\n');
        }
        if let Some((first, count)) = self.seeds.filter(|(_, count)| *count > 0) {
            text += &format!("Randomized runs: seeds {first} to {} of each log.\n", first + count - 1);
        }
        let seconds = wall.as_secs_f64();
        let rate = thousands((self.total() as f64 / seconds.max(0.001)) as u64);
        let most = self.settled_after_max;
        text += &format!("{seconds:.0} s: {rate} schedules per second. Everything was stored within {most} ticks.");
        text
    }
}

/// Formats a number with separators: 1234567 as `1,234,567`.
pub fn thousands(number: u64) -> String {
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
