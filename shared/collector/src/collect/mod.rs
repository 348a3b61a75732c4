//! One tick of one stream. [`Collector::collect_gaps`] shows the protocol.
//!
//! The decisions are [`StreamTick`]'s, which is pure. The collector carries them out: it reads pages of Slack into a batch, appends the batch to
//! the day logs, and replaces the stored cursor, in this order. The stored cursor therefore never claims more than the day logs contain, and a
//! tick is safe to interrupt. If a step fails, a later tick repeats it and stores only the missing records.
//!
//! - `call`: one call to Slack, with a token that may have been replaced.
//! - `page`: a response that is read while it arrives.
//! - `rows`: the rows of a page, compared with the day logs in blocks.

mod call;
mod page;
mod rows;

use std::collections::HashSet;

use jiff::Timestamp;

use call::TokenInUse;

use crate::day_log;
use crate::tick::StreamLimits;
use slacktrail_core::batch::Batch;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::day_log_cache::DayLogCaches;
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::line::LineWriter;
use slacktrail_core::record::RowId;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{Source, StreamId};
use slacktrail_core::stream::{ActiveGap, NextStep, PageRead, StreamOutcome, StreamTick, WalkCache};
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, ReplaceOutcome, Slack, Version};
use slacktrail_tokens::refresh::RefreshFailure;

/// The cache of a stream between the ticks of one process. Without it, a tick only has to read more.
#[derive(Clone, Debug)]
pub(crate) struct StreamCache {
    walk: WalkCache,
    ids: IdCache,
}

/// The cache of the IDs of a stream's stored records.
#[derive(Clone, Debug)]
struct IdCache {
    /// The cursor version that `day_logs` belongs to.
    version: Option<Version>,
    day_logs: DayLogCaches,
    /// Record IDs that are known to be stored, from a page that could not be checked to its end.
    known_stored: HashSet<RowId>,
}

impl IdCache {
    fn new(stream: StreamId) -> IdCache {
        IdCache { version: None, day_logs: DayLogCaches::new(stream), known_stored: HashSet::new() }
    }
}

impl StreamCache {
    /// Creates an empty cache.
    pub(crate) fn new(stream: StreamId) -> StreamCache {
        StreamCache { walk: WalkCache::new(stream.log), ids: IdCache::new(stream) }
    }

    /// Creates a cache of `count` record IDs.
    #[cfg(test)]
    pub(crate) fn with_cached_ids(stream: StreamId, count: u8) -> StreamCache {
        let mut cache = StreamCache::new(stream);
        let ids = (0..count).map(|n| (RowId([n; 16]), Second::EPOCH));
        cache.ids.day_logs.add_object(Second::EPOCH.day(), ids);
        cache
    }

    /// Returns the number of cached record IDs.
    pub(crate) fn cached_ids(&self) -> usize {
        self.ids.day_logs.id_count() + self.ids.known_stored.len()
    }

    /// Drops the cached record IDs, except those of an unfinished page, without which the page would not be finished.
    pub(crate) fn clear_ids(&mut self) {
        self.ids.day_logs.clear_ids();
    }
}

