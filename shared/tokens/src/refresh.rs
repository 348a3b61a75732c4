//! Refreshes the tokens of apps with token rotation before they expire.
//!
//! A refresh token is single-use, but Slack accepts it for a short time after its use (docs.slack.dev, using token rotation). A poller
//! therefore first takes a lease by replacing the credentials, which only one writer can do. It then calls Slack, and stores the new token
//! pair before using it. If a response is lost, the next tick repeats the refresh with the same refresh token. A pair that could not be
//! stored stays in memory until it can be stored.
//!
//! Each write creates a version of the secret, and Secrets Manager keeps about 100 versions of the last 24 hours (AWS Secrets Manager quotas).
//! Beyond that, nothing can be written, not even the grant of a reconnect. Whatever Slack answers, a refresh therefore writes about twice an
//! hour: leases after the first one are long, and their holder repeats the refresh each minute without a write.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::oauth;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::error;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};
use slacktrail_ports::credentials::{App, Credentials, Grant, RefreshLease, TokenRefresh};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, CredentialStore, ReplaceOutcome, SecretVersion, Slack, StoredCredentials};

/// Tokens are refreshed this long before they expire, as in Slack's own libraries.
pub const REFRESH_BEFORE_EXPIRY_SECONDS: i64 = 2 * 3600;
/// The duration of the first lease for a token pair. It is longer than a call to Slack and one to the secret store (20 s and 25 s), and shorter
/// than the minute until the next tick, which may have to retry while Slack still accepts the refresh token.
pub const LEASE_SECONDS: i64 = 50;
/// The longest duration of each further lease for a token pair. Its holder retries each minute, and another process must wait for its end.
const LONG_LEASE_SECONDS: i64 = 1800;
/// The wait before slacktrail retries a refresh that Slack rejected. A retry writes a lease and the rejection.
const REJECTED_RETRY_SECONDS: i64 = 3600;
/// Conflicts with other writers per tick before giving up.
const ROUNDS_MAX: usize = 3;

/// Refreshes tokens, keeps new token pairs in memory until they are stored, and reloads the tokens of sources that were connected again.
#[derive(Clone, Debug, Default)]
pub struct TokenRefresher {
    unstored: RefCell<HashMap<SourceId, Unstored>>,
    /// The refreshes that this process attempted and that did not succeed yet.
    attempts: RefCell<HashMap<SourceId, Attempt>>,
    /// When each source was last connected, as of the credentials that the store may have cached.
    connected_at: RefCell<HashMap<SourceId, Second>>,
}

#[derive(Clone, Debug)]
struct Unstored {
    /// The refresh token that was exchanged for it.
    after: Token,
    grant: Grant,
}

/// A refresh that did not succeed.
#[derive(Clone, Debug)]
struct Attempt {
    /// The version of the secret with the lease of this process.
    lease: SecretVersion,
    /// When Slack accepts the next call, if it said so.
    not_before: Option<Second>,
    /// The last error that requires action, which Slack must return twice in a row.
    error: Option<Error>,
}

/// The outcome of checking a source's token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefreshOutcome {
    /// The token was not due, must wait, or another invocation refreshes it.
    NotDue,
    /// The token was refreshed.
    Refreshed {
        /// The secret's field with an implausible time, which made the token due.
        corrupt_field: Option<&'static str>,
    },
}

/// A token that is due but could not be refreshed.
#[derive(Clone, Debug)]
pub struct RefreshFailure {
    /// The cause.
    pub error: Error,
    /// Whether the access token has expired, so that the source cannot be collected.
    pub token_expired: bool,
}

/// A token that must be refreshed, or a new pair that must be stored.
#[derive(Clone, Debug)]
pub struct DueToken {
    /// Whether the access token has expired, so that the source cannot be collected before.
    pub is_expired: bool,
    /// The credentials, or `None` if a new pair must be stored.
    stored: Option<StoredCredentials>,
}

/// The decision whether to refresh a source's token.
enum Due<'a> {
    /// The token is not due.
    No,
    /// A writer holds the lease until then.
    Leased(Second),
    /// Slack recently rejected the refresh with this code.
    Rejected(&'a str),
    /// The token is due.
    Yes(&'a App, &'a TokenRefresh),
    /// The token is due, but the app's credentials are missing.
    NoApp,
}

