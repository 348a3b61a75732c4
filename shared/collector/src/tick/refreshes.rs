//! Refreshes the tokens of a tick's sources beside the collection of other sources.

use std::cell::Cell;

use super::resources::Places;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, Slack};
use slacktrail_tokens::refresh::{RefreshFailure, RefreshOutcome, TokenRefresher};

/// Maximum number of secrets that are read concurrently.
const READS_AT_ONCE: usize = 8;
/// Maximum number of valid tokens that a tick refreshes. They all start at once. The others are refreshed by later ticks, in the two hours
/// before they expire.
const VALID_PER_TICK: usize = 8;
/// Maximum number of expired tokens that are refreshed concurrently. The others wait.
const EXPIRED_AT_ONCE: usize = 8;

/// The refreshes of one tick.
///
/// A refresh whose calls hang delays only its own source: a valid token does not wait for another source's refresh, and an expired one only for
/// those of expired tokens.
pub(super) struct Refreshes<'a, S, K> {
    refresher: &'a TokenRefresher,
    ports: (&'a S, &'a K),
    deadline_reached: &'a dyn Fn() -> bool,
    reads: Places,
    valid: Cell<usize>,
    expired: Places,
}

impl<'a, S: Slack, K: CredentialStore> Refreshes<'a, S, K> {
    pub(super) fn new(
        refresher: &'a TokenRefresher,
        ports: (&'a S, &'a K),
        deadline_reached: &'a dyn Fn() -> bool,
    ) -> Self {
        let (reads, expired) = (Places::new(READS_AT_ONCE), Places::new(EXPIRED_AT_ONCE));
        Refreshes { refresher, ports, deadline_reached, reads, valid: Cell::new(0), expired }
    }

    /// Refreshes the token of `source` if it is due. The streams of the source may then use it.
    pub(super) async fn refresh(&self, source: &Source, now: Second) -> Result<RefreshOutcome, RefreshFailure> {
        let place = self.reads.take().await;
        let due = self.refresher.due_token(self.ports.1, source, now).await;
        drop(place);
        let Some(token) = due else { return Ok(RefreshOutcome::NotDue) };
        let _place = if token.is_expired {
            Some(self.expired.take().await)
        } else if self.valid.replace(self.valid.get() + 1) < VALID_PER_TICK {
            None
        } else {
            return self.refresher.postpone(source, &token, now);
        };
        self.refresher.refresh(self.ports, source, token, now, self.deadline_reached).await
    }
}
