//! Keeps the caches of all streams between ticks, within a common limit.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::collect::StreamCache;
use slacktrail_core::source::StreamId;

/// The caches of the streams between ticks. Without a cache, a tick only has to read objects again.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamCaches(RefCell<HashMap<StreamId, StreamCache>>);

impl StreamCaches {
    /// Drops the caches of all streams for which `is_due` returns `false`.
    pub(super) fn retain(&self, is_due: impl Fn(&StreamId) -> bool) {
        self.0.borrow_mut().retain(|stream, _| is_due(stream));
    }

    /// Removes and returns the cache of `stream`, or returns an empty one.
    pub(super) fn take(&self, stream: &StreamId) -> StreamCache {
        let kept = self.0.borrow_mut().remove(stream);
        kept.unwrap_or_else(|| StreamCache::new(stream.clone()))
    }

    /// Keeps the cache of `stream`. Drops its record IDs if all streams together would then hold more than `cached_ids_total` IDs.
    pub(super) fn keep(&self, stream: &StreamId, mut cache: StreamCache, cached_ids_total: usize) {
        let mut kept = self.0.borrow_mut();
        let others: usize = kept.values().map(StreamCache::cached_ids).sum();
        if others + cache.cached_ids() > cached_ids_total {
            cache.clear_ids();
        }
        kept.insert(stream.clone(), cache);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::LogType;

    fn stream(log: LogType) -> StreamId {
        StreamId { source: "acme".parse().unwrap(), log }
    }

    #[test]
    fn streams_together_cache_no_more_ids_than_quota() {
        for (count, kept) in [(4, 4), (5, 0)] {
            let stream_caches = StreamCaches::default();
            stream_caches.keep(&stream(LogType::Audit), StreamCache::with_cached_ids(stream(LogType::Audit), 3), 7);
            stream_caches.keep(
                &stream(LogType::Access),
                StreamCache::with_cached_ids(stream(LogType::Access), count),
                7,
            );
            assert_eq!(stream_caches.take(&stream(LogType::Audit)).cached_ids(), 3);
            assert_eq!(stream_caches.take(&stream(LogType::Access)).cached_ids(), kept, "{count} IDs in addition to 3");
        }
    }

    #[test]
    fn cache_of_stream_that_is_not_due_is_evicted() {
        let stream_caches = StreamCaches::default();
        for log in [LogType::Audit, LogType::Access] {
            stream_caches.keep(&stream(log), StreamCache::with_cached_ids(stream(log), 1), 7);
        }
        stream_caches.retain(|stream| stream.log == LogType::Access);
        let seen = [LogType::Audit, LogType::Access].map(|log| stream_caches.take(&stream(log)).cached_ids());
        assert_eq!(seen, [0, 1]);
    }
}
