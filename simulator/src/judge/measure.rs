//! Measures what collectors need for a backlog of audit records: CPU time, memory, requests, and bytes written.
//!
//! Only ratios between the collectors of one measurement mean something, because other programs use the same machine. Each round measures
//! every collector once.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use slacktrail_simulator::settings::{Limits, Settings};
use slacktrail_simulator::{Activity, Generator, Log, World};
use tokio::time::sleep;

use super::collector::Collector;
use super::stage::Stage;
use super::verdict;

/// The maximum number of runs for the whole backlog.
const RUNS_MAX: usize = 20;
/// The time between two runs, in seconds.
const PAUSE: i64 = 60;
/// The interval between two samples of the memory.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);
/// Linux counts CPU time in hundredths of a second on every architecture (proc_pid_stat(5), USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// What a collector needed for the backlog.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    /// CPU seconds of all runs.
    pub(crate) cpu_seconds: f64,
    /// The peak resident memory of the largest process, in bytes.
    pub(crate) memory_peak: u64,
    /// The number of calls to Slack.
    pub(crate) calls: usize,
    /// The size of the files with records.
    pub(crate) bytes: u64,
    pub(crate) runs: usize,
    /// The number of different records in the output, or `None` if the collector does not collect audit logs.
    pub(crate) records: Option<usize>,
}

/// Returns a Slack with `records` audit records of the last day, without rate limits.
pub(crate) fn backlog(records: u32) -> World {
    let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
    let activity =
        Activity { audit_per_day: records, access_new_per_day: 0, integration_per_day: 0, ..Activity::default() };
    let mut generator = Generator::new(activity, &settings);
    let mut world = World::new(settings);
    let now = Timestamp::now();
    generator.fill(&mut world, now - SignedDuration::from_hours(24), now - SignedDuration::from_secs(1));
    world.keep_journal();
    world
}

/// Collects the backlog in an empty folder, in at most [`RUNS_MAX`] runs.
pub(crate) async fn measure(collector: &Collector, world: &World, folder: &Path) -> io::Result<Usage> {
    let token = world.settings().tokens.first().map(|token| token.text.clone()).unwrap_or_default();
    let placeholders =
        vec![("token", token), ("log", Log::Audit.name().to_owned()), ("organization", true.to_string())];
    let expected = world.rows(Log::Audit).len();
    let mut stage = Stage::start(collector, world.clone(), folder, placeholders).await?;
    stage.world().keep_journal();
    let calls_before = stage.world().journal().len();
    let mut usage = Usage { cpu_seconds: 0.0, memory_peak: 0, calls: 0, bytes: 0, runs: 0, records: None };
    while usage.runs < RUNS_MAX {
        let before = cpu_of_children()?;
        let memory = stage.measured_run(SAMPLE_INTERVAL).await?;
        usage.cpu_seconds += cpu_of_children()? - before;
        usage.memory_peak = usage.memory_peak.max(memory);
        usage.runs += 1;
        if let Some((cpu_seconds, memory_peak)) = stage.reported_usage()? {
            usage.cpu_seconds = cpu_seconds;
            usage.memory_peak = memory_peak;
        }
        stage.fetch().await?;
        if !collector.collects(Log::Audit) {
            break;
        }
        let stored: HashSet<String> = verdict::identities(collector, Log::Audit, &stage.lines()?);
        usage.records = Some(stored.len());
        if stored.len() >= expected {
            break;
        }
        stage.pass(PAUSE)?;
    }
    usage.calls = stage.world().journal().len() - calls_before;
    usage.bytes = stage.output_bytes()?;
    stage.stop().await?;
    match usage.records {
        Some(records) if records < expected => {
            Err(io::Error::other(format!("collected {records} of {expected} records in {} runs", usage.runs)))
        }
        _ => Ok(usage),
    }
}

/// Returns the CPU seconds of all processes that this process and its children have started and waited for.
fn cpu_of_children() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Fields 16 and 17. Field 2 is a name with arbitrary characters.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(13) + ticks(14)) / TICKS_PER_SECOND)
}

/// Returns the peak resident memory of the largest process of a process group. Samples it until `has_ended` returns `true`.
pub(crate) async fn memory_peak(
    group: u32,
    interval: Duration,
    mut has_ended: impl FnMut() -> io::Result<bool>,
) -> io::Result<u64> {
    let mut peak = 0;
    while !has_ended()? {
        let members = fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path()));
        let peaks = members.filter(|process| group_of(process) == Some(group)).filter_map(|process| {
            let status = fs::read_to_string(process.join("status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
        });
        peak = peak.max(peaks.max().unwrap_or(0));
        sleep(interval).await;
    }
    Ok(peak)
}

/// Returns the process group of a folder in `/proc`.
fn group_of(process: &Path) -> Option<u32> {
    process.file_name()?.to_str()?.parse::<u32>().ok()?;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}
