//! A block: rows of a page that were read but not yet compared with the day logs, and their lines.
//!
//! An audit or access page of any size passes through one block after the other, so memory depends on the size of a block and not on the
//! size of a page. A page of integration logs is a single block of at most 8 MiB, because only the whole page distinguishes its rows.

use std::collections::HashMap;
use std::mem;
use std::ops::Range;

use crate::line::LineWriter;
use crate::record::{Record, RowId};
use crate::slack::RawRow;
use crate::source::LogType;
use crate::time::Second;
use crate::walk::Row;

/// The bytes of lines after which a block is full.
const BLOCK_BYTES_MAX: usize = 256 << 10;
/// The number of rows after which a block is full.
const BLOCK_ROWS_MAX: usize = 1_000;
/// The least number of earlier rows of its page that a row is compared with. Twice as many IDs are kept, because a hash table of 8,192 slots
/// holds exactly this many. A slot takes 21 bytes, so that is 0.3 MB per stream.
const COMPARED_MIN: usize = 7_168;

/// A block of rows.
#[derive(Debug, Default)]
pub struct Block {
    /// The parts of each row that the walk needs.
    pub rows: Vec<Row>,
    /// The line of each row.
    pub lines: Vec<BlockLine>,
    bytes: Vec<u8>,
}

/// The line of one row.
#[derive(Debug)]
pub struct BlockLine {
    /// The row's second record ID, if it has one.
    pub alias: Option<RowId>,
    /// The offset of the record ID's digits in the line.
    pub id_at: usize,
    /// Whether the ID or the time of the record is missing or invalid, or the row was not JSON.
    pub malformed: bool,
    /// Whether invalid UTF-8 in the row was replaced.
    pub repaired: bool,
    range: Range<usize>,
}

impl Block {
    /// Parses a row and writes its line. Returns its record ID and a checksum of its content.
    pub fn read(
        &mut self,
        log: LogType,
        workspace: Option<&str>,
        row: &RawRow<'_>,
        lines: &LineWriter,
    ) -> (RowId, u32) {
        let record = Record::read(log, workspace, &row.json);
        let start = self.bytes.len();
        let id_at = lines.write(&record, &mut self.bytes) - start;
        self.rows.push(Row::of(&record));
        self.lines.push(BlockLine {
            alias: record.alias,
            id_at,
            malformed: record.malformed || !row.is_json,
            repaired: row.repaired,
            range: start..self.bytes.len(),
        });
        (record.id, record.content())
    }

    /// Returns the line of a row, with the record ID from before the walk added an ordinal.
    pub fn line(&self, index: usize) -> &[u8] {
        &self.bytes[self.lines[index].range.clone()]
    }

    /// Returns the time that decides the row's day log.
    pub fn partition_time(&self, index: usize) -> Second {
        self.rows[index].time.unwrap_or(Second::EPOCH)
    }

    /// Returns the size of all lines.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns `true` if the rows must be processed now. A block is never larger than a batch, which is stored after `batch_bytes`.
    pub fn is_full(&self, batch_bytes: usize) -> bool {
        self.bytes.len() >= BLOCK_BYTES_MAX.min(batch_bytes) || self.rows.len() >= BLOCK_ROWS_MAX
    }

    /// Removes all rows. Keeps the buffer, unless long lines made it much larger than a block.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.lines.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * BLOCK_BYTES_MAX);
    }
}

/// Counts rows of one response that have the same record ID and different content.
///
/// Only one of them can be stored. The content of a row may change between reads, so it cannot be part of the ID.
#[derive(Debug, Default)]
pub struct Conflicts {
    contents: HashMap<RowId, u32>,
    /// The IDs before those in `contents`. Rotating two maps keeps memory bounded for a page of any length.
    older: HashMap<RowId, u32>,
    /// The number of conflicting rows.
    pub count: u64,
}

