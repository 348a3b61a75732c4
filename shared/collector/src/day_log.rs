//! Appends records to the day logs of one stream, and reads back the IDs of the records that they contain.
//!
//! A day log is a sequence of objects numbered from 1. The only way to write is to create the next number. If that number exists, the writer
//! reads the existing object, drops the records that it contains, and tries the next number with the rest. S3 thereby orders all writers, and a
//! stale writer learns what it missed before it can write. The protocol needs no lock and no clock.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::future::join_all;

use crate::tick::StreamLimits;
use slacktrail_core::batch::{Batch, BatchLine};
use slacktrail_core::day_log_cache::{DayLogCaches, ReadObject};
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, ObjectKey, decode, encode, missing_numbers};
use slacktrail_core::record::RowId;
use slacktrail_core::stream::TickCounts;
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CreateOutcome, DayLogStore};

/// Maximum objects that are read concurrently.
const READS_AT_ONCE: u32 = 8;
/// Attempts to append one batch before the tick gives up. Each failed attempt means that another writer came first.
const ATTEMPTS_MAX: u32 = 64;

/// Caches the IDs of the records stored in `range`, and returns the second from which the cache is complete ([`DayLogCaches::next_unread`]).
///
/// # Errors
///
/// Returns an error if an object is missing or corrupt, if the store fails, or if the deadline is reached. The cache keeps the objects read so
/// far, so the next tick continues from there.
pub(crate) async fn load_ids<D: DayLogStore>(
    store: &D,
    cache: &mut DayLogCaches,
    last_objects: &BTreeMap<Day, u32>,
    day: Day,
    range: RangeInclusive<Second>,
    limits: &StreamLimits<'_>,
) -> Result<Second, Error> {
    let (log, range) = (cache.log(day), DayLogCaches::search_range(day, range));
    let last_object = match (cache.last_object(day), last_objects.get(&day)) {
        (Some(last_object), _) => last_object,
        (None, Some(last_object)) => *last_object,
        (None, None) => find_last_object(store, &log).await?,
    };
    cache.prepare(day, last_object, &range);
    loop {
        let (known_from, unread) = cache.next_unread(day, &range);
        let Some(unread) = unread else { return Ok(known_from) };
        if (limits.deadline_reached)() {
            return Err(day_log_read_timeout(&log, unread, last_object));
        }
        for object in read_objects(store, &log, unread).await {
            cache.read_back(day, &range, object?);
        }
        cache.evict(day, *range.end(), limits.cached_ids_max);
    }
}

/// Returns those of `ids` that the day log contains, by reading every object.
///
/// This is the slow path for a page that spans more records of one day than the cache can hold. Call [`load_ids`] for `day` first,
/// because it finds the last object.
///
/// # Errors
///
/// Returns an error if an object is missing or corrupt, if the store fails, or if the deadline is reached.
pub(crate) async fn find_stored<D: DayLogStore>(
    store: &D,
    cache: &DayLogCaches,
    day: Day,
    ids: &HashSet<RowId>,
    limits: &StreamLimits<'_>,
) -> Result<HashSet<RowId>, Error> {
    let (log, mut stored) = (cache.log(day), HashSet::new());
    let last_object = cache.last_object(day).unwrap_or(0);
    let mut unread = last_object;
    while unread > 0 {
        if (limits.deadline_reached)() {
            return Err(day_log_read_timeout(&log, unread, last_object));
        }
        for object in read_objects(store, &log, unread).await {
            let object = object?;
            unread = object.number - 1;
            stored.extend(object.records.into_iter().map(|(id, _)| id).filter(|id| ids.contains(id)));
        }
    }
    Ok(stored)
}

async fn find_last_object<D: DayLogStore>(store: &D, log: &DayLogId) -> Result<u32, Error> {
    let numbers = store.list(log).await?;
    match missing_numbers(&numbers).next() {
        None => Ok(numbers.last().copied().unwrap_or(0)),
        Some(missing) => Err(missing_object(&log.key(missing))),
    }
}

/// Appends the records of `batch` that are not stored yet, and adds their counts to `counts`.
///
/// # Errors
///
/// Returns an error if the store fails, if an object that another writer created is missing or corrupt, or with code `day_log_contention`
/// if other writers take the next number 64 times in a row. The batch then keeps only the lines that may not be stored yet. The next
/// attempt needs this, because the cache may have evicted the IDs that this attempt read.
pub(crate) async fn append<D: DayLogStore>(
    store: &D,
    cache: &mut DayLogCaches,
    batch: &mut Batch,
    gzip_level: u32,
    counts: &mut TickCounts,
) -> Result<(), Error> {
    while let Some((day, mut lines)) = batch.take_day() {
        lines.sort_unstable_by_key(|line| (line.time, line.id));
        let outcome = append_day(store, cache, day, batch.lines_bytes(), &mut lines, gzip_level, counts).await;
        if outcome.is_err() {
            batch.put_back(day, lines);
        }
        outcome?;
    }
    Ok(())
}

