//! Compares one day of a stream with Slack.
//!
//! The verification first reads the day from Slack, then the cursor, and then the day log. In this order, it finds records that the poller stores
//! while it reads Slack. The cursor shows which records may not be stored yet, because the poller writes the cursor after the records that it covers.
//! The verification writes nothing, does not wait, and reads no clock. The caller sets the pace by calling [`Verification::step`], and repeats a
//! step after a transient error.
//!
//! Memory holds the ID, the second and 64 bits of a hash of each record. Of the day's JSON, memory holds only the current page or object.

mod comparison;
mod coverage;
mod findings;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::pin::pin;

use futures_util::StreamExt;

use slacktrail_core::error::Error;
use slacktrail_core::object::DayLogId;
use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, Source, StreamId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use crate::reader::{Object, read_object, read_objects};
use comparison::{Comparison, Place};
use coverage::Coverage;
pub use findings::{Difference, Findings, Kind, Limitation, Reason, SkippedWorkspace, Verdict};
use reading::Reading;
pub use reading::{Position, Step};

/// The age below which records are not compared, because Slack may not return them yet, and the tick that collects them may still run.
pub const MARGIN_SECONDS: i64 = 300;
/// The maximum number of times that the day log is listed. Further lists find the objects that the poller has stored since, if records are missing.
const ROUNDS_MAX: usize = 3;

/// Returns the last second of `day` that can be compared at `now`, or `None` if it is too early to compare any.
pub fn until(day: Day, now: Second) -> Option<Second> {
    Some(day.end().min(now.plus(-MARGIN_SECONDS))).filter(|until| *until >= day.start())
}

/// Returns `true` if Slack can return the records of the day. The day 1970/01/01 holds rows with a malformed time, which Slack returns among
/// the rows of other days.
fn can_be_requested(day: Day) -> bool {
    day != Second::EPOCH.day()
}

/// A comparison of one day of a stream, in progress.
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
    /// Prepares to compare `day` up to the second `until`. Lists the day log first, so that an inaccessible archive is reported before Slack is read.
    ///
    /// # Errors
    /// Returns an error if the day log cannot be listed.
    pub async fn begin(
        ports: &'a Ports<S, D, T, K>,
        source: &'a Source,
        log: LogType,
        (day, until): (Day, Second),
    ) -> Result<Self, Error> {
        let stream = StreamId { source: source.id.clone(), log };
        let listed = ports.day_logs.list(&DayLogId { stream: stream.clone(), day }).await?;
        let reading = Reading::new(source, log, day.start()..=until, can_be_requested(day));
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

    /// Reads a page from Slack with one call, or with two calls if the token was replaced.
    ///
    /// # Errors
    /// Returns an error if the call fails, if Slack rejects it, or if Slack's pages do not end. The caller may repeat the step after a transient
    /// error.
    pub async fn step(&mut self, now: Second) -> Result<Step, Error> {
        self.reading.step(&self.ports.slack, &self.ports.credentials, now).await
    }

    /// Returns the progress of reading Slack.
    pub fn position(&self) -> Position<'_> {
        self.reading.position()
    }

    /// Reads the day log and compares it. Call this after the last [`Verification::step`]. `progress` receives the number of objects read, and the
    /// number of objects to read.
    ///
    /// # Errors
    /// Returns an error if the cursor or an object cannot be loaded. A corrupt object is a finding and not an error.
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
        comparison.add_missing_objects(&numbers);
        let known = comparison::Known {
            coverage: Coverage { since: self.source.since, cursor: cursor.as_ref() },
            until: self.until,
            last_object: self.last_object,
            was_requested: can_be_requested(self.day),
            was_cut_short: self.reading.was_cut_short(),
            skipped_workspaces: self.reading.skipped_workspaces(),
        };
        let undated = self.reading.undated();
        Ok(Findings { pages: self.position().pages, undated, ..comparison.finish(&self.stream, known) })
    }

    /// Compares the objects with these numbers.
    async fn compare(
        &self,
        comparison: &mut Comparison,
        numbers: &[u32],
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Error> {
        let log = self.day_log();
        let mut objects = pin!(read_objects(&self.ports.day_logs, &log, numbers));
        for done in 0.. {
            progress(done, numbers.len() as u64);
            match objects.next().await.transpose()? {
                Some((_, Some(object))) => process_object(comparison, &object),
                Some((number, None)) => comparison.add_missing_object(number),
                None => break,
            }
        }
        Ok(())
    }

    fn day_log(&self) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day: self.day }
    }

    /// Returns a stored line unchanged, or `None` if the object or the line does not exist.
    ///
    /// # Errors
    /// Returns an error if the object cannot be read or decompressed.
    pub async fn stored_line(&self, object: u32, line: u64) -> Result<Option<String>, Error> {
        let object = read_object(&self.ports.day_logs, self.day_log().key(object)).await?;
        object.map_or(Ok(None), |object| object.line(line))
    }

    /// Restarts reading Slack for the seconds in `range`, to keep the JSON of the records in `ids`.
    pub fn read_again(&mut self, ids: HashSet<RowId>, range: RangeInclusive<Second>) {
        self.reading = Reading::new(self.source, self.stream.log, range, can_be_requested(self.day)).keeping(ids);
    }

    /// Returns the JSON of the requested records that Slack has returned since [`Verification::read_again`].
    pub fn kept(&self) -> &BTreeMap<RowId, String> {
        self.reading.kept()
    }
}

fn process_object(comparison: &mut Comparison, object: &Object) {
    comparison.count_object();
    let number = object.key.number;
    let read = object.for_each_line(|line, text| comparison.process_line(Place { object: number, line }, text));
    if read.is_err() {
        comparison.add_corrupt_object(number);
    }
}
