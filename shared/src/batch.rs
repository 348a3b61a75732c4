//! A batch: the lines of new records on their way to their day logs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::record::RowId;
use crate::time::{Day, Second};

/// Lines that are to be appended: new records of one or more days.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    days: BTreeMap<Day, Vec<BatchLine>>,
    ids: HashSet<RowId>,
    /// Records without an identity or a time that could be read.
    pub(crate) unreadable: u64,
    /// Records that came late.
    pub(crate) late: u64,
    /// The oldest of them.
    pub(crate) late_oldest: Option<Second>,
}

/// One line of a batch.
#[derive(Debug)]
pub(crate) struct BatchLine {
    pub(crate) time: Second,
    pub(crate) id: RowId,
    pub(crate) range: Range<usize>,
}

impl Batch {
    /// An empty batch with room for `bytes` of lines.
    pub(crate) fn with_room(bytes: usize) -> Batch {
        Batch { bytes: Vec::with_capacity(bytes), ..Batch::default() }
    }

    /// Adds a record's line, unless the batch holds that record. `write` appends the line.
    pub(crate) fn add(
        &mut self,
        id: RowId,
        time: Second,
        unreadable: bool,
        late: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.ids.insert(id) {
            return;
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.days.entry(time.day()).or_default().push(BatchLine { time, id, range: start..self.bytes.len() });
        self.unreadable += u64::from(unreadable);
        if late {
            self.late += 1;
            self.late_oldest = Some(self.late_oldest.map_or(time, |oldest| oldest.min(time)));
        }
    }

    /// The bytes of all its lines.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Its lines by day.
    pub(crate) fn days(&self) -> &BTreeMap<Day, Vec<BatchLine>> {
        &self.days
    }

    /// The bytes that the lines' ranges are of.
    pub(crate) fn lines_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
