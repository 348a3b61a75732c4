//! The day logs of one stream: the only way to write, and what is known of what they hold.
//!
//! A day log is objects 1, 2, 3 ...; the only way to write is to create the next number. Whoever finds that number taken
//! reads it, drops what it already holds, and tries the one after. So all writers of a day log stand in one order, and one
//! that is behind learns what it missed before it can write. No lock and no clock decides anything here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::future::join_all;
use futures_util::lock::Mutex;

use slacktrail_core::batch::{Batch, BatchLine};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, ObjectKey, decode, encode};
use slacktrail_core::record::RowId;
use slacktrail_core::source::StreamId;
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Day, Second};
use slacktrail_ports::{CreateOutcome, DayLogStore};

/// Objects that are read at the same time.
const READS_AT_ONCE: u32 = 8;
/// Attempts at one append before it is left to the next tick: each means that another writer got in between.
const ATTEMPTS_MAX: u32 = 64;

/// A day log and what is known of it.
#[derive(Clone, Debug, Default)]
struct DayLogCache {
    /// The number of its last object, as far as known.
    last_object: u32,
    /// What it holds, in all or from a second on.
    recent: IdWindow,
    /// What it holds up to a second before that, once there is too little room for all: a backlog reads on here from tick to
    /// tick, while live records of the same day come and go in the other.
    older: Option<IdWindow>,
}

/// What a day log is known to hold of a time.
#[derive(Clone, Debug, Default)]
struct IdWindow {
    /// Objects from 1 up to this are not read.
    unread: u32,
    /// No unread object holds a record from this second on.
    read_back_to: Option<Second>,
    /// Records before this were read and dropped again for want of room.
    kept_from: Option<Second>,
    /// Records after this likewise.
    kept_until: Option<Second>,
    /// The identities of stored records, with their times.
    stored_ids: HashMap<RowId, Second>,
}

/// The open day logs of one stream. Kept in memory between ticks as long as the cursor's version is the one we wrote.
#[derive(Clone, Debug)]
pub struct DayLogs {
    stream: StreamId,
    days: BTreeMap<Day, DayLogCache>,
}

impl DayLogs {
    /// Nothing known yet.
    pub fn new(stream: StreamId) -> DayLogs {
        DayLogs { stream, days: BTreeMap::new() }
    }

    /// A day log of one object, with so many records.
    #[cfg(test)]
    pub(crate) fn with_ids(stream: StreamId, count: u8) -> DayLogs {
        let mut open = DayLogCache::unread(0);
        open.add_object((0..count).map(|n| (RowId([n; 16]), Second::EPOCH)));
        DayLogs { stream, days: BTreeMap::from([(Second::EPOCH.day(), open)]) }
    }

