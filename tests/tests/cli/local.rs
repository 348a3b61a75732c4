//! A simulated Slack, and a directory that `slacktrail pull` writes.

use std::path::PathBuf;

use slacktrail_simulator::Log;
use slacktrail_tests::archive::Archive;
use tokio::process::Child;

use crate::binary::{Ran, Slacktrail};
use crate::slack::{ORGANIZATION, Slack};

/// A simulated Slack, the command with its token, and a directory, which is also the working directory.
pub(crate) struct Local {
    pub(crate) slack: Slack,
    pub(crate) slacktrail: Slacktrail,
    pub(crate) directory: tempfile::TempDir,
}

impl Local {
    /// Returns an empty directory.
    pub(crate) async fn new() -> Local {
        Local::of(Slack::organization().await, ORGANIZATION)
    }

    /// Returns an empty directory for this Slack and token.
    pub(crate) fn of(slack: Slack, token: &str) -> Local {
        let directory = tempfile::tempdir().unwrap();
        let slacktrail = Slacktrail::of(&slack).token(token).inside(directory.path());
        Local { slack, slacktrail, directory }
    }

    pub(crate) async fn pulled(arguments: &[&str]) -> Local {
        let local = Local::new().await;
        local.run(&[&["pull"], arguments].concat()).await.exits(0);
        local
    }

    pub(crate) fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    fn in_directory<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--dir", self.path()]].concat()
    }

    /// Runs a command with the directory and the token.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.slacktrail.run(&self.in_directory(arguments)).await
    }

    /// Runs a command with the directory, without a token and Slack.
    pub(crate) async fn run_alone(&self, arguments: &[&str]) -> Ran {
        Slacktrail::alone().run(&self.in_directory(arguments)).await
    }

    /// Starts a command with the directory and the token.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.slacktrail.start(&self.in_directory(arguments))
    }

    /// Returns `text` with the same path on every machine.
    pub(crate) fn shown(&self, text: &str) -> String {
        text.replace(self.path(), "DIR")
    }

    /// Returns the day of the rows that were `hours` old at the start, as users type it.
    pub(crate) fn day(&self, hours: i64) -> String {
        self.slack.hours_before(hours).strftime("%Y-%m-%d").to_string()
    }

    /// Returns the folder of the objects of a day.
    pub(crate) fn day_log(&self, log: &str, day: &str) -> PathBuf {
        self.directory.path().join(log).join(day.replace('-', "/"))
    }

    /// Asserts that the directory contains exactly Slack's records of these logs.
    pub(crate) fn assert_exact(&self, logs: &[Log]) {
        Archive::of_directory(self.directory.path()).assert_exactly(&self.slack.world(), "slack", logs);
    }

    /// Returns the number of stored records of a log.
    pub(crate) fn stored(&self, log: Log) -> usize {
        Archive::of_directory(self.directory.path()).lines_under(log.name()).len()
    }
}
