//! `slack-simulator`: serves an Enterprise organization with history on loopback, which `checks/athena` collects, and judges collectors.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod judge;

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::server::Server;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Activity, Generator, Settings, World};

/// Serve a simulated Slack organization on loopback
#[derive(Debug, Parser)]
#[command(name = "slack-simulator", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Organization,
}

#[derive(Debug, Subcommand)]
enum Command {
    Judge(judge::Arguments),
}

/// The organization to serve.
#[derive(Args, Debug)]
struct Organization {
    /// Days of history
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(i64).range(0..=400))]
    days: i64,
    /// Audit rows per day
    #[arg(long, value_name = "N", default_value_t = Activity::default().audit_per_day)]
    audit_per_day: u32,
    /// Number of users
    #[arg(long, value_name = "N", default_value_t = Activity::default().people)]
    people: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<ExitCode> {
    match Arguments::parse() {
        Arguments { command: Some(Command::Judge(arguments)), .. } => Ok(judge::run(arguments).await),
        Arguments { command: None, serve: organization } => serve(organization).await,
    }
}

/// Serves the organization until the process is stopped.
async fn serve(arguments: Organization) -> io::Result<ExitCode> {
    let Organization { days, audit_per_day, people } = arguments;
    let settings = Settings::organization();
    let mut generator = Generator::new(Activity { audit_per_day, people, ..Activity::default() }, &settings);
    let mut world = World::new(settings);
    let now = Timestamp::now();
    generator.fill(&mut world, now - SignedDuration::from_hours(24 * days), now);
    let server = Server::start(Arc::new(Mutex::new(world)), Arc::new(Timestamp::now)).await?;
    print_settings(&server);
    std::future::pending().await
}

#[expect(clippy::print_stdout, reason = "a command prints to its user")]
fn print_settings(server: &Server) {
    println!("SLACK_AUDIT_URL={}", server.audit_url());
    println!("SLACK_API_URL={}", server.api_url());
    println!("SLACK_TOKEN={ORGANIZATION_TOKEN}");
    println!("curl -s -H \"Authorization: Bearer {ORGANIZATION_TOKEN}\" '{}logs?limit=1'", server.audit_url());
}
