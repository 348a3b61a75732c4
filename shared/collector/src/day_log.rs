//! Appends records to the day logs of one stream, and caches the IDs of the records that they contain.
//!
//! A day log is a sequence of objects numbered from 1. The only way to write is to create the next number. If that number exists, the writer
//! reads the existing object, drops the records that it contains, and tries the next number with the rest. S3 thereby orders all writers, and a
//! stale writer learns what it missed before it can write. The protocol needs no lock and no clock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::future::join_all;
use futures_util::lock::Mutex;

use slacktrail_core::batch::{Batch, BatchLine};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, ObjectKey, decode, encode, missing_numbers};
use slacktrail_core::record::RowId;
use slacktrail_core::source::StreamId;
use slacktrail_core::stream::TickCounts;
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Day, Second};
use slacktrail_ports::{CreateOutcome, DayLogStore};

/// Maximum objects that are read concurrently.
const READS_AT_ONCE: u32 = 8;
/// Attempts to append one batch before the tick gives up. Each failed attempt means that another writer came first.
const ATTEMPTS_MAX: u32 = 64;

/// The cached part of one day log.
#[derive(Clone, Debug, Default)]
struct DayLogCache {
    /// The number of the last known object.
    last_object: u32,
    /// IDs of all records, or of those from a certain second on.
    recent: IdWindow,
    /// IDs of earlier records, if the cache cannot hold all. A backlog continues here from tick to tick, while live records of the same day use
    /// `recent`.
    older: Option<IdWindow>,
}

/// The IDs of the records of a time range. A range without a limit covers the whole day.
#[derive(Clone, Debug, Default)]
struct IdWindow {
    /// Objects from 1 up to this number were not read.
    unread: u32,
    /// No unread object contains a record from this second or later.
    read_back_to: Option<Second>,
    /// IDs of records before this second were evicted.
    kept_from: Option<Second>,
    /// IDs of records after this second were evicted.
    kept_until: Option<Second>,
    /// The IDs of stored records, with the records' times.
    stored_ids: HashMap<RowId, Second>,
}

/// The cached day logs of one stream. The cache is valid as long as the cursor's version is the one that this process wrote.
#[derive(Clone, Debug)]
pub struct DayLogs {
    stream: StreamId,
    days: BTreeMap<Day, DayLogCache>,
}

impl DayLogs {
    /// Creates an empty cache.
    pub fn new(stream: StreamId) -> DayLogs {
        DayLogs { stream, days: BTreeMap::new() }
    }

    /// Creates the cache of a day log with one object of `count` records.
    #[cfg(test)]
    pub(crate) fn with_ids(stream: StreamId, count: u8) -> DayLogs {
        let mut open = DayLogCache::unread(0);
        open.add_object((0..count).map(|n| (RowId([n; 16]), Second::EPOCH)));
        DayLogs { stream, days: BTreeMap::from([(Second::EPOCH.day(), open)]) }
    }

