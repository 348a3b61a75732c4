//! The compiled poller between an honest Slack and hostile ones: its memory stays bounded, each hostile stream reports what is wrong, and
//! the honest source's records are stored in the same tick.
//!
//! Where the machine allows it (Linux), the process may allocate [`DATA_MAX`] bytes and no more; elsewhere the tests say so.
#![expect(clippy::print_stdout, reason = "a test that cannot limit memory says so")]

use std::time::{Duration, Instant};

use serde_json::json;
use slacktrail_simulator::Log;
use slacktrail_tests::archive::Archive;
use slacktrail_tests::deployment::Summary;
use slacktrail_tests::function::Function;
use slacktrail_tests::hostile_slack::{
    Asked, CannedResponse, DATA_MAX, Input, Outcome, Siege, access_inputs, audit_inputs, integration_inputs,
};
use slacktrail_tests::lambda_runtime_api::Answer;

fn limited(siege: &Siege) -> Function {
    let poller = siege.poller();
    if !poller.limit_data(DATA_MAX) {
        println!("not limited: this machine does not limit a process's data (`prlimit`)");
    }
    poller
}

/// Ticks until what must come of each input has come, with records of the honest source before each tick and stored by it.
async fn collect(siege: &mut Siege, inputs: &[(String, &Input)]) {
    let mut open: Vec<&(String, &Input)> = inputs.iter().collect();
    let ticks = inputs.iter().map(|(_, input)| input.ticks).max().unwrap_or(1);
    for tick in 1..=ticks {
        siege.go_on();
        let began = Instant::now();
        let summary = siege.deployment.invoke().await;
        let seconds = began.elapsed().as_secs_f64();
        let archive = siege.assert_honest_is_stored().await;
        open.retain(|(id, input)| {
            let stream = summary.stream(id, input.log);
            println!(
                "{seconds:5.1} s: {}: {} {} records, code {}",
                input.name, stream["state"], stream["records"], stream["code"]
            );
            let wrong = wrong(input, id, &summary, &archive);
            assert!(wrong.is_none() || tick < ticks, "{}: {}: {stream}", input.name, wrong.unwrap());
            wrong.is_some()
        });
        if open.is_empty() {
            return;
        }
    }
}

/// Returns what is not yet as it must be.
fn wrong(input: &Input, id: &str, summary: &Summary, archive: &Archive) -> Option<String> {
    let stream = summary.stream(id, input.log);
    let stored = archive.lines_of(id).len() as u64;
    let is_error = !stream["code"].is_null() && !matches!(stream["state"].as_str(), Some("ok" | "catching_up"));
    match input.outcome {
        Outcome::Error => (!is_error).then(|| "the stream reports no error".to_owned()),
        Outcome::Stored(_) if is_error => Some("the stream reports an error".to_owned()),
        Outcome::Stored(expected) => {
            (stored != expected).then(|| format!("{stored} records are stored, not {expected}"))
        }
        Outcome::AtLeast(expected) => {
            (stored < expected).then(|| format!("{stored} records are stored, fewer than {expected}"))
        }
    }
}

/// Each input alone, one after another in one process.
async fn one_after_another(inputs: &[Input]) {
    let Some(mut siege) = Siege::start().await else { return };
    let poller = limited(&siege);
    for (number, input) in inputs.iter().enumerate() {
        let script = input.script.clone();
        let id = siege.connect(number, input.log, move |asked| script(asked)).await;
        collect(&mut siege, &[(id, input)]).await;
        println!("       peak {:?} MiB", poller.memory_peak().map(|bytes| bytes >> 20));
        siege.pause(number).await;
    }
    poller.kill().await;
}

/// A tick must answer well before Lambda ends it: time is kept for saving cursors.
#[tokio::test]
async fn tick_ends_in_time_while_five_long_rows_trickle() {
    const DEADLINE: Duration = Duration::from_secs(10);
    let Some(mut siege) = Siege::start().await else { return };
    // With the honest source's three as many streams as a tick collects side by side: in so short a tick no other would have its turn.
    for number in 0..5 {
        // 24 seconds each, and only one stream at a time reads a long row.
        let script = |asked: &Asked| {
            let row = format!(r#"{{"id":"long","text":"{}"}}"#, "x".repeat(3 << 20)).into_bytes();
            let body = [b"{\"entries\":[".to_vec(), row, b"]}".to_vec()];
            (asked.method == "logs").then(|| CannedResponse::of(body).trickle(128 << 10, Duration::from_secs(1)))
        };
        siege.connect(number, Log::Audit, script).await;
    }
    let poller = siege.poller();
    siege.go_on();
    let answer = siege.deployment.lambda.invoke(json!({}), DEADLINE).await;
    assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    siege.assert_honest_is_stored().await;
    poller.kill().await;
}

fn quick(inputs: Vec<Input>) -> Vec<Input> {
    inputs.into_iter().filter(|input| !input.is_slow).collect()
}

#[tokio::test]
async fn hostile_audit_responses_fit_memory_and_affect_no_other_source() {
    one_after_another(&quick(audit_inputs())).await;
}

#[tokio::test]
async fn hostile_access_responses_fit_memory_and_affect_no_other_source() {
    one_after_another(&quick(access_inputs())).await;
}

#[tokio::test]
async fn hostile_integration_responses_fit_memory_and_affect_no_other_source() {
    one_after_another(&quick(integration_inputs())).await;
}

#[tokio::test]
async fn eight_hostile_streams_fit_memory_and_affect_no_other_source() {
    let Some(mut siege) = Siege::start().await else { return };
    let poller = limited(&siege);
    let inputs: Vec<Input> =
        [audit_inputs(), access_inputs(), integration_inputs()].into_iter().flat_map(quick).collect();
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
    let mut worst: Vec<Input> = inputs.into_iter().filter(|input| worst.contains(&input.name)).collect();
    assert_eq!(worst.len(), 8);
    for input in &mut worst {
        // How far an unoptimized binary comes in one tick depends on the machine.
        input.ticks = 1;
        if let Outcome::Stored(_) = input.outcome {
            input.outcome = Outcome::AtLeast(1);
        }
    }
    let mut connected = Vec::new();
    for (number, input) in worst.iter().enumerate() {
        let script = input.script.clone();
        connected.push((siege.connect(number, input.log, move |asked| script(asked)).await, input));
    }
    collect(&mut siege, &connected).await;
    println!("       peak {:?} MiB", poller.memory_peak().map(|bytes| bytes >> 20));
    poller.kill().await;
}
