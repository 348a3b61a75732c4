//! Refreshes the tokens of a tick's sources beside the collection of other sources.

use std::array;
use std::cell::Cell;

use futures_util::lock::Mutex;
use futures_util::{StreamExt, stream};

use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, Slack};
use slacktrail_tokens::refresh::{DueToken, RefreshFailure, RefreshOutcome, TokenRefresher};

/// Maximum number of secrets that are read concurrently.
const READS_AT_ONCE: usize = 8;
/// Maximum number of valid tokens that a tick refreshes. They all start at once. The others are refreshed by later ticks, in the two hours
/// before they expire.
const VALID_PER_TICK: usize = 8;
/// Maximum number of expired tokens that are refreshed concurrently. The others wait.
const EXPIRED_AT_ONCE: usize = 8;

/// The outcome of a source's token.
pub(super) type RefreshResult = Result<RefreshOutcome, RefreshFailure>;

/// Refreshes the tokens of `sources` that are due, and calls `refreshed` for each source once its streams may use the token.
///
/// A refresh whose calls hang delays only its own source: a valid token does not wait for another source's refresh, and an expired one only for
/// those of expired tokens.
pub(super) async fn refresh_tokens<S: Slack, K: CredentialStore>(
    refresher: &TokenRefresher,
    (slack, store): (&S, &K),
    sources: &[Source],
    now: Second,
    deadline_reached: &dyn Fn() -> bool,
    refreshed: impl Fn(&Source, &RefreshResult),
) {
    let (valid, expired) = (Cell::new(0), Cell::new(0));
    let expired_places: [Mutex<()>; EXPIRED_AT_ONCE] = array::from_fn(|_| Mutex::new(()));
    let checks = sources.iter().map(async |source| (source, refresher.due_token(store, source, now).await));
    let checked = stream::iter(checks).buffer_unordered(READS_AT_ONCE);
    let refresh = async |(source, due): (&Source, Option<DueToken>)| {
        let outcome = match due {
            None => Ok(RefreshOutcome::NotDue),
            Some(token) if !token.is_expired && valid.replace(valid.get() + 1) >= VALID_PER_TICK => {
                refresher.postpone(source, &token, now)
            }
            Some(token) => {
                let place = token.is_expired.then(|| expired.replace(expired.get() + 1) % EXPIRED_AT_ONCE);
                let _place = match place {
                    Some(place) => Some(expired_places[place].lock().await),
                    None => None,
                };
                refresher.refresh((slack, store), source, token, now, deadline_reached).await
            }
        };
        refreshed(source, &outcome);
    };
    checked.for_each_concurrent(None, refresh).await;
}
