//! A block: rows of a page that were read and are not decided yet, with the lines that they become. A page of any size goes through one
//! block after the other, so that memory is bounded by what a block holds.

use std::collections::HashMap;
use std::mem;
use std::ops::Range;

use slacktrail_core::batch::Counts;
use slacktrail_core::line::LineWriter;
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::slack::RawRow;
use slacktrail_core::source::LogType;
use slacktrail_core::time::Second;
use slacktrail_core::walk::Row;

/// A block ends after so many bytes of lines.
const BLOCK_BYTES_MAX: usize = 256 << 10;
/// A block ends after so many rows.
const BLOCK_ROWS_MAX: usize = 1_000;
/// A row is compared with at least so many identities before it, of its page. Twice as many are kept: 0.4 MB a stream, because a hash table
/// of 8,192 places is full with so many, at 25 bytes a place.
const COMPARED_MIN: usize = 7_168;

/// Rows of a page on their way to a batch.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// What the walk needs to know of them.
    pub(super) rows: Vec<Row>,
    /// What else is known of each.
    pub(super) lines: Vec<BlockLine>,
    bytes: Vec<u8>,
}

/// A row's line.
#[derive(Debug)]
pub(super) struct BlockLine {
    /// The row's other identity, if it has one.
    pub(super) alias: Option<RowId>,
    /// Where in the line the digits of its identity are.
    pub(super) id_at: usize,
    /// What it counts for when it is new.
    pub(super) counts: Counts,
    range: Range<usize>,
}

impl Block {
    /// Reads a row and writes its line. Returns the record's identity and a digest of its content.
    pub(super) fn read(
        &mut self,
        log: LogType,
        workspace: Option<&str>,
        row: &RawRow<'_>,
        lines: &LineWriter,
    ) -> (RowId, u64) {
        let record = Record::read(log, workspace, &row.json);
        let start = self.bytes.len();
        let id_at = lines.write(&record, record.id, &mut self.bytes) - start;
        self.rows.push(Row::of(&record));
        let malformed = u64::from(record.malformed || !row.is_json);
        self.lines.push(BlockLine {
            alias: record.alias,
            id_at,
            counts: Counts { malformed, repaired: u64::from(row.repaired), ..Counts::default() },
            range: start..self.bytes.len(),
        });
        (record.id, record.content())
    }

    /// The line of a row, with the identity that the row had before the walk numbered it.
    pub(super) fn line(&self, index: usize) -> &[u8] {
        &self.bytes[self.lines[index].range.clone()]
    }

    /// The time that a row is kept under.
    pub(super) fn partition_time(&self, index: usize) -> Second {
        self.rows[index].time.unwrap_or(Second::EPOCH)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is time to decide on its rows. `batch_bytes`: after how many bytes a batch is stored.
    pub(super) fn is_full(&self, batch_bytes: usize) -> bool {
        self.bytes.len() >= BLOCK_BYTES_MAX.min(batch_bytes) || self.rows.len() >= BLOCK_ROWS_MAX
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.lines.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * BLOCK_BYTES_MAX);
    }
}

/// Rows of one reply that share an identity and differ in what they say. Only one of them can be stored, for a row's content may change
/// from read to read and its identity must not.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    contents: HashMap<RowId, u64>,
    /// The contents before those, so that a page of any length is compared in bounded memory.
    older: HashMap<RowId, u64>,
    /// How many there were.
    pub(super) count: u64,
}

impl Conflicts {
    /// Takes in a row of the reply.
    pub(super) fn add(&mut self, id: RowId, content: u64) {
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
    use slacktrail_core::slack::PageReader;
    use slacktrail_core::source::{Plan, Source};

    fn conflicts(log: LogType, workspace: Option<&str>, rows: [&str; 3]) -> u64 {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let lines = LineWriter::new(&source, log, jiff::Timestamp::UNIX_EPOCH);
        let (mut block, mut conflicts) = (Block::default(), Conflicts::default());
        let mut page = PageReader::new("logs");
        page.push(format!(r#"{{"entries":[{}]}}"#, rows.join(",")).as_bytes()).unwrap();
        while page.advance() == Ok(slacktrail_core::slack::Advance::Row) {
            let (id, content) = block.read(log, workspace, &page.row(), &lines);
            conflicts.add(id, content);
        }
        assert_eq!(block.rows.len(), 3);
        conflicts.count
    }

    #[test]
    fn rows_with_same_id_conflict_only_if_contents_differ() {
        let audit = |action: &str| format!(r#"{{"id":"a","date_create":1800000005,"action":"{action}"}}"#);
        assert_eq!(conflicts(LogType::Audit, None, [&audit("x"), &audit("x"), &audit("y")]), 1);
        let access = |country: &str, count: u32| {
            format!(
                r#"{{"user_id":"U1","ip":"","user_agent":"x","date_first":1800000005,"date_last":{count},"count":{count},"country":"{country}"}}"#
            )
        };
        assert_eq!(conflicts(LogType::Access, None, [&access("DE", 6), &access("DE", 7), &access("DE", 8)]), 0);
        assert_eq!(conflicts(LogType::Access, None, [&access("DE", 6), &access("FR", 6), &access("US", 6)]), 2);
        let other = audit("x").replace(r#""a""#, r#""b""#);
        assert_eq!(conflicts(LogType::Audit, None, [&audit("x"), &other, &audit("x")]), 0);
    }

    #[test]
    fn block_is_full_by_rows_bytes_or_batch_limit() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let lines = LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH);
        let mut block = Block::default();
        let mut rows_until_full = |json: &str, batch_bytes: usize| {
            block.clear();
            while !block.is_full(batch_bytes) {
                let row = RawRow { json: json.into(), repaired: false, is_json: true };
                block.read(LogType::Audit, None, &row, &lines);
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