    fn log(&self, day: Day) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day }
    }

    /// Learns which records of `range` the day log holds, and returns from which second on that is now known: the range's
    /// own start, or later when more than `stored_ids_max` identities would have to be kept.
    ///
    /// Reads back from the head until an object was stored before the range: a record cannot have been stored before it happened.
    ///
    /// # Errors
    /// By remedy. What was read is kept, so that a day log too long for one tick is read on in the next.
    pub(crate) async fn load_ids<D: DayLogStore>(
        &mut self,
        store: &D,
        last_objects: &BTreeMap<Day, u32>,
        day: Day,
        range: RangeInclusive<Second>,
        limits: &Limits<'_>,
    ) -> Result<Second, Error> {
        let from = if day == Second::EPOCH.day() { Second::EPOCH.plus(i64::MIN) } else { *range.start() }; // undated records came at any time
        let last_object = match (self.days.get(&day), last_objects.get(&day)) {
            (Some(open), _) => open.last_object,
            (None, Some(last_object)) => *last_object,
            (None, None) => self.find_last_object(store, day).await?,
        };
        self.days.entry(day).or_insert_with(|| DayLogCache::unread(last_object)).look_back(from, *range.end());
        let log = self.log(day);
        loop {
            let known = self.days.entry(day).or_default().window(*range.end());
            let known_from = known.kept_from.map_or(from, |kept| kept.max(from));
            if known.unread == 0 || known.read_back_to.is_some_and(|back_to| back_to <= known_from) {
                return Ok(known_from);
            }
            if (limits.deadline_reached)() {
                return Err(day_log_read_timeout(&log, known.unread, last_object));
            }
            for object in read_objects(store, &log, known.unread).await {
                known.read_back(object?);
            }
            self.evict(day, *range.end(), limits.stored_ids_max);
        }
    }

    /// Which of `ids` the opened day log holds, by reading all of it past them: for a page that reaches over more of a day
    /// than the identities that fit into memory.
    ///
    /// # Errors
    /// By remedy.
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
        match numbers.iter().zip(1..).find(|(number, expected)| **number != *expected) {
            None => Ok(u32::try_from(numbers.len()).unwrap_or(u32::MAX)),
            Some((_, missing)) => Err(missing_object(&self.log(day).key(missing))),
        }
    }

    /// Whether the record is known to be stored.
    pub fn holds(&self, day: Day, id: &RowId) -> bool {
        self.days.get(&day).is_some_and(|open| open.holds(id))
    }

    /// Stores the lines of a batch that are not stored yet, and takes them out of it. Returns how many records and objects that made.
    ///
    /// # Errors
    /// When an object can be neither created nor read, or 64 attempts in a row met another writer. The lines that may not be stored are left in the batch: no others, because what was
    /// learnt of those on the way need not be kept in memory.
    pub async fn append<D: DayLogStore>(
        &mut self,
        store: &D,
        batch: &mut Batch,
        gzip_level: u32,
        appended: &mut AppendStats,
    ) -> Result<(), Error> {
        while let Some((day, mut lines)) = batch.take_day() {
            lines.sort_unstable_by_key(|line| (line.time, line.id));
            let outcome = self.append_day(store, day, batch.lines_bytes(), &mut lines, gzip_level, appended).await;
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
        appended: &mut AppendStats,
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
                    appended.records += lines.len() as u64;
                    appended.objects += 1;
                    appended.bytes += object_bytes;
                    appended.newest = appended.newest.max(lines.last().map(|line| line.time));
                    return Ok(());
                }
                CreateOutcome::Conflict => {}
                // Another invocation wrote it, or we did and the reply was lost: learn what it holds.
                CreateOutcome::AlreadyExists => {
                    let object = read_object(store, key).await?;
                    let held: HashSet<RowId> = object.records.iter().map(|(id, _)| *id).collect();
                    lines.retain(|line| !held.contains(&line.id));
                    open.add_object(object.records.into_iter());
                }
            }
        }
        let message =
            format!("appending to day log `{}`: {ATTEMPTS_MAX} attempts in a row met another writer", log.prefix());
        Err(Error::deployment(
            ErrorKind::Retry,
            "day_log_contention",
            message,
            "the next tick tries again; see that only one deployment writes to this bucket",
        ))
    }

    /// The numbers of the last objects of open day logs.
    pub fn last_objects(&self) -> impl Iterator<Item = (Day, u32)> + '_ {
        self.days.iter().map(|(day, open)| (*day, open.last_object))
    }

    /// Keeps at most `stored_ids_max` identities: other days' go first, then those that a reader of what is not after `until` has
    /// passed, then the oldest.
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

    /// The identities kept in memory.
    pub(crate) fn id_count(&self) -> usize {
        self.days.values().map(DayLogCache::id_count).sum()
    }

    /// Forgets what day logs hold, but not how many objects they have.
    pub(crate) fn clear_ids(&mut self) {
        self.days.values_mut().for_each(|open| *open = DayLogCache::unread(open.last_object));
    }

    /// Forgets a day log.
    pub fn remove(&mut self, day: Day) {
        self.days.remove(&day);
    }

    /// Forgets the day logs of days before `second`.
    pub(crate) fn clear_before(&mut self, second: Second) {
        self.days.retain(|day, _| day.end() >= second);
    }
}

/// What a tick may use of memory and time.
pub struct Limits<'a> {
    /// Bytes of lines after which a batch is stored.
    pub batch_bytes: usize,
    /// How hard an object is compressed, 0 to 9.
    pub gzip_level: u32,
    /// Identities of stored records kept in memory for one stream.
    pub stored_ids_max: usize,
    /// Identities of stored records kept in memory between ticks, of all streams together.
    pub cached_ids_max: usize,
    /// Calls to Slack for one stream; `None`: what its log type allows.
    pub calls_max: Option<u32>,
    /// Whether it is time to stop.
    pub deadline_reached: &'a dyn Fn() -> bool,
    /// Held by the stream that is reading a long row.
    pub long_rows: &'a Mutex<()>,
}

/// What an append came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AppendStats {
    /// Records stored.
    pub records: u64,
    /// Objects created.
    pub objects: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
    /// The newest record's time.
    pub newest: Option<Second>,
}

struct ReadObject {
    number: u32,
    last_modified: Second,
    records: Vec<(RowId, Second)>,
}

/// The objects from `unread` downwards, as many as are read at once.
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

    /// Forgets what is known of a time of which something was dropped that is needed now.
    fn look_back(&mut self, from: Second, until: Second) {
        let last_object = self.last_object;
        let known = self.window(until);
        if known.kept_from.is_some_and(|kept| kept > from) {
            *known = IdWindow { kept_until: known.kept_until, ..IdWindow::unread(last_object) };
        }
    }

    fn holds(&self, id: &RowId) -> bool {
        self.recent.stored_ids.contains_key(id)
            || self.older.as_ref().is_some_and(|older| older.stored_ids.contains_key(id))
    }

    fn id_count(&self) -> usize {
        self.recent.stored_ids.len() + self.older.as_ref().map_or(0, |older| older.stored_ids.len())
    }

    /// Learns what the next object holds, which another writer or we have created.
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

    /// Where there are more than `max`, drops whole seconds from the oldest on, until half of the room is free.
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
        format!("reading back the day log: object `{key}` is missing, though later ones are there"),
        "restore it from its versions or a copy; if the bucket is another one on purpose, delete the stream's cursor, and all is collected again",
    )
}

