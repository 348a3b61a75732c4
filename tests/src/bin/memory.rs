//! Measures the peak memory of the functions, with an ordinary backlog and with hostile responses from Slack.
//!
//! `make bench` runs this program with release builds of the functions. With arguments, it measures only the inputs whose names contain
//! one of them.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints what it measures with the wall clock"
)]

use std::time::{Duration, Instant};

use serde_json::json;
use slacktrail_tests::function::Function;
use slacktrail_tests::hostile_slack::{HostileDeployment, Input, all_inputs, oauth_inputs, ordinary_backlog};
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};

/// The memory target of a function, for any response from Slack.
const TARGET_MIB: u64 = 100;
/// The number of streams that read the same input, equal to the number that the poller collects concurrently.
const STREAMS: usize = 8;
/// The name of the measurement of reading objects back, and the size of each stream's day log in MiB.
const READ_BACK: (&str, i64) = ("objects of 8 MiB, read back", 80);
/// The outcome of a process that did not respond.
const NO_ANSWER: &str = "no response in time";

/// The resource usage and the outcome of a process.
struct Measured {
    peak: Option<u64>,
    cpu: Option<Duration>,
    longest: Duration,
    outcome: String,
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    println!("Peak memory in MiB (target: at most {TARGET_MIB}), CPU of all ticks, longest tick\n");
    println!("{:<46}{:>9}{:>8}{:>9}{:>8}{:>10}  outcome", "", "1 stream", "CPU s", "8", "CPU s", "longest s");
    for input in std::iter::once(ordinary_backlog()).chain(all_inputs()).filter(|input| is_wanted(input.name)) {
        let Some(one) = collect(&input, 1).await else { return };
        let Some(eight) = collect(&input, STREAMS).await else { return };
        print(input.name, &one, Some(&eight));
    }
    if is_wanted(READ_BACK.0) {
        let Some(one) = read_back(1).await else { return };
        let Some(eight) = read_back(STREAMS).await else { return };
        print(READ_BACK.0, &one, Some(&eight));
    }
    for input in oauth_inputs().into_iter().filter(|input| is_wanted(input.name)) {
        let Some(measured) = install(&input).await else { return };
        print(input.name, &measured, None);
    }
}

/// Collects an input with a new poller process.
async fn collect(input: &Input, streams: usize) -> Option<Measured> {
    let hostile = HostileDeployment::start().await?;
    for number in 0..streams {
        hostile.connect(number, input).await;
    }
    Some(tick(&hostile, input.ticks.max(2)).await)
}

/// Reads back objects of the largest possible size, with a new poller process that has no cache.
async fn read_back(streams: usize) -> Option<Measured> {
    let hostile = HostileDeployment::start().await?;
    hostile.store_large_objects(streams, READ_BACK.1).await;
    Some(tick(&hostile, 2).await)
}

async fn tick(hostile: &HostileDeployment, ticks: usize) -> Measured {
    let poller = hostile.poller();
    let mut measured = Measured::of(&poller, Duration::ZERO, String::new());
    for _ in 0..ticks {
        let began = Instant::now();
        let outcome = match hostile.deployment.invoke_with(json!({})).await {
            Answer::Response(summary) => {
                let mut streams = summary["streams"].as_array().into_iter().flatten();
                let stream = streams.rfind(|stream| stream["source"] == "hostile0");
                let text = |field| stream.and_then(|stream| stream[field].as_str()).unwrap_or_default();
                format!("{} {}", text("state"), text("code"))
            }
            _ => NO_ANSWER.to_owned(),
        };
        measured = Measured::of(&poller, began.elapsed().max(measured.longest), outcome);
        if measured.outcome == NO_ANSWER {
            break;
        }
    }
    poller.kill().await;
    measured
}

/// Connects a source through a link, with a new process of the oauth function.
async fn install(input: &Input) -> Option<Measured> {
    let hostile = HostileDeployment::start().await?;
    hostile.slack.script(None, &input.script);
    let lambda = Emulator::start().await;
    let oauth = hostile.oauth(&lambda);
    let began = Instant::now();
    let outcome = match hostile.authorize(&lambda, 1).await {
        Answer::Response(answer) => format!("HTTP status {}", answer["statusCode"]),
        _ => NO_ANSWER.to_owned(),
    };
    Some(Measured::of(&oauth, began.elapsed(), outcome))
}

impl Measured {
    fn of(function: &Function, longest: Duration, outcome: String) -> Measured {
        Measured { peak: function.memory_peak(), cpu: function.cpu(), longest, outcome }
    }

    fn peak(&self) -> String {
        self.peak.map_or("?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)))
    }

    fn cpu(&self) -> String {
        self.cpu.map_or("?".to_owned(), |cpu| format!("{:.1}", cpu.as_secs_f64()))
    }
}

fn print(name: &str, one: &Measured, eight: Option<&Measured>) {
    let [peak, cpu] = eight.map_or_else(Default::default, |eight| [eight.peak(), eight.cpu()]);
    let Measured { longest, outcome, .. } = eight.unwrap_or(one);
    let longest = longest.as_secs_f64();
    println!("{name:<46}{:>9}{:>8}{peak:>9}{cpu:>8}{longest:>10.1}  {outcome}", one.peak(), one.cpu());
}
