//! The time of the simulated Slack: a minute of it passes each second, and it ends at about the present.
//!
//! It begins far enough back for that, because an object must not be older than the records in it: that is how the collector
//! knows what it need not read back.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::run::Pace;

/// Simulated seconds in a second.
const SPEED: i64 = 60;
/// How far back the simulated history goes before the collector first asks.
const HISTORY: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Live records are shown up to this long after their time, some of them.
pub(crate) const LATE_MAX: SignedDuration = SignedDuration::from_mins(20);
/// After this the collector reads the last two hours again.
const HOUR_AND_MORE: SignedDuration = SignedDuration::from_mins(61);
/// Simulated time of the ticks after the simulated life has come to rest, about.
const AFTERMATH: SignedDuration = SignedDuration::from_mins(5);
/// Ticks in which the collector must have caught up after that. Each may make as many calls as any.
const HASTY_TICKS_MAX: u32 = 40;

/// The simulated Slack's clock.
#[derive(Debug)]
pub(crate) struct SimulatedTime {
    begun: Instant,
    from: Timestamp,
    skipped_seconds: AtomicI64,
}

impl SimulatedTime {
    /// A clock that shows about the present when a life of so many real seconds is over and all of it is collected.
    pub(crate) fn for_a_life_of(seconds: u32) -> SimulatedTime {
        let life = SignedDuration::from_secs(i64::from(seconds) * SPEED);
        let present = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
        let from = present - life - LATE_MAX - HOUR_AND_MORE - AFTERMATH;
        SimulatedTime { begun: Instant::now(), from, skipped_seconds: AtomicI64::new(0) }
    }

    /// When the first record was written.
    pub(crate) fn history_begins(&self) -> Timestamp {
        self.from - HISTORY
    }

    /// When the history ends and live activity begins.
    pub(crate) fn life_begins(&self) -> Timestamp {
        self.from
    }

    /// The simulated present.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX / SPEED) * SPEED;
        let skipped = SignedDuration::from_secs(self.skipped_seconds.load(Ordering::Relaxed));
        self.from + SignedDuration::from_millis(passed) + skipped
    }

    /// Lets time pass at once.
    fn skip(&self, time: SignedDuration) {
        self.skipped_seconds.fetch_add(time.as_secs().max(0), Ordering::Relaxed);
    }

    /// Lets time pass at once until an instant, if that is to come.
    pub(crate) fn skip_to(&self, instant: Timestamp) {
        self.skip(instant.duration_since(self.now()) + SignedDuration::from_secs(1));
    }

    /// Lets more than an hour pass at once, until the present or a little beyond.
    pub(crate) fn skip_to_the_present(&self) {
        self.skip_to((self.now() + HOUR_AND_MORE).max(Timestamp::now()));
    }
}

/// A tick each simulated minute, for so many real seconds.
pub(crate) struct Live {
    time: std::sync::Arc<SimulatedTime>,
    begun: Instant,
    ends: Instant,
}

impl Live {
    pub(crate) fn new(time: std::sync::Arc<SimulatedTime>, seconds: u32) -> Live {
        let begun = Instant::now();
        Live { time, begun, ends: begun + Duration::from_secs(u64::from(seconds)) }
    }
}

impl Pace for Live {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn is_real(&self) -> bool {
        false
    }

    fn is_over(&self) -> bool {
        false
    }

    async fn wait(&self) -> bool {
        // A tick that took longer than its minute is followed by that of the next whole one.
        let next = self.begun + Duration::from_secs(self.begun.elapsed().as_secs() + 1);
        tokio::time::sleep_until(next.into()).await;
        next < self.ends
    }
}

/// Tick after tick, a simulated minute apart, without waiting.
pub(crate) struct Hasty {
    time: std::sync::Arc<SimulatedTime>,
    ticks_left: Cell<u32>,
}

impl Hasty {
    pub(crate) fn new(time: std::sync::Arc<SimulatedTime>) -> Hasty {
        Hasty { time, ticks_left: Cell::new(HASTY_TICKS_MAX) }
    }
}

impl Pace for Hasty {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn is_real(&self) -> bool {
        false
    }

    fn is_over(&self) -> bool {
        false
    }

    async fn wait(&self) -> bool {
        self.time.skip(SignedDuration::from_mins(1));
        self.ticks_left.set(self.ticks_left.get().saturating_sub(1));
        self.ticks_left.get() > 0
    }
}
