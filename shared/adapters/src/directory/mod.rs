//! Implements the ports with a local directory, so that `slacktrail pull` needs no AWS account.
//!
//! Day logs are files under the directory, named by their object keys. The sources and cursors are in its subdirectory `.slacktrail`. Only the owner
//! can read the files and list the subdirectories. The directory itself may be a symbolic link, but the adapter follows no symbolic link below it.
//! Calls block the thread, because a local disk is fast and a single command waits for them.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

mod collectors;
mod credentials;
mod day_logs;
mod deployment;
mod files;
mod folder;

pub use collectors::{CollectorLock, DirectoryCollectors};
pub use credentials::DirectoryCredentials;
pub use day_logs::DirectoryDayLogs;
pub use deployment::DirectoryDeployment;