impl Conflicts {
    /// Adds a row of the response.
    pub fn add(&mut self, id: RowId, content: u32) {
        if let Some(first) = self.contents.get(&id).or_else(|| self.older.get(&id)) {
            self.count += u64::from(*first != content);
            return;
        }
        if self.contents.len() == COMPARED_MIN {
            self.older = mem::take(&mut self.contents);
        }
        self.contents.insert(id, content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Plan, Source};

    fn raw(json: &str) -> RawRow<'_> {
        RawRow { json: json.into(), repaired: false, is_json: true }
    }

    fn conflicts(log: LogType, rows: [&str; 3]) -> u64 {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let lines = LineWriter::new(&source, log, jiff::Timestamp::UNIX_EPOCH);
        let (mut block, mut conflicts) = (Block::default(), Conflicts::default());
        for json in rows {
            let (id, content) = block.read(log, None, &raw(json), &lines);
            conflicts.add(id, content);
        }
        conflicts.count
    }

    #[test]
    fn rows_with_same_id_conflict_only_if_contents_differ() {
        let audit = |action: &str| format!(r#"{{"id":"a","date_create":1800000005,"action":"{action}"}}"#);
        assert_eq!(conflicts(LogType::Audit, [&audit("x"), &audit("x"), &audit("y")]), 1);
        let access = |country: &str, count: u32| {
            format!(
                r#"{{"user_id":"U1","ip":"","user_agent":"x","date_first":1800000005,"date_last":{count},"count":{count},"country":"{country}"}}"#
            )
        };
        assert_eq!(conflicts(LogType::Access, [&access("DE", 6), &access("DE", 7), &access("DE", 8)]), 0);
        assert_eq!(conflicts(LogType::Access, [&access("DE", 6), &access("FR", 6), &access("US", 6)]), 2);
        let other = audit("x").replace(r#""a""#, r#""b""#);
        assert_eq!(conflicts(LogType::Audit, [&audit("x"), &other, &audit("x")]), 0);
    }

    #[test]
    fn block_is_full_by_rows_bytes_or_batch_limit() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let lines = LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH);
        let mut block = Block::default();
        let mut rows_until_full = |json: &str, batch_bytes: usize| {
            block.clear();
            while !block.is_full(batch_bytes) {
                block.read(LogType::Audit, None, &raw(json), &lines);
            }
            (block.rows.len(), block.bytes())
        };
        assert_eq!(rows_until_full(r#"{"id":"a"}"#, usize::MAX).0, BLOCK_ROWS_MAX);
        let long = format!(r#"{{"id":"{}"}}"#, "a".repeat(100 << 10));
        let (rows, bytes) = rows_until_full(&long, usize::MAX);
        assert_eq!((rows, bytes >= BLOCK_BYTES_MAX), (3, true));
        let (rows, bytes) = rows_until_full(&long, 2 * (100 << 10));
        assert_eq!((rows, bytes >= 2 * (100 << 10)), (2, true));
    }

    #[test]
    fn access_row_of_workspace_has_organization_record_id_as_alias() {
        let json = r#"{"user_id":"U1","ip":"","user_agent":"x","date_first":1800000005}"#;
        let whole = Record::read(LogType::Access, None, json);
        let one = Record::read(LogType::Access, Some("T1"), json);
        let two = Record::read(LogType::Access, Some("T2"), json);
        assert_eq!((one.alias, two.alias, whole.alias), (Some(whole.id), Some(whole.id), None));
        assert!(one.id != two.id && one.id != whole.id);
    }

    #[test]
    fn row_is_compared_with_7168_earlier_ids_in_bounded_memory() {
        let mut conflicts = Conflicts::default();
        let min = COMPARED_MIN as u128;
        for n in 0..20 * min {
            conflicts.add(RowId(n.to_be_bytes()), 0);
            if let Some(before) = n.checked_sub(min) {
                conflicts.add(RowId(before.to_be_bytes()), 1);
            }
        }
        assert_eq!(conflicts.count, 19 * COMPARED_MIN as u64);
        for kept in [&conflicts.contents, &conflicts.older] {
            assert_eq!((kept.len(), kept.capacity()), (COMPARED_MIN, COMPARED_MIN));
        }
    }
}
