//! Compares days of a stream with Slack.
//!
//! A verification first reads all days from Slack in one go, then the cursor, and then the day log of one day after the other. In this order, it
//! finds records that the poller stores while it reads Slack. The cursor shows which records may not be stored yet, because the poller writes the
//! cursor after the records that it covers.
//!
//! Any time may pass between these steps:
//! - A record that Slack returned earlier must be stored by now, unless the cursor that is read now says otherwise.
//! - A line that Slack did not return may have been stored since. Such a line is in an object that was created after the verification began, so
//!   its number is greater than that of the day's last object at that time. These lines are not compared.
//!
//! The verification does not wait and reads no clock. The caller sets the pace by calling [`Verification::step`], and repeats a step after a
//! transient error. The verification writes only to its [`WorkingFiles`], after each page: first the records of the page, then a
//! [`Checkpoint`]. A later process can continue from there. It may read records twice. These have the same ID, so they count once.
//!
//! Memory holds the current page or object and a hash table of one day. Per record, the table has the ID, the second and 64 bits of a hash, in at
//! most 76 bytes (more if the log is read per workspace). The records of all other days are in the working files, with [`ENTRY_BYTES`] each.

mod checkpoint;
mod comparison;
mod findings;
mod not_collected;
mod outages;
mod period;
mod reading;
mod slack_records;
#[cfg(test)]
mod tests;
mod working_files;

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::pin::pin;

use futures_util::StreamExt;

use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::object::DayLogId;
use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, Source, StreamId};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use crate::reader::{read_object, read_objects};
pub use checkpoint::{Checkpoint, Unusable};
use comparison::Comparison;
pub use findings::{Difference, Findings, Kind, Limitation, Reason, SkippedWorkspace, Verdict};
use outages::Timing;
pub use outages::{Cause, Lateness, Outage};
pub use period::{MARGIN_SECONDS, Period};
use reading::Reading;
pub use reading::{Position, Step};
pub use slack_records::ENTRY_BYTES;
use slack_records::{Entry, SlackRecords};
pub use working_files::WorkingFiles;

/// The maximum number of times that the day log is listed. Further lists find the objects that the poller has stored since, if records are missing.
const ROUNDS_MAX: usize = 3;
/// The maximum number of days before the period in which [`Verification::outages`] looks for the first object.
const EARLIER_DAYS_MAX: usize = 31;

/// Returns `true` if Slack can return the records of the day. The day 1970/01/01 holds rows with a malformed time, which Slack returns among
/// the rows of other days.
fn can_be_requested(day: Day) -> bool {
    day != Second::EPOCH.day()
}

