//! What a tick counts. The poller's response, its log lines and the CLI's totals show it.

use std::ops::AddAssign;

use serde::Serialize;

/// Counts of what a tick read and stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct TickCounts {
    /// Number of calls to Slack.
    pub calls: u32,
    /// Number of pages read.
    pub pages: u32,
    /// Number of records stored.
    pub records: u64,
    /// Number of objects created.
    pub objects: u64,
    /// Compressed size of these objects.
    pub bytes: u64,
    /// Number of records that were stored although their ID or time was missing or invalid.
    pub malformed: u64,
    /// Number of stored records whose rows contained invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// Number of rows that were not stored because another row of the response has the same record ID and different content.
    pub conflicting: u64,
    /// Number of records that Slack published after a tick had already read their time.
    pub late: u64,
    /// The greatest delay among these late records.
    pub late_seconds_max: i64,
}

impl AddAssign for TickCounts {
    fn add_assign(&mut self, other: TickCounts) {
        self.calls += other.calls;
        self.pages += other.pages;
        self.records += other.records;
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.malformed += other.malformed;
        self.repaired += other.repaired;
        self.conflicting += other.conflicting;
        self.late += other.late;
        self.late_seconds_max = self.late_seconds_max.max(other.late_seconds_max);
    }
}
