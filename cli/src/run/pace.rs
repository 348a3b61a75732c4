//! The clock of a run and how it waits: a laptop's here, a simulated one in the demo.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

/// A clock, and how to wait for the next tick.
pub(crate) trait Pace {
    /// The time of the tick that begins now.
    fn now(&self) -> Timestamp;

    /// Whether it is the clock on the wall, which Slack's must agree with. A hasty one moves on while a tick runs.
    fn is_real(&self) -> bool;

    /// Whether the running tick should end as soon as it has stored what it holds.
    fn is_over(&self) -> bool;

    /// Waits until the next tick is due; `false` when there is to be none.
    async fn wait(&self) -> bool;
}

/// From one tick's beginning to the next one's: what a tick may call is counted by Slack per minute.
const TICK: Duration = Duration::from_secs(60);
/// A tick that takes longer stores what it has, and the next one goes on.
const TICK_MAX: Duration = Duration::from_secs(55);

/// This machine's clock, a tick each minute, until Ctrl-C.
pub(crate) struct Wall {
    began: Cell<Instant>,
    stop: watch::Receiver<bool>,
}

impl Wall {
    /// From now on Ctrl-C lets the running tick end in order; a second one ends the process at once, which loses nothing either.
    pub(crate) fn new() -> Wall {
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if sender.send_replace(true) {
                    std::process::exit(130);
                }
            }
        });
        Wall { began: Cell::new(Instant::now()), stop }
    }

    /// Whether somebody has stopped the run.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Pace for Wall {
    fn now(&self) -> Timestamp {
        self.began.set(Instant::now());
        Timestamp::now()
    }

    fn is_real(&self) -> bool {
        true
    }

    fn is_over(&self) -> bool {
        self.is_stopped() || self.began.get().elapsed() >= TICK_MAX
    }

    async fn wait(&self) -> bool {
        let mut stop = self.stop.clone();
        let left = TICK.saturating_sub(self.began.get().elapsed());
        // No stop within the time left, or nobody who could send one: the next tick.
        !matches!(tokio::time::timeout(left, stop.wait_for(|stopped| *stopped)).await, Ok(Ok(_)))
    }
}
