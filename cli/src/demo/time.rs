//! The clock of the simulated Slack: one minute passes per second, and the demo ends at about the present.
//!
//! The clock therefore starts in the past. An object must not be older than its records, because the collector relies on that to skip old
//! objects when it reads a day log back.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::run::Pace;

/// Simulated seconds per second.
const SPEED: i64 = 60;
/// How far the simulated history reaches back before the first tick.
const HISTORY: SignedDuration = SignedDuration::from_hours(3 * 24);
/// The maximum delay of a live record.
pub(crate) const LATE_MAX: SignedDuration = SignedDuration::from_mins(20);
/// After this the collector reads the last two hours again.
const HOUR_AND_MORE: SignedDuration = SignedDuration::from_mins(61);
/// The approximate simulated time of the ticks after the activity has stopped.
const FINAL_TICKS: SignedDuration = SignedDuration::from_mins(5);
/// The number of ticks in which the collector must catch up after that. Each tick may make as many calls as any other tick.
const IMMEDIATE_TICKS_MAX: u32 = 40;

/// The simulated Slack's clock.
#[derive(Debug)]
pub(crate) struct SimulatedTime {
    started: Instant,
    from: Timestamp,
    skipped_seconds: AtomicI64,
}

impl SimulatedTime {
    /// Creates a clock that shows about the present when `seconds` of activity are over and collected.
    pub(crate) fn with_activity_of(seconds: u32) -> SimulatedTime {
        let activity = SignedDuration::from_secs(i64::from(seconds) * SPEED);
        let present = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
        let from = present - activity - LATE_MAX - HOUR_AND_MORE - FINAL_TICKS;
        SimulatedTime { started: Instant::now(), from, skipped_seconds: AtomicI64::new(0) }
    }

    /// Returns the time of the first record.
    pub(crate) fn history_start(&self) -> Timestamp {
        self.from - HISTORY
    }

    /// Returns the time when the history ends and live activity starts.
    pub(crate) fn activity_start(&self) -> Timestamp {
        self.from
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX / SPEED) * SPEED;
        let skipped = SignedDuration::from_secs(self.skipped_seconds.load(Ordering::Relaxed));
        self.from + SignedDuration::from_millis(passed) + skipped
    }

    fn skip(&self, time: SignedDuration) {
        self.skipped_seconds.fetch_add(time.as_secs().max(0), Ordering::Relaxed);
    }

    /// Advances the clock to `instant`, unless that is in the past.
    pub(crate) fn skip_to(&self, instant: Timestamp) {
        self.skip(instant.duration_since(self.now()) + SignedDuration::from_secs(1));
    }

    /// Advances the clock by more than an hour, and at least to the present.
    pub(crate) fn skip_to_present(&self) {
        self.skip_to((self.now() + HOUR_AND_MORE).max(Timestamp::now()));
    }
}

/// One tick per simulated minute, for a number of real seconds.
pub(crate) struct Live {
    time: std::sync::Arc<SimulatedTime>,
    started: Instant,
    end: Instant,
}

impl Live {
    pub(crate) fn new(time: std::sync::Arc<SimulatedTime>, seconds: u32) -> Live {
        let started = Instant::now();
        Live { time, started, end: started + Duration::from_secs(u64::from(seconds)) }
    }
}

impl Pace for Live {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    async fn wait(&self) -> bool {
        // After a tick that took longer than its minute, the next tick starts at the next full minute.
        let next = self.started + Duration::from_secs(self.started.elapsed().as_secs() + 1);
        tokio::time::sleep_until(next.into()).await;
        next < self.end
    }
}

/// Ticks one simulated minute apart, without waiting.
pub(crate) struct Immediate {
    time: std::sync::Arc<SimulatedTime>,
    ticks_left: Cell<u32>,
}

impl Immediate {
    pub(crate) fn new(time: std::sync::Arc<SimulatedTime>) -> Immediate {
        Immediate { time, ticks_left: Cell::new(IMMEDIATE_TICKS_MAX) }
    }
}

impl Pace for Immediate {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    async fn wait(&self) -> bool {
        self.time.skip(SignedDuration::from_mins(1));
        self.ticks_left.set(self.ticks_left.get().saturating_sub(1));
        self.ticks_left.get() > 0
    }
}