    fn log(&self, day: Day) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day }
    }

    /// Caches the IDs of the records stored in `range`, and returns the second from which the cache is complete.
    ///
    /// Reads objects from newest to oldest, and stops at the first object that was stored before `range` starts, because a record cannot be
    /// stored before it happens. The result is later than the start of `range` if `range` holds more than `stored_ids_max` IDs.
    ///
    /// # Errors
    ///
    /// Returns an error if an object is missing or corrupt, if the store fails, or if the deadline is reached. The cache keeps the objects read
    /// so far, so the next tick continues from there.
    pub(crate) async fn load_ids<D: DayLogStore>(
        &mut self,
        store: &D,
        last_objects: &BTreeMap<Day, u32>,
        day: Day,
        range: RangeInclusive<Second>,
        limits: &Limits<'_>,
    ) -> Result<Second, Error> {
        let from = if day == Second::EPOCH.day() { Second::EPOCH.plus(i64::MIN) } else { *range.start() }; // records without a time may have been stored at any time
        let last_object = match (self.days.get(&day), last_objects.get(&day)) {
            (Some(open), _) => open.last_object,
            (None, Some(last_object)) => *last_object,
            (None, None) => self.find_last_object(store, day).await?,
        };
        self.days.entry(day).or_insert_with(|| DayLogCache::unread(last_object)).look_back(from, *range.end());
        let log = self.log(day);
        loop {
            let window = self.days.entry(day).or_default().window(*range.end());
            let known_from = window.kept_from.map_or(from, |kept| kept.max(from));
            if window.unread == 0 || window.read_back_to.is_some_and(|back_to| back_to <= known_from) {
                return Ok(known_from);
            }
            if (limits.deadline_reached)() {
                return Err(day_log_read_timeout(&log, window.unread, last_object));
            }
            for object in read_objects(store, &log, window.unread).await {
                window.read_back(object?);
            }
            self.evict(day, *range.end(), limits.stored_ids_max);
        }
    }

    /// Returns those of `ids` that the day log contains, by reading every object.
    ///
    /// This is the slow path for a page that spans more records of one day than the cache can hold. `load_ids` must have been called for the day
    /// before.
    ///
    /// # Errors
    ///
    /// Returns an error if an object is missing or corrupt, if the store fails, or if the deadline is reached.
    pub(crate) async fn find_stored<D: DayLogStore>(
        &self,
        store: &D,
        day: Day,
        ids: &HashSet<RowId>,
        limits: &Limits<'_>,
    ) -> Result<HashSet<RowId>, Error> {
        let mut stored = HashSet::new();
        let Some(open) = self.days.get(&day) else { return Ok(stored) };
        let mut unread = open.last_object;
        while unread > 0 {
            if (limits.deadline_reached)() {
                return Err(day_log_read_timeout(&self.log(day), unread, open.last_object));
            }
            for object in read_objects(store, &self.log(day), unread).await {
                let object = object?;
                unread = object.number - 1;
                stored.extend(object.records.into_iter().map(|(id, _)| id).filter(|id| ids.contains(id)));
            }
        }
        Ok(stored)
    }

    async fn find_last_object<D: DayLogStore>(&self, store: &D, day: Day) -> Result<u32, Error> {
        let numbers = store.list(&self.log(day)).await?;
        match missing_numbers(&numbers).next() {
            None => Ok(numbers.last().copied().unwrap_or(0)),
            Some(missing) => Err(missing_object(&self.log(day).key(missing))),
        }
    }

    /// Returns `true` if the cache contains the record.
    pub fn holds(&self, day: Day, id: &RowId) -> bool {
        self.days.get(&day).is_some_and(|open| open.holds(id))
    }

    /// Appends the records of `batch` that are not stored yet, and adds their counts to `counts`.
    ///
    /// # Errors
    ///
    /// Returns an error if the store fails, or with code `day_log_contention` if other writers take the next number 64 times in a row. The batch
    /// then contains only lines that may not be stored, because the cache need not hold the IDs that were read on the way.
    pub async fn append<D: DayLogStore>(
        &mut self,
        store: &D,
        batch: &mut Batch,
        gzip_level: u32,
        counts: &mut TickCounts,
    ) -> Result<(), Error> {
        while let Some((day, mut lines)) = batch.take_day() {
            lines.sort_unstable_by_key(|line| (line.time, line.id));
            let outcome = self.append_day(store, day, batch.lines_bytes(), &mut lines, gzip_level, counts).await;
            if outcome.is_err() {
                batch.put_back(day, lines);
            }
            outcome?;
        }
        Ok(())
    }

    async fn append_day<D: DayLogStore>(
        &mut self,
        store: &D,
        day: Day,
        bytes: &[u8],
        lines: &mut Vec<BatchLine>,
        gzip_level: u32,
        counts: &mut TickCounts,
    ) -> Result<(), Error> {
        let log = self.log(day);
        let open = self.days.entry(day).or_default();
        lines.retain(|line| !open.holds(&line.id));
        for _ in 0..ATTEMPTS_MAX {
            if lines.is_empty() {
                return Ok(());
            }
            let key = log.key(open.last_object + 1);
            let object = encode(lines.iter().map(|line| &bytes[line.range.clone()]), gzip_level);
            let object_bytes = object.len() as u64;
            match store.create(&key, object).await? {
                CreateOutcome::Created => {
                    open.add_object(lines.iter().map(|line| (line.id, line.time)));
                    counts.records += lines.len() as u64;
                    counts.objects += 1;
                    counts.bytes += object_bytes;
                    return Ok(());
                }
                CreateOutcome::Conflict => {}
                // Another invocation created it, or this one did and the response was lost. Drop the records that it contains.
                CreateOutcome::AlreadyExists => {
                    let object = read_object(store, key).await?;
                    let held: HashSet<RowId> = object.records.iter().map(|(id, _)| *id).collect();
                    lines.retain(|line| !held.contains(&line.id));
                    open.add_object(object.records.into_iter());
                }
            }
        }
        let message = format!(
            "appending to day log `{}`: other writers came first in {ATTEMPTS_MAX} attempts in a row",
            log.prefix()
        );
        Err(Error::deployment(
            ErrorKind::Retry,
            "day_log_contention",
            message,
            "wait for the next tick; if this persists, make sure that only one deployment writes to this bucket",
        ))
    }

    /// Returns the number of the last object of each cached day log.
    pub fn last_objects(&self) -> impl Iterator<Item = (Day, u32)> + '_ {
        self.days.iter().map(|(day, open)| (*day, open.last_object))
    }

    /// Evicts IDs until at most `stored_ids_max` are cached.
    ///
    /// Evicts the IDs of other days first, then those of records after `until` (a walk backwards has already passed them), and then the oldest.
    pub(crate) fn evict(&mut self, day: Day, until: Second, stored_ids_max: usize) {
        if self.id_count() <= stored_ids_max {
            return;
        }
        for (_, open) in self.days.iter_mut().filter(|(other, _)| **other != day) {
            *open = DayLogCache::unread(open.last_object);
        }
        if let Some(open) = self.days.get_mut(&day) {
            open.evict(until, stored_ids_max);
        }
    }

    /// Returns the number of cached IDs.
    pub(crate) fn id_count(&self) -> usize {
        self.days.values().map(DayLogCache::id_count).sum()
    }

    /// Drops all cached IDs, but keeps the numbers of the last objects.
    pub(crate) fn clear_ids(&mut self) {
        self.days.values_mut().for_each(|open| *open = DayLogCache::unread(open.last_object));
    }

    /// Removes a day log from the cache, including the number of its last object.
    pub fn remove(&mut self, day: Day) {
        self.days.remove(&day);
    }

    /// Removes the day logs of days that ended before `second` from the cache.
    pub(crate) fn clear_before(&mut self, second: Second) {
        self.days.retain(|day, _| day.end() >= second);
    }
}

