//! Compares one day of a stream with Slack: reads the day again, and then what is stored of it.
//!
//! Slack is read first and the day log after it, so that what the poller stores meanwhile is found. In between the cursor is read, which
//! tells what need not be stored yet: what it counts as collected was stored before it was written. Nothing here writes, waits or
//! asks a clock: whoever runs it calls [`Verification::step`] at a pace of their own, and again after an error that passes.
//!
//! What is remembered of a record are its identity, 64 bits of a hash of its bytes and its second; of the day's JSON only the page or
//! the object in hand is in memory.

mod comparison;
mod coverage;
mod findings;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::{StreamExt, stream};

use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, Lines};
use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, Source, StreamId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use comparison::{Comparison, Place};
use coverage::Coverage;
pub use findings::{Difference, Findings, Kind, Limitation, Reason, SkippedWorkspace, Verdict};
use reading::Reading;
pub use reading::{Position, Step};

/// A record that is younger than this is not compared: Slack may not show it yet, and the tick that collects it may be under way.
pub const MARGIN_SECONDS: i64 = 300;
/// Objects that are read at the same time.
const READS_AT_ONCE: usize = 4;
/// While records are missing and the poller goes on storing, its new objects are read so many times at most.
const ROUNDS_MAX: usize = 3;

/// The last second of `day` that can be compared at `now`; `None` when none can yet.
pub fn until(day: Day, now: Second) -> Option<Second> {
    Some(day.end().min(now.plus(-MARGIN_SECONDS))).filter(|until| *until >= day.start())
}

/// Whether a day can be asked of Slack at all. The day 1970/01/01 cannot: it holds the rows whose time cannot be read, which Slack
/// shows among those of other days.
fn can_be_asked(day: Day) -> bool {
    day != Second::EPOCH.day()
}

/// The comparison of one day of a stream, under way.
pub struct Verification<'a, S, D, T, K> {
    ports: &'a Ports<S, D, T, K>,
    source: &'a Source,
    stream: StreamId,
    day: Day,
    until: Second,
    /// The number of the day log's last object before Slack was read.
    last_object: u32,
    reading: Reading<'a>,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Verification<'a, S, D, T, K> {
    /// Prepares to compare `day` up to the second `until`. Only lists the day log, so that an archive that cannot be read shows first.
    ///
    /// # Errors
    /// By remedy, when the day log cannot be listed.
    pub async fn begin(
        ports: &'a Ports<S, D, T, K>,
        source: &'a Source,
        log: LogType,
        (day, until): (Day, Second),
    ) -> Result<Self, Error> {
        let stream = StreamId { source: source.id.clone(), log };
        let listed = ports.day_logs.list(&DayLogId { stream: stream.clone(), day }).await?;
        let reading = Reading::new(source, log, day.start()..=until, can_be_asked(day));
        Ok(Verification {
            ports,
            source,
            stream,
            day,
            until,
            last_object: listed.last().copied().unwrap_or(0),
            reading,
        })
    }

    /// Reads a page of Slack's, with one call or, where the token was replaced meanwhile, two.
    ///
    /// # Errors
    /// By remedy. Nothing has changed then: the step can be made again.
    pub async fn step(&mut self, now: Second) -> Result<Step, Error> {
        self.reading.step(&self.ports.slack, &self.ports.credentials, now).await
    }

    /// How far Slack is read.
    pub fn position(&self) -> Position<'_> {
        self.reading.position()
    }

    /// Reads what is stored and compares, once Slack is read to its end. `progress` is told how many objects of how many are read.
    ///
    /// # Errors
    /// By remedy, when the cursor or an object cannot be had. An object that is had and cannot be read is a finding.
    pub async fn conclude(&mut self, mut progress: impl FnMut(u64, u64)) -> Result<Findings, Error> {
        let cursor = self.ports.deployment.load().await?.cursors.remove(&self.stream);
        let cursor = cursor.map(|(_, cursor)| cursor).transpose()?;
        let mut comparison = Comparison::new(self.stream.log, self.day, self.reading.take_shown());
        let mut read: HashSet<u32> = HashSet::new();
        let mut numbers = Vec::new();
        for _ in 0..ROUNDS_MAX {
            numbers = self.ports.day_logs.list(&self.day_log()).await?;
            let new: Vec<u32> = numbers.iter().copied().filter(|number| !read.contains(number)).collect();
            self.compare(&mut comparison, &new, &mut progress).await?;
            read.extend(&new);
            if new.is_empty() || comparison.is_whole() {
                break;
            }
        }
        comparison.take_numbers(&numbers);
        let known = comparison::Known {
            coverage: Coverage { since: self.source.since, cursor: cursor.as_ref() },
            until: self.until,
            last_object: self.last_object,
            was_asked: can_be_asked(self.day),
            was_cut_short: self.reading.was_cut_short(),
            skipped_workspaces: self.reading.skipped_workspaces(),
        };
        let undated = self.reading.undated();
        Ok(Findings { pages: self.position().pages, undated, ..comparison.finish(&self.stream, known) })
    }

    /// Compares with these objects, a few of them read at a time.
    async fn compare(
        &self,
        comparison: &mut Comparison,
        numbers: &[u32],
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Error> {
        let log = self.day_log();
        let reads = numbers.iter().map(async |number| (*number, self.ports.day_logs.read(&log.key(*number)).await));
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
        for done in 0.. {
            progress(done, numbers.len() as u64);
            let Some((object, read)) = reads.next().await else { break };
            match read? {
                Some(stored) => take_object(comparison, object, &stored.bytes),
                None => comparison.lose_object(object),
            }
        }
        Ok(())
    }

    fn day_log(&self) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day: self.day }
    }

    /// A stored line as it is; `None` when it is not there.
    ///
    /// # Errors
    /// By remedy, when the object cannot be had or unpacked.
    pub async fn stored_line(&self, object: u32, line: u64) -> Result<Option<String>, Error> {
        let key = self.day_log().key(object);
        let Some(stored) = self.ports.day_logs.read(&key).await? else { return Ok(None) };
        let mut lines = Lines::of(&stored.bytes);
        let damaged = |error| {
            let message = format!("reading back object `{key}`: its gzip is damaged");
            Error::deployment(ErrorKind::Investigate, "corrupt_object", message, "restore the object's first version")
                .with_source(error)
        };
        while let Some((number, text)) = lines.next_line().map_err(damaged)? {
            if number == line {
                return Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()));
            }
        }
        Ok(None)
    }

    /// Begins to read Slack anew, to keep the JSON of these records, of which the first and the last are of these seconds.
    pub fn read_again(&mut self, ids: HashSet<RowId>, range: RangeInclusive<Second>) {
        self.reading = Reading::new(self.source, self.stream.log, range, can_be_asked(self.day)).keeping(ids);
    }

    /// The JSON of the records that were to be kept, as far as Slack has shown them since.
    pub fn kept(&self) -> &BTreeMap<RowId, String> {
        self.reading.kept()
    }
}

fn take_object(comparison: &mut Comparison, object: u32, bytes: &[u8]) {
    comparison.take_object();
    let mut lines = Lines::of(bytes);
    loop {
        match lines.next_line() {
            Ok(Some((line, text))) => comparison.process_line(Place { object, line }, text),
            Ok(None) => return,
            Err(_) => return comparison.take_damage(object),
        }
    }
}
