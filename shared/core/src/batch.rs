//! A batch: the lines of new records on their way to their day logs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::record::RowId;
use crate::time::{Day, Second};

/// Lines that are to be appended: new records of one or more days.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    days: BTreeMap<Day, Vec<BatchLine>>,
    ids: HashSet<RowId>,
    /// What is counted of them once they are stored.
    pub counts: Counts,
}

/// What is counted of new records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Records without an identity or a time that could be read.
    pub malformed: u64,
    /// Records of whose row bytes were replaced that are not UTF-8.
    pub repaired: u64,
    /// Records that came late.
    pub late: u64,
    /// The oldest of them.
    pub late_oldest: Option<Second>,
}

/// One line of a batch.
#[derive(Debug)]
pub struct BatchLine {
    /// The time that decides its day log.
    pub time: Second,
    /// The record ID.
    pub id: RowId,
    /// Where the batch holds its bytes.
    pub range: Range<usize>,
}

impl Batch {
    /// Adds a line and what it counts for, unless the batch holds that record. `id_at`: where in `line` the digits of the identity are.
    /// Returns whether it was added.
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

    /// Empties it. Its memory is kept for the next lines, unless a few long ones made it large.
    pub fn clear(&mut self, bytes_kept: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes_kept);
        *self = Batch { bytes: std::mem::take(&mut self.bytes), ..Batch::default() };
    }

    /// The bytes of all its lines.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes out the lines of its first day.
    pub fn take_day(&mut self) -> Option<(Day, Vec<BatchLine>)> {
        self.days.pop_first()
    }

    /// Puts back those that could not be appended.
    pub fn put_back(&mut self, day: Day, lines: Vec<BatchLine>) {
        self.days.insert(day, lines);
    }

    /// The bytes that the lines' ranges are of.
    pub fn lines_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Counts {
    /// Adds what another record or batch counts for.
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
