//! The cache of the record IDs that a stream's recent day logs contain.
//!
//! Day logs are read from newest to oldest, only as far back as the rows of a page require.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use crate::object::DayLogId;
use crate::record::RowId;
use crate::source::StreamId;
use crate::time::{CLOCK_SKEW_SECONDS, Day, Second};

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
    cached_ids: HashMap<RowId, Second>,
}

/// The cached day logs of one stream. The cache is valid as long as the cursor's version is the one that this process wrote.
#[derive(Clone, Debug)]
pub struct DayLogCaches {
    stream: StreamId,
    days: BTreeMap<Day, DayLogCache>,
}

/// An object that was read back.
#[derive(Clone, Debug)]
pub struct ReadObject {
    /// The number of the object.
    pub number: u32,
    /// When the object was stored.
    pub last_modified: Second,
    /// The IDs of its records, with the records' times.
    pub records: Vec<(RowId, Second)>,
}

impl DayLogCaches {
    /// Creates an empty cache.
    pub fn new(stream: StreamId) -> DayLogCaches {
        DayLogCaches { stream, days: BTreeMap::new() }
    }

    /// Returns the ID of the stream's day log of `day`.
    pub fn log(&self, day: Day) -> DayLogId {
        DayLogId { stream: self.stream.clone(), day }
    }

    /// Returns the range of records to look for. Records without a time, which are on the first day, may have been stored at any time.
    pub fn search_range(day: Day, range: RangeInclusive<Second>) -> RangeInclusive<Second> {
        let (start, end) = range.into_inner();
        let from = if day == Second::EPOCH.day() { Second::EPOCH.plus(i64::MIN) } else { start };
        from..=end
    }

    /// Returns the number of a day log's last known object, or `None` if the day log is not cached.
    pub fn last_object(&self, day: Day) -> Option<u32> {
        self.days.get(&day).map(|cached| cached.last_object)
    }

    /// Prepares to look for records of `range`. `last_object` is the number of the day log's last object.
    pub fn prepare(&mut self, day: Day, last_object: u32, range: &RangeInclusive<Second>) {
        let cached = self.days.entry(day).or_insert_with(|| DayLogCache::unread(last_object));
        cached.look_back(*range.start(), *range.end());
    }

    /// Returns the second from which the cache of `range` is complete once no object is left to read, and the number of the next object to read.
    ///
    /// Reading ends at the first object that was stored before `range` starts, because a record cannot be stored before it happens. The second is
    /// later than the start of `range` if the range holds more IDs than the cache.
    pub fn next_unread(&mut self, day: Day, range: &RangeInclusive<Second>) -> (Second, Option<u32>) {
        let window = self.days.entry(day).or_default().window(*range.end());
        let known_from = window.kept_from.map_or(*range.start(), |kept| kept.max(*range.start()));
        let is_read = window.unread == 0 || window.read_back_to.is_some_and(|back_to| back_to <= known_from);
        (known_from, Some(window.unread).filter(|_| !is_read))
    }

    /// Caches the records of an object that was read back for `range`.
    pub fn read_back(&mut self, day: Day, range: &RangeInclusive<Second>, object: ReadObject) {
        self.days.entry(day).or_default().window(*range.end()).read_back(object);
    }

    /// Caches the records of the next object, which this or another writer created.
    pub fn add_object(&mut self, day: Day, records: impl Iterator<Item = (RowId, Second)> + Clone) {
        self.days.entry(day).or_default().add_object(records);
    }

    /// Returns `true` if the cache contains the record.
    pub fn holds(&self, day: Day, id: &RowId) -> bool {
        self.days.get(&day).is_some_and(|cached| cached.holds(id))
    }

