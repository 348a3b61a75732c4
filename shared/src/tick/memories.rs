//! What the streams' ticks remember, within what all of them together may.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::collect::Memory;
use crate::source::StreamId;

/// The streams' memories between ticks. Losing one costs reading back, and nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Memories(RefCell<HashMap<StreamId, Memory>>);

impl Memories {
    /// Forgets the streams of which `is_due` says no.
    pub(super) fn retain(&self, is_due: impl Fn(&StreamId) -> bool) {
        self.0.borrow_mut().retain(|stream, _| is_due(stream));
    }

    /// Hands a stream its memory: an empty one, if none was kept.
    pub(super) fn take(&self, stream: &StreamId) -> Memory {
        let kept = self.0.borrow_mut().remove(stream);
        kept.unwrap_or_else(|| Memory::new(stream.clone()))
    }

    /// Keeps what a stream has learnt. The identities of stored records are left out if all streams would then hold more than `seen_max` of
    /// them: they are read again when they are needed.
    pub(super) fn keep(&self, stream: &StreamId, mut learnt: Memory, seen_max: usize) {
        let mut kept = self.0.borrow_mut();
        let others: usize = kept.values().map(Memory::seen_count).sum();
        if others + learnt.seen_count() > seen_max {
            learnt.forget_seen();
        }
        kept.insert(stream.clone(), learnt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::LogType;

    fn stream(log: LogType) -> StreamId {
        StreamId { source: "acme".parse().unwrap(), log }
    }

    #[test]
    fn streams_together_keep_no_more_identities_than_they_may() {
        for (count, kept) in [(4, 4), (5, 0)] {
            let memories = Memories::default();
            memories.keep(&stream(LogType::Audit), Memory::with_seen(stream(LogType::Audit), 3), 7);
            memories.keep(&stream(LogType::Access), Memory::with_seen(stream(LogType::Access), count), 7);
            assert_eq!(memories.take(&stream(LogType::Audit)).seen_count(), 3);
            assert_eq!(memories.take(&stream(LogType::Access)).seen_count(), kept, "{count} besides three");
        }
    }

    #[test]
    fn stream_that_is_not_due_is_forgotten() {
        let memories = Memories::default();
        for log in [LogType::Audit, LogType::Access] {
            memories.keep(&stream(log), Memory::with_seen(stream(log), 1), 7);
        }
        memories.retain(|stream| stream.log == LogType::Access);
        let seen = [LogType::Audit, LogType::Access].map(|log| memories.take(&stream(log)).seen_count());
        assert_eq!(seen, [0, 1]);
    }
}
