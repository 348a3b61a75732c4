//! What the streams of a tick may use together.

use slacktrail_core::object::GZIP_LEVEL;

/// How much work and memory the streams of a tick share. The defaults keep a process of any number of streams and any
/// backlog within 100 MiB.
#[derive(Clone, Copy, Debug)]
pub struct ResourceLimits {
    /// Streams that are collected side by side.
    pub streams_at_once: usize,
    /// Bytes of lines after which a stream's batch is stored: of one stream, and of all that are side by side.
    pub batch_bytes: Quota,
    /// How hard an object is compressed, 0 to 9.
    pub gzip_level: u32,
    /// Identities of stored records kept in memory, about 40 bytes each: of one stream, and of all that are side by side.
    pub stored_ids: Quota,
}

/// A bound for each, and one for all together.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// The most that one may have.
    pub per_stream: usize,
    /// The most that all may have together.
    pub total: usize,
}

impl Quota {
    pub(super) fn split(self, count: usize) -> usize {
        self.per_stream.min(self.total / count)
    }
}

impl ResourceLimits {
    /// How many of `due` streams are collected side by side, and how many identities they may know. Of more streams than are side by side,
    /// some keep what they have learnt while others learn: each half has its share.
    pub(super) fn of_streams(&self, due: usize) -> (usize, Quota) {
        let concurrent = due.clamp(1, self.streams_at_once);
        let Quota { per_stream, total } = self.stored_ids;
        (concurrent, Quota { per_stream, total: if due > concurrent { total / 2 } else { total } })
    }
}

impl Default for ResourceLimits {
    fn default() -> ResourceLimits {
        ResourceLimits {
            streams_at_once: 8,
            batch_bytes: Quota { per_stream: 8 << 20, total: 16 << 20 },
            gzip_level: GZIP_LEVEL,
            stored_ids: Quota { per_stream: 300_000, total: 600_000 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_split_quota_and_none_exceeds_its_own_limit() {
        let quota = Quota { per_stream: 30, total: 60 };
        assert_eq!([1, 2, 3, 6].map(|count| quota.split(count)), [30, 30, 20, 10]);
    }

    #[test]
    fn waiting_streams_halve_total_cache_quota() {
        let (streams_at_once, stored_ids) = (2, Quota { per_stream: 30, total: 60 });
        let resources = ResourceLimits { streams_at_once, stored_ids, ..ResourceLimits::default() };
        let of = |due| {
            let (concurrent, stored_ids) = resources.of_streams(due);
            (concurrent, stored_ids.per_stream, stored_ids.total)
        };
        assert_eq!([0, 1, 2, 3].map(of), [(1, 30, 60), (1, 30, 60), (2, 30, 60), (2, 30, 30)]);
    }
}
