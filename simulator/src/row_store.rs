//! Stores audit and integration rows, which never change, in the order of their time.

use crate::Row;

/// Rows, oldest first. Rows of the same second are in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowStore {
    rows: Vec<Row>,
}

impl RowStore {
    /// Adds a row. This is fast if the row is the newest, as almost all are.
    pub(crate) fn add(&mut self, row: Row) {
        let index = self.rows.partition_point(|other| other.second() <= row.second());
        self.rows.insert(index, row);
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the rows from `oldest` to `latest`, including both.
    pub(crate) fn between(&self, oldest: i64, latest: i64) -> &[Row] {
        let end = self.rows.partition_point(|row| row.second() <= latest);
        let start = self.rows.partition_point(|row| row.second() < oldest);
        &self.rows[start.min(end)..end]
    }
}
