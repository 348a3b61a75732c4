//! The pace of the calls, and how long an error that passes is waited out.

use std::collections::VecDeque;
use std::time::Duration;

use slacktrail_core::error::{Error, ErrorKind};
use tokio::time::Instant;

use super::progress::Progress;
use crate::cli_error::CliError;
use crate::duration;

/// What Slack allows is counted in this time.
const MINUTE: Duration = Duration::from_secs(60);
/// A longer wait is left to the person at the terminal.
const WAIT_MAX_SECONDS: i64 = 300;
/// So many calls in a row may fail and be made again.
const FAILURES_MAX: u32 = 6;
/// The first wait where Slack names none; each further one is twice as long.
const WAIT_MIN_SECONDS: i64 = 2;

/// The calls of the last minute, and the failures since the last success.
#[derive(Debug)]
pub(super) struct Pacer {
    calls: VecDeque<Instant>,
    calls_max: usize,
    failures: u32,
}

impl Pacer {
    /// At most so many calls in any minute.
    pub(super) fn new(calls_max: u32) -> Pacer {
        Pacer {
            calls: VecDeque::new(),
            calls_max: usize::try_from(calls_max).unwrap_or(usize::MAX).max(1),
            failures: 0,
        }
    }

    /// Waits until another call may be made, and counts it.
    pub(super) async fn make_room(&mut self, progress: &Progress) {
        let left = self.left(Instant::now());
        if !left.is_zero() {
            progress.show_wait(left);
            tokio::time::sleep(left).await;
        }
        self.calls.push_back(Instant::now());
        if self.calls.len() > self.calls_max {
            self.calls.pop_front();
        }
    }

    fn left(&self, now: Instant) -> Duration {
        let first = self.calls.front().filter(|_| self.calls.len() >= self.calls_max);
        first.map_or(Duration::ZERO, |first| (*first + MINUTE).saturating_duration_since(now))
    }

    /// A call has succeeded.
    pub(super) fn restore(&mut self) {
        self.failures = 0;
    }

    /// Waits until the call may be made again, and says so.
    ///
    /// # Errors
    /// The error, when it does not pass or not soon enough.
    pub(super) async fn wait_out(&mut self, error: Error, progress: &Progress) -> Result<(), CliError> {
        let Some(seconds) = self.wait_seconds(&error) else {
            progress.clear();
            return Err(CliError::from(error));
        };
        progress.note(&format!("{error}: waiting {}", duration::words(seconds)));
        tokio::time::sleep(Duration::from_secs(seconds.unsigned_abs())).await;
        Ok(())
    }

    /// How long to wait after an error; `None` when that is over.
    fn wait_seconds(&mut self, error: &Error) -> Option<i64> {
        self.failures += 1;
        let backoff = WAIT_MIN_SECONDS << (self.failures - 1).min(16);
        let seconds = error.retry_after_seconds.unwrap_or(backoff);
        let is_patient = error.kind == ErrorKind::Retry && self.failures < FAILURES_MAX;
        (is_patient && seconds <= WAIT_MAX_SECONDS).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_error(kind: ErrorKind, retry_after: Option<i64>) -> Error {
        Error::slack(kind, "x", "x", "x").with_retry_after(retry_after)
    }

    #[test]
    fn no_minute_exceeds_allowed_calls() {
        let mut pacer = Pacer::new(2);
        let start = Instant::now();
        pacer.calls = [start, start + Duration::from_secs(10)].into();
        assert_eq!(pacer.left(start + Duration::from_secs(15)), Duration::from_secs(45));
        assert_eq!(pacer.left(start + Duration::from_secs(61)), Duration::ZERO);
        pacer.calls.pop_front();
        assert_eq!(pacer.left(start + Duration::from_secs(15)), Duration::ZERO);
    }

    #[test]
    fn transient_errors_are_retried_with_backoff_up_to_limit() {
        let mut pacer = Pacer::new(1);
        assert_eq!(pacer.wait_seconds(&to_error(ErrorKind::Retry, Some(30))), Some(30));
        assert_eq!(pacer.wait_seconds(&to_error(ErrorKind::Retry, None)), Some(4));
        assert_eq!(pacer.wait_seconds(&to_error(ErrorKind::Retry, Some(301))), None);
        pacer.restore();
        let waits: Vec<_> = (0..7).map(|_| pacer.wait_seconds(&to_error(ErrorKind::Retry, None))).collect();
        assert_eq!(waits, [Some(2), Some(4), Some(8), Some(16), Some(32), None, None]);
        pacer.restore();
        assert_eq!(pacer.wait_seconds(&to_error(ErrorKind::Reauthorize, None)), None);
    }
}
