//! The clock of a run, and how the run waits for the next tick. The demo has its own simulated clock.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::interrupt;

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

    /// Returns `true` if the user has stopped the run, so that the running tick ends early.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Returns when the user has pressed Ctrl-C this often.
    async fn interrupted(&self, _times: u32) {
        std::future::pending().await
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
    /// How often the user has pressed Ctrl-C.
    interrupts: watch::Receiver<u32>,
}

impl Wall {
    /// Starts handling Ctrl-C. The first Ctrl-C lets the running tick finish. The second abandons it, which loses no data.
    pub(crate) fn new() -> Wall {
        let (sender, interrupts) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                interrupt::ctrl_c().await;
                sender.send_modify(|interrupts| *interrupts += 1);
            }
        });
        Wall { tick_started: Cell::new(Instant::now()), interrupts }
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

    fn is_stopped(&self) -> bool {
        *self.interrupts.borrow() > 0
    }

    async fn interrupted(&self, times: u32) {
        if self.interrupts.clone().wait_for(|interrupts| *interrupts >= times).await.is_err() {
            std::future::pending().await // Ctrl-C is not handled
        }
    }

    async fn wait(&self) -> bool {
        let mut interrupts = self.interrupts.clone();
        let left = TICK.saturating_sub(self.tick_started.get().elapsed());
        // The next tick starts if no Ctrl-C arrives within the time left, or if Ctrl-C cannot be handled.
        !matches!(tokio::time::timeout(left, interrupts.wait_for(|interrupts| *interrupts > 0)).await, Ok(Ok(_)))
    }
}
