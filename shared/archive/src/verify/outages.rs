//! When records were stored, and in which periods nothing was stored although records exist.
//!
//! The archive does not record when collection ran. It shows only which minutes records have, and in which minutes they were stored
//! (`p_parse_time`). If nothing was stored for some time, and records of that time were stored later, then collection did not run, or Slack
//! published these records late and had no other new records. The archive cannot distinguish the two.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use slacktrail_core::cursor::Cursor;
use slacktrail_core::health::{Class, State};
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;

/// The lateness above which a record is late. slacktrail stores a record within about a minute.
const LATE_SECONDS: i64 = 300;
const HOUR_SECONDS: i64 = 3_600;
/// The shortest outage. A transient error may last as long before the stream is `failing`.
const OUTAGE_SECONDS: i64 = 900;

/// How late records were stored: the time between a record's own time and the time when slacktrail stored it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Lateness {
    /// The greatest lateness, or `None` if no line has both times.
    pub max_seconds: Option<i64>,
    /// The number of records that were stored more than 5 minutes after their time.
    pub over_5_minutes: u64,
    /// The number of records that were stored more than 1 hour after their time.
    pub over_1_hour: u64,
}

impl Lateness {
    /// Returns the lateness of the records of both.
    #[must_use]
    pub fn and(self, other: Lateness) -> Lateness {
        Lateness {
            max_seconds: self.max_seconds.max(other.max_seconds),
            over_5_minutes: self.over_5_minutes + other.over_5_minutes,
            over_1_hour: self.over_1_hour + other.over_1_hour,
        }
    }
}

/// A period in which nothing was stored although records of that period exist.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outage {
    /// The minute of the first record that was stored late, or the time up to which the stream was collected.
    pub from: Second,
    /// The minute in which slacktrail stored records again, or `None` if it has not yet.
    pub to: Option<Second>,
    /// The number of records that were stored after the outage and more than 5 minutes late, or `None` if the outage lasts.
    pub records: Option<u64>,
    /// What is known about the cause.
    pub cause: Cause,
}

impl Outage {
    /// Returns `true` if slacktrail had not started to collect the log, so that nothing was interrupted.
    pub fn is_initial_history(&self) -> bool {
        self.cause == Cause::InitialHistory
    }
}

/// What slacktrail has stored about the cause of an outage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The first tick of the stream ended this period, and the records are older than that tick.
    InitialHistory,
    /// The source was last connected during the outage, or up to 15 minutes after it. The records are history, or were collected after a
    /// reconnect.
    Connected(Second),
    /// The source is paused.
    Paused,
    /// The stream is in this state since the outage.
    Error {
        /// The state.
        state: State,
        /// The error code.
        code: String,
    },
    /// Nothing is stored about the cause.
    NotRecorded,
}

/// When records happened and when they were stored, to the minute. It takes memory per minute of the range and not per record.
#[derive(Debug, Default)]
pub(super) struct Timing {
    lateness: Lateness,
    /// The number of records by the minute of their time.
    records: BTreeMap<i64, u64>,
    /// The minutes in which records were stored.
    stored: BTreeSet<i64>,
}

impl Timing {
    /// Adds a stored record.
    pub(super) fn add(&mut self, time: Second, collected_at: Option<Second>) {
        let Some(collected_at) = collected_at else { return };
        let seconds = collected_at.since(time).max(0);
        let one = Lateness {
            max_seconds: Some(seconds),
            over_5_minutes: u64::from(seconds > LATE_SECONDS),
            over_1_hour: u64::from(seconds > HOUR_SECONDS),
        };
        self.lateness = self.lateness.and(one);
        *self.records.entry(minute(time)).or_insert(0) += 1;
        self.stored.insert(minute(collected_at));
    }

    /// Adds the records of another day.
    pub(super) fn extend(&mut self, other: Timing) {
        self.lateness = self.lateness.and(other.lateness);
        other.records.into_iter().for_each(|(minute, count)| *self.records.entry(minute).or_insert(0) += count);
        self.stored.extend(other.stored);
    }

    pub(super) fn lateness(&self) -> Lateness {
        self.lateness
    }

    /// Returns the minute in which the first record was stored.
    pub(super) fn first_stored(&self) -> Option<Second> {
        self.stored.first().copied().map(second)
    }

    /// Returns the outages up to `until`, oldest first.
    pub(super) fn outages(&self, source: &Source, cursor: Option<&Cursor>, until: Second) -> Vec<Outage> {
        let mut outages = Vec::new();
        let mut after = i64::MIN;
        for end in &self.stored {
            let late_before = end - LATE_SECONDS / 60;
            let late = || self.records.range(after.saturating_add(1)..late_before.max(after.saturating_add(1)));
            if let Some((first, _)) = late().next().filter(|(first, _)| (end - **first) * 60 >= OUTAGE_SECONDS) {
                let (from, to) = (second(*first), second(*end));
                let records = Some(late().map(|(_, count)| count).sum());
                outages.push(Outage { from, to: Some(to), records, cause: cause(source, cursor, from, to) });
            }
            after = *end;
        }
        outages.extend(cursor.and_then(|cursor| lasting(source, cursor, until)));
        outages
    }
}

/// Returns the outage that has not ended, if the stream was not collected up to `until`.
fn lasting(source: &Source, cursor: &Cursor, until: Second) -> Option<Outage> {
    let from = cursor.watermark;
    let cause = match error(cursor) {
        _ if source.paused => Cause::Paused,
        Some((_, cause)) => cause,
        None => Cause::NotRecorded,
    };
    (until.since(from) >= OUTAGE_SECONDS).then_some(Outage { from, to: None, records: None, cause })
}