/// The limits of one stream's tick.
pub struct Limits<'a> {
    /// Bytes of lines after which a batch is stored.
    pub batch_bytes: usize,
    /// The gzip level of objects, 0 to 9.
    pub gzip_level: u32,
    /// Maximum number of cached IDs during the tick.
    pub stored_ids_max: usize,
    /// Maximum number of IDs that all streams together cache between ticks.
    pub cached_ids_max: usize,
    /// Maximum calls to Slack. `None` means half of what Slack allows per minute for the log type.
    pub calls_max: Option<u32>,
    /// Returns `true` if the tick must stop.
    pub deadline_reached: &'a dyn Fn() -> bool,
    /// Held by the stream that is reading a long row.
    pub long_rows: &'a Mutex<()>,
}

struct ReadObject {
    number: u32,
    last_modified: Second,
    records: Vec<(RowId, Second)>,
}

/// Reads the objects from `unread` downwards, at most [`READS_AT_ONCE`], newest first.
async fn read_objects<D: DayLogStore>(store: &D, log: &DayLogId, unread: u32) -> Vec<Result<ReadObject, Error>> {
    let lowest = unread.saturating_sub(READS_AT_ONCE - 1).max(1);
    join_all((lowest..=unread).rev().map(|number| read_object(store, log.key(number)))).await
}