impl TokenRefresher {
    /// Returns the token of `source` if it is due for a refresh. If the source was connected again, first reloads its credentials.
    pub async fn due_token<K: CredentialStore>(&self, store: &K, source: &Source, now: Second) -> Option<DueToken> {
        self.reload_if_reconnected(store, source).await;
        if self.unstored.borrow().contains_key(&source.id) {
            // The stored token may have expired, but the pair in memory is valid.
            return Some(DueToken { is_expired: true, stored: None });
        }
        // Without credentials there is nothing to refresh. The caller that needs them reports the error.
        let Ok(Some(stored)) = store.credentials(&source.id).await else { return None };
        let credentials = stored.credentials.as_ref()?;
        if matches!(due(credentials, now), Due::No) {
            self.attempts.borrow_mut().remove(&source.id);
            return None;
        }
        let is_expired = credentials.is_expired_at(now);
        Some(DueToken { is_expired, stored: Some(stored) })
    }

    /// Returns the outcome for a token that is due but is not refreshed in this tick: its last error, if that requires action.
    ///
    /// # Errors
    /// Returns an error if Slack has rejected the refresh.
    pub fn postpone(&self, source: &Source, token: &DueToken, now: Second) -> Result<RefreshOutcome, RefreshFailure> {
        let failure = |error| RefreshFailure { error, token_expired: token.is_expired };
        let credentials = token.stored.as_ref().and_then(|stored| stored.credentials.as_ref());
        if let Some(Due::Rejected(code)) = credentials.map(|credentials| due(credentials, now)) {
            return Err(failure(rejected(source, code)));
        }
        let last = self.attempts.borrow().get(&source.id).and_then(|attempt| attempt.error.clone());
        match last.filter(|error| error.kind != ErrorKind::Retry) {
            Some(error) => Err(failure(error)),
            None if token.is_expired => Err(failure(no_time(source))),
            None => Ok(RefreshOutcome::NotDue),
        }
    }

    /// Refreshes a token that is due. `deadline_reached` returns `true` if the tick must start no call.
    ///
    /// # Errors
    /// Returns an error if the token could not be refreshed. Its kind is [`ErrorKind::Retry`] only if the next tick may succeed.
    pub async fn refresh<S: Slack, K: CredentialStore>(
        &self,
        (slack, store): (&S, &K),
        source: &Source,
        token: DueToken,
        now: Second,
        deadline_reached: &dyn Fn() -> bool,
    ) -> Result<RefreshOutcome, RefreshFailure> {
        if deadline_reached() || !token.is_expired && self.must_wait(source, now) {
            return self.postpone(source, &token, now);
        }
        let Some(mut stored) = token.stored else {
            let kept = self.unstored.borrow_mut().remove(&source.id);
            let Some(unstored) = kept else { return Ok(RefreshOutcome::NotDue) };
            let stored = self.store(store, source, None, unstored).await;
            return stored
                .map(|is_refreshed| outcome(is_refreshed, None))
                .map_err(|error| RefreshFailure { error, token_expired: false });
        };
        for round in 0..ROUNDS_MAX {
            let Some(credentials) = &stored.credentials else { return Ok(RefreshOutcome::NotDue) };
            let token_expired = credentials.is_expired_at(now);
            let failure = |error| RefreshFailure { error, token_expired };
            match due(credentials, now) {
                Due::No => return Ok(RefreshOutcome::NotDue),
                Due::Yes(app, token_refresh) => {
                    let corrupt_field = corrupt_field(credentials, now);
                    let lease = credentials.with_refresh_lease(now.plus(lease_seconds(credentials, now)), None);
                    match store.replace_credentials(&source.id, Some(&stored.version), &lease).await.map_err(failure)? {
                        ReplaceOutcome::Replaced(version) => {
                            self.note_lease(source, version.clone());
                            let leased = StoredCredentials { version, credentials: Some(lease) };
                            if deadline_reached() {
                                return Err(failure(no_time(source)));
                            }
                            let refreshed =
                                self.refresh_leased((slack, store), source, (app, token_refresh), &leased, now).await;
                            return refreshed.map(|is_refreshed| outcome(is_refreshed, corrupt_field)).map_err(failure);
                        }
                        ReplaceOutcome::Conflict => {}
                    }
                }
                Due::Leased(until)
                    if self.holds_lease(source, &stored.version) && until.since(now) >= LEASE_SECONDS =>
                {
                    let (Some(app), Some(token_refresh)) = (&credentials.app, credentials.token_refresh()) else {
                        return Err(failure(no_app(source)));
                    };
                    let refreshed =
                        self.refresh_leased((slack, store), source, (app, token_refresh), &stored, now).await;
                    let corrupt_field = corrupt_field(credentials, now);
                    return refreshed.map(|is_refreshed| outcome(is_refreshed, corrupt_field)).map_err(failure);
                }
                // The cached credentials may be stale, because the source may have been reconnected.
                Due::Rejected(_) | Due::Leased(_) | Due::NoApp if round == 0 => {}
                Due::Rejected(code) => return Err(failure(rejected(source, code))),
                Due::Leased(until) if token_expired => return Err(failure(leased_elsewhere(source, until))),
                Due::Leased(_) => return Ok(RefreshOutcome::NotDue),
                Due::NoApp => return Err(failure(no_app(source))),
            }
            let fresh = store.reload_credentials(&source.id).await.map_err(failure)?;
            let Some(fresh) = fresh else { return Ok(RefreshOutcome::NotDue) };
            stored = fresh;
        }
        Ok(RefreshOutcome::NotDue)
    }

