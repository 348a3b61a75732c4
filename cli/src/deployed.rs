//! The deployment that a command works on: the stack on AWS, or a directory that `slacktrail pull` writes.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use clap::Args;
use slacktrail_adapters::aws::{DynamoDeployment, S3DayLogs};
use slacktrail_adapters::directory::{DirectoryDayLogs, DirectoryDeployment};
use slacktrail_core::codes::Place;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::object::DayLogId;
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_ports::{DayLogStore, Deployment, DeploymentStore, ReplaceOutcome, StoredCursor, StoredSource, Version};

use crate::aws::AwsArguments;
use crate::cli_error::CliError;
use crate::{aws, directory, source, terminal};

/// The flags that select the deployment.
#[derive(Args, Clone, Debug)]
pub(crate) struct Location {
    /// Use a directory that `slacktrail pull` writes, instead of the stack
    #[arg(long, value_name = "DIR", conflicts_with = "AwsArguments")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
}

/// The parser of `--dir` for a command that works only on AWS. It rejects every value, and says what to do instead.
pub(crate) fn no_directory(instead: &'static str) -> impl Fn(&str) -> Result<Infallible, &'static str> + Clone {
    move |_| Err(instead)
}

/// The sources and cursors of the deployment, and its day logs.
pub(crate) enum Deployed {
    /// In the stack's table and bucket.
    Aws(DynamoDeployment, S3DayLogs),
    /// In this directory.
    Directory(PathBuf, DirectoryDeployment),
}

impl Location {
    /// Returns the place where hints of a failed command are shown.
    pub(crate) fn place(&self) -> Place {
        place(self.dir.as_deref())
    }

    /// Returns the deployment that the flags and the environment name, or the directory.
    pub(crate) async fn open(&self) -> Result<Deployed, CliError> {
        match &self.dir {
            None => {
                let ports = aws::ports(&self.aws).await?;
                Ok(Deployed::Aws(ports.deployment, ports.day_logs))
            }
            Some(path) => {
                directory::load(path).await?;
                Ok(Deployed::Directory(path.clone(), DirectoryDeployment::new(path)))
            }
        }
    }
}

impl Deployed {
    /// Returns the source with this ID, unless it is disconnected.
    pub(crate) async fn find_connected(&self, id: &SourceId) -> Result<Source, CliError> {
        source::find_connected(&self.load().await?.sources, id, &self.command("sources"))
    }

    /// Returns `true` if the day log certainly has no object. Without the permission to list the bucket, nothing is certain.
    pub(crate) async fn is_day_log_empty(&self, log: &DayLogId) -> Result<bool, Error> {
        let listed = match self {
            Deployed::Aws(_, day_logs) => day_logs.list(log).await,
            Deployed::Directory(path, _) => DirectoryDayLogs::new(path).list(log).await,
        };
        match listed {
            Err(error) if error.code == "access_denied" => Ok(false),
            listed => Ok(listed?.is_empty()),
        }
    }

    /// Returns a command line that works on the same deployment, for example `slacktrail resume acme --dir logs`.
    pub(crate) fn command(&self, command: &str) -> String {
        match self.directory() {
            None => format!("slacktrail {command}"),
            Some(path) => in_directory(command, path),
        }
    }

    /// Returns the directory, or `None` for a deployment on AWS.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Deployed::Aws(..) => None,
            Deployed::Directory(path, _) => Some(path),
        }
    }

    /// Returns where ticks run.
    pub(crate) fn tick_place(&self) -> Place {
        if self.directory().is_some() { Place::Pull } else { Place::Poller }
    }

    /// Returns the place where hints of a failed command are shown.
    pub(crate) fn place(&self) -> Place {
        place(self.directory())
    }
}

fn place(directory: Option<&Path>) -> Place {
    if directory.is_some() { Place::CommandWithToken } else { Place::Command }
}

/// Returns a command line that works on a directory.
pub(crate) fn in_directory(command: &str, path: &Path) -> String {
    format!("slacktrail {command} --dir {}", terminal::shell_word(&path.to_string_lossy()))
}

impl DeploymentStore for Deployed {
    async fn load(&self) -> Result<Deployment, Error> {
        match self {
            Deployed::Aws(deployment, _) => deployment.load().await,
            Deployed::Directory(_, deployment) => deployment.load().await,
        }
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        match self {
            Deployed::Aws(deployment, _) => deployment.replace_cursor(stream, expected, cursor).await,
            Deployed::Directory(_, deployment) => deployment.replace_cursor(stream, expected, cursor).await,
        }
    }

    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        match self {
            Deployed::Aws(deployment, _) => deployment.load_stream(stream).await,
            Deployed::Directory(_, deployment) => deployment.load_stream(stream).await,
        }
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        match self {
            Deployed::Aws(deployment, _) => deployment.load_source(id).await,
            Deployed::Directory(_, deployment) => deployment.load_source(id).await,
        }
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        match self {
            Deployed::Aws(deployment, _) => deployment.replace_source(expected, source).await,
            Deployed::Directory(_, deployment) => deployment.replace_source(expected, source).await,
        }
    }
}
