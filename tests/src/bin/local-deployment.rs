//! Runs a full deployment on this machine (`make local`), to try the commands of the README without an AWS or Slack account.
//!
//! The deployment consists of an emulated AWS, a simulated Slack with activity, the compiled functions and an HTTP API. A tick runs every
//! 10 seconds.
#![expect(clippy::print_stdout, reason = "a command prints its output")]

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slacktrail_simulator::oauth::{App, Redirects};
use slacktrail_simulator::{Activity, Generator, Settings};
use slacktrail_tests::connecting::Connecting;
use slacktrail_tests::deployment::LocalDeployment;
use slacktrail_tests::lambda_runtime_api::Answer;

/// The interval between ticks. It is one minute in a real deployment.
const TICK: Duration = Duration::from_secs(10);
/// The age of the oldest record in the simulated Slack at start.
const HISTORY: SignedDuration = SignedDuration::from_hours(72);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = App { redirects: Redirects::Any, ..App::organization("") };
    let settings = Settings { apps: vec![app.clone()], ..Settings::organization() };
    let Some(deployment) = LocalDeployment::start(settings.clone()).await else { return };
    let mut generator = Generator::new(Activity::default(), &settings);
    let mut generated_until = Timestamp::now();
    generator.fill(&mut deployment.slack(), generated_until - HISTORY, generated_until);
    let connecting = Connecting::start(&deployment).await;
    let _poller = deployment.poller();
    print_instructions(&deployment, &connecting, &app);
    // Handles Ctrl-C even if the shell ignores SIGINT for background commands. Returning drops `deployment` and `connecting`, which
    // stops their processes.
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = &mut interrupt => return,
        }
        let now = Timestamp::now();
        generator.advance(&mut deployment.slack(), generated_until, now);
        generated_until = now;
        print_tick(&deployment.invoke_with(json!({})).await);
    }
}

fn print_instructions(deployment: &LocalDeployment, connecting: &Connecting, app: &App) {
    println!("A slacktrail deployment on this machine, with a SIMULATED Slack and an emulated AWS.");
    println!("Run in another terminal:\n");
    // Cargo builds `slacktrail` into the same directory as this binary.
    if let Some(directory) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        println!("    export PATH={}:$PATH", directory.display());
    }
    for (name, value) in deployment.command_environment() {
        println!("    export {name}={value}");
    }
    println!("    export SLACKTRAIL_URL={}", connecting.api.url());
    println!("    export SLACK_CLIENT_ID={} SLACK_CLIENT_SECRET={}", app.client_id, app.client_secret);
    println!("\n    slacktrail connect acme --name Acme --plan enterprise\n");
    println!(
        "Your browser warns about the certificate of 127.0.0.1, because it is self-signed and created for this run."
    );
    println!("A tick runs every {} seconds. Press Ctrl-C to stop everything.\n", TICK.as_secs());
}

fn print_tick(answer: &Answer) {
    let Answer::Response(summary) = answer else { return println!("tick: {answer:?}") };
    let streams = summary["streams"].as_array().into_iter().flatten().map(|stream| {
        let text = |key: &str| stream[key].as_str().unwrap_or_default().to_owned();
        format!("{}/{} {} +{}", text("source"), text("log"), text("state"), stream["records"])
    });
    let streams: Vec<String> = streams.collect();
    println!("tick: {}", if streams.is_empty() { "no source is connected yet".to_owned() } else { streams.join(", ") });
}
