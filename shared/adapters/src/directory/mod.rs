//! The ports on a directory of this machine: what `pull` collects into, without an AWS account.
//!
//! Day logs lie under the directory by their object keys. What is still to do lies in `.slacktrail` beside them. Only the
//! owner may read the files, and list the directories below it. The directory may be a symbolic link; none below it is followed.
//! Calls block: a laptop's own disk is fast, and one command is all that waits.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

mod credentials;
mod day_logs;
mod deployment;
mod file;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "folder_elsewhere.rs"]
mod folder;

pub use credentials::DirectoryCredentials;
pub use day_logs::DirectoryDayLogs;
pub use deployment::DirectoryDeployment;
