//! A batch of lines that are to be appended to day logs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::counts::TickCounts;
use crate::record::RowId;
use crate::time::{Day, Second};

/// The lines of new records of one or more days. Each record occurs once.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    days: BTreeMap<Day, Vec<BatchLine>>,
    ids: HashSet<RowId>,
    /// The counts to add once the lines are stored.
    pub counts: TickCounts,
}

/// One line of a batch.
#[derive(Debug)]
pub struct BatchLine {
    /// The time that decides the line's day log.
    pub time: Second,
    /// The record ID.
    pub id: RowId,
    /// The record's second ID, under which it may be stored already.
    pub alias: Option<RowId>,
    /// The range of the line in [`Batch::lines_bytes`].
    pub range: Range<usize>,
}

impl BatchLine {
    /// Returns `true` if `is_stored` holds for the record's ID or its alias.
    pub fn is_any(&self, is_stored: impl Fn(&RowId) -> bool) -> bool {
        is_stored(&self.id) || self.alias.as_ref().is_some_and(is_stored)
    }
}

impl Batch {
    /// Adds a line and its counts, unless the batch contains the record under its ID or its alias. Returns `true` if the line was added.
    ///
    /// Writes the digits of the ID at offset `id_at` of the line.
    pub fn add(
        &mut self,
        (id, alias): (RowId, Option<RowId>),
        time: Second,
        line: &[u8],
        id_at: usize,
        counts: TickCounts,
    ) -> bool {
        if alias.is_some_and(|alias| self.ids.contains(&alias)) || !self.ids.insert(id) {
            return false;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(line);
        self.bytes[start + id_at..][..32].copy_from_slice(&id.digits());
        self.days.entry(time.day()).or_default().push(BatchLine { time, id, alias, range: start..self.bytes.len() });
        self.counts += counts;
        true
    }

    /// Removes all lines. Keeps the buffer, but at most `bytes_kept` of it if long lines made it larger.
    pub fn clear(&mut self, bytes_kept: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes_kept);
        *self = Batch { bytes: std::mem::take(&mut self.bytes), ..Batch::default() };
    }

    /// Returns the size of all lines.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes and returns the lines of the first day.
    pub fn take_day(&mut self) -> Option<(Day, Vec<BatchLine>)> {
        self.days.pop_first()
    }

    /// Returns lines to the batch that could not be appended.
    pub fn put_back(&mut self, day: Day, lines: Vec<BatchLine>) {
        self.days.insert(day, lines);
    }

    /// Returns the buffer that the lines' ranges refer to.
    pub fn lines_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_sums_counts_and_keeps_only_buffer_after_clear() {
        let at = |seconds| Second::MARCH_2018.plus(seconds);
        let counts = |late_seconds_max| TickCounts {
            malformed: 1,
            repaired: 2,
            late: 3,
            late_seconds_max,
            ..TickCounts::default()
        };
        let mut batch = Batch::default();
        for (id, late_seconds, added) in [(1, 10, true), (2, 20, true), (2, 25, false)] {
            assert_eq!(batch.add((RowId([id; 16]), None), at(0), &[b'0'; 40], 4, counts(late_seconds)), added);
        }
        let sum = TickCounts { malformed: 2, repaired: 4, late: 6, ..counts(20) };
        assert_eq!((batch.bytes(), batch.counts), (80, sum));
        batch.clear(40);
        assert_eq!((batch.bytes(), batch.counts, batch.take_day().is_none()), (0, TickCounts::default(), true));
        assert!((40..80).contains(&batch.bytes.capacity()));
        assert!(batch.add((RowId([1; 16]), None), at(0), &[b'0'; 40], 4, TickCounts::default()));
    }

    #[test]
    fn batch_contains_record_under_alias() {
        let mut batch = Batch::default();
        let mut add = |id: u8, alias: Option<u8>| {
            let names = (RowId([id; 16]), alias.map(|alias| RowId([alias; 16])));
            batch.add(names, Second::MARCH_2018, &[b'0'; 40], 4, TickCounts::default())
        };
        assert_eq!([add(1, None), add(2, Some(1)), add(3, Some(4)), add(5, Some(4))], [true, false, true, true]);
    }
}