async fn read_object<D: DayLogStore>(store: &D, key: ObjectKey) -> Result<ReadObject, Error> {
    let object = store.read(&key).await?.ok_or_else(|| missing_object(&key))?;
    let mut records = Vec::new();
    decode(&key, &object.bytes, |id, time| records.push((id, time)))?;
    Ok(ReadObject { number: key.number, last_modified: Second::of(object.last_modified), records })
}

impl DayLogCache {
    fn unread(last_object: u32) -> DayLogCache {
        DayLogCache { last_object, recent: IdWindow::unread(last_object), older: None }
    }

    fn window(&mut self, until: Second) -> &mut IdWindow {
        match &mut self.older {
            Some(older) if older.kept_until.is_none_or(|kept| until <= kept) => older,
            _ => &mut self.recent,
        }
    }

    /// Resets the window of this time if it must be read again because needed IDs were evicted.
    fn look_back(&mut self, from: Second, until: Second) {
        let last_object = self.last_object;
        let window = self.window(until);
        if window.kept_from.is_some_and(|kept| kept > from) {
            *window = IdWindow { kept_until: window.kept_until, ..IdWindow::unread(last_object) };
        }
    }

    fn holds(&self, id: &RowId) -> bool {
        self.recent.stored_ids.contains_key(id)
            || self.older.as_ref().is_some_and(|older| older.stored_ids.contains_key(id))
    }

    fn id_count(&self) -> usize {
        self.recent.stored_ids.len() + self.older.as_ref().map_or(0, |older| older.stored_ids.len())
    }

    /// Adds the records of the next object, which this or another writer created.
    fn add_object(&mut self, records: impl Iterator<Item = (RowId, Second)> + Clone) {
        self.last_object += 1;
        self.recent.insert(records.clone());
        if let Some(older) = &mut self.older {
            older.insert(records);
        }
    }

    fn evict(&mut self, until: Second, stored_ids_max: usize) {
        if self.id_count() <= stored_ids_max {
            return;
        }
        let is_recent = self.older.as_ref().is_none_or(|older| older.kept_until.is_some_and(|kept| until > kept));
        if is_recent && self.recent.stored_ids.values().any(|time| *time > until) {
            let recent = IdWindow { kept_from: Some(until.plus(1)), ..IdWindow::unread(self.last_object) };
            self.older = Some(std::mem::replace(&mut self.recent, recent));
        }
        if let Some(older) = &mut self.older {
            older.drop_after(until);
            older.drop_oldest(stored_ids_max / 2);
        }
        self.recent.drop_oldest(stored_ids_max - self.older.as_ref().map_or(0, |older| older.stored_ids.len()));
    }
}

impl IdWindow {
    fn unread(last_object: u32) -> IdWindow {
        IdWindow { unread: last_object, ..IdWindow::default() }
    }

    fn insert(&mut self, records: impl Iterator<Item = (RowId, Second)>) {
        let (from, until) = (self.kept_from, self.kept_until);
        let kept = |time: Second| from.is_none_or(|from| time >= from) && until.is_none_or(|until| time <= until);
        self.stored_ids.extend(records.filter(|(_, time)| kept(*time)));
    }

    fn read_back(&mut self, object: ReadObject) {
        self.unread = object.number - 1;
        self.read_back_to = Some(object.last_modified.plus(CLOCK_SKEW_SECONDS));
        self.insert(object.records.into_iter());
    }

    fn drop_after(&mut self, until: Second) {
        self.kept_until = Some(self.kept_until.map_or(until, |kept| kept.min(until)));
        self.stored_ids.retain(|_, time| *time <= until);
        self.stored_ids.shrink_to_fit();
    }

