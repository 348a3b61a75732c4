//! The simulated Slack, in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};

use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Activity, Generator, Server, Settings, World};
use tokio::task::spawn_blocking;

use crate::Outcome;
use crate::backlog::Backlog;
use crate::task::{Task, answer};

/// A running Slack; dropped, it ends.
pub(crate) struct Slack {
    process: Child,
    /// The base of its audit API.
    pub(crate) audit_url: String,
}

impl Slack {
    /// Starts it, and returns when it answers.
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
        drop(self.process.stdin.take()); // it serves until its input ends
        let _ = self.process.wait(); // a simulator that ended before is reported by whoever called it
    }
}

/// Serves the backlog without limits of calls, says where, and ends with the input.
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
