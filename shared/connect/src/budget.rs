//! Time limits for the parts of a callback, and the timer that enforces them. The parts run one after the other. Their sum is less than the
//! function's timeout (`Timeout` in template.yaml), so that the function can always report the outcome.

use std::time::Duration;

/// The limit for finding the authorization and consuming its OAuth state, or for showing and consuming a link.
pub const BEGIN_MAX: Duration = Duration::from_secs(4);
/// The limit for all steps from exchanging the code to storing the source.
pub const WORK_MAX: Duration = Duration::from_secs(18);
/// The limit for probing the logs, as part of [`WORK_MAX`]. A slower probe becomes a note, and slacktrail still connects the source.
pub(crate) const PROBES_MAX: Duration = Duration::from_secs(6);
/// The limit for revoking an unstored token.
pub(crate) const REVOKE_MAX: Duration = Duration::from_secs(3);
/// The limit for notifying the waiting command.
pub const NOTIFY_MAX: Duration = Duration::from_secs(3);

/// Limits how long an operation may take. This crate has no clock.
pub trait Timer {
    /// Runs `work` for at most `limit`. Returns `None` if the limit is reached, and drops `work`. Its last call may still have taken effect.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_time_budgets_fit_function_timeout() {
        let template = include_str!("../../../template.yaml");
        let oauth = template.split_once("\n  OAuth:\n").unwrap().1;
        let timeout = oauth.split_once("Timeout: ").unwrap().1.split_whitespace().next().unwrap();
        let parts = BEGIN_MAX + WORK_MAX + REVOKE_MAX + NOTIFY_MAX;
        assert!(parts < Duration::from_secs(timeout.parse().unwrap()), "{parts:?} in {timeout} seconds");
        assert!(PROBES_MAX < WORK_MAX);
    }
}