    /// Reloads the credentials of a source that was connected again, so that this tick uses the new token even if the old one is valid.
    ///
    /// A store may cache credentials, and a tick loads the source anyway. Ticks of a source that stays connected therefore read no secret.
    async fn reload_if_reconnected<K: CredentialStore>(&self, store: &K, source: &Source) {
        let known = self.connected_at.borrow().get(&source.id).copied();
        let is_reconnected = known.is_some_and(|known| known != source.connected_at);
        // After an error, this tick uses the cached token, and the next tick tries again.
        if !is_reconnected || store.reload_credentials(&source.id).await.is_ok() {
            self.connected_at.borrow_mut().insert(source.id.clone(), source.connected_at);
        }
    }

    /// Returns `true` if Slack asked to wait after this process's last attempt.
    fn must_wait(&self, source: &Source, now: Second) -> bool {
        let attempts = self.attempts.borrow();
        attempts.get(&source.id).and_then(|attempt| attempt.not_before).is_some_and(|not_before| not_before > now)
    }

    /// Returns `true` if this process wrote the lease in this version of the secret.
    fn holds_lease(&self, source: &Source, version: &SecretVersion) -> bool {
        self.attempts.borrow().get(&source.id).is_some_and(|attempt| attempt.lease == *version)
    }

    fn note_lease(&self, source: &Source, lease: SecretVersion) {
        let mut attempts = self.attempts.borrow_mut();
        let error = attempts.remove(&source.id).and_then(|attempt| attempt.error);
        attempts.insert(source.id.clone(), Attempt { lease, not_before: None, error });
    }

    /// Refreshes a token whose lease this process holds.
    async fn refresh_leased<S: Slack, K: CredentialStore>(
        &self,
        (slack, store): (&S, &K),
        source: &Source,
        (app, token_refresh): (&App, &TokenRefresh),
        leased: &StoredCredentials,
        now: Second,
    ) -> Result<bool, Error> {
        let request = oauth::refresh_request(&token_refresh.refresh_token);
        let answer = slack.call_whole(source, &request, CallAuth::App(app)).await;
        let granted = answer.and_then(|response| oauth::refreshed(&response, &request, now));
        match granted.map_err(|error| of_refresh(source, error)) {
            Ok(grant) => {
                self.attempts.borrow_mut().remove(&source.id);
                let unstored = Unstored { after: token_refresh.refresh_token.clone(), grant };
                self.store(store, source, Some(leased.clone()), unstored).await
            }
            Err(error) if is_rejection(&error) => {
                record_rejection(store, source, &token_refresh.refresh_token, error, now).await
            }
            Err(error) => Err(self.note_error(source, error, now)),
        }
    }

    /// Keeps what the next attempt must know of an error. Returns an error that requires action as unconfirmed, unless the previous attempt met
    /// it, too: a proxy or a restart at Slack can answer a single call with the error of another request.
    fn note_error(&self, source: &Source, error: Error, now: Second) -> Error {
        let mut attempts = self.attempts.borrow_mut();
        let Some(attempt) = attempts.get_mut(&source.id) else { return error };
        attempt.not_before = error.retry_after_seconds.map(|seconds| now.plus(seconds));
        let is_repeated = attempt.error.as_ref().is_some_and(|last| last.code == error.code);
        let error = if error.kind == ErrorKind::Retry || is_repeated { error } else { error.unconfirmed() };
        attempt.error = Some(error.clone());
        error
    }

