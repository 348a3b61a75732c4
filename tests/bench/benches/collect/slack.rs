//! Runs the simulated Slack in its own process.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};

use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Activity, Generator, Server, Settings, World};
use tokio::task::spawn_blocking;

use crate::Outcome;
use crate::backlog::Backlog;
use crate::task::{Task, answer};

/// A running simulated Slack. It stops when it is dropped.
pub(crate) struct Slack {
    process: Child,
    /// The base URL of the audit API.
    pub(crate) audit_url: String,
}

impl Slack {
    /// Starts the process, and returns when it accepts requests.
    pub(crate) fn start(backlog: Backlog) -> Outcome<Slack> {
        let mut process = Task::Serve { backlog }.start()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.as_mut() {
            BufReader::new(out).read_line(&mut line)?;
        }
        Ok(Slack { process, audit_url: serde_json::from_str(&line)? })
    }
}

impl Drop for Slack {
    fn drop(&mut self) {
        drop(self.process.stdin.take()); // the process runs until its input ends
        let _ = self.process.wait(); // if it ended early, the contender's run has already failed
    }
}

/// Serves the backlog without rate limits and prints the URL. Stops when the input ends.
pub(crate) async fn serve(backlog: Backlog) -> Outcome<()> {
    let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
    let mut generator = Generator::new(Activity::default(), &settings);
    let mut world = World::new(settings);
    for time in backlog.times() {
        world.add(generator.audit_row(time));
    }
    let server = Server::start(Arc::new(Mutex::new(world)), Arc::new(move || backlog.now.instant())).await?;
    answer(&server.audit_url())?;
    spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    Ok(())
}
