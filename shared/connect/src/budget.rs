//! How long each part of a callback may take. The parts run one after another, and their sum is less than the function's timeout
//! (`Timeout` in template.yaml), so that the function can always tell the person and the waiting command what happened.

use std::time::Duration;

/// Finding the authorization and consuming its OAuth state, or showing and consuming a link.
pub const BEGIN_MAX: Duration = Duration::from_secs(4);
/// Everything from the exchange of the code to the stored source.
pub const WORK_MAX: Duration = Duration::from_secs(18);
/// Probing the logs, within [`WORK_MAX`]. A log that takes longer gets a note, and the source is still connected.
pub const PROBES_MAX: Duration = Duration::from_secs(6);
/// Revoking a token that is not stored.
pub const REVOKE_MAX: Duration = Duration::from_secs(3);
/// Notifying the waiting command.
pub const TELL_MAX: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_time_budgets_fit_function_timeout() {
        let template = include_str!("../../../template.yaml");
        let oauth = template.split_once("\n  OAuth:\n").unwrap().1;
        let timeout = oauth.split_once("Timeout: ").unwrap().1.split_whitespace().next().unwrap();
        let parts = BEGIN_MAX + WORK_MAX + REVOKE_MAX + TELL_MAX;
        assert!(parts < Duration::from_secs(timeout.parse().unwrap()), "{parts:?} in {timeout} seconds");
        assert!(PROBES_MAX < WORK_MAX);
    }
}