/// Carries out one tick of one stream.
pub(crate) struct Collector<'a, S, D, T, K> {
    ports: &'a Ports<S, D, T, K>,
    source: &'a Source,
    stream: &'a StreamId,
    limits: &'a StreamLimits<'a>,
    now: Second,
    tick: StreamTick<'a>,
    /// The version of the stored cursor, or `None` if none is stored.
    version: Option<Version>,
    /// Whether another invocation has replaced the cursor. The next tick loads it.
    conflict: bool,
    ids: &'a mut IdCache,
    /// Record IDs of the current page that are stored, or will be with the batch.
    checked_ids: Vec<RowId>,
    lines: LineWriter,
    token: Option<TokenInUse>,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    /// Prepares a tick from the stored cursor.
    pub(crate) fn new(
        ports: &'a Ports<S, D, T, K>,
        (source, stream): (&'a Source, &'a StreamId),
        now: Timestamp,
        limits: &'a StreamLimits<'a>,
        stored: Option<(Version, Cursor)>,
        cache: &'a mut StreamCache,
    ) -> Self {
        let (version, cursor) = stored.map_or((None, None), |(version, cursor)| (Some(version), Some(cursor)));
        let StreamCache { walk, ids } = cache;
        if version.is_none() || ids.version != version {
            // Another writer replaced the cursor, so the cache may be incomplete, or objects may have been deleted for a backfill.
            *ids = IdCache::new(stream.clone());
            ids.version = version;
        }
        let second = Second::of(now);
        Collector {
            ports,
            source,
            stream,
            limits,
            now: second,
            tick: StreamTick::new(source, stream.log, second, limits.calls_max, cursor, walk),
            version,
            conflict: false,
            ids,
            checked_ids: Vec::new(),
            lines: LineWriter::new(source, stream.log, now),
            token: None,
        }
    }

    /// Collects gaps, the most urgent first, until none is left or the tick's calls or time are used up. `refresh_failure` is the reason why a due token
    /// could not be refreshed.
    pub(crate) async fn collect(mut self, refresh_failure: Option<&RefreshFailure>) -> StreamOutcome {
        let error = match refresh_failure {
            Some(failure) if failure.token_expired => Some(failure.error.clone()), // Slack would reject every call
            _ => match self.collect_gaps().await {
                Ok(()) => None,
                Err(error) => Some(self.confirm(error).await),
            },
        };
        self.tick.finish(error, refresh_failure.map(|failure| &failure.error));
        let saved = self.save().await;
        if self.tick.is_done() {
            self.ids.day_logs.retain(|day| self.tick.keeps_cached(day));
        }
        self.tick.into_outcome(saved.err())
    }

    async fn collect_gaps(&mut self) -> Result<(), Error> {
        if self.budget_exhausted() {
            return Ok(());
        }
        self.list_workspaces_if_due().await?;
        self.tick.open_gaps();
        while let Some(mut active) = self.tick.next_gap() {
            let mut batch = Batch::default();
            let walked = self.walk(&mut active, &mut batch).await; // pages, until they fill a batch
            self.tick.pause_walk(&mut active, walked.is_err());
            // Records first ...
            if let Err(error) = self.store(&walked, &mut batch).await {
                self.tick.roll_back(active);
                return Err(error);
            }
            self.tick.commit(active, walked.is_err()); // ... then what is left to do ...
            self.save().await?; // ... and the cursor last
            walked?;
            if self.conflict || self.budget_exhausted() {
                break;
            }
        }
        Ok(())
    }

    fn budget_exhausted(&self) -> bool {
        self.tick.calls_exhausted() || (self.limits.deadline_reached)()
    }

    /// Reads pages of a gap into the batch until the gap is complete, the batch is full, or the tick's calls or time are used up.
    ///
    /// # Errors
    ///
    /// Returns an error if a page cannot be read. The batch contains the records that were read before, and the gap reflects that.
    async fn walk(&mut self, active: &mut ActiveGap, batch: &mut Batch) -> Result<(), Error> {
        let mut step = if active.is_complete { NextStep::Done } else { NextStep::ReadPage };
        while step != NextStep::Done && batch.bytes() < self.limits.batch_bytes && !self.budget_exhausted() {
            let (request, page_rows) = self.tick.request(active);
            let read = self.read_page(active, (&request, page_rows), batch).await;
            step = self.tick.after_page(active, (&request, page_rows), read)?;
            if step == NextStep::ListWorkspaces {
                self.list_workspaces_if_due().await?;
                step = self.tick.begin_round(active);
            }
        }
        Ok(())
    }

    /// Requests a page, and adds its new records to the batch.
    async fn read_page(
        &mut self,
        active: &mut ActiveGap,
        asked: (&Request, u32),
        batch: &mut Batch,
    ) -> Result<PageRead, Error> {
        let page = self.call(asked.0).await?;
        match page.page_error(self.now) {
            None => self.read_rows(active, page, asked, batch).await.map(|is_end| PageRead::Page { is_end }),
            Some(error) => Ok(PageRead::Refused { error, date: page.response.date.map(Second::of) }),
        }
    }

    /// Stores the batch of a walk.
    ///
    /// # Errors
    ///
    /// Returns an error if the batch cannot be appended. Also returns the walk's own error if a day log is damaged, and then stores nothing,
    /// because the next number may belong to a missing object.
    async fn store(&mut self, walked: &Result<(), Error>, batch: &mut Batch) -> Result<(), Error> {
        match walked {
            Err(error) if (error.origin, error.kind) == (Origin::Deployment, ErrorKind::Investigate) => {
                return Err(error.clone());
            }
            _ => self.append(batch).await?,
        }
        if !self.checked_ids.is_empty() {
            self.ids.known_stored = self.checked_ids.drain(..).collect(); // a page that spans many long days is checked over several ticks
        }
        Ok(())
    }

    /// Appends the lines of the batch to the day logs, and clears the batch.
    async fn append(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let (store, level) = (&self.ports.day_logs, self.limits.gzip_level);
        day_log::append(store, &mut self.ids.day_logs, batch, level, self.tick.counts()).await?;
        *self.tick.counts() += batch.counts;
        batch.clear(self.limits.batch_bytes);
        let today = self.now.day();
        self.ids.day_logs.evict(today, today.end(), self.limits.cached_ids_max);
        Ok(())
    }

    /// Replaces the stored cursor if it has changed, and no other invocation has replaced it.
    async fn save(&mut self) -> Result<(), Error> {
        let Some(cursor) = self.tick.cursor_to_save(self.ids.day_logs.last_objects()) else { return Ok(()) };
        if self.conflict {
            return Ok(());
        }
        self.ids.version = None; // until the outcome is known
        match self.ports.deployment.replace_cursor(self.stream, self.version, cursor).await? {
            ReplaceOutcome::Replaced(version) => {
                (self.version, self.ids.version) = (Some(version), Some(version));
                self.tick.cursor_saved();
            }
            ReplaceOutcome::Conflict => self.conflict = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::LogType;

    #[test]
    fn ids_of_unfinished_page_count_as_cached() {
        let stream = StreamId { source: "acme".parse().unwrap(), log: LogType::Audit };
        let mut cache = StreamCache::new(stream);
        cache.ids.known_stored.insert(RowId([1; 16]));
        assert_eq!(cache.cached_ids(), 1);
    }
}
