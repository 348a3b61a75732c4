//! Runs the compiled poller with an honest Slack for one source and a hostile Slack for the others. Its memory stays bounded, each hostile
//! stream has the outcome that its input requires, and the same tick stores the records of the honest source.
//!
//! On Linux, the process may allocate at most [`DATA_MAX`] bytes. On other systems, the tests print that memory is not limited.
#![expect(clippy::print_stdout, reason = "a test reports if it cannot limit memory")]

use std::time::{Duration, Instant};

use serde_json::json;
use slacktrail_tests::archive::Archive;
use slacktrail_tests::deployment::Summary;
use slacktrail_tests::function::Function;
use slacktrail_tests::hostile_slack::{DATA_MAX, HostileDeployment, Input, Outcome, all_inputs};
use slacktrail_tests::lambda_runtime_api::Answer;

fn limited(hostile: &HostileDeployment) -> Function {
    let poller = hostile.poller();
    if !poller.limit_data(DATA_MAX) {
        println!("not limited: this machine cannot limit the data size of a process (`prlimit`)");
    }
    poller
}

/// Runs ticks until each input has its expected outcome. Adds records of the honest source before each tick, and asserts that the tick stores them.
async fn collect(hostile: &mut HostileDeployment, inputs: &[(String, &Input)]) {
    let mut pending: Vec<&(String, &Input)> = inputs.iter().collect();
    let ticks = inputs.iter().map(|(_, input)| input.ticks).max().unwrap_or(1);
    for tick in 1..=ticks {
        hostile.add_recent_rows();
        let started = Instant::now();
        let summary = hostile.deployment.invoke().await;
        let seconds = started.elapsed().as_secs_f64();
        let archive = hostile.assert_honest_is_stored().await;
        pending.retain(|(id, input)| {
            let stream = summary.stream(id, input.log);
            println!(
                "{seconds:5.1} s: {}: {} {} records, code {}",
                input.name, stream["state"], stream["records"], stream["code"]
            );
            let difference = difference(input, id, &summary, &archive);
            assert!(difference.is_none() || tick < ticks, "{}: {}: {stream}", input.name, difference.unwrap());
            difference.is_some()
        });
        if pending.is_empty() {
            return;
        }
    }
}

/// Returns how the stream differs from the expected outcome, or `None` if it matches.
fn difference(input: &Input, id: &str, summary: &Summary, archive: &Archive) -> Option<String> {
    let stream = summary.stream(id, input.log);
    let stored = archive.lines_of(id).len() as u64;
    let is_error = !stream["code"].is_null() && !matches!(stream["state"].as_str(), Some("ok" | "catching_up"));
    match input.outcome {
        Outcome::Error => (!is_error).then(|| "the stream reports no error".to_owned()),
        Outcome::Stored(_) if is_error => Some("the stream reports an error".to_owned()),
        Outcome::Stored(expected) => {
            (stored != expected).then(|| format!("{stored} records are stored, expected {expected}"))
        }
        Outcome::AtLeast(expected) => {
            (stored < expected).then(|| format!("{stored} records are stored, expected at least {expected}"))
        }
        Outcome::Any => None,
    }
}

/// A tick must end because of Lambda's deadline, and not when Slack's responses end.
#[tokio::test]
async fn tick_ends_in_time_while_five_long_rows_trickle() {
    const DEADLINE: Duration = Duration::from_secs(20);
    // Less than the minutes that the rows take, and enough for a busy machine.
    const WAIT_MAX: Duration = Duration::from_secs(90);
    let Some(mut hostile) = HostileDeployment::start().await else { return };
    let trickling = all_inputs().into_iter().find(|input| input.name == "a row that trickles").unwrap();
    // Only one stream at a time reads a long row. With the three streams of the honest source, these are as many as a tick collects
    // concurrently. Further streams would not run in so short a tick.
    for number in 0..5 {
        hostile.connect(number, &trickling).await;
    }
    let poller = hostile.poller();
    hostile.add_recent_rows();
    let answer = hostile.deployment.lambda.invoke_and_wait(json!({}), DEADLINE, WAIT_MAX).await;
    assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    hostile.assert_honest_is_stored().await;
    poller.kill().await;
}

/// Returns the inputs of all logs that are fast enough for a test that runs every time.
fn quick_inputs() -> Vec<Input> {
    all_inputs().into_iter().filter(|input| !input.is_slow).collect()
}

/// Collects each input alone, one after another in the same process.
#[tokio::test]
async fn hostile_responses_fit_memory_and_affect_no_other_source() {
    let Some(mut hostile) = HostileDeployment::start().await else { return };
    let poller = limited(&hostile);
    for (number, input) in quick_inputs().iter().enumerate() {
        let id = hostile.connect(number, input).await;
        collect(&mut hostile, &[(id, input)]).await;
        println!("       peak {:?} MiB", poller.memory_peak().map(|bytes| bytes >> 20));
        hostile.pause(number).await;
    }
    poller.kill().await;
}

#[tokio::test]
async fn eight_hostile_streams_fit_memory_and_affect_no_other_source() {
    let Some(mut hostile) = HostileDeployment::start().await else { return };
    let poller = limited(&hostile);
    let worst = [
        "64 MiB of zeros in 61 KiB of gzip",
        "80,000 records of one second",
        "1,000 rows of 70 kB",
        "a row of 3 MiB",
        "a row of 100 MiB",
        "a string of 200 MiB beside the rows",
        "a key of 64 MiB",
        "1,000,000 workspaces",
    ];
    let mut worst: Vec<Input> = quick_inputs().into_iter().filter(|input| worst.contains(&input.name)).collect();
    assert_eq!(worst.len(), 8);
    for input in &mut worst {
        // The progress of an unoptimized binary in one tick depends on the machine.
        input.ticks = 1;
        if let Outcome::Stored(_) = input.outcome {
            input.outcome = Outcome::AtLeast(1);
        }
    }
    let mut connected = Vec::new();
    for (number, input) in worst.iter().enumerate() {
        connected.push((hostile.connect(number, input).await, input));
    }
    collect(&mut hostile, &connected).await;
    println!("       peak {:?} MiB", poller.memory_peak().map(|bytes| bytes >> 20));
    poller.kill().await;
}
