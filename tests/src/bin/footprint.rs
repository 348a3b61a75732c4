//! Measures the size of each function's binary, also compressed as in a zip file, and the time from the start of the poller's process to its
//! first AWS call.
//!
//! `make footprint` runs this program with release builds of the functions.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints what it measures with the wall clock"
)]

use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_tests::deployment::{LocalDeployment, organization_source};
use slacktrail_tests::function::{oauth_binary, poller_binary};

/// The number of processes to start, one after the other.
const STARTS: usize = 21;

#[tokio::main]
async fn main() {
    for (name, binary) in [("poller", poller_binary()), ("oauth", oauth_binary())] {
        let bytes = std::fs::read(&binary).expect("the binary can be read");
        let (size, zipped) = (megabytes(bytes.len()), megabytes(zipped(&bytes).expect("memory takes every byte")));
        println!("{name:<7} {size:>5.1} MB, {zipped:.1} MB zipped, {}", architecture(&bytes));
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

/// Returns the size of a file after the compression of a zip file.
fn zipped(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn megabytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}

/// Returns the architecture of an ELF file.
fn architecture(bytes: &[u8]) -> &'static str {
    match bytes.get(18) {
        Some(0x3e) => "x86_64",
        Some(0xb7) => "arm64",
        _ => "unknown architecture",
    }
}