/// A comparison of days of a stream, in progress.
pub struct Verification<'a, S, D, T, K, W> {
    ports: &'a Ports<S, D, T, K>,
    source: &'a Source,
    stream: StreamId,
    period: Period,
    /// The number of each day log's last object before Slack was read.
    last_objects: BTreeMap<Day, u32>,
    reading: Reading<'a>,
    /// A second reading, which only keeps the JSON of some records.
    second_reading: Option<Reading<'a>>,
    files: W,
    /// The cursor after Slack was read. `None` until it is loaded.
    cursor: Option<Option<Cursor>>,
    timing: Timing,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore, W: WorkingFiles>
    Verification<'a, S, D, T, K, W>
{
    /// Prepares to compare the days of `period`. Lists the day logs first, so that an inaccessible archive is reported before Slack is read.
    ///
    /// # Errors
    /// Returns an error if a day log cannot be listed.
    pub async fn begin(
        ports: &'a Ports<S, D, T, K>,
        source: &'a Source,
        log: LogType,
        period: Period,
        files: W,
    ) -> Result<Self, Error> {
        let stream = StreamId { source: source.id.clone(), log };
        let mut last_objects = BTreeMap::new();
        for day in period.days() {
            let listed = ports.day_logs.list(&DayLogId { stream: stream.clone(), day }).await?;
            last_objects.insert(day, listed.last().copied().unwrap_or(0));
        }
        let reading = Reading::new(source, log, period.seconds(), can_be_requested(period.first()));
        Ok(Verification::of(ports, source, stream, (period, last_objects, reading), files))
    }

    /// Continues a verification from the checkpoint that it saved to the same working files.
    pub fn resume(ports: &'a Ports<S, D, T, K>, source: &'a Source, checkpoint: Checkpoint, files: W) -> Self {
        let Checkpoint { log, period, last_objects, reading, .. } = checkpoint;
        let stream = StreamId { source: source.id.clone(), log };
        let reading = Reading::resume(source, log, reading);
        Verification::of(ports, source, stream, (period, last_objects, reading), files)
    }

    fn of(
        ports: &'a Ports<S, D, T, K>,
        source: &'a Source,
        stream: StreamId,
        (period, last_objects, reading): (Period, BTreeMap<Day, u32>, Reading<'a>),
        files: W,
    ) -> Self {
        Verification {
            ports,
            source,
            stream,
            period,
            last_objects,
            reading,
            second_reading: None,
            files,
            cursor: None,
            timing: Timing::default(),
        }
    }

    /// Returns the working files, which another process can continue from.
    pub fn into_files(self) -> W {
        self.files
    }

    /// Returns the period that is compared. A step may shorten it, if the local clock is ahead of Slack's.
    pub fn period(&self) -> Period {
        self.period
    }

    /// Reads a page from Slack with one call, or with two calls if the token was replaced.
    ///
    /// # Errors
    /// Returns an error if the call fails, if Slack rejects it, if Slack's pages do not end, or if the working files cannot be written. The caller
    /// may repeat the step after a transient error.
    pub async fn step(&mut self, now: Second) -> Result<Step, Error> {
        if let Some(reading) = &mut self.second_reading {
            return reading.step(&self.ports.slack, &self.ports.credentials, now).await;
        }
        let step = self.reading.step(&self.ports.slack, &self.ports.credentials, now).await?;
        if let Some(until) = self.reading.shortened_to.take() {
            self.period = self.period.shortened_to(until);
        }
        for (day, entries) in std::mem::take(&mut self.reading.entries) {
            self.files.append(day, &entries)?;
        }
        self.files.save(&Checkpoint::of(self, now).encode())?;
        Ok(step)
    }

    /// Returns the progress of reading Slack.
    pub fn position(&self) -> Position<'_> {
        self.second_reading.as_ref().unwrap_or(&self.reading).position()
    }

    /// Reads the day log of a day of the period and compares it. Call this after the last [`Verification::step`]. `progress` receives the number
    /// of objects read, and the number of objects to read.
    ///
    /// # Errors
    /// Returns an error if the cursor, an object or the working files cannot be read. A corrupt object is a finding and not an error.
    pub async fn conclude(&mut self, day: Day, mut progress: impl FnMut(u64, u64)) -> Result<Findings, Error> {
        let cursor = self.cursor().await?;
        let mut comparison = Comparison::new(self.stream.log, day, self.slack_records(day)?);
        let mut read: HashSet<u32> = HashSet::new();
        let mut numbers = Vec::new();
        for _ in 0..ROUNDS_MAX {
            numbers = self.ports.day_logs.list(&self.day_log(day)).await?;
            let new: Vec<u32> = numbers.iter().copied().filter(|number| !read.contains(number)).collect();
            self.compare(&mut comparison, (day, &new), &mut progress).await?;
            read.extend(&new);
            if new.is_empty() || comparison.is_whole() {
                break;
            }
        }
        comparison.add_missing_objects(&numbers);
        let known = comparison::Known {
            cursor: cursor.as_ref(),
            until: self.period.until_on(day),
            last_object: self.last_objects.get(&day).copied().unwrap_or(0),
            was_requested: can_be_requested(day),
            was_cut_short: self.reading.state.was_cut_short,
            skipped_workspaces: &self.reading.state.skipped,
            workspace_ids: &self.reading.state.workspace_ids,
        };
        let undated = if can_be_requested(day) { self.slack_records(Second::EPOCH.day())?.len() as u64 } else { 0 };
        let (findings, timing) = comparison.finish(&self.stream, known);
        self.timing.extend(timing);
        Ok(Findings { pages: self.reading.state.pages, undated, ..findings })
    }

    /// Loads the stream's cursor the first time.
    async fn cursor(&mut self) -> Result<Option<Cursor>, Error> {
        if let Some(cursor) = &self.cursor {
            return Ok(cursor.clone());
        }
        let stored = self.ports.deployment.load().await?.cursors.remove(&self.stream);
        let cursor = stored.map(|(_, cursor)| cursor).transpose();
        let cursor = cursor.map_err(|mut error| {
            error.message = format!("{}: {}", self.stream, error.message);
            error
        })?;
        self.cursor = Some(cursor.clone());
        Ok(cursor)
    }

    /// Returns the records of a day that Slack returned.
    fn slack_records(&self, day: Day) -> Result<SlackRecords, Error> {
        let mut records = SlackRecords::with_capacity(self.files.bytes(day));
        self.files.read(day, &mut |entries| Entry::decode(entries).for_each(|entry| records.add(&entry)))?;
        Ok(records)
    }

    /// Compares the objects of a day with these numbers.
    async fn compare(
        &self,
        comparison: &mut Comparison,
        (day, numbers): (Day, &[u32]),
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), Error> {
        let log = self.day_log(day);
        let mut objects = pin!(read_objects(&self.ports.day_logs, &log, numbers));
        for done in 0.. {
            progress(done, numbers.len() as u64);
            match objects.next().await.transpose()? {
                Some((_, Some(object))) => comparison.process_object(&object),
                Some((number, None)) => comparison.add_missing_object(number),
                None => break,
            }
        }
        Ok(())
    }

    fn day_log(&self, day: Day) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day }
    }

    /// Returns the cursor that was read after Slack, or `None` if the stream has none or no day is compared yet.
    pub fn cursor_read(&self) -> Option<&Cursor> {
        self.cursor.as_ref()?.as_ref()
    }

    /// Returns the outages that the compared days show, oldest first. The first one may be the initial history. Call this after the last day
    /// is compared.
    ///
    /// # Errors
    /// Returns an error if an earlier day log cannot be listed.
    pub async fn outages(&self) -> Result<Vec<Outage>, Error> {
        let mut outages = self.timing.outages(self.source, self.cursor_read(), self.period.until());
        if let Some(first) = outages.first_mut()
            && let Some(to) = first.to
            && Some(to) == self.timing.first_stored()
            && self.is_first_tick(to).await?
        {
            first.cause = Cause::InitialHistory;
        }
        Ok(outages)
    }

    /// Returns `true` if slacktrail stored nothing before `at`. The compared days must show nothing earlier.
    ///
    /// Looks for the first object of an earlier day. slacktrail collects the initial history newest first, so it stores the objects of
    /// earlier days after the first tick. If this object was stored before `at`, an earlier tick ran.
    async fn is_first_tick(&self, at: Second) -> Result<bool, Error> {
        let Some(cursor) = self.cursor_read() else { return Ok(false) };
        let mut day = self.period.first();
        for _ in 0..EARLIER_DAYS_MAX {
            if day.start() <= cursor.since {
                return Ok(true);
            }
            day = day.start().plus(-1).day();
            let log = self.day_log(day);
            let Some(number) = self.ports.day_logs.list(&log).await?.into_iter().min() else { continue };
            let object = read_object(&self.ports.day_logs, log.key(number)).await.ok().flatten();
            let mut stored = None;
            // A corrupt object of another day says nothing here.
            let read =
                object.map(|object| object.for_each_record(|_, line| stored = stored.or_else(|| line.collected_at())));
            return Ok(matches!(read, Some(Ok(()))) && stored.is_some_and(|stored| stored >= at));
        }
        Ok(false)
    }

    /// Returns a stored line unchanged, or `None` if the object or the line does not exist.
    ///
    /// # Errors
    /// Returns an error if the object cannot be read or decompressed.
    pub async fn stored_line(&self, day: Day, object: u32, line: u64) -> Result<Option<String>, Error> {
        let object = read_object(&self.ports.day_logs, self.day_log(day).key(object)).await?;
        object.map_or(Ok(None), |object| object.line(line))
    }

    /// Starts to read Slack again for the seconds in `range`, to keep the JSON of the records in `ids`.
    pub fn read_again(&mut self, ids: HashSet<RowId>, range: RangeInclusive<Second>) {
        let can_be_requested = can_be_requested(self.period.first());
        let mut reading = Reading::new(self.source, self.stream.log, range, can_be_requested);
        reading.wanted = Some(ids);
        self.second_reading = Some(reading);
    }

    /// Returns the JSON of the requested records that Slack has returned since [`Verification::read_again`].
    pub fn kept(&self) -> &BTreeMap<RowId, String> {
        &self.second_reading.as_ref().unwrap_or(&self.reading).kept
    }
}
