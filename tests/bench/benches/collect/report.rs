//! Prints the report. It shows the targets next to the measurements but does not enforce them.
#![expect(clippy::print_stdout, reason = "a benchmark prints its report")]

use std::time::Duration;

use slacktrail_core::object::GZIP_LEVEL;

use crate::backlog::Backlog;
use crate::comparison::{Comparison, Contender};
use crate::levels::{Level, RECORDS};
use crate::sizes::Size;
use crate::task::Run;

/// The target for the CPU time of slacktrail relative to the baseline.
const RATIO_TARGET: f64 = 1.3;
/// The target for the peak memory of slacktrail with a backlog of any size.
const MEMORY_TARGET_MIB: f64 = 64.0;
const NOT_MEASURED: &str = "not measured";

/// Prints the comparison of slacktrail with the baseline.
pub(crate) fn comparison(comparison: &Comparison) {
    let pages = comparison.baseline.last().map_or(0, |run| run.calls);
    let bytes = comparison.baseline.last().map_or(0, |run| run.bytes);
    println!(
        "{} audit records, {} in {pages} pages, gzip level {GZIP_LEVEL}; medians of {} rounds",
        comparison.backlog.records,
        megabytes(bytes),
        comparison.baseline.rounds()
    );
    println!(
        "\n{:<44}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}",
        "", "CPU s", "min CPU s", "wall s", "peak MiB", "gzip in", "gzip out"
    );
    let baseline = &comparison.baseline;
    contender("baseline: download and compress the pages", baseline, true);
    contender("baseline that compresses what is stored", &comparison.baseline_of_stored, false);
    contender("slacktrail", &comparison.collect, true);
    println!();
    ratio("CPU slacktrail / baseline", &comparison.collect, baseline, &format!("; target {RATIO_TARGET}"));
    ratio("CPU slacktrail / baseline with the same bytes", &comparison.collect, &comparison.baseline_of_stored, "");
    let rate = comparison.collect.cpu().map(|cpu| f64::from(comparison.backlog.records) / cpu.as_secs_f64());
    println!("records per CPU second: {}", rate.map_or(NOT_MEASURED.to_owned(), |rate| format!("{rate:.0}")));
    if let Some(wall) = comparison.collect.median(|run| Some(run.used.wall)) {
        println!("records per second: {:.0}", f64::from(comparison.backlog.records) / wall.as_secs_f64());
    }
    println!("\npeak memory by backlog, target {MEMORY_TARGET_MIB} MiB");
    if let Some(run) = comparison.collect.last() {
        memory(comparison.backlog, run);
    }
}

fn contender(name: &str, contender: &Contender, with_memory: bool) {
    let peak = contender.median(|run| run.used.memory_peak).filter(|_| with_memory);
    let last = contender.last();
    println!(
        "{name:<44}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}",
        contender.cpu().map_or("-".to_owned(), seconds),
        contender.cpu_min().map_or("-".to_owned(), seconds),
        contender.median(|run| Some(run.used.wall)).map_or("-".to_owned(), seconds),
        peak.map_or("-".to_owned(), |bytes| format!("{:.1}", mebibytes(bytes))),
        last.map_or("-".to_owned(), |run| megabytes(run.bytes)),
        last.map_or("-".to_owned(), |run| megabytes(run.stored)),
    );
}

fn ratio(name: &str, of: &Contender, to: &Contender, target: &str) {
    let quotient = |of: Option<Duration>, to: Option<Duration>| Some(of?.as_secs_f64() / to?.as_secs_f64());
    let ratios = quotient(of.cpu(), to.cpu()).zip(quotient(of.cpu_min(), to.cpu_min()));
    let text = ratios.map_or(NOT_MEASURED.to_owned(), |(ratio, least)| format!("{ratio:.2}, by minimum {least:.2}"));
    println!("{name}: {text}{target}");
}

/// Prints the peak memory of the collection of a backlog.
pub(crate) fn memory(backlog: Backlog, run: &Run) {
    let peak = run.used.memory_peak.map_or(NOT_MEASURED.to_owned(), |peak| format!("{:.1} MiB", mebibytes(peak)));
    let cpu = run.used.cpu.map_or(NOT_MEASURED.to_owned(), |cpu| format!("{} s CPU", seconds(cpu)));
    println!("{:>9} records, {:>7} per day: {peak}, {cpu}", backlog.records, backlog.per_day);
}

/// Prints the CPU time and the compressed size of each gzip level.
pub(crate) fn levels(levels: &[Level]) {
    let bytes = levels.first().map_or(0, |level| level.bytes);
    println!("\ngzip of {RECORDS} stored records, {}", megabytes(bytes));
    println!("{:>5}{:>10}{:>12}", "level", "CPU s", "gzip out");
    for level in levels {
        let cpu = level.cpu.map_or("-".to_owned(), seconds);
        println!("{:>5}{cpu:>10}{:>12}", level.level, megabytes(level.gzipped));
    }
}

/// Prints the size of a stored record by the number of records per object.
pub(crate) fn sizes(sizes: &[Size]) {
    println!("\n{:>18}{:>18}", "records per object", "bytes per record");
    for size in sizes {
        println!("{:>18}{:>18.0}", size.records, size.bytes_per_record);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
