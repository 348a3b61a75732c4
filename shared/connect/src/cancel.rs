//! Cancels an authorization after the user has interrupted `slacktrail connect`, or after its link has expired.

use slacktrail_core::error::Error;
use slacktrail_ports::{Change, update};

use crate::{Authorization, AuthorizationId, AuthorizationState, AuthorizationStore};

/// Cancels an authorization, unless its grant is being verified or it has ended. Returns the state that is stored now, or `None` if the
/// authorization does not exist.
///
/// # Errors
/// Returns an error if the store fails, or if other writers replace the authorization each time. The authorization may have been canceled even
/// if this function returns an error.
pub async fn cancel<C: AuthorizationStore>(
    authorizations: &C,
    id: &AuthorizationId,
) -> Result<Option<AuthorizationState>, Error> {
    let load = async || authorizations.load_authorization(id).await.map(Option::unzip);
    let change = |present: Option<Authorization>| {
        Ok(match present {
            Some(present) if matches!(present.state, AuthorizationState::LinkIssued | AuthorizationState::Started) => {
                Change::Replace(present.with_state(AuthorizationState::Canceled))
            }
            present => Change::Keep(present.map(|present| present.state)),
        })
    };
    let replace =
        async |version, canceled: &Authorization| authorizations.replace_authorization(version, canceled).await;
    let contended = || {
        Error::deployment("authorization_conflict", "canceling an authorization: another writer replaced it each time")
    };
    match update(load, change, replace, contended).await? {
        Change::Replace(canceled) => Ok(Some(canceled.state)),
        Change::Keep(state) => Ok(state),
    }
}
