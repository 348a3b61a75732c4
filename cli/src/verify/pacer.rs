//! Limits the rate of calls, and decides how long to wait before a retry.

use std::collections::VecDeque;
use std::time::Duration;

use slacktrail_core::error::{Error, ErrorKind};
use tokio::time::Instant;

use super::progress::Progress;
use crate::cli_error::CliError;
use crate::format;

/// The period of Slack's rate limits.
const MINUTE: Duration = Duration::from_secs(60);
/// The longest wait before a retry. A longer wait ends the command with the error.
const WAIT_SECONDS_MAX: i64 = 300;
/// The number of consecutive failures that ends the command.
const FAILURES_MAX: u32 = 6;
/// The first wait if Slack sends no `Retry-After`. Each further wait is twice as long.
const WAIT_SECONDS_MIN: i64 = 2;

/// Counts the calls of the last minute, and the failures since the last success.
#[derive(Debug)]
pub(super) struct Pacer {
    calls: VecDeque<Instant>,
    calls_max: usize,
    failures: u32,
}

impl Pacer {
    /// Allows at most `calls_max` calls in any minute.
    pub(super) fn new(calls_max: u32) -> Pacer {
        Pacer { calls: VecDeque::new(), calls_max: calls_max as usize, failures: 0 }
    }

    /// Waits until the rate limit allows another call, and counts that call.
    pub(super) async fn wait_for_slot(&mut self, progress: &Progress) {
        let remaining_wait = self.remaining_wait(Instant::now());
        if !remaining_wait.is_zero() {
            progress.show_wait(remaining_wait);
            tokio::time::sleep(remaining_wait).await;
        }
        self.calls.push_back(Instant::now());
        if self.calls.len() > self.calls_max {
            self.calls.pop_front();
        }
    }

    fn remaining_wait(&self, now: Instant) -> Duration {
        let first = self.calls.front().filter(|_| self.calls.len() >= self.calls_max);
        first.map_or(Duration::ZERO, |first| (*first + MINUTE).saturating_duration_since(now))
    }

    /// Resets the failure count after a successful call.
    pub(super) fn reset_failures(&mut self) {
        self.failures = 0;
    }

    /// Prints the error, and waits until the call may be retried.
    ///
    /// # Errors
    /// Returns `error` if it is not transient, if the wait would be too long, or after too many failures.
    pub(super) async fn wait_before_retry(&mut self, error: Error, progress: &Progress) -> Result<(), CliError> {
        let Some(seconds) = self.wait_seconds(&error) else { return Err(error.into()) };
        progress.note(&format!("{error}; retrying in {}", format::duration(seconds)));
        tokio::time::sleep(Duration::from_secs(seconds.unsigned_abs())).await;
        Ok(())
    }

    /// Returns the wait after an error, or `None` if the call must not be retried.
    fn wait_seconds(&mut self, error: &Error) -> Option<i64> {
        self.failures += 1;
        let backoff = WAIT_SECONDS_MIN << (self.failures - 1).min(16);
        let seconds = error.retry_after_seconds.unwrap_or(backoff);
        let may_retry = error.kind == ErrorKind::Retry && self.failures < FAILURES_MAX;
        (may_retry && seconds <= WAIT_SECONDS_MAX).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_error(code: &str, retry_after: Option<i64>) -> Error {
        Error::slack(code, "x").with_retry_after(retry_after)
    }

    #[test]
    fn no_minute_exceeds_allowed_calls() {
        let mut pacer = Pacer::new(2);
        let start = Instant::now();
        pacer.calls = [start, start + Duration::from_secs(10)].into();
        assert_eq!(pacer.remaining_wait(start + Duration::from_secs(15)), Duration::from_secs(45));
        assert_eq!(pacer.remaining_wait(start + Duration::from_secs(61)), Duration::ZERO);
        pacer.calls.pop_front();
        assert_eq!(pacer.remaining_wait(start + Duration::from_secs(15)), Duration::ZERO);
    }

    #[test]
    fn transient_errors_are_retried_with_backoff_up_to_limit() {
        let mut pacer = Pacer::new(1);
        assert_eq!(pacer.wait_seconds(&to_error("http_500", Some(30))), Some(30));
        assert_eq!(pacer.wait_seconds(&to_error("http_500", None)), Some(4));
        assert_eq!(pacer.wait_seconds(&to_error("http_500", Some(301))), None);
        pacer.reset_failures();
        let waits: Vec<_> = (0..7).map(|_| pacer.wait_seconds(&to_error("http_500", None))).collect();
        assert_eq!(waits, [Some(2), Some(4), Some(8), Some(16), Some(32), None, None]);
        pacer.reset_failures();
        assert_eq!(pacer.wait_seconds(&to_error("token_revoked", None)), None);
    }
}
