//! Changes a stored source while other writers change it too: reads it, applies a change, and replaces it if nobody else has.

use crate::{DeploymentStore, ReplaceOutcome};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::source::{Source, SourceId};

/// Reads and replaces again after this many conflicts with other writers, and then gives up.
const ATTEMPTS_MAX: usize = 4;

/// Applies `change` to a stored source. Returns the source as stored now; `None` if `change` had nothing to change.
///
/// `change` gets `None` for a source that does not exist or cannot be read.
///
/// # Errors
/// Returns an error if the store fails, or with code `source_contended` if other writers replace the source each time. The source may have
/// been replaced even if this function returns an error.
pub async fn update<T: DeploymentStore>(
    store: &T,
    id: &SourceId,
    change: impl Fn(Option<Source>) -> Option<Source>,
) -> Result<Option<Source>, Error> {
    for _ in 0..ATTEMPTS_MAX {
        let (version, present) = match store.load_source(id).await? {
            Some((version, present)) => (Some(version), present.ok()),
            None => (None, None),
        };
        let Some(changed) = change(present) else { return Ok(None) };
        if let ReplaceOutcome::Replaced(_) = store.replace_source(version, &changed).await? {
            return Ok(Some(changed));
        }
    }
    Err(contended(id))
}

/// Stores a source in place of whatever is stored under its ID.
///
/// # Errors
/// Returns an error under the same conditions as [`update`].
pub async fn put<T: DeploymentStore>(store: &T, source: &Source) -> Result<(), Error> {
    update(store, &source.id, |_| Some(source.clone())).await.map(drop)
}

/// The error of a source that other writers replace each time.
pub fn contended(id: &SourceId) -> Error {
    Error::deployment(
        ErrorKind::Retry,
        "source_contended",
        format!("writing source `{id}`: another writer replaced it each time"),
        "try again",
    )
}
