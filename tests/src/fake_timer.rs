//! A timer for tests that never expires unless a test requests it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use slacktrail_connect::Timer;

/// A timer without time limits, except for one that a test lets expire.
#[derive(Clone, Debug, Default)]
pub struct FakeTimer {
    late: Rc<Cell<Option<(Duration, usize)>>>,
}

impl FakeTimer {
    /// Lets the next work with this time limit time out after it has been polled `polls` times.
    pub fn expire_next(&self, limit: Duration, polls: usize) {
        self.late.set(Some((limit, polls)));
    }

    fn polls_max(&self, limit: Duration) -> usize {
        match self.late.get() {
            Some((late, polls)) if late == limit => {
                self.late.set(None);
                polls
            }
            _ => usize::MAX,
        }
    }
}

impl Timer for FakeTimer {
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (polls_max, mut polls) = (self.polls_max(limit), 0);
        let mut work = pin!(work);
        poll_fn(|context| {
            if polls == polls_max {
                return Poll::Ready(None);
            }
            polls += 1;
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}