    /// Returns the number of the last object of each cached day log.
    pub fn last_objects(&self) -> impl Iterator<Item = (Day, u32)> + '_ {
        self.days.iter().map(|(day, cached)| (*day, cached.last_object))
    }

    /// Evicts IDs until at most `cached_ids_max` are cached.
    ///
    /// Evicts the IDs of other days first, then those of records after `until` (a walk backwards has already passed them), and then the oldest.
    pub fn evict(&mut self, day: Day, until: Second, cached_ids_max: usize) {
        if self.id_count() <= cached_ids_max {
            return;
        }
        for (_, cached) in self.days.iter_mut().filter(|(other, _)| **other != day) {
            *cached = DayLogCache::unread(cached.last_object);
        }
        if let Some(cached) = self.days.get_mut(&day) {
            cached.evict(until, cached_ids_max);
        }
    }

    /// Returns the number of cached IDs.
    pub fn id_count(&self) -> usize {
        self.days.values().map(DayLogCache::id_count).sum()
    }

    /// Drops all cached IDs, but keeps the numbers of the last objects.
    pub fn clear_ids(&mut self) {
        self.days.values_mut().for_each(|cached| *cached = DayLogCache::unread(cached.last_object));
    }

    /// Removes a day log from the cache, including the number of its last object.
    pub fn remove(&mut self, day: Day) {
        self.days.remove(&day);
    }

    /// Removes the day logs of the days for which `keeps` is false.
    pub fn retain(&mut self, keeps: impl Fn(Day) -> bool) {
        self.days.retain(|day, _| keeps(*day));
    }
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

    fn windows(&self) -> impl Iterator<Item = &IdWindow> {
        std::iter::once(&self.recent).chain(&self.older)
    }

    fn holds(&self, id: &RowId) -> bool {
        self.windows().any(|window| window.cached_ids.contains_key(id))
    }

    fn id_count(&self) -> usize {
        self.windows().map(|window| window.cached_ids.len()).sum()
    }

    /// Adds the records of the next object, which this or another writer created.
    fn add_object(&mut self, records: impl Iterator<Item = (RowId, Second)> + Clone) {
        self.last_object += 1;
        for window in std::iter::once(&mut self.recent).chain(&mut self.older) {
            window.insert(records.clone());
        }
    }

    fn evict(&mut self, until: Second, cached_ids_max: usize) {
        if self.id_count() <= cached_ids_max {
            return;
        }
        let is_recent = self.older.as_ref().is_none_or(|older| older.kept_until.is_some_and(|kept| until > kept));
        if is_recent && self.recent.cached_ids.values().any(|time| *time > until) {
            let recent = IdWindow { kept_from: Some(until.plus(1)), ..IdWindow::unread(self.last_object) };
            self.older = Some(std::mem::replace(&mut self.recent, recent));
        }
        if let Some(older) = &mut self.older {
            older.drop_after(until);
            older.drop_oldest(cached_ids_max / 2);
        }
        self.recent.drop_oldest(cached_ids_max - self.older.as_ref().map_or(0, |older| older.cached_ids.len()));
    }
}

impl IdWindow {
    fn unread(last_object: u32) -> IdWindow {
        IdWindow { unread: last_object, ..IdWindow::default() }
    }

    fn insert(&mut self, records: impl Iterator<Item = (RowId, Second)>) {
        let (from, until) = (self.kept_from, self.kept_until);
        let kept = |time: Second| from.is_none_or(|from| time >= from) && until.is_none_or(|until| time <= until);
        self.cached_ids.extend(records.filter(|(_, time)| kept(*time)));
    }

    fn read_back(&mut self, object: ReadObject) {
        self.unread = object.number - 1;
        self.read_back_to = Some(object.last_modified.plus(CLOCK_SKEW_SECONDS));
        self.insert(object.records.into_iter());
    }

    fn drop_after(&mut self, until: Second) {
        self.kept_until = Some(self.kept_until.map_or(until, |kept| kept.min(until)));
        self.cached_ids.retain(|_, time| *time <= until);
        self.cached_ids.shrink_to_fit();
    }

