//! The ports on a directory of this machine: what `pull` collects into, without an AWS account.
//!
//! Day logs lie under the directory by their object keys. What is still to do lies in `.slacktrail` beside them. Only the
//! file's owner may read either. Calls block: a laptop's own disk is fast, and one command is all that waits.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

mod credentials;
mod day_logs;
mod deployment;
mod file;

pub use credentials::DirectoryCredentials;
pub use day_logs::DirectoryDayLogs;
pub use deployment::DirectoryDeployment;
