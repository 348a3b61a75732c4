//! Decides whether a token is due for a refresh, and for how long a lease on refreshing it lasts.

use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};
use slacktrail_ports::credentials::{Credentials, RefreshLease, TokenRefresh};

/// Tokens are refreshed this long before they expire, as in Slack's own libraries.
const REFRESH_BEFORE_EXPIRY_SECONDS: i64 = 2 * 3600;
/// The duration of the first lease for a token pair. Longer than a call to Slack (20 s) plus one to the secret store (25 s). Shorter than a
/// minute, so that the next tick can retry while Slack still accepts the refresh token.
pub(crate) const LEASE_SECONDS: i64 = 50;
/// The longest duration of each further lease for a token pair. Its holder retries each minute, and another process must wait for its end.
const LONG_LEASE_SECONDS: i64 = 1800;
/// The wait before slacktrail retries a refresh that Slack rejected. A retry writes a lease and the rejection.
pub(crate) const REJECTED_RETRY_SECONDS: i64 = 3600;

/// The decision whether to refresh a source's token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due<'a> {
    /// The token is not due.
    No,
    /// A writer holds the lease until then.
    Leased(Second),
    /// Slack recently rejected the refresh with this code.
    Rejected(&'a str),
    /// The token is due.
    Yes,
    /// The token is due, but the app's credentials are missing.
    NoApp,
}

/// Returns how long a lease on refreshing these credentials lasts. While the token is valid, other processes must have a chance before it expires.
pub(crate) fn lease_seconds(credentials: &Credentials, now: Second) -> i64 {
    if credentials.refresh_lease.is_none() {
        return LEASE_SECONDS;
    }
    let expiry = credentials.token_refresh().and_then(|token_refresh| token_refresh.plausible_expiry(now));
    let left = expiry.map(|expiry| expiry.since(now)).filter(|left| *left > 0);
    left.map_or(LONG_LEASE_SECONDS, |left| (left / 2).clamp(LEASE_SECONDS, LONG_LEASE_SECONDS))
}

/// Returns whether the token is due. A token with an implausible expiry is due, because otherwise it might never be.
pub(crate) fn due(credentials: &Credentials, now: Second) -> Due<'_> {
    let is_due = |token_refresh: &TokenRefresh| {
        token_refresh.plausible_expiry(now).is_none_or(|end| end.since(now) < REFRESH_BEFORE_EXPIRY_SECONDS)
    };
    if !credentials.token_refresh().is_some_and(is_due) {
        return Due::No;
    }
    let lease = credentials.refresh_lease.as_ref().filter(|lease| is_plausible(lease, now) && lease.expires_at > now);
    match (lease, &credentials.app) {
        (Some(RefreshLease { error_code: Some(code), .. }), _) => Due::Rejected(code),
        (Some(RefreshLease { error_code: None, expires_at }), _) => Due::Leased(*expires_at),
        (None, Some(_)) => Due::Yes,
        (None, None) => Due::NoApp,
    }
}

/// Returns `true` if slacktrail could have written this lease by `now`. Otherwise a corrupt lease could block refreshes forever.
fn is_plausible(lease: &RefreshLease, now: Second) -> bool {
    let lasts = if lease.error_code.is_some() { REJECTED_RETRY_SECONDS } else { LONG_LEASE_SECONDS };
    lease.expires_at.since(now) <= lasts + CLOCK_SKEW_SECONDS
}

/// Returns the field with an implausible time.
pub(crate) fn corrupt_field(credentials: &Credentials, now: Second) -> Option<&'static str> {
    let lease_is_corrupt = credentials.refresh_lease.as_ref().is_some_and(|lease| !is_plausible(lease, now));
    match credentials.token_refresh()?.plausible_expiry(now) {
        None => Some("expires_at"),
        Some(_) => lease_is_corrupt.then_some("refresh_lease"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = r#","client_id":"1.2","client_secret":"hush""#;

    fn now() -> Second {
        Second::MARCH_2018.plus(1_000)
    }

    /// Returns credentials whose token expires in `expires_in` seconds.
    fn credentials(expires_in: i64, rest: &str) -> Credentials {
        let expires_at = now().get() + expires_in;
        let secret = format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}{rest}}}"#);
        Credentials::decode(&secret).unwrap()
    }

    /// Returns the field of a lease that expires in `expires_in` seconds.
    fn lease(expires_in: i64, error_code: &str) -> String {
        format!(r#","refresh_lease":{{"expires_at":{}{error_code}}}"#, now().get() + expires_in)
    }

    #[test]
    fn token_is_due_two_hours_before_expiry_for_one_writer() {
        const LEASE: i64 = LONG_LEASE_SECONDS + CLOCK_SKEW_SECONDS;
        const REJECTION: i64 = REJECTED_RETRY_SECONDS + CLOCK_SKEW_SECONDS;
        let rejected = r#","error_code":"invalid_refresh_token""#;
        let leased_until = |seconds| Due::Leased(now().plus(seconds));
        for (expires_in, rest, expected, corrupt) in [
            (REFRESH_BEFORE_EXPIRY_SECONDS, String::new(), Due::No, None),
            (REFRESH_BEFORE_EXPIRY_SECONDS - 1, String::new(), Due::Yes, None),
            (-1, String::new(), Due::Yes, None),
            (43_200 + CLOCK_SKEW_SECONDS, String::new(), Due::No, None),
            (43_200 + CLOCK_SKEW_SECONDS + 1, String::new(), Due::Yes, Some("expires_at")),
            (-now().get(), String::new(), Due::Yes, Some("expires_at")),
            (60, lease(0, ""), Due::Yes, None),
            (60, lease(1, ""), leased_until(1), None),
            (60, lease(LEASE, ""), leased_until(LEASE), None),
            (60, lease(LEASE + 1, ""), Due::Yes, Some("refresh_lease")),
            (60, lease(0, rejected), Due::Yes, None),
            (60, lease(REJECTION, rejected), Due::Rejected("invalid_refresh_token"), None),
            (60, lease(REJECTION + 1, rejected), Due::Yes, Some("refresh_lease")),
            (60, r#","refresh_lease":{"expires_at":"soon"}"#.to_owned(), Due::Yes, None),
            (60, r#","refresh_lease":{"expires_at":1e300}"#.to_owned(), Due::Yes, None),
            (60, r#","refresh_lease":[]"#.to_owned(), Due::Yes, None),
        ] {
            let credentials = credentials(expires_in, &format!("{APP}{rest}"));
            let found = (due(&credentials, now()), corrupt_field(&credentials, now()));
            assert_eq!(found, (expected, corrupt), "{expires_in} {rest}");
        }
        assert_eq!(due(&credentials(0, ""), now()), Due::NoApp);
    }

    #[test]
    fn only_first_lease_is_short_and_none_outlasts_token() {
        let lasts = |expires_in: i64, lease: &str| lease_seconds(&credentials(expires_in, lease), now());
        let ended = lease(0, "");
        assert_eq!([7_000, 60, -60, 90_000].map(|expires_in| lasts(expires_in, "")), [LEASE_SECONDS; 4]);
        let lasting = [7_000, 3_600, 3_598, 101, 60, 0, -60, 90_000].map(|expires_in| lasts(expires_in, &ended));
        assert_eq!(lasting, [1_800, 1_800, 1_799, 50, 50, 1_800, 1_800, 1_800]);
    }
}