fn cause(source: &Source, cursor: Option<&Cursor>, from: Second, to: Second) -> Cause {
    let end = to.plus(OUTAGE_SECONDS);
    match cursor.and_then(error) {
        Some((since, cause)) if (from.plus(-OUTAGE_SECONDS)..=end).contains(&since) => cause,
        _ if (from..=end).contains(&source.connected_at) => Cause::Connected(source.connected_at),
        _ => Cause::NotRecorded,
    }
}

/// Returns the error of the stream's present state, and since when it lasts.
fn error(cursor: &Cursor) -> Option<(Second, Cause)> {
    let health = &cursor.health;
    let is_error = matches!(health.state.class(), Class::Retrying | Class::Stopped);
    let code = health.code.clone().filter(|_| is_error)?;
    Some((health.since?, Cause::Error { state: health.state, code }))
}

fn minute(second: Second) -> i64 {
    second.get().div_euclid(60)
}

fn second(minute: i64) -> Second {
    Second::EPOCH.plus(minute * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::{LogType, Plan};

    /// Returns a time in minutes after a day's start.
    fn at(minutes: i64) -> Second {
        Second::new(1_796_000_000 / 86_400 * 86_400).unwrap().plus(minutes * 60)
    }

    fn source(connected_at: Second) -> Source {
        Source { connected_at, ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, at(-9_000)) }
    }

    /// Returns the outages of records with these times, and the minutes after which each was stored.
    fn outages(records: &[(i64, i64)], source: &Source) -> Vec<(i64, i64, u64, Cause)> {
        let mut timing = Timing::default();
        records.iter().for_each(|(time, late)| timing.add(at(*time), Some(at(time + late))));
        let minutes = |second: Second| second.since(at(0)) / 60;
        let outages = timing.outages(source, None, at(1_440)).into_iter();
        outages.map(|it| (minutes(it.from), minutes(it.to.unwrap()), it.records.unwrap(), it.cause)).collect()
    }

    #[test]
    fn lateness_is_greatest_and_counts_above_both_limits() {
        let mut timing = Timing::default();
        for seconds in [-3, 0, 300, 301, 3_600, 3_601] {
            timing.add(at(0), Some(at(0).plus(seconds)));
        }
        timing.add(at(0), None);
        let expected = Lateness { max_seconds: Some(3_601), over_5_minutes: 3, over_1_hour: 1 };
        assert_eq!(timing.lateness(), expected);
        assert_eq!(Lateness::default().and(expected), expected);
    }

    #[test]
    fn outage_is_time_of_records_that_were_stored_after_silence() {
        let source = source(Second::EPOCH);
        let regular: Vec<(i64, i64)> = (0..100).map(|minute| (minute, 1)).collect();
        assert_eq!(outages(&regular, &source), []);
        let one_published_late = [&regular[..], &[(20, 60)]].concat();
        assert_eq!(outages(&one_published_late, &source), [], "others were stored in between");
        // Nothing is stored in minutes 31 to 90. The backlog arrives newest first, in minutes 91 to 93.
        let stored = |minute: i64| match minute {
            30..60 => 93 - minute,
            60..90 => 91 - minute,
            _ => 1,
        };
        let stopped: Vec<(i64, i64)> = (0..100).map(|minute| (minute, stored(minute))).collect();
        assert_eq!(outages(&stopped, &source), [(31, 91, 55, Cause::NotRecorded)]);
        let short: Vec<(i64, i64)> = (0..100).map(|minute| (minute, if minute == 50 { 14 } else { 1 })).collect();
        assert_eq!(outages(&short[50..51], &source), []);
        assert_eq!(outages(&[(50, 15)], &source), [(50, 65, 1, Cause::NotRecorded)], "a quiet log shows no more");
    }

    #[test]
    fn cause_is_connection_or_stored_error_and_never_a_guess() {
        let history = [(0, 500), (400, 100)];
        assert_eq!(outages(&history, &source(at(499))), [(0, 500, 2, Cause::Connected(at(499)))]);
        assert_eq!(outages(&history, &source(at(800))), [(0, 500, 2, Cause::NotRecorded)]);

        let mut timing = Timing::default();
        timing.add(at(0), Some(at(1)));
        let mut cursor = Cursor::first(&source(at(0)), LogType::Audit, at(60));
        let lasting = |cursor: &Cursor, source: &Source, until: i64| {
            let outages = timing.outages(source, Some(cursor), at(until));
            outages.into_iter().map(|it| (it.from, it.to, it.cause)).collect::<Vec<_>>()
        };
        let (running, paused) = (source(at(-999)), Source { paused: true, ..source(at(-999)) });
        assert_eq!(lasting(&cursor, &running, 74), []);
        assert_eq!(lasting(&cursor, &running, 75), [(at(60), None, Cause::NotRecorded)]);
        assert_eq!(lasting(&cursor, &paused, 90), [(at(60), None, Cause::Paused)]);
        (cursor.health.state, cursor.health.since) = (State::Reauthorize, Some(at(61)));
        cursor.health.code = Some("token_revoked".to_owned());
        let cause = Cause::Error { state: State::Reauthorize, code: "token_revoked".to_owned() };
        assert_eq!(lasting(&cursor, &running, 90), [(at(60), None, cause)]);
    }
}
