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
use slacktrail_simulator::settings::ORGANISATION_TOKEN;
use slacktrail_tests::deployment::{LocalDeployment, organisation_source};
use slacktrail_tests::function::{oauth_binary, poller_binary};

/// Processes that are started, one after the other.
const STARTS: usize = 21;

#[tokio::main]
async fn main() {
    for binary in [poller_binary(), oauth_binary()] {
        let binary = binary.unwrap_or_else(|why| panic!("{why}"));
        let name = binary.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        println!("{name:<7} {:>5.1} MB, for {}", megabytes(&binary), std::env::consts::ARCH);
    }
    let Some(deployment) = LocalDeployment::start(Settings::organisation()).await else { return };
    deployment.connect(&organisation_source("acme"), ORGANISATION_TOKEN).await;
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

fn megabytes(binary: &PathBuf) -> f64 {
    let metadata = std::fs::metadata(binary).expect("the binary is there");
    f64::from(u32::try_from(metadata.len()).unwrap_or(u32::MAX)) / 1e6
}
