//! Changes a stored source while other writers may change it, too.

use crate::{Change, DeploymentStore, StoredSource, Version};
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, SourceId};

/// Applies `change` to a stored source. Returns the source as stored now, or `None` if `change` returned `None`.
///
/// `change` receives `None` if the source does not exist or is corrupt.
///
/// # Errors
///
/// Returns an error if the store fails, or one with code `source_contended` if other writers replace the source each time. The source may have
/// been replaced even if this function returns an error.
pub async fn update<T: DeploymentStore>(
    store: &T,
    id: &SourceId,
    change: impl Fn(Option<Source>) -> Option<Source>,
) -> Result<Option<Source>, Error> {
    try_update(store, id, |present| Ok(change(present))).await
}

/// Applies `change` to a stored source like [`update`], unless `change` returns an error.
///
/// # Errors
/// Returns the error of `change`, or an error under the same conditions as [`update`].
pub async fn try_update<T: DeploymentStore, E: From<Error>>(
    store: &T,
    id: &SourceId,
    change: impl Fn(Option<Source>) -> Result<Option<Source>, E>,
) -> Result<Option<Source>, E> {
    let load = async || Ok(split(store.load_source(id).await?));
    let replace = async |version, source: &Source| Ok(store.replace_source(version, source).await?);
    let updated =
        crate::update(load, |present| change(present).map(Change::from), replace, || contended(id).into()).await?;
    Ok(updated.replacement())
}

/// Splits a stored source into its version and what can be read of it.
fn split(stored: Option<StoredSource>) -> (Option<Version>, Option<Source>) {
    stored.map_or((None, None), |(version, source)| (Some(version), source.ok()))
}

/// Stores a source, whatever is stored under its ID.
///
/// # Errors
///
/// Returns an error under the same conditions as [`update`].
pub async fn put<T: DeploymentStore>(store: &T, source: &Source) -> Result<(), Error> {
    update(store, &source.id, |_| Some(source.clone())).await.map(drop)
}

/// Returns the error of a source that other writers replace each time.
fn contended(id: &SourceId) -> Error {
    Error::deployment("source_contended", format!("writing source `{id}`: another writer replaced it each time"))
}
