//! Reads a directory that `slacktrail pull` has written, and checks the token that collects into it.

use std::path::Path;

use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::codes::Place;
use slacktrail_core::health::Class;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{Deployment, DeploymentStore, StoredCursor};

use crate::cli_error::CliError;
use crate::environment::now;
use crate::identity::Identity;

/// The hint if a directory was not written by `slacktrail pull`.
const SAME_DIRECTORY: &str = "pass the same directory as to `slacktrail pull --dir`";

/// Checks that the path is not the path of a file.
pub(crate) fn check_not_file(directory: &Path) -> Result<(), CliError> {
    match std::fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            Err(CliError::new(format!("`{}` is a file, not a directory", directory.display()))
                .hint("choose another directory"))
        }
        _ => Ok(()), // reading the directory reports every other error
    }
}

/// Returns the sources and cursors of a directory.
pub(crate) async fn load(directory: &Path) -> Result<Deployment, CliError> {
    check_not_file(directory)?;
    if matches!(directory.try_exists(), Ok(false)) {
        return Err(CliError::new(format!("directory `{}` does not exist", directory.display())).hint(SAME_DIRECTORY));
    }
    let deployment = DirectoryDeployment::new(directory).load().await?;
    if deployment.sources.is_empty() {
        return Err(
            CliError::new(format!("directory `{}` contains no source", directory.display())).hint(SAME_DIRECTORY)
        );
    }
    Ok(deployment)
}

/// Returns the owner of the token in `SLACK_TOKEN`, if the token may collect `logs` for `source`. `existing` is the stored source, if any.
pub(crate) async fn identify(
    slack: &SlackHttp,
    token: &Token,
    source: &Source,
    existing: Option<&Source>,
    logs: &[LogType],
) -> Result<Identity, CliError> {
    let identity = Identity::ask(slack, source, token, now()).await;
    let identity = identity.map_err(|error| CliError::at(Place::CommandWithToken, None, &error))?;
    identity.check_logs(logs)?;
    if let Some(existing) = existing {
        identity.check_same_tenant(existing)?;
    }
    Ok(identity)
}

/// Returns when the source was last connected, if this run starts `now`.
///
/// A tick retries a rejected stream only after a reconnect. A run therefore reconnects a source that has one. It leaves other sources as
/// they are, because a reconnect also hides that a stream has been silent for too long.
pub(crate) fn connected_at(source: &Source, stored: &Deployment, now: Second) -> Second {
    let is_rejected =
        |cursor: &StoredCursor| cursor.1.as_ref().is_ok_and(|it| it.health.state.class() == Class::Stopped);
    let mut cursors = stored.cursors.iter().filter(|(stream, _)| stream.source == source.id);
    if cursors.any(|(_, cursor)| is_rejected(cursor)) { now } else { source.connected_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn missing_empty_and_wrong_directory_have_own_errors() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (directory, expected) in [
            (root.path().join("missing"), "directory `missing` does not exist"),
            (file, "`file` is a file, not a directory"),
            (root.path().to_owned(), "directory `` contains no source"),
        ] {
            let error = load(&directory).await.unwrap_err();
            let parent = format!("{}/", root.path().display());
            let shown = error.to_string().replace(&parent, "").replace(&root.path().display().to_string(), "");
            assert_eq!(shown, expected);
            assert!(error.next_action().is_some(), "{error}");
        }
    }
}
