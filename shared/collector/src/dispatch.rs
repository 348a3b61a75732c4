//! Dispatches the shards of a large deployment, each to its own invocation of the poller.

use slacktrail_core::error::Error;
use slacktrail_ports::shard::{SOURCES_MAX, Shard};
use slacktrail_ports::{DeploymentStore, Invoker};

/// The result of dispatching the shards of a deployment.
#[derive(Debug, Default)]
pub struct DispatchOutcome {
    /// The number of shards that were dispatched.
    pub invoked: usize,
    /// The errors of shards that could not be dispatched. The next tick polls their sources.
    pub errors: Vec<Error>,
}

/// Invokes the poller for each shard of a deployment ([`Shard::cut`] splits it). A shard that fails does not affect the others.
///
/// # Errors
///
/// Returns an error if the source IDs cannot be read, or the first error if no shard could be dispatched.
pub async fn dispatch_shards<T: DeploymentStore, I: Invoker>(
    deployment: &T,
    invoker: &I,
) -> Result<DispatchOutcome, Error> {
    let mut dispatched = DispatchOutcome::default();
    for shard in Shard::cut(&deployment.source_ids().await?, SOURCES_MAX) {
        match invoker.invoke(&shard).await {
            Ok(()) => dispatched.invoked += 1,
            Err(error) => dispatched.errors.push(error),
        }
    }
    match dispatched.errors.first() {
        Some(error) if dispatched.invoked == 0 => Err(error.clone()),
        _ => Ok(dispatched),
    }
}
