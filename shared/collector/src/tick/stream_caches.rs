//! What the streams' ticks remember, within what all of them together may.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::collect::StreamCache;
use slacktrail_core::source::StreamId;

/// The streams' memories between ticks. Losing one costs reading back, and nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamCaches(RefCell<HashMap<StreamId, StreamCache>>);

impl StreamCaches {
    /// Forgets the streams of which `is_due` says no.
    pub(super) fn retain(&self, is_due: impl Fn(&StreamId) -> bool) {
        self.0.borrow_mut().retain(|stream, _| is_due(stream));
    }

    /// Hands a stream its memory: an empty one, if none was kept.
    pub(super) fn take(&self, stream: &StreamId) -> StreamCache {
        let kept = self.0.borrow_mut().remove(stream);
        kept.unwrap_or_else(|| StreamCache::new(stream.clone()))
    }

    /// Keeps what a stream has learnt. The identities of stored records are left out if all streams would then hold more than `stored_ids_max` of
    /// them: they are read again when they are needed.
    pub(super) fn keep(&self, stream: &StreamId, mut learnt: StreamCache, stored_ids_max: usize) {
        let mut kept = self.0.borrow_mut();
        let others: usize = kept.values().map(StreamCache::cached_ids).sum();
        if others + learnt.cached_ids() > stored_ids_max {
            learnt.clear_ids();
        }
        kept.insert(stream.clone(), learnt);
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
            assert_eq!(stream_caches.take(&stream(LogType::Access)).cached_ids(), kept, "{count} besides three");
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
