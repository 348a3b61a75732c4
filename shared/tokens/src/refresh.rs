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

use crate::due::{Due, LEASE_SECONDS, REJECTED_RETRY_SECONDS, corrupt_field, due, lease_seconds};
use crate::oauth;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::error;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{Credentials, Grant};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, CredentialStore, ReplaceOutcome, SecretVersion, Slack, StoredCredentials};

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
            let leased = match due(credentials, now) {
                Due::No => return Ok(RefreshOutcome::NotDue),
                Due::Yes => {
                    let lease = credentials.with_refresh_lease(now.plus(lease_seconds(credentials, now)), None);
                    match store.replace_credentials(&source.id, Some(&stored.version), &lease).await.map_err(failure)? {
                        ReplaceOutcome::Replaced(version) => {
                            self.update_lease(source, version.clone());
                            Some(StoredCredentials { version, credentials: Some(lease) })
                        }
                        ReplaceOutcome::Conflict => None,
                    }
                }
                Due::Leased(until)
                    if self.holds_lease(source, &stored.version) && until.since(now) >= LEASE_SECONDS =>
                {
                    Some(stored.clone())
                }
                // The cached credentials may be stale, because the source may have been reconnected.
                Due::Rejected(_) | Due::Leased(_) | Due::NoApp if round == 0 => None,
                Due::Rejected(code) => return Err(failure(rejected(source, code))),
                Due::Leased(until) if token_expired => return Err(failure(leased_elsewhere(source, until))),
                Due::Leased(_) => return Ok(RefreshOutcome::NotDue),
                Due::NoApp => return Err(failure(no_app(source))),
            };
            if let Some(leased) = leased {
                if deadline_reached() {
                    return Err(failure(no_time(source)));
                }
                let refreshed = self.refresh_leased((slack, store), source, leased, now).await.map_err(failure)?;
                return Ok(outcome(refreshed, corrupt_field(credentials, now)));
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

    fn update_lease(&self, source: &Source, lease: SecretVersion) {
        let mut attempts = self.attempts.borrow_mut();
        let error = attempts.remove(&source.id).and_then(|attempt| attempt.error);
        attempts.insert(source.id.clone(), Attempt { lease, not_before: None, error });
    }

    /// Refreshes a token whose lease this process holds.
    async fn refresh_leased<S: Slack, K: CredentialStore>(
        &self,
        (slack, store): (&S, &K),
        source: &Source,
        leased: StoredCredentials,
        now: Second,
    ) -> Result<bool, Error> {
        let credentials = leased.credentials.as_ref();
        let app = credentials.and_then(|credentials| credentials.app.as_ref()).ok_or_else(|| no_app(source))?;
        let Some(token_refresh) = credentials.and_then(Credentials::token_refresh) else { return Ok(false) };
        let refresh_token = token_refresh.refresh_token.clone();
        let request = oauth::refresh_request(&refresh_token);
        let answer = slack.call_whole(source, &request, CallAuth::App(app)).await;
        let granted = answer.and_then(|response| oauth::refreshed(&response, &request, now));
        match granted.map_err(|error| of_refresh(source, error)) {
            Ok(grant) => {
                self.attempts.borrow_mut().remove(&source.id);
                self.store(store, source, Some(leased), Unstored { after: refresh_token, grant }).await
            }
            Err(error) if is_rejection(&error) => record_rejection(store, source, &refresh_token, error, now).await,
            Err(error) => Err(self.update_error(source, error, now)),
        }
    }

    /// Keeps what the next attempt must know of an error. Returns an error that requires action as unconfirmed, unless the previous attempt met
    /// it, too: a proxy or a restart at Slack can answer a single call with the error of another request.
    fn update_error(&self, source: &Source, error: Error, now: Second) -> Error {
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
}