    /// Stores a token pair. If that fails, keeps it for the next tick. If `leased` is `None`, reads the credentials first.
    async fn store<K: CredentialStore>(
        &self,
        store: &K,
        source: &Source,
        leased: Option<StoredCredentials>,
        unstored: Unstored,
    ) -> Result<bool, Error> {
        // Keep the pair until it is stored, even if this future is dropped.
        self.unstored.borrow_mut().insert(source.id.clone(), unstored.clone());
        let mut known = leased;
        for _ in 0..ROUNDS_MAX {
            let stored = match known.take() {
                Some(stored) => Some(stored),
                None => store.reload_credentials(&source.id).await?,
            };
            // Another writer stored a newer pair or disconnected the source, so this pair is useless.
            let Some((version, credentials)) = stored.and_then(|stored| if_unchanged(stored, &unstored.after)) else {
                break;
            };
            let refreshed = credentials.with_refreshed(unstored.grant.clone());
            if let ReplaceOutcome::Replaced(_) =
                store.replace_credentials(&source.id, Some(&version), &refreshed).await?
            {
                self.unstored.borrow_mut().remove(&source.id);
                return Ok(true);
            }
        }
        self.unstored.borrow_mut().remove(&source.id);
        Ok(false)
    }
}

/// Returns the credentials if they still contain this refresh token.
fn if_unchanged(stored: StoredCredentials, refresh_token: &Token) -> Option<(SecretVersion, Credentials)> {
    let credentials = stored.credentials?;
    let same = credentials.token_refresh().is_some_and(|token_refresh| token_refresh.refresh_token == *refresh_token);
    same.then_some((stored.version, credentials))
}

/// Returns `true` if Slack rejects the refresh token or the app's credentials. Only a user can change that.
fn is_rejection(error: &Error) -> bool {
    matches!(
        error.code.as_str(),
        "invalid_refresh_token"
            | "authorization_not_found"
            | "token_revoked"
            | "token_expired"
            | "account_inactive"
            | "invalid_client_id"
            | "bad_client_secret"
    )
}

/// Stores that Slack rejected the refresh, so that the following ticks do not retry each minute. Does nothing if another writer stored a newer
/// pair.
async fn record_rejection<K: CredentialStore>(
    store: &K,
    source: &Source,
    refresh_token: &Token,
    error: Error,
    now: Second,
) -> Result<bool, Error> {
    let stored = store.reload_credentials(&source.id).await?;
    let Some((version, credentials)) = stored.and_then(|stored| if_unchanged(stored, refresh_token)) else {
        return Ok(false);
    };
    let marked = credentials.with_refresh_lease(now.plus(REJECTED_RETRY_SECONDS), Some(error.code.clone()));
    match store.replace_credentials(&source.id, Some(&version), &marked).await {
        Ok(ReplaceOutcome::Conflict) => Ok(false),
        // Without the note, the next tick retries. What Slack rejects matters more than what the store does.
        Ok(ReplaceOutcome::Replaced(_)) | Err(_) => Err(error),
    }
}

/// Returns how long a lease on refreshing these credentials lasts. While the token is valid, other processes must have a chance before it expires.
fn lease_seconds(credentials: &Credentials, now: Second) -> i64 {
    if credentials.refresh_lease.is_none() {
        return LEASE_SECONDS;
    }
    let expiry = credentials.token_refresh().and_then(|token_refresh| token_refresh.plausible_expiry(now));
    let left = expiry.map(|expiry| expiry.since(now)).filter(|left| *left > 0);
    left.map_or(LONG_LEASE_SECONDS, |left| (left / 2).clamp(LEASE_SECONDS, LONG_LEASE_SECONDS))
}

