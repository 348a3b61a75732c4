//! The overlap: how far before the watermark each tick reads again, to find records that Slack publishes late.
//!
//! The overlap is five minutes as long as that fits into the calls of a tick. Otherwise it shrinks to what fits, but not below what the
//! measured lateness requires.

use crate::time::Second;

/// The largest overlap.
pub(super) const OVERLAP_MAX_SECONDS: i64 = 300;
/// The smallest overlap. The boundary second is always read again.
const OVERLAP_MIN_SECONDS: i64 = 10;
/// The time between two ticks.
const TICK_SECONDS: i64 = 60;
/// The window of measured lateness. A measurement counts for one to two windows.
const WINDOW_SECONDS: i64 = 3_600;

/// The overlap of a stream's next tick.
#[derive(Clone, Debug)]
pub(super) struct Overlap {
    pub(super) seconds: i64,
    /// The greatest lateness in the current window and in the previous one.
    lateness: [i64; 2],
    window_began: Second,
}

/// A live walk that reached its end or used up its calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveWalk {
    /// The number of pages that it read.
    pub(super) pages: u32,
    /// The time range that these pages cover.
    pub(super) seconds: i64,
    /// Maximum calls per tick.
    pub(super) calls_max: u32,
    /// Whether other gaps wait for calls.
    pub(super) others_wait: bool,
}

impl Overlap {
    /// Creates the largest overlap.
    pub(super) fn new() -> Overlap {
        Overlap { seconds: OVERLAP_MAX_SECONDS, lateness: [0; 2], window_began: Second::EPOCH }
    }

    /// Records that a record was late by this many seconds. The re-reads find records that are later than the largest overlap.
    pub(super) fn add_late(&mut self, seconds: i64, now: Second) {
        self.turn_window(now);
        if seconds <= OVERLAP_MAX_SECONDS {
            self.lateness[0] = self.lateness[0].max(seconds);
        }
    }

    /// Computes the next overlap from the last live walk.
    ///
    /// The overlap is as large as fits into all calls, or into half of them while other gaps wait. If that is less than the measured lateness
    /// requires, live records may use seven eighths of the calls.
    pub(super) fn adapt(&mut self, walk: LiveWalk, now: Second) {
        self.turn_window(now);
        let calls = i64::from(walk.calls_max);
        let fitting = |calls: i64| calls * walk.seconds / i64::from(walk.pages.max(1)) - TICK_SECONDS;
        let needed = match self.lateness[0].max(self.lateness[1]) {
            0 => 0,
            lateness => lateness + lateness / 4 + OVERLAP_MIN_SECONDS,
        };
        self.seconds = match walk.pages {
            0 | 1 => OVERLAP_MAX_SECONDS,
            _ => {
                let kept = fitting(if walk.others_wait { calls / 2 } else { calls });
                kept.max(needed.min(fitting(calls - (calls + 7) / 8))).clamp(OVERLAP_MIN_SECONDS, OVERLAP_MAX_SECONDS)
            }
        };
    }

    fn turn_window(&mut self, now: Second) {
        if now.since(self.window_began) >= WINDOW_SECONDS {
            self.lateness = [0, self.lateness[0]];
            self.window_began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Second = Second::MARCH_2018;

    fn after(overlap: &mut Overlap, pages: u32, seconds: i64, others_wait: bool) -> i64 {
        overlap.adapt(LiveWalk { pages, seconds, calls_max: 25, others_wait }, NOW);
        overlap.seconds
    }

    #[test]
    fn overlap_of_five_minutes_is_kept_while_it_fits_calls() {
        for (pages, others_wait) in [(1, true), (2, true), (12, true), (25, false)] {
            assert_eq!(after(&mut Overlap::new(), pages, 360, others_wait), 300, "{pages} {others_wait}");
        }
        assert_eq!(after(&mut Overlap::new(), 1, 1, true), 300, "the log is one page");
        assert_eq!(after(&mut Overlap::new(), 24, 360, true), 120);
        assert_eq!(after(&mut Overlap::new(), 50, 360, false), 120);
    }

    #[test]
    fn measured_lateness_determines_overlap_cut() {
        let mut overlap = Overlap::new();
        overlap.add_late(120, NOW);
        assert_eq!(after(&mut overlap, 24, 360, true), 160, "late records require more than half of the calls");
        assert_eq!(after(&mut overlap, 60, 360, true), 66, "seven eighths of the calls");
        overlap.add_late(4_000, NOW);
        assert_eq!(after(&mut overlap, 24, 360, true), 160, "re-reads find later records");
        let later = NOW.plus(2 * WINDOW_SECONDS);
        overlap.add_late(0, NOW.plus(WINDOW_SECONDS));
        overlap.add_late(0, later);
        assert_eq!(after(&mut overlap, 24, 360, true), 120, "no record was late for an hour");
    }

    #[test]
    fn overlap_is_at_least_ten_seconds_and_recovers_at_once() {
        let mut overlap = Overlap::new();
        assert_eq!(after(&mut overlap, 1_000, 360, true), 10);
        assert_eq!(after(&mut overlap, 1, 70, true), 300);
    }
}
