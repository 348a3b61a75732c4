//! The records that Slack returned: as entries of fixed size while Slack is read, and as a table while their day is compared.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use slacktrail_core::line::slacks_part;
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::time::Day;

/// The length of an encoded [`Entry`] in bytes.
pub const ENTRY_BYTES: usize = 48;

/// A record that Slack returned, as it is kept until its day is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    id: RowId,
    /// The organization-wide ID of an access row that was read per workspace.
    alias: Option<RowId>,
    /// A hash of the record's bytes.
    digest: u64,
    /// The record's time in seconds since the start of its day.
    second: u32,
    /// The number of the workspace that the row was read from, counted from 1, or 0 if the log is not read per workspace.
    workspace: u32,
}

impl Entry {
    /// Returns the entry of a record of `day`. `workspace` is the number of its workspace, or 0.
    pub(super) fn of(id: RowId, record: &Record<'_>, day: Day, workspace: u32) -> Entry {
        let second = u32::try_from(record.partition_time().since(day.start())).unwrap_or(0); // the seconds of a day fit into a u32
        Entry { id, alias: record.alias, digest: digest(slacks_part(&record.json)), second, workspace }
    }

    /// Appends the encoded entry to `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.alias.map_or([0; 16], |alias| alias.0)); // a hash of 16 zero bytes does not occur
        out.extend_from_slice(&self.digest.to_le_bytes());
        out.extend_from_slice(&self.second.to_le_bytes());
        out.extend_from_slice(&self.workspace.to_le_bytes());
    }

    /// Decodes entries. Bytes after the last whole entry are ignored.
    pub(super) fn decode(entries: &[u8]) -> impl Iterator<Item = Entry> {
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        entries.iter().map(|entry| Entry {
            id: RowId(part(entry, 0)),
            alias: Some(RowId(part(entry, 16))).filter(|alias| alias.0 != [0; 16]),
            digest: u64::from_le_bytes(part(entry, 32)),
            second: u32::from_le_bytes(part(entry, 40)),
            workspace: u32::from_le_bytes(part(entry, 44)),
        })
    }
}

/// Returns the `N` bytes of an entry that start at `at`.
fn part<const N: usize>(entry: &[u8; ENTRY_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&entry[at..at + N]);
    part
}

/// The records of a day that Slack returned. A record that Slack returned several times is one row.
#[derive(Debug, Default)]
pub(super) struct SlackRecords {
    pub(super) rows: HashMap<RowId, Row>,
    /// The further hashes of rows that Slack returned with the same ID but other bytes.
    forms: HashMap<RowId, Vec<u64>>,
    /// The numbers of the rows' workspaces, if an organization is read per workspace.
    pub(super) workspaces: HashMap<RowId, u32>,
    /// Maps the organization-wide ID of an access row to its IDs per workspace. The row may have been stored under the organization-wide ID before
    /// Slack returned access logs only per workspace.
    in_workspaces: HashMap<RowId, Vec<RowId>>,
}

/// The data that is kept for a record.
#[derive(Debug)]
pub(super) struct Row {
    /// A hash of the record's bytes.
    pub(super) digest: u64,
    /// The record's time in seconds since the start of the day.
    pub(super) second: u32,
    /// The number of the object that contains the record, or 0 if none has been found.
    pub(super) object: u32,
}

impl SlackRecords {
    /// Creates a table for this many bytes of entries. It does not grow, because a growing hash table needs the memory of two.
    pub(super) fn with_capacity(bytes: u64) -> SlackRecords {
        let records = usize::try_from(bytes).unwrap_or(0) / ENTRY_BYTES;
        SlackRecords { rows: HashMap::with_capacity(records), ..SlackRecords::default() }
    }

    /// Adds a record of the day.
    pub(super) fn add(&mut self, entry: &Entry) {
        let Entry { id, alias, digest, second, workspace } = *entry;
        let row = self.rows.entry(id).or_insert(Row { digest, second, object: 0 });
        if row.digest != digest && !self.has_form(id, digest) {
            self.forms.entry(id).or_default().push(digest);
        }
        if workspace != 0 {
            self.workspaces.insert(id, workspace);
        }
        if let Some(alias) = alias {
            let ids = self.in_workspaces.entry(alias).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }

    /// Returns the IDs of the records that a line with this ID may contain.
    pub(super) fn ids_of_line(&self, id: RowId) -> Vec<RowId> {
        if self.rows.contains_key(&id) {
            return vec![id];
        }
        self.in_workspaces.get(&id).cloned().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn has_form(&self, id: RowId, digest: u64) -> bool {
        self.forms.get(&id).is_some_and(|forms| forms.contains(&digest))
    }
}

/// Returns 64 bits of a SHA-256 hash, so that an altered record with the same hash is hard to construct.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    let mut digest = [0; 8];
    digest.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::LogType;

    #[test]
    fn record_takes_32_bytes_of_memory() {
        assert_eq!(size_of::<(RowId, Row)>(), 32);
    }

    #[test]
    fn table_of_day_takes_at_most_76_bytes_per_record() {
        for records in [1_000_usize, 1_792, 1_793, 100_000, 114_689] {
            let table = SlackRecords::with_capacity((records * ENTRY_BYTES) as u64);
            let buckets = (table.rows.capacity() * 8).div_ceil(7); // a hash table fills seven eighths of its buckets
            assert!(buckets * 33 <= 76 * records, "{records}: {buckets}");
        }
    }

    #[test]
    fn encoded_entries_have_fixed_size_and_decode() {
        let day: Day = "2026/11/20".parse().unwrap();
        let row = format!(r#"{{"user_id":"U1","date_first":{},"date_last":9}}"#, day.end().get());
        let audit = Record::read(LogType::Audit, None, r#"{"id":"a"}"#);
        let access = Record::read(LogType::Access, Some("T1"), &row);
        let entries = [Entry::of(audit.id, &audit, day, 0), Entry::of(access.id, &access, day, 70_000)];
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.encode(&mut bytes));
        assert_eq!(bytes.len(), 2 * ENTRY_BYTES);
        bytes.extend_from_slice(&[1; ENTRY_BYTES - 1]);
        assert_eq!(Entry::decode(&bytes).collect::<Vec<_>>(), entries);
        assert!(entries[1].alias.is_some() && entries[1].second == 86_399, "{entries:?}");
    }
}
