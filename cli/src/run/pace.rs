//! The clock of a run, and how the run waits for the next tick. The demo has its own simulated clock.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::outcome::INTERRUPTED_CODE;
use crate::terminal;

/// A clock that can wait for the next tick.
pub(crate) trait Pace {
    /// Returns the time of the tick that starts now.
    fn now(&self) -> Timestamp;

    /// Returns `true` for the clock of this machine, which must agree with Slack's. A simulated clock can advance during a tick.
    fn is_real(&self) -> bool {
        false
    }

    /// Returns `true` if the running tick should store what it has read and end.
    fn is_over(&self) -> bool {
        false
    }

    /// Waits until the next tick is due. Returns `false` if the run ends.
    async fn wait(&self) -> bool;
}

/// The time between the starts of two ticks. It is a minute, because Slack limits calls per minute.
const TICK: Duration = Duration::from_secs(60);
/// The maximum duration of a tick. A longer tick stores what it has read, and the next tick continues.
const TICK_MAX: Duration = Duration::from_secs(55);

/// The clock of this machine, with one tick per minute until Ctrl-C.
pub(crate) struct Wall {
    tick_started: Cell<Instant>,
    stop: watch::Receiver<bool>,
}

impl Wall {
    /// Starts handling Ctrl-C. The first Ctrl-C lets the running tick finish. The second ends the process at once, which loses no data.
    pub(crate) fn new() -> Wall {
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if sender.send_replace(true) {
                    terminal::end_line();
                    std::process::exit(i32::from(INTERRUPTED_CODE));
                }
            }
        });
        Wall { tick_started: Cell::new(Instant::now()), stop }
    }

    /// Returns `true` after Ctrl-C.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Pace for Wall {
    fn now(&self) -> Timestamp {
        self.tick_started.set(Instant::now());
        Timestamp::now()
    }

    fn is_real(&self) -> bool {
        true
    }

    fn is_over(&self) -> bool {
        self.is_stopped() || self.tick_started.get().elapsed() >= TICK_MAX
    }

    async fn wait(&self) -> bool {
        let mut stop = self.stop.clone();
        let left = TICK.saturating_sub(self.tick_started.get().elapsed());
        // The next tick starts if no Ctrl-C arrives within the time left, or if Ctrl-C cannot be handled.
        !matches!(tokio::time::timeout(left, stop.wait_for(|stopped| *stopped)).await, Ok(Ok(_)))
    }
}