/// Returns whether the token is due. A token with an implausible expiry is due, because otherwise it might never be.
fn due(credentials: &Credentials, now: Second) -> Due<'_> {
    let is_due = |token_refresh: &&TokenRefresh| {
        token_refresh.plausible_expiry(now).is_none_or(|end| end.since(now) < REFRESH_BEFORE_EXPIRY_SECONDS)
    };
    let Some(token_refresh) = credentials.token_refresh().filter(is_due) else { return Due::No };
    let lease = credentials.refresh_lease.as_ref().filter(|lease| is_plausible(lease, now) && lease.expires_at > now);
    match (lease, &credentials.app) {
        (Some(RefreshLease { error_code: Some(code), .. }), _) => Due::Rejected(code),
        (Some(RefreshLease { error_code: None, expires_at }), _) => Due::Leased(*expires_at),
        (_, Some(app)) => Due::Yes(app, token_refresh),
        (_, None) => Due::NoApp,
    }
}

/// Returns `true` if slacktrail could have written this lease by `now`. Otherwise a corrupt lease could block refreshes forever.
fn is_plausible(lease: &RefreshLease, now: Second) -> bool {
    let lasts = if lease.error_code.is_some() { REJECTED_RETRY_SECONDS } else { LONG_LEASE_SECONDS };
    lease.expires_at.since(now) <= lasts + CLOCK_SKEW_SECONDS
}

/// Returns the field with an implausible time.
fn corrupt_field(credentials: &Credentials, now: Second) -> Option<&'static str> {
    let lease_is_corrupt = credentials.refresh_lease.as_ref().is_some_and(|lease| !is_plausible(lease, now));
    match credentials.token_refresh()?.plausible_expiry(now) {
        None => Some("expires_at"),
        Some(_) => lease_is_corrupt.then_some("refresh_lease"),
    }
}

fn outcome(is_refreshed: bool, corrupt_field: Option<&'static str>) -> RefreshOutcome {
    if is_refreshed { RefreshOutcome::Refreshed { corrupt_field } } else { RefreshOutcome::NotDue }
}

/// Returns the error of a rejection that the secret stores.
fn rejected(source: &Source, code: &str) -> Error {
    of_refresh(source, error::to_error("oauth.v2.access", code, None))
}

/// Adds the source to the message of an error of a refresh.
fn of_refresh(source: &Source, mut error: Error) -> Error {
    error.message = format!("refreshing the token of source `{}`: {}", source.id, error.message);
    error
}

fn leased_elsewhere(source: &Source, until: Second) -> Error {
    let id = &source.id;
    Error::slack(
        "token_expired",
        format!(
            "the token of source `{id}` has expired, and another invocation is refreshing it; this one may try from {until} on"
        ),
    )
    .unconfirmed()
}

/// Returns the error of a tick that has no time left for a refresh.
fn no_time(source: &Source) -> Error {
    of_refresh(source, Error::deployment("deadline_reached", "the tick has no time left"))
}