    /// If more than `max` IDs are cached, evicts the IDs of whole seconds, oldest first, until at most half of `max` is left.
    fn drop_oldest(&mut self, max: usize) {
        if self.cached_ids.len() <= max {
            return;
        }
        let mut times: Vec<Second> = self.cached_ids.values().copied().collect();
        let keep = max.div_ceil(2);
        let index = times.len() - 1 - keep;
        let kept_from = times.select_nth_unstable(index).1.plus(1);
        self.cached_ids.retain(|_, time| *time >= kept_from);
        self.kept_from = self.kept_from.max(Some(kept_from));
        self.cached_ids.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::LogType;

    /// A second of a day on which records without a time are not stored.
    fn at(second: i64) -> Second {
        Second::MARCH_2018.plus(second)
    }

    #[test]
    fn closed_day_logs_are_evicted() {
        let mut logs = DayLogCaches::new(StreamId { source: "acme".parse().unwrap(), log: LogType::Audit });
        let day = at(0).day();
        logs.prepare(day, 20, &(at(0)..=at(1)));
        logs.retain(|kept| kept.end() >= day.end());
        assert_eq!(logs.last_objects().collect::<Vec<_>>(), [(day, 20)]);
        let mut removed = logs.clone();
        removed.remove(day);
        logs.retain(|kept| kept.end() > day.end());
        assert_eq!((removed.last_objects().count(), logs.last_objects().count()), (0, 0));
    }

    /// Returns the number of unread objects, the kept range, and the seconds of the cached records.
    fn shown(window: &IdWindow) -> (u32, Option<i64>, Option<i64>, Vec<i64>) {
        let mut seconds: Vec<i64> = window.cached_ids.values().map(|time| time.since(at(0))).collect();
        seconds.sort_unstable();
        let second = |time: Option<Second>| time.map(|time| time.since(at(0)));
        (window.unread, second(window.kept_from), second(window.kept_until), seconds)
    }

    fn records(seconds: impl Iterator<Item = u8> + Clone) -> impl Iterator<Item = (RowId, Second)> + Clone {
        seconds.map(|second| (RowId([second; 16]), at(second.into())))
    }

    /// Returns a day log of one object with records of seconds 1 to 10.
    fn ten_records() -> DayLogCache {
        let mut cached = DayLogCache::unread(0);
        cached.add_object(records(1..=10));
        cached
    }

    #[test]
    fn cache_keeps_ids_for_backlog_and_live_records() {
        let mut cached = ten_records();
        cached.evict(at(6), 10);
        assert_eq!(shown(&cached.recent), (0, None, None, (1..=10).collect()), "the cache is large enough");
        cached.evict(at(6), 4);
        assert_eq!(shown(cached.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&cached.recent), (1, Some(7), None, vec![]));

        cached.add_object(records([5, 6, 7, 8, 9, 10].into_iter()));
        assert_eq!((cached.last_object, cached.id_count()), (2, 5), "neither window keeps second 5");
        assert!(cached.holds(&RowId([6; 16])) && cached.holds(&RowId([7; 16])) && !cached.holds(&RowId([5; 16])));
        let mut later = cached.clone();
        cached.evict(at(6), 4);
        assert_eq!(shown(cached.older.as_ref().unwrap()), (0, Some(6), Some(6), vec![6]));
        assert_eq!(shown(&cached.recent), (1, Some(9), None, vec![9, 10]));

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
        let mut cached = ten_records();
        cached.evict(at(6), 4);
        cached.add_object(records(7..=10));
        cached.evict(at(6), 4);
        let (older, recent) = ((0, Some(6), Some(6), vec![6]), (1, Some(9), None, vec![9, 10]));
        let (older_reset, recent_reset) = ((2, None, Some(6), vec![]), (2, None, None, vec![]));
        for (from, until, expected) in [
            (6, 6, (older.clone(), recent.clone())),
            (9, 10, (older.clone(), recent.clone())),
            (3, 6, (older_reset, recent)),
            (7, 8, (older, recent_reset)),
        ] {
            let mut cached = cached.clone();
            cached.look_back(at(from), at(until));
            assert_eq!((shown(cached.older.as_ref().unwrap()), shown(&cached.recent)), expected, "{from} to {until}");
        }
    }
}
