//! Reads a directory that `slacktrail pull` has written.

use std::path::Path;

use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_ports::{Deployment, DeploymentStore};

use crate::cli_error::CliError;

/// Returns the sources and cursors of a directory.
///
/// # Errors
/// Returns an error if the directory cannot be read or contains no source.
pub(crate) async fn load(directory: &Path) -> Result<Deployment, CliError> {
    let deployment = DirectoryDeployment::new(directory).load().await?;
    if deployment.sources.is_empty() {
        return Err(CliError::new(format!("directory `{}` contains no source", directory.display()))
            .hint("pass the same directory as to `slacktrail pull --dir`"));
    }
    Ok(deployment)
}
