//! Measures the size of each function's binary, and the time from the start of the poller's process to its first AWS call.
//!
//! `make footprint` runs this program with release builds of the functions.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints what it measures with the wall clock"
)]

use std::path::PathBuf;
use std::time::Instant;

use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_tests::deployment::{LocalDeployment, organization_source};
use slacktrail_tests::function::{oauth_binary, poller_binary};

/// The number of processes to start, one after the other.
const STARTS: usize = 21;

#[tokio::main]
async fn main() {
    for (name, binary) in [("poller", poller_binary()), ("oauth", oauth_binary())] {
        let binary = binary.unwrap_or_else(|why| panic!("{why}"));
        let (megabytes, architecture) = size_and_architecture(&binary);
        println!("{name:<7} {megabytes:>5.1} MB, {architecture}");
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
        let first = calls.first().expect("a poller reads the table");
        milliseconds.push(first.at.duration_since(started).as_secs_f64() * 1e3);
        poller.kill().await;
    }
    milliseconds.sort_by(f64::total_cmp);
    let [min, median, max] = [0, STARTS / 2, STARTS - 1].map(|index| milliseconds[index]);
    println!("Time to first call of a new poller: {median:.0} ms ({min:.0} to {max:.0} ms, {STARTS} starts)");
}

/// Returns the size of an ELF file in MB, and its architecture.
fn size_and_architecture(binary: &PathBuf) -> (f64, &'static str) {
    let bytes = std::fs::read(binary).expect("the binary can be read");
    let architecture = match bytes.get(18) {
        Some(0x3e) => "x86_64",
        Some(0xb7) => "arm64",
        _ => "unknown architecture",
    };
    (f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) / 1e6, architecture)
}