    /// If more than `max` IDs are cached, evicts the IDs of whole seconds, oldest first, until at most half of `max` is left.
    fn drop_oldest(&mut self, max: usize) {
        if self.stored_ids.len() <= max {
            return;
        }
        let mut times: Vec<Second> = self.stored_ids.values().copied().collect();
        let keep = max.div_ceil(2);
        let index = times.len() - 1 - keep;
        let kept_from = times.select_nth_unstable(index).1.plus(1);
        self.stored_ids.retain(|_, time| *time >= kept_from);
        self.kept_from = self.kept_from.max(Some(kept_from));
        self.stored_ids.shrink_to_fit();
    }
}

fn missing_object(key: &ObjectKey) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "missing_object",
        format!("object `{key}` is missing, although its day log has later objects"),
        "restore it from its versions or a copy; if you changed the bucket on purpose, delete the stream's cursor to collect everything again",
    )
}

fn day_log_read_timeout(log: &DayLogId, unread: u32, last_object: u32) -> Error {
    Error::deployment(
        ErrorKind::Retry,
        "day_log_read_timeout",
        format!(
            "reading day log `{}`: the tick ran out of time with {unread} of {last_object} objects still unread",
            log.prefix()
        ),
        "wait for the next tick; if this persists, increase `PollerMemory` to get more CPU",
    )
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt;

    use super::*;
    use slacktrail_core::batch::Counts;
    use slacktrail_core::line::LineWriter;
    use slacktrail_core::record::Record;
    use slacktrail_core::source::{LogType, Plan, Source};
    use slacktrail_ports::StoredObject;

    /// A bucket whose reads fail after a number of them, if that is set.
    #[derive(Default)]
    struct Bucket {
        objects: RefCell<Vec<Vec<u8>>>,
        reads_until_failure: Cell<Option<u32>>,
    }

    impl DayLogStore for Bucket {
        async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
            let mut objects = self.objects.borrow_mut();
            if key.number as usize <= objects.len() {
                return Ok(CreateOutcome::AlreadyExists);
            }
            objects.push(bytes);
            Ok(CreateOutcome::Created)
        }

        async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
            if self.reads_until_failure.get() == Some(0) {
                return Err(Error::deployment(ErrorKind::Retry, "no_response", "a read had no response", "wait"));
            }
            self.reads_until_failure.set(self.reads_until_failure.get().map(|reads| reads - 1));
            let bytes = self.objects.borrow()[key.number as usize - 1].clone();
            let last_modified = at(i64::from(key.number) * 1_000).instant();
            Ok(Some(StoredObject { bytes, last_modified }))
        }

        async fn list(&self, _: &DayLogId) -> Result<Vec<u32>, Error> {
            Ok((1..).take(self.objects.borrow().len()).collect())
        }
    }

    fn stream() -> StreamId {
        StreamId { source: "acme".parse().unwrap(), log: LogType::Audit }
    }

    /// A second of a day on which records without a time are not stored.
    fn at(second: i64) -> Second {
        Second::MARCH_2018.plus(second)
    }

    /// A batch of records with these IDs and seconds of that day.
    fn batch(rows: &[(&str, i64)]) -> Batch {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let writer = LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH);
        let mut batch = Batch::default();
        for (id, time) in rows {
            let row = format!(r#"{{"id":"{id}","date_create":{}}}"#, at(*time).get());
            let record = Record::read(LogType::Audit, None, &row);
            let mut line = Vec::new();
            let id_at = writer.write(&record, record.id, &mut line);
            assert!(batch.add(record.id, record.time.unwrap(), &line, id_at, Counts::default()));
        }
        batch
    }

    /// Returns how many records an append stores, or `None` if it fails.
    fn append(logs: &mut DayLogs, bucket: &Bucket, batch: &mut Batch) -> Option<u64> {
        let mut appended = TickCounts::default();
        let outcome = logs.append(bucket, batch, 0, &mut appended).now_or_never().unwrap();
        outcome.is_ok().then_some(appended.records)
    }

    #[test]
    fn retried_append_skips_records_found_by_first_attempt() {
        let bucket = Bucket::default();
        let mut others = DayLogs::new(stream());
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("old", 10)])), Some(1));
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("late", 500)])), Some(1));

        // The cache keeps no IDs from before second 400.
        let mut stale = DayLogs::new(stream());
        let recent = IdWindow { kept_from: Some(at(400)), ..IdWindow::default() };
        stale.days.insert(at(0).day(), DayLogCache { recent, ..DayLogCache::default() });
        let mut wanted = batch(&[("old", 10), ("new", 20)]);
        bucket.reads_until_failure.set(Some(1));
        assert_eq!(append(&mut stale, &bucket, &mut wanted), None, "it has read only the first object");
        bucket.reads_until_failure.set(None);
        assert_eq!(append(&mut stale, &bucket, &mut wanted), Some(1), "the new one");
        assert_eq!(append(&mut stale, &bucket, &mut wanted), Some(0));
    }

    /// Returns 20 objects and day logs without cached IDs. The nth object contains one record of second n * 1,000 and was created then.
    fn twenty_objects() -> (DayLogs, Bucket) {
        let (mut logs, bucket) = (DayLogs::new(stream()), Bucket::default());
        for n in 1..=20 {
            assert_eq!(append(&mut logs, &bucket, &mut batch(&[(&n.to_string(), n * 1_000)])), Some(1));
        }
        logs.clear_ids();
        (logs, bucket)
    }

    fn row_id(n: i64) -> RowId {
        Record::read(LogType::Audit, None, &format!(r#"{{"id":"{n}","date_create":{}}}"#, at(n * 1_000).get())).id
    }

    fn limits<'a>(stored_ids_max: usize, long_rows: &'a Mutex<()>) -> Limits<'a> {
        Limits {
            batch_bytes: 1 << 20,
            gzip_level: 0,
            stored_ids_max,
            cached_ids_max: stored_ids_max,
            calls_max: None,
            deadline_reached: &|| false,
            long_rows,
        }
    }

    #[test]
    fn day_log_is_read_eight_at_once_back_to_range_start() {
        let ((mut logs, bucket), long_rows) = (twenty_objects(), Mutex::new(()));
        let day = at(0).day();
        let reads = |logs: &mut DayLogs, from: i64| {
            bucket.reads_until_failure.set(Some(20));
            let (last_objects, limits) = (BTreeMap::new(), limits(99, &long_rows));
            let loaded = logs.load_ids(&bucket, &last_objects, day, at(from)..=at(20_000), &limits).now_or_never();
            assert_eq!(loaded.unwrap().unwrap(), at(from));
            20 - bucket.reads_until_failure.get().unwrap()
        };
        assert_eq!(reads(&mut logs, 15_000), 8);
        let held = |logs: &DayLogs| (1..=20).filter(|n| logs.holds(day, &row_id(*n))).collect::<Vec<_>>();
        assert_eq!(held(&logs), (13..=20).collect::<Vec<_>>());
        assert_eq!(reads(&mut logs, 15_000), 0, "cached");
        assert_eq!(reads(&mut logs, 1), 12, "the rest");
        assert_eq!(reads(&mut logs, 1), 0);
        assert_eq!(held(&logs).len(), 20);
    }

    /// Shows the reason for the second window: with one window, each of these ticks reads 24 objects.
    #[test]
    fn backlog_and_live_ranges_of_day_beyond_cache_are_read_once() {
        let ((mut logs, bucket), long_rows) = (twenty_objects(), Mutex::new(()));
        let day = at(0).day();
        let mut tick = || {
            bucket.reads_until_failure.set(Some(99));
            for range in [at(19_500)..=at(20_500), at(7_500)..=at(9_500)] {
                let (last_objects, limits) = (BTreeMap::new(), limits(6, &long_rows));
                let loaded = logs.load_ids(&bucket, &last_objects, day, range, &limits).now_or_never();
                loaded.unwrap().unwrap();
            }
            99 - bucket.reads_until_failure.get().unwrap()
        };
        assert_eq!([tick(), tick(), tick()], [24, 8, 0]);
    }

    #[test]
    fn records_beyond_cache_are_found_by_reading_whole_day_log() {
        let ((logs, bucket), long_rows) = (twenty_objects(), Mutex::new(()));
        bucket.reads_until_failure.set(Some(20));
        let wanted = [1, 9, 20, 99].map(row_id).into();
        let found = logs.find_stored(&bucket, at(0).day(), &wanted, &limits(2, &long_rows)).now_or_never();
        assert_eq!(found.unwrap().unwrap(), [1, 9, 20].map(row_id).into());
        assert_eq!(bucket.reads_until_failure.get(), Some(0), "each object once");
    }

    #[test]
    fn closed_day_logs_are_evicted() {
        let (mut logs, _) = twenty_objects();
        let day = at(0).day();
        logs.clear_before(day.end());
        assert_eq!(logs.last_objects().collect::<Vec<_>>(), [(day, 20)]);
        let mut removed = logs.clone();
        removed.remove(day);
        logs.clear_before(day.end().plus(1));
        assert_eq!((removed.last_objects().count(), logs.last_objects().count()), (0, 0));
    }

    /// Returns the number of unread objects, the kept range, and the seconds of the cached records.
    fn shown(window: &IdWindow) -> (u32, Option<i64>, Option<i64>, Vec<i64>) {
        let mut seconds: Vec<i64> = window.stored_ids.values().map(|time| time.since(at(0))).collect();
        seconds.sort_unstable();
        let second = |time: Option<Second>| time.map(|time| time.since(at(0)));
        (window.unread, second(window.kept_from), second(window.kept_until), seconds)
    }

    fn records(seconds: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = (RowId, Second)> + Clone {
        seconds.map(|second| (RowId([second; 16]), at(second.into())))
    }

    /// Returns a day log of one object with records of seconds 1 to 10.
    fn ten_records() -> DayLogCache {
        let mut open = DayLogCache::unread(0);
        open.add_object(records(1..=10));
        open
    }

    #[test]
    fn cache_keeps_ids_for_backlog_and_live_records() {
        let mut open = ten_records();
        open.evict(at(6), 10);
        assert_eq!(shown(&open.recent), (0, None, None, (1..=10).collect()), "the cache is large enough");
        open.evict(at(6), 4);
        assert_eq!(shown(open.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&open.recent), (1, Some(7), None, vec![]));

        open.add_object(records([5, 6, 7, 8, 9, 10].into_iter()));
        assert_eq!((open.last_object, open.id_count()), (2, 5), "neither window keeps second 5");
        assert!(open.holds(&RowId([6; 16])) && open.holds(&RowId([7; 16])) && !open.holds(&RowId([5; 16])));
        let mut later = open.clone();
        open.evict(at(6), 4);
        assert_eq!(shown(open.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&open.recent), (1, Some(9), None, vec![9, 10]));

        later.evict(at(8), 4);
        assert_eq!(
            shown(later.older.as_ref().unwrap()),
            (1, Some(7), Some(8), vec![7, 8]),
            "the backlog has reached it"
        );
        assert_eq!(shown(&later.recent), (2, Some(9), None, vec![]));

        let mut live = ten_records();
        live.evict(at(10), 4);
        assert!(live.older.is_none(), "no record is later than the range");
        assert_eq!(shown(&live.recent), (0, Some(9), None, vec![9, 10]));
    }

    #[test]
    fn evicted_ids_are_read_again_when_needed() {
        let mut open = ten_records();
        open.evict(at(6), 4);
        open.add_object(records(7..=10));
        open.evict(at(6), 4);
        let (older, recent) = ((0, Some(6), Some(6), vec![6]), (1, Some(9), None, vec![9, 10]));
        let (older_reset, recent_reset) = ((2, None, Some(6), vec![]), (2, None, None, vec![]));
        for (from, until, expected) in [
            (6, 6, (older.clone(), recent.clone())),
            (9, 10, (older.clone(), recent.clone())),
            (3, 6, (older_reset, recent)),
            (7, 8, (older, recent_reset)),
        ] {
            let mut open = open.clone();
            open.look_back(at(from), at(until));
            assert_eq!((shown(open.older.as_ref().unwrap()), shown(&open.recent)), expected, "{from} to {until}");
        }
    }
}