fn day_log_read_timeout(log: &DayLogId, unread: u32, last_object: u32) -> Error {
    Error::deployment(
        ErrorKind::Retry,
        "day_log_read_timeout",
        format!(
            "reading back day log `{}`: time ran out with {unread} of {last_object} objects still unread",
            log.prefix()
        ),
        "the next tick reads on; if it stays, give the poller more memory, which brings more CPU",
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

    /// A bucket whose reads fail while it says so.
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

    /// A second of a day without records that have no time.
    fn at(second: i64) -> Second {
        Second::MARCH_2018.plus(second)
    }

    /// A record each of these ids and seconds of that day.
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

    /// How many records an append stores; `None`: it fails.
    fn append(logs: &mut DayLogs, bucket: &Bucket, batch: &mut Batch) -> Option<u64> {
        let mut appended = AppendStats::default();
        let outcome = logs.append(bucket, batch, 0, &mut appended).now_or_never().unwrap();
        outcome.is_ok().then_some(appended.records)
    }

    #[test]
    fn retried_append_skips_records_found_by_first_attempt() {
        let bucket = Bucket::default();
        let mut others = DayLogs::new(stream());
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("old", 10)])), Some(1));
        assert_eq!(append(&mut others, &bucket, &mut batch(&[("late", 500)])), Some(1));

        // Of records from before second 400 it keeps none in memory.
        let mut ours = DayLogs::new(stream());
        let recent = IdWindow { kept_from: Some(at(400)), ..IdWindow::default() };
        ours.days.insert(at(0).day(), DayLogCache { recent, ..DayLogCache::default() });
        let mut wanted = batch(&[("old", 10), ("new", 20)]);
        bucket.reads_until_failure.set(Some(1));
        assert_eq!(append(&mut ours, &bucket, &mut wanted), None, "it has met the first object only");
        bucket.reads_until_failure.set(None);
        assert_eq!(append(&mut ours, &bucket, &mut wanted), Some(1), "the new one");
        assert_eq!(append(&mut ours, &bucket, &mut wanted), Some(0));
    }

    /// Day logs without a record in memory, over 20 objects: the nth holds one record of second n * 1,000 and was created then.
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
        assert_eq!(reads(&mut logs, 15_000), 0, "it is known");
        assert_eq!(reads(&mut logs, 1), 12, "the rest");
        assert_eq!(reads(&mut logs, 1), 0);
        assert_eq!(held(&logs).len(), 20);
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

    /// What is known: unread objects, from when and until when it is kept, and the seconds of the records.
    fn shown(known: &IdWindow) -> (u32, Option<i64>, Option<i64>, Vec<i64>) {
        let mut seconds: Vec<i64> = known.stored_ids.values().map(|time| time.since(at(0))).collect();
        seconds.sort_unstable();
        let second = |time: Option<Second>| time.map(|time| time.since(at(0)));
        (known.unread, second(known.kept_from), second(known.kept_until), seconds)
    }

    fn records(seconds: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = (RowId, Second)> + Clone {
        seconds.map(|second| (RowId([second; 16]), at(second.into())))
    }

    /// A day log of one object that holds records of seconds 1 to 10.
    fn ten_records() -> DayLogCache {
        let mut open = DayLogCache::unread(0);
        open.add_object(records(1..=10));
        open
    }

    #[test]
    fn cache_keeps_ids_for_backlog_and_live_records() {
        let mut open = ten_records();
        open.evict(at(6), 10);
        assert_eq!(shown(&open.recent), (0, None, None, (1..=10).collect()), "there is room");
        open.evict(at(6), 4);
        assert_eq!(shown(open.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&open.recent), (1, Some(7), None, vec![]));

        open.add_object(records([5, 6, 7, 8, 9, 10].into_iter()));
        assert_eq!((open.last_object, open.id_count()), (2, 5), "second 5 is kept by neither");
        assert!(open.holds(&RowId([6; 16])) && open.holds(&RowId([7; 16])) && !open.holds(&RowId([5; 16])));
        let mut later = open.clone();
        open.evict(at(6), 4);
        assert_eq!(shown(open.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&open.recent), (1, Some(9), None, vec![9, 10]));

        later.evict(at(8), 4);
        assert_eq!(shown(later.older.as_ref().unwrap()), (1, Some(7), Some(8), vec![7, 8]), "the backlog is there now");
        assert_eq!(shown(&later.recent), (2, Some(9), None, vec![]));

        let mut live = ten_records();
        live.evict(at(10), 4);
        assert!(live.older.is_none(), "no record is later than what is read");
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
