//! A batch of lines that are to be appended to day logs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::record::RowId;
use crate::time::{Day, Second};

/// The lines of new records of one or more days. Each record occurs once.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    days: BTreeMap<Day, Vec<BatchLine>>,
    ids: HashSet<RowId>,
    /// The counts to add once the lines are stored.
    pub counts: Counts,
}

/// Counts of new records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Records whose ID or time is missing or invalid.
    pub malformed: u64,
    /// Records whose rows contained invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// Late records.
    pub late: u64,
    /// The time of the oldest late record.
    pub late_oldest: Option<Second>,
}

/// One line of a batch.
#[derive(Debug)]
pub struct BatchLine {
    /// The time that decides the line's day log.
    pub time: Second,
    /// The record ID.
    pub id: RowId,
    /// The range of the line in [`Batch::lines_bytes`].
    pub range: Range<usize>,
}

impl Batch {
    /// Adds a line and its counts, unless the batch contains the record. Returns `true` if the line was added.
    ///
    /// Writes the digits of `id` at offset `id_at` of the line.
    pub fn add(&mut self, id: RowId, time: Second, line: &[u8], id_at: usize, counts: Counts) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(line);
        self.bytes[start + id_at..][..32].copy_from_slice(&id.digits());
        self.days.entry(time.day()).or_default().push(BatchLine { time, id, range: start..self.bytes.len() });
        self.counts.add(counts);
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

impl Counts {
    /// Adds the counts of another record or batch.
    pub fn add(&mut self, other: Counts) {
        self.malformed += other.malformed;
        self.repaired += other.repaired;
        self.late += other.late;
        self.late_oldest = self.late_oldest.into_iter().chain(other.late_oldest).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_sums_counts_and_keeps_only_buffer_after_clear() {
        let at = |seconds| Second::MARCH_2018.plus(seconds);
        let counts = |oldest| Counts { malformed: 1, repaired: 2, late: 3, late_oldest: Some(at(oldest)) };
        let mut batch = Batch::default();
        for (id, oldest, added) in [(1, 20, true), (2, 10, true), (2, 5, false)] {
            assert_eq!(batch.add(RowId([id; 16]), at(0), &[b'0'; 40], 4, counts(oldest)), added);
        }
        let sum = Counts { malformed: 2, repaired: 4, late: 6, late_oldest: Some(at(10)) };
        assert_eq!((batch.bytes(), batch.counts), (80, sum));
        batch.clear(40);
        assert_eq!((batch.bytes(), batch.counts, batch.take_day().is_none()), (0, Counts::default(), true));
        assert!((40..80).contains(&batch.bytes.capacity()));
        assert!(batch.add(RowId([1; 16]), at(0), &[b'0'; 40], 4, Counts::default()));
    }
}
