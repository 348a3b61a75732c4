//! Limits of the resources that the streams of a tick share.

use futures_util::future::select_all;
use futures_util::lock::{Mutex, MutexGuard};
use slacktrail_core::object::GZIP_LEVEL;

/// The limits of calls, CPU and memory of a tick. The defaults keep the process within 100 MiB for any number of streams and any backlog.
#[derive(Clone, Copy, Debug)]
pub struct ResourceLimits {
    /// Maximum calls to Slack per stream. `None` means half of what Slack allows per minute.
    pub calls_max: Option<u32>,
    /// Maximum number of streams that are collected concurrently.
    pub streams_at_once: usize,
    /// Bytes of lines after which a stream stores its batch.
    pub batch_bytes: Quota,
    /// The gzip level of objects, 0 to 9.
    pub gzip_level: u32,
    /// Maximum number of cached record IDs. Each takes about 40 bytes.
    pub cached_ids: Quota,
}

/// The limits of one stream's tick.
pub(crate) struct StreamLimits<'a> {
    /// Maximum calls to Slack, as in [`ResourceLimits`].
    pub(crate) calls_max: Option<u32>,
    /// The gzip level of objects.
    pub(crate) gzip_level: u32,
    /// Bytes of lines after which a batch is stored.
    pub(crate) batch_bytes: usize,
    /// Maximum number of cached IDs during the tick.
    pub(crate) cached_ids_max: usize,
    /// Maximum number of IDs that all streams together cache between ticks.
    pub(crate) cached_ids_total: usize,
    /// Returns `true` if the tick must stop.
    pub(crate) deadline_reached: &'a dyn Fn() -> bool,
    /// Held by the stream that is reading a long row.
    pub(crate) long_rows: &'a Mutex<()>,
}

/// A limit per stream and in total.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// The limit of one stream.
    pub per_stream: usize,
    /// The limit of all concurrent streams together.
    pub total: usize,
}

impl Quota {
    pub(super) fn split(self, count: usize) -> usize {
        self.per_stream.min(self.total / count)
    }
}

/// Places that hold one future each. Further futures wait for a free place.
pub(super) struct Places(Vec<Mutex<()>>);

impl Places {
    /// Creates `count` places, at least one.
    pub(super) fn new(count: usize) -> Places {
        Places((0..count).map(|_| Mutex::new(())).collect())
    }

    /// Waits for a place, and takes it until the guard is dropped.
    pub(super) async fn take(&self) -> MutexGuard<'_, ()> {
        select_all(self.0.iter().map(Mutex::lock)).await.0
    }
}

impl ResourceLimits {
    /// Returns how many of `due` streams run concurrently, and the quota of record IDs that they may cache.
    ///
    /// With more streams than run concurrently, idle streams keep their cached IDs while active streams load theirs. Each group gets half of the
    /// total.
    pub(super) fn of_streams(&self, due: usize) -> (usize, Quota) {
        let concurrent = due.clamp(1, self.streams_at_once);
        let Quota { per_stream, total } = self.cached_ids;
        (concurrent, Quota { per_stream, total: if due > concurrent { total / 2 } else { total } })
    }
}

impl Default for ResourceLimits {
    fn default() -> ResourceLimits {
        ResourceLimits {
            calls_max: None,
            streams_at_once: 8,
            batch_bytes: Quota { per_stream: 8 << 20, total: 16 << 20 },
            gzip_level: GZIP_LEVEL,
            cached_ids: Quota { per_stream: 300_000, total: 600_000 },
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
        let (streams_at_once, cached_ids) = (2, Quota { per_stream: 30, total: 60 });
        let resources = ResourceLimits { streams_at_once, cached_ids, ..ResourceLimits::default() };
        let of = |due| {
            let (concurrent, cached_ids) = resources.of_streams(due);
            (concurrent, cached_ids.per_stream, cached_ids.total)
        };
        assert_eq!([0, 1, 2, 3].map(of), [(1, 30, 60), (1, 30, 60), (2, 30, 60), (2, 30, 30)]);
    }
}
