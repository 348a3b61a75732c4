//! Stores a grant and its source, so that a source never collects with the token of another tenant.
//!
//! A conditional write first binds the source to its tenant. Only one of several concurrent authorizations can succeed. Then slacktrail writes
//! the token, together with the ID of its tenant. A new source stays `disconnected` until its token is stored. If a later step fails,
//! `slacktrail sources` still shows the source, and `slacktrail disconnect` revokes its token.

use slacktrail_core::source::{Source, Tenant};
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::{CredentialStore, DeploymentStore, sources};

use crate::{CallbackError, ConnectError};

/// Binds `source` to `tenant`, writes its credentials with `change`, and enables collection. Returns the source as stored.
///
/// `change` returns `None` if the credentials that it would change no longer exist.
///
/// # Errors
/// Returns an error if the source is bound to another tenant, if `change` returns `None`, or if a store fails. The source and its token may have
/// been stored even if this function returns an error.
pub async fn store<T: DeploymentStore, K: CredentialStore>(
    (table, credentials): (&T, &K),
    source: &Source,
    tenant: &Tenant,
    change: impl Fn(Credentials) -> Option<Credentials>,
) -> Result<Source, CallbackError> {
    let source = Source { tenant: Some(tenant.clone()), disconnected: false, ..source.clone() };
    replace(table, &source, |present| match present {
        None => Some(Source { disconnected: true, ..source.clone() }),
        Some(present) if present.tenant.is_none() => Some(Source { tenant: source.tenant.clone(), ..present }),
        Some(_) => None,
    })
    .await?;
    if !slacktrail_ports::credentials::update(credentials, &source.id, change).await? {
        return Err(ConnectError::conflict(&source.id).into());
    }
    let paused = |present: &Option<Source>| present.as_ref().map_or(source.paused, |present| present.paused);
    let stored = replace(table, &source, |present| Some(Source { paused: paused(&present), ..source.clone() })).await?;
    Ok(stored.unwrap_or(source))
}

/// Replaces a source that has no tenant or the same tenant. Returns the stored source, or `None` if `change` returns `None`. Replaces a corrupt
/// source too, because connecting again is the fix for it.
#[expect(clippy::result_large_err, reason = "the error is rare, and it is passed on once")]
async fn replace<T: DeploymentStore>(
    table: &T,
    source: &Source,
    change: impl Fn(Option<Source>) -> Option<Source>,
) -> Result<Option<Source>, CallbackError> {
    sources::try_update(table, &source.id, |present| {
        check_tenant(source, present.as_ref())?;
        Ok(change(present))
    })
    .await
}

/// Returns an error if the source is bound to a different tenant, because both would share the same day logs.
pub(super) fn check_tenant(source: &Source, present: Option<&Source>) -> Result<(), ConnectError> {
    match (present.and_then(|present| present.tenant.as_ref()), &source.tenant) {
        (Some(was), Some(is)) if was.id != is.id => Err(ConnectError::wrong_tenant(source, was, is)),
        _ => Ok(()),
    }
}
