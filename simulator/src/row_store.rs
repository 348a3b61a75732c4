//! Rows in the order of their time: audit and integration rows, which never change.

use crate::Row;

/// Rows, oldest first; within one second in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowStore {
    rows: Vec<Row>,
}

impl RowStore {
    /// Adds a row. Fast for one that is newer than all others, as nearly all are.
    pub(crate) fn add(&mut self, row: Row) {
        let index = self.rows.partition_point(|other| other.second() <= row.second());
        self.rows.insert(index, row);
    }

    /// All rows.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of these seconds, both included.
    pub(crate) fn between(&self, oldest: i64, latest: i64) -> &[Row] {
        let end = self.rows.partition_point(|row| row.second() <= latest);
        let start = self.rows.partition_point(|row| row.second() < oldest);
        &self.rows[start.min(end)..end]
    }
}