fn no_app(source: &Source) -> Error {
    Error::slack(
        "no_client_secret",
        format!(
            "the token of source `{}` must be refreshed, and its secret contains no client ID and client secret",
            source.id
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;

    use super::*;
    use slacktrail_core::slack::{Request, Response};
    use slacktrail_core::source::Plan;
    use slacktrail_ports::Body;

    const NOW: Second = Second::MARCH_2018;

    /// A store of one secret, whose cached value may differ from the stored one. Nothing may be written, and Slack must not be called.
    struct FakeStore {
        cached: Credentials,
        current: Credentials,
        reloads: Cell<u32>,
        /// The number of reloads that fail next.
        failures: Cell<u32>,
    }

    impl FakeStore {
        fn new(cached: Credentials, current: Credentials) -> FakeStore {
            FakeStore { cached, current, reloads: Cell::new(0), failures: Cell::new(0) }
        }
    }

    fn stored(credentials: &Credentials) -> Result<Option<StoredCredentials>, Error> {
        Ok(Some(StoredCredentials { version: SecretVersion("1".to_owned()), credentials: Some(credentials.clone()) }))
    }

    impl CredentialStore for FakeStore {
        async fn credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
            stored(&self.cached)
        }

        async fn reload_credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
            self.reloads.set(self.reloads.get() + 1);
            let left = self.failures.get();
            self.failures.set(left.saturating_sub(1));
            if left > 0 { Err(Error::deployment("aws_unavailable", "no response")) } else { stored(&self.current) }
        }

        async fn replace_credentials(
            &self,
            _: &SourceId,
            _: Option<&SecretVersion>,
            _: &Credentials,
        ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
            unreachable!()
        }

        async fn delete_credentials(&self, _: &SourceId) -> Result<(), Error> {
            unreachable!()
        }
    }

    impl Slack for FakeStore {
        async fn call(&self, _: &Source, _: &Request, _: CallAuth<'_>) -> Result<Response<Body>, Error> {
            unreachable!()
        }
    }

    fn refresh_if_due(
        refresher: &TokenRefresher,
        store: &FakeStore,
        source: &Source,
        now: Second,
    ) -> Result<RefreshOutcome, RefreshFailure> {
        let due = refresher.due_token(store, source, now).now_or_never().unwrap();
        let Some(token) = due else { return Ok(RefreshOutcome::NotDue) };
        refresher.refresh((store, store), source, token, now, &|| false).now_or_never().unwrap()
    }

    #[test]
    fn token_that_cannot_be_refreshed_is_judged_by_current_secret() {
        let now = NOW.plus(1_000);
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let read = |expires_in: i64, app: &str, refresh_lease: &str| {
            let (expires_at, until) = (now.plus(expires_in).get(), now.plus(LEASE_SECONDS).get());
            let refresh_lease = refresh_lease.replace("UNTIL", &until.to_string());
            let grant = format!(r#""token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}"#);
            Credentials::decode(&format!("{{{grant}{app}{refresh_lease}}}")).unwrap()
        };
        let app = r#","client_id":"1.2","client_secret":"hush""#;
        let (lease, rejection) = (
            r#","refresh_lease":{"expires_at":UNTIL}"#,
            r#","refresh_lease":{"expires_at":UNTIL,"error_code":"invalid_refresh_token"}"#,
        );
        let refresh = |before: Credentials, after: Credentials| {
            let store = FakeStore::new(before, after);
            let outcome = refresh_if_due(&TokenRefresher::default(), &store, &source, now);
            outcome.map_err(|failure| (failure.error.code, failure.token_expired))
        };
        for (expires_in, app, refresh_lease, expected) in [
            (60, app, lease, None),
            (-60, app, lease, Some(("token_expired", true))),
            (60, app, rejection, Some(("invalid_refresh_token", false))),
            (60, "", "", Some(("no_client_secret", false))),
        ] {
            let credentials = read(expires_in, app, refresh_lease);
            let expected = expected
                .map_or(Ok(RefreshOutcome::NotDue), |(code, token_expired)| Err((code.to_owned(), token_expired)));
            assert_eq!(refresh(credentials.clone(), credentials.clone()), expected, "{expires_in} {refresh_lease}");
            let connected_again = read(43_200, app, "");
            assert_eq!(
                refresh(credentials, connected_again),
                Ok(RefreshOutcome::NotDue),
                "{expires_in} {refresh_lease}"
            );
        }
    }

    #[test]
    fn credentials_are_reloaded_once_after_reconnect_and_otherwise_never() {
        let secret = Credentials::decode(r#"{"token":"xoxp-1"}"#).unwrap();
        let (refresher, store) = (TokenRefresher::default(), FakeStore::new(secret.clone(), secret));
        let reloads_after_tick = |connected_at: i64| {
            let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, NOW);
            let source = Source { connected_at: NOW.plus(connected_at), ..source };
            refresh_if_due(&refresher, &store, &source, NOW).unwrap();
            store.reloads.get()
        };
        assert_eq!([0, 0, 60, 60].map(reloads_after_tick), [0, 0, 1, 1]);
        store.failures.set(1);
        assert_eq!([120, 120, 120].map(reloads_after_tick), [2, 3, 3], "the tick after a failure tries again");
    }

    fn word(expires_in: i64, refresh_lease: &str) -> (&'static str, Option<&'static str>) {
        let expires_at = NOW.get() + expires_in;
        let secret = format!(
            r#"{{"client_id":"1.2","client_secret":"hush","token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}{refresh_lease}}}"#
        );
        let credentials = Credentials::decode(&secret).unwrap();
        let word = match due(&credentials, NOW) {
            Due::No => "no",
            Due::Leased(_) => "leased",
            Due::Rejected(_) => "rejected",
            Due::Yes(..) => "yes",
            Due::NoApp => "no app",
        };
        (word, corrupt_field(&credentials, NOW))
    }

    #[test]
    fn refresh_lease_blocks_others_only_for_its_longest_duration() {
        let lease = |seconds: i64| word(60, &format!(r#","refresh_lease":{{"expires_at":{}}}"#, NOW.get() + seconds));
        let rejection = |seconds: i64| {
            word(60, &format!(r#","refresh_lease":{{"expires_at":{},"error_code":"x"}}"#, NOW.get() + seconds))
        };
        assert_eq!(lease(0), ("yes", None));
        assert_eq!(lease(LONG_LEASE_SECONDS + CLOCK_SKEW_SECONDS), ("leased", None));
        assert_eq!(lease(LONG_LEASE_SECONDS + CLOCK_SKEW_SECONDS + 1), ("yes", Some("refresh_lease")));
        assert_eq!(rejection(REJECTED_RETRY_SECONDS + CLOCK_SKEW_SECONDS), ("rejected", None));
        assert_eq!(rejection(REJECTED_RETRY_SECONDS + CLOCK_SKEW_SECONDS + 1), ("yes", Some("refresh_lease")));
        for unreadable in [r#"{"expires_at":"soon"}"#, r#"{"expires_at":1e300}"#, "[]", "5"] {
            assert_eq!(word(60, &format!(r#","refresh_lease":{unreadable}"#)), ("yes", None), "{unreadable}");
        }
    }

    #[test]
    fn only_first_lease_is_short_and_none_outlasts_token() {
        let lasts = |expires_in: i64, lease: &str| {
            let expires_at = NOW.get() + expires_in;
            let secret =
                format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}{lease}}}"#);
            lease_seconds(&Credentials::decode(&secret).unwrap(), NOW)
        };
        let ended = format!(r#","refresh_lease":{{"expires_at":{}}}"#, NOW.get());
        assert_eq!([7_000, 60, -60, 90_000].map(|expires_in| lasts(expires_in, "")), [LEASE_SECONDS; 4]);
        let lasting = [7_000, 3_600, 3_598, 101, 60, 0, -60, 90_000].map(|expires_in| lasts(expires_in, &ended));
        assert_eq!(lasting, [1_800, 1_800, 1_799, 50, 50, 1_800, 1_800, 1_800]);
    }

    #[test]
    fn token_with_implausible_expiry_is_due() {
        assert_eq!(word(43_200 + CLOCK_SKEW_SECONDS, ""), ("no", None));
        assert_eq!(word(43_200 + CLOCK_SKEW_SECONDS + 1, ""), ("yes", Some("expires_at")));
        assert_eq!(word(-NOW.get(), ""), ("yes", Some("expires_at")));
    }

    #[test]
    fn token_is_due_two_hours_before_expiry_for_one_writer() {
        let now = Second::MARCH_2018.plus(1_000);
        let due = |ends: i64, rest: &str| {
            let ends = now.plus(ends).get();
            let text = format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{ends}{rest}}}"#);
            match due(&Credentials::decode(&text).unwrap(), now) {
                Due::No => "no".to_owned(),
                Due::Yes(..) => "yes".to_owned(),
                Due::Rejected(code) => code.to_owned(),
                Due::Leased(_) => "leased".to_owned(),
                Due::NoApp => "no app".to_owned(),
            }
        };
        let app = r#","client_id":"1.2","client_secret":"0123456789abcdef""#;
        let lease = |until: i64, refused: &str| {
            format!(r#"{app},"refresh_lease":{{"expires_at":{}{refused}}}"#, now.plus(until).get())
        };
        let refused = r#","error_code":"invalid_refresh_token""#;
        for (ends, rest, expected) in [
            (REFRESH_BEFORE_EXPIRY_SECONDS, app.to_owned(), "no"),
            (REFRESH_BEFORE_EXPIRY_SECONDS - 1, app.to_owned(), "yes"),
            (-1, app.to_owned(), "yes"),
            (0, String::new(), "no app"),
            (0, lease(1, ""), "leased"),
            (0, lease(0, ""), "yes"),
            (0, lease(1, refused), "invalid_refresh_token"),
            (0, lease(0, refused), "yes"),
        ] {
            assert_eq!(due(ends, &rest), expected, "{ends} {rest}");
        }
        let token_expired = |ends: i64| {
            let text =
                format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{}}}"#, now.plus(ends).get());
            Credentials::decode(&text).unwrap().is_expired_at(now)
        };
        assert_eq!([-1, 0, 1].map(token_expired), [true, true, false]);
    }
}
