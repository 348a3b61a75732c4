//! Dispatches the shards of a large deployment to invocations of their own.

use slacktrail_core::error::Error;
use slacktrail_core::shard::{SOURCES_MAX, Shard};
use slacktrail_ports::{DeploymentStore, Invoker};

/// What came of handing out shares.
#[derive(Debug, Default)]
pub struct DispatchOutcome {
    /// Shares that an invocation polls.
    pub invoked: usize,
    /// Why others have none. Their sources are polled at the next tick.
    pub errors: Vec<Error>,
}

/// Cuts a deployment into shares and has each polled. One that cannot be handed out touches no other.
///
/// # Errors
/// When the deployment cannot be read, or no share could be handed out: the first such error.
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
