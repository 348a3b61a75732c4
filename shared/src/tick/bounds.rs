//! What the streams of a tick may use together.

use crate::object::GZIP_LEVEL;

/// How much work and memory the streams of a tick share. The defaults keep a process of any number of streams and any
/// backlog within 100 MiB.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Streams that are collected side by side.
    pub streams_at_once: usize,
    /// Bytes of lines after which a stream's batch is stored: of one stream, and of all that are side by side.
    pub batch_bytes: Shared,
    /// How hard an object is compressed, 0 to 9.
    pub gzip_level: u32,
    /// Identities of stored records kept in memory, about 40 bytes each: of one stream, and of all that are side by side.
    pub seen: Shared,
}

/// A bound for each, and one for all together.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// The most that one may have.
    pub each: usize,
    /// The most that all may have together.
    pub all: usize,
}

impl Shared {
    pub(super) fn among(self, count: usize) -> usize {
        self.each.min(self.all / count)
    }
}

impl Bounds {
    /// How many of `due` streams are collected side by side, and how many identities they may know. Of more streams than are side by side,
    /// some keep what they have learnt while others learn: each half has its share.
    pub(super) fn of_streams(&self, due: usize) -> (usize, Shared) {
        let side_by_side = due.clamp(1, self.streams_at_once);
        let Shared { each, all } = self.seen;
        (side_by_side, Shared { each, all: if due > side_by_side { all / 2 } else { all } })
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            streams_at_once: 8,
            batch_bytes: Shared { each: 8 << 20, all: 16 << 20 },
            gzip_level: GZIP_LEVEL,
            seen: Shared { each: 300_000, all: 600_000 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_share_a_bound_and_none_has_more_than_its_own() {
        let shared = Shared { each: 30, all: 60 };
        assert_eq!([1, 2, 3, 6].map(|count| shared.among(count)), [30, 30, 20, 10]);
    }

    #[test]
    fn streams_that_wait_for_others_halve_what_all_may_remember() {
        let (streams_at_once, seen) = (2, Shared { each: 30, all: 60 });
        let bounds = Bounds { streams_at_once, seen, ..Bounds::default() };
        let of = |due| {
            let (side_by_side, seen) = bounds.of_streams(due);
            (side_by_side, seen.each, seen.all)
        };
        assert_eq!([0, 1, 2, 3].map(of), [(1, 30, 60), (1, 30, 60), (2, 30, 60), (2, 30, 30)]);
    }
}
