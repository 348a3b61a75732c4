//! `make local`: a whole deployment on this machine, to try every command of README without an AWS account and without Slack.
//!
//! An emulated AWS, a simulated Slack with people at work, the compiled functions with an API in front, and a tick every few seconds.
#![expect(clippy::print_stdout, reason = "a command talks to the person who started it")]

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

/// A minute of a real deployment takes this long here.
const TICK: Duration = Duration::from_secs(10);
/// History that the simulated Slack begins with.
const HISTORY: SignedDuration = SignedDuration::from_hours(72);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = App { redirects: Redirects::Any, ..App::organization("") };
    let settings = Settings { apps: vec![app.clone()], ..Settings::organization() };
    let Some(deployment) = LocalDeployment::start(settings.clone()).await else { return };
    let mut generator = Generator::new(Activity::default(), &settings);
    let mut lived_until = Timestamp::now();
    generator.fill(&mut deployment.slack(), lived_until - HISTORY, lived_until);
    let connecting = Connecting::start(&deployment).await;
    let _poller = deployment.poller();
    introduce(&deployment, &connecting, &app);
    // Also where the shell has it ignored, as for a command in the background. What was started ends with `deployment` and `connecting`.
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = &mut interrupt => return,
        }
        let now = Timestamp::now();
        generator.advance(&mut deployment.slack(), lived_until, now);
        lived_until = now;
        tell(&deployment.invoke_with(json!({})).await);
    }
}

fn introduce(deployment: &LocalDeployment, connecting: &Connecting, app: &App) {
    println!("A deployment of slacktrail on this machine, with a SIMULATED Slack and an emulated AWS.");
    println!("In another terminal:\n");
    // The command was built beside this binary.
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        println!("    export PATH={}:$PATH", folder.display());
    }
    for (name, value) in deployment.command_environment() {
        println!("    export {name}={value}");
    }
    println!("    export SLACKTRAIL_URL={}", connecting.api.url());
    println!("    export SLACK_CLIENT_ID={} SLACK_CLIENT_SECRET={}", app.client_id, app.client_secret);
    println!("\n    slacktrail connect acme --name Acme --plan enterprise\n");
    println!("Your browser will warn of the certificate of 127.0.0.1: it was made a moment ago, for this run.");
    println!("A tick every {} seconds follows; Ctrl-C ends it all.\n", TICK.as_secs());
}

fn tell(answer: &Answer) {
    let Answer::Response(summary) = answer else { return println!("tick: {answer:?}") };
    let streams = summary["streams"].as_array().into_iter().flatten().map(|stream| {
        let text = |key: &str| stream[key].as_str().unwrap_or_default().to_owned();
        format!("{}/{} {} +{}", text("source"), text("log"), text("state"), stream["records"])
    });
    let streams: Vec<String> = streams.collect();
    println!("tick: {}", if streams.is_empty() { "no source is connected yet".to_owned() } else { streams.join(", ") });
}
