//! A task of one process: the benchmark starts itself again with the task as its only argument.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backlog::Backlog;
use crate::meter::Used;
use crate::{Outcome, collect, floor, levels, slack};

/// What a process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Be Slack, until the input ends.
    Serve { backlog: Backlog },
    /// Collect with slacktrail into a directory.
    Collect { backlog: Backlog, audit_url: String, directory: PathBuf },
    /// Download the pages and gzip them into a file. `collected`: gzip what was collected there instead.
    Floor { backlog: Backlog, audit_url: String, file: PathBuf, collected: Option<PathBuf> },
    /// Gzip what was collected at every level.
    Levels { collected: PathBuf },
}

/// What a contender did, and what it used for that.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// What it used.
    pub(crate) used: Used,
    /// Calls to Slack.
    pub(crate) calls: u64,
    /// Bytes that went into gzip.
    pub(crate) bytes: u64,
    /// Bytes that came out.
    pub(crate) stored: u64,
}

impl Task {
    /// Does it, in this process.
    pub(crate) fn run(self) -> Outcome<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match self {
            Task::Serve { backlog } => runtime.block_on(slack::serve(backlog)),
            Task::Collect { backlog, audit_url, directory } => {
                answer(&runtime.block_on(collect::run(backlog, &audit_url, &directory))?)
            }
            Task::Floor { backlog, audit_url, file, collected } => {
                answer(&runtime.block_on(floor::run(backlog, &audit_url, &file, collected.as_deref()))?)
            }
            Task::Levels { collected } => answer(&levels::run(&collected)?),
        }
    }

    /// Starts a process that does it.
    pub(crate) fn start(&self) -> Outcome<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(serde_json::to_string(self)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.spawn()?)
    }

    /// Has a process do it, and returns what it answers.
    pub(crate) fn result<T: DeserializeOwned>(&self) -> Outcome<T> {
        let output = self.start()?.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{self:?} ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Tells the process that started this one, which reads its output.
pub(crate) fn answer(answer: &impl Serialize) -> Outcome<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    Ok(out.write_all(b"\n")?)
}
