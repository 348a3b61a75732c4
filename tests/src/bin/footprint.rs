//! What a function costs before it does anything: the size of its file, and how long a new process takes until its first call. For
//! `make footprint`, which builds the functions as they are deployed.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command says what it measured, with the clock that measures"
)]

use std::path::PathBuf;
use std::time::Instant;

use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_tests::deployment::{LocalDeployment, organization_source};
use slacktrail_tests::function::{oauth_binary, poller_binary};

/// Processes that are started, one after the other.
const STARTS: usize = 21;

#[tokio::main]
async fn main() {
    for (name, binary) in [("poller", poller_binary()), ("oauth", oauth_binary())] {
        let binary = binary.unwrap_or_else(|why| panic!("{why}"));
        let (megabytes, processor) = size_and_processor(&binary);
        println!("{name:<7} {megabytes:>5.1} MB, for {processor}");
    }
    let Some(deployment) = LocalDeployment::start(Settings::organization()).await else { return };
    deployment.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
    let mut milliseconds = Vec::new();
    for _ in 0..STARTS {
        deployment.proxy.take();
        let started = Instant::now();
        let poller = deployment.poller();
        deployment.invoke().await;
        let calls = deployment.proxy.take();
        let first = calls.first().expect("a poller reads the table first");
        milliseconds.push(first.at.duration_since(started).as_secs_f64() * 1e3);
        poller.kill().await;
    }
    milliseconds.sort_by(f64::total_cmp);
    let [least, median, most] = [0, STARTS / 2, STARTS - 1].map(|index| milliseconds[index]);
    println!("A new poller makes its first call after {median:.0} ms ({least:.0} to {most:.0}, {STARTS} starts).");
}

/// Returns the size of an ELF file in MB, and the processor that it runs on.
fn size_and_processor(binary: &PathBuf) -> (f64, &'static str) {
    let bytes = std::fs::read(binary).expect("the binary is there");
    let processor = match bytes.get(18) {
        Some(0x3e) => "x86_64",
        Some(0xb7) => "arm64",
        _ => "an unknown processor",
    };
    (f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) / 1e6, processor)
}
