//! The task of one process. The benchmark starts itself again with the task as the only argument.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backlog::Backlog;
use crate::meter::Used;
use crate::{Outcome, baseline, collect, levels, slack};

/// The task of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Serve the simulated Slack until the input ends.
    Serve { backlog: Backlog },
    /// Collect with slacktrail into a directory.
    Collect { backlog: Backlog, audit_url: String, directory: PathBuf },
    /// Download the pages and compress them into a file. If `collected` is set, compress the lines in that directory instead.
    Baseline { backlog: Backlog, audit_url: String, file: PathBuf, collected: Option<PathBuf> },
    /// Compress the collected lines with every gzip level.
    Levels { collected: PathBuf },
}

/// The result of one run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The resource usage.
    pub(crate) used: Used,
    /// The number of calls to Slack.
    pub(crate) calls: u64,
    /// The uncompressed size in bytes.
    pub(crate) bytes: u64,
    /// The compressed size in bytes.
    pub(crate) stored: u64,
}

impl Task {
    /// Runs the task in this process.
    pub(crate) fn run(self) -> Outcome<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match self {
            Task::Serve { backlog } => runtime.block_on(slack::serve(backlog)),
            Task::Collect { backlog, audit_url, directory } => {
                answer(&runtime.block_on(collect::run(backlog, &audit_url, &directory))?)
            }
            Task::Baseline { backlog, audit_url, file, collected } => {
                answer(&runtime.block_on(baseline::run(backlog, &audit_url, &file, collected.as_deref()))?)
            }
            Task::Levels { collected } => answer(&levels::run(&collected)?),
        }
    }

    /// Starts a process that runs the task.
    pub(crate) fn start(&self) -> Outcome<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(serde_json::to_string(self)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.spawn()?)
    }

    /// Runs the task in a new process, and returns its result.
    pub(crate) fn result<T: DeserializeOwned>(&self) -> Outcome<T> {
        let output = self.start()?.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{self:?} ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Prints the result for the parent process, which reads this process's output.
pub(crate) fn answer(answer: &impl Serialize) -> Outcome<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    Ok(out.write_all(b"\n")?)
}
