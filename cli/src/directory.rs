//! Reads a directory that `slacktrail pull` has written, and checks the token that collects into it.

use std::path::Path;

use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::source::{LogType, Source};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{Deployment, DeploymentStore};

use crate::cli_error::CliError;
use crate::environment::now;
use crate::identity::Identity;

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

/// Returns the owner of the token in `SLACK_TOKEN`, if the token may collect `logs` for `source`. `existing` is the source as stored, if it is.
///
/// # Errors
/// Returns an error if Slack rejects the token, or if the token belongs to another tenant than `existing` or cannot read `logs`.
pub(crate) async fn identify(
    slack: &SlackHttp,
    token: &Token,
    source: &Source,
    existing: Option<&Source>,
    logs: &[LogType],
) -> Result<Identity, CliError> {
    let identity = Identity::ask_with_own_token(slack, source, token, now()).await?;
    identity.check_logs(logs)?;
    if let Some(existing) = existing {
        identity.check_same_tenant(existing)?;
    }
    Ok(identity)
}