async fn append_day<D: DayLogStore>(
    store: &D,
    cache: &mut DayLogCaches,
    day: Day,
    bytes: &[u8],
    lines: &mut Vec<BatchLine>,
    gzip_level: u32,
    counts: &mut TickCounts,
) -> Result<(), Error> {
    let log = cache.log(day);
    lines.retain(|line| !line.is_any(|id| cache.holds(day, id)));
    for _ in 0..ATTEMPTS_MAX {
        if lines.is_empty() {
            return Ok(());
        }
        let key = log.key(cache.last_object(day).unwrap_or(0) + 1);
        let object = encode(lines.iter().map(|line| &bytes[line.range.clone()]), gzip_level);
        let object_bytes = object.len() as u64;
        match store.create(&key, object).await? {
            CreateOutcome::Created => {
                cache.add_object(day, lines.iter().map(|line| (line.id, line.time)));
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
                lines.retain(|line| !line.is_any(|id| held.contains(id)));
                cache.add_object(day, object.records.into_iter());
            }
        }
    }
    let message = format!(
        "appending to day log `{}`: other writers came first in {ATTEMPTS_MAX} attempts in a row",
        log.prefix()
    );
    Err(Error::deployment("day_log_contention", message))
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

fn missing_object(key: &ObjectKey) -> Error {
    Error::deployment("missing_object", format!("object `{key}` is missing, although its day log has later objects"))
}

fn day_log_read_timeout(log: &DayLogId, unread: u32, last_object: u32) -> Error {
    Error::deployment(
        "day_log_read_timeout",
        format!(
            "reading day log `{}`: the tick ran out of time; objects still unread: {unread} of {last_object}",
            log.prefix()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt;
    use futures_util::lock::Mutex;

    use super::*;
    use slacktrail_core::line::LineWriter;
    use slacktrail_core::record::Record;
    use slacktrail_core::source::{LogType, Plan, Source, StreamId};
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
                return Err(Error::deployment("aws_unavailable", "a read had no response"));
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
            let id_at = writer.write(&record, &mut line);
            assert!(batch.add((record.id, None), record.time.unwrap(), &line, id_at, TickCounts::default()));
        }
        batch
    }

    /// Returns how many records an append stores, or `None` if it fails.
    fn append(logs: &mut DayLogCaches, bucket: &Bucket, batch: &mut Batch) -> Option<u64> {
        let mut appended = TickCounts::default();
        let outcome = super::append(bucket, logs, batch, 0, &mut appended).now_or_never().unwrap();
        outcome.is_ok().then_some(appended.records)
    }

    #[test]
    fn retried_append_skips_records_found_by_first_attempt() {
        let bucket = Bucket::default();
        let mut stale = DayLogCaches::new(stream());
        assert_eq!(append(&mut stale, &bucket, &mut batch(&[("a", 300), ("b", 400), ("c", 500)])), Some(3));
        stale.evict(at(0).day(), at(0).day().end(), 2);
        assert_eq!(stale.id_count(), 1, "the cache keeps no IDs from before second 401");

        let mut others = DayLogCaches::new(stream());
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("old", 10)])), Some(1));
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("late", 500)])), Some(1));
        let mut wanted = batch(&[("old", 10), ("new", 20)]);
        bucket.reads_until_failure.set(Some(1));
        assert_eq!(append(&mut stale, &bucket, &mut wanted), None, "it has read only the first object");
        bucket.reads_until_failure.set(None);
        assert_eq!(append(&mut stale, &bucket, &mut wanted), Some(1), "the new one");
        assert_eq!(append(&mut stale, &bucket, &mut wanted), Some(0));
    }

    /// Returns 20 objects and day logs without cached IDs. The nth object contains one record of second n * 1,000 and was created then.
    fn twenty_objects() -> (DayLogCaches, Bucket) {
        let (mut logs, bucket) = (DayLogCaches::new(stream()), Bucket::default());
        for n in 1..=20 {
            assert_eq!(append(&mut logs, &bucket, &mut batch(&[(&n.to_string(), n * 1_000)])), Some(1));
        }
        logs.clear_ids();
        (logs, bucket)
    }

    fn row_id(n: i64) -> RowId {
        Record::read(LogType::Audit, None, &format!(r#"{{"id":"{n}","date_create":{}}}"#, at(n * 1_000).get())).id
    }

    fn limits<'a>(cached_ids_max: usize, long_rows: &'a Mutex<()>) -> StreamLimits<'a> {
        StreamLimits {
            calls_max: None,
            gzip_level: 0,
            batch_bytes: 1 << 20,
            cached_ids_max,
            cached_ids_total: cached_ids_max,
            deadline_reached: &|| false,
            long_rows,
        }
    }

    #[test]
    fn day_log_is_read_eight_at_once_back_to_range_start() {
        let ((mut logs, bucket), long_rows) = (twenty_objects(), Mutex::new(()));
        let day = at(0).day();
        let reads = |logs: &mut DayLogCaches, from: i64| {
            bucket.reads_until_failure.set(Some(20));
            let (last_objects, limits) = (BTreeMap::new(), limits(99, &long_rows));
            let loaded = load_ids(&bucket, logs, &last_objects, day, at(from)..=at(20_000), &limits).now_or_never();
            assert_eq!(loaded.unwrap().unwrap(), at(from));
            20 - bucket.reads_until_failure.get().unwrap()
        };
        assert_eq!(reads(&mut logs, 15_000), 8);
        let held = |logs: &DayLogCaches| (1..=20).filter(|n| logs.holds(day, &row_id(*n))).collect::<Vec<_>>();
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
                let loaded = load_ids(&bucket, &mut logs, &last_objects, day, range, &limits).now_or_never();
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
        let found = find_stored(&bucket, &logs, at(0).day(), &wanted, &limits(2, &long_rows)).now_or_never();
        assert_eq!(found.unwrap().unwrap(), [1, 9, 20].map(row_id).into());
        assert_eq!(bucket.reads_until_failure.get(), Some(0), "each object once");
    }
}
