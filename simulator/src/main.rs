//! `slack-simulator`: serves an Enterprise organization with history and live activity on loopback, for manual tests, and judges collectors.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod judge;

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::oauth::{App, Redirects};
use slacktrail_simulator::server::Server;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Activity, Generator, Log, Settings, World};

const TICK: Duration = Duration::from_secs(1);

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
    /// Port to listen on; 0 picks a free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Days of history
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(i64).range(0..=400))]
    days: i64,
    /// Audit rows per day
    #[arg(long, value_name = "N", default_value_t = Activity::default().audit_per_day)]
    audit_per_day: u32,
    /// Number of users
    #[arg(long, value_name = "N", default_value_t = Activity::default().people)]
    people: usize,
    /// Seed that determines all rows
    #[arg(long, value_name = "N", default_value_t = Activity::default().seed)]
    seed: u64,
    /// Redirect URL that the app allows (repeatable); by default, any `https` or loopback URL
    #[arg(long, value_name = "URL")]
    redirect_url: Vec<String>,
    /// Issue tokens that expire, with refresh tokens
    #[arg(long)]
    token_rotation: bool,
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
    let app = app(&arguments);
    let settings = Settings { apps: vec![app.clone()], ..Settings::organization() };
    let Organization { audit_per_day, people, seed, .. } = arguments;
    let activity = Activity { audit_per_day, people, seed, ..Activity::default() };
    let mut generator = Generator::new(activity, &settings);
    let mut world = World::new(settings);

    let mut generated_until = Timestamp::now();
    generator.fill(&mut world, generated_until - SignedDuration::from_hours(24 * arguments.days), generated_until);
    let world = Arc::new(Mutex::new(world));
    let server = Server::start_on(arguments.port, world.clone(), Arc::new(Timestamp::now)).await?;
    print_settings(&server, &world.lock().unwrap_or_else(PoisonError::into_inner), &app);

    loop {
        tokio::time::sleep(TICK).await;
        let now = Timestamp::now();
        generator.advance(&mut world.lock().unwrap_or_else(PoisonError::into_inner), generated_until, now);
        generated_until = generated_until.max(now);
    }
}

/// Returns the app that the organization's owner can install in the browser.
fn app(arguments: &Organization) -> App {
    let redirects = match arguments.redirect_url.as_slice() {
        [] => Redirects::Any,
        urls => Redirects::Listed(urls.to_vec()),
    };
    App { redirects, token_rotation: arguments.token_rotation, ..App::organization("") }
}

#[expect(clippy::print_stdout, reason = "a command prints to its user")]
fn print_settings(server: &Server, world: &World, app: &App) {
    for log in Log::ALL {
        println!("{:>9} {log:?} rows", world.rows(log).len());
    }
    println!("SLACK_AUDIT_URL={}", server.audit_url());
    println!("SLACK_API_URL={}", server.api_url());
    println!("SLACK_TOKEN={ORGANIZATION_TOKEN}");
    println!("SLACK_AUTHORIZE_URL={}", server.authorize_url());
    println!("SLACK_CLIENT_ID={}", app.client_id);
    println!("SLACK_CLIENT_SECRET={}", app.client_secret);
    println!("curl -s -H \"Authorization: Bearer {ORGANIZATION_TOKEN}\" '{}logs?limit=1'", server.audit_url());
}
