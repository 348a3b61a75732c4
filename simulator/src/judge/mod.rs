//! `slack-simulator judge`: plays scripted days with a collector, and compares what it wrote with what Slack has shown.
//!
//! - [`collector`]: the description of a collector, which says how to start it and where it writes
//! - [`days`]: what happens on each day
//! - [`play`]: plays a day on a [`stage`], with a Slack and a clock of its own
//! - [`output`], [`verdict`], [`table`]: reads what the collector wrote, compares it, and prints the result
//! - [`measure`]: what a collector needs for a backlog
//!
//! The judge knows nothing of any collector but its description. docs/judge.md explains how to write one.

mod collector;
mod days;
mod measure;
mod output;
mod play;
mod stage;
mod table;
mod verdict;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use collector::Collector;
use days::Day;
use table::DayVerdicts;
use verdict::Verdict;

/// The number of days that are played at once. Most of the time, a collector waits for Slack.
const DAYS_AT_ONCE: usize = 4;
/// The number of differences of one kind that are printed per day.
const EXAMPLES_MAX: usize = 3;

/// Judge collectors of Slack logs on bad days
///
/// Plays short scripted days at a simulated Slack, and compares what each collector wrote with what Slack has shown: missing, duplicate,
/// altered and unexpected records, records in the file of a wrong day, calls above Slack's limits, secrets in the output, and problems that
/// the collector did not report. docs/judge.md explains the description files.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Description files of the collectors
    #[arg(value_name = "FILE", required_unless_present = "list")]
    collectors: Vec<PathBuf>,
    /// Play only these days (repeatable): a name, or a log and a name, such as `audit/backlog`
    #[arg(long, value_name = "DAY")]
    day: Vec<String>,
    /// Keep the files of all days in this folder, which must not exist
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the verdicts or the list as JSON
    #[arg(long)]
    json: bool,
    /// Instead of playing days, measure CPU time, memory, requests and bytes for this many audit records, as JSON
    #[arg(long, value_name = "RECORDS", conflicts_with_all = ["day", "keep", "list"])]
    measure: Option<u32>,
    /// Number of rounds of a measurement
    #[arg(long, value_name = "N", default_value_t = 3, requires = "measure")]
    rounds: usize,
    /// Print the days and exit
    #[arg(long)]
    list: bool,
}

/// Plays the days. The exit code is 0 if every collector passed every day, 1 if one did not, and 2 if a day could not be played.
#[expect(clippy::print_stderr, reason = "a command prints to its user")]
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match execute(&arguments).await {
        Ok(is_good) => ExitCode::from(u8::from(!is_good)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the command. Returns `false` if a collector did not pass a day.
#[expect(clippy::print_stdout, reason = "a command prints to its user")]
async fn execute(arguments: &Arguments) -> Result<bool, String> {
    let all = days::days();
    if arguments.list {
        print!("{}", if arguments.json { format!("{:#}\n", list_json(&all)) } else { list_text(&all) });
        return Ok(true);
    }
    let collectors = arguments.collectors.iter().map(|file| Collector::read(file)).collect::<Result<Vec<_>, _>>()?;
    if let Some(records) = arguments.measure {
        println!("{:#}", measured(&collectors, records, arguments.rounds).await?);
        return Ok(true);
    }
    let days = chosen_days(arguments, &collectors, &all)?;
    if let Some(keep) = &arguments.keep {
        std::fs::create_dir(keep)
            .map_err(|error| format!("`{}`: {error}\nhint: name a folder that does not exist", keep.display()))?;
    }
    let verdicts = judge(&collectors, days, arguments).await?;
    let is_good = verdicts.iter().flat_map(|day| &day.verdicts).flatten().all(Verdict::is_good);
    if arguments.json {
        println!("{:#}", to_json(&collectors, &verdicts));
        return Ok(is_good);
    }
    print!("{}", table::markdown(&collectors, &verdicts));
    print_differences(&collectors, &verdicts);
    if !is_good && arguments.keep.is_none() {
        println!("\nhint: `--keep DIR` keeps what the collector wrote, and the output of each run");
    }
    Ok(is_good)
}

fn path(day: &Day) -> String {
    format!("{}/{}", day.log.name(), day.name)
}

/// Returns the days as text, one per line.
fn list_text(days: &[Day]) -> String {
    let width = days.iter().map(|day| path(day).chars().count()).max().unwrap_or(0);
    days.iter().map(|day| format!("{:width$}  {}\n", path(day), day.about)).collect()
}

fn list_json(days: &[Day]) -> serde_json::Value {
    let days = days.iter().map(|day| json!({ "log": day.log.name(), "day": day.name, "about": day.about }));
    json!({ "days": days.collect::<Vec<_>>() })
}

/// Returns the days that the arguments name and that at least one collector can collect.
fn chosen_days<'a>(arguments: &Arguments, collectors: &[Collector], all: &'a [Day]) -> Result<Vec<&'a Day>, String> {
    let is_named = |day: &&Day, name: &String| *name == day.name || *name == path(day);
    if let Some(unknown) = arguments.day.iter().find(|name| !all.iter().any(|day| is_named(&day, name))) {
        return Err(format!("unknown day `{unknown}`\nhint: `slack-simulator judge --list` prints all days"));
    }
    let days: Vec<&Day> = all
        .iter()
        .filter(|day| arguments.day.is_empty() || arguments.day.iter().any(|name| is_named(day, name)))
        .filter(|day| collectors.iter().any(|collector| collector.collects(day.log)))
        .collect();
    if days.is_empty() {
        return Err("no collector collects the log of these days\nhint: see `logs` in its description file".to_owned());
    }
    Ok(days)
}

async fn judge<'a>(
    collectors: &[Collector],
    days: Vec<&'a Day>,
    arguments: &Arguments,
) -> Result<Vec<DayVerdicts<'a>>, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = arguments.keep.as_deref().unwrap_or(scratch.path());
    let mut ordered: Vec<(usize, &Day)> = days.into_iter().enumerate().collect();
    ordered.sort_by_key(|(_, day)| Reverse(day.steps.len())); // the longest first, so that none is left alone at the end
    let played = ordered
        .into_iter()
        .map(async |(place, day)| play_day(root, collectors, day).await.map(|verdicts| (place, verdicts)));
    let played = stream::iter(played).buffer_unordered(DAYS_AT_ONCE);
    let played: BTreeMap<usize, DayVerdicts<'_>> = played.try_collect().await?;
    Ok(played.into_values().collect())
}

#[expect(clippy::print_stderr, reason = "a command prints to its user")]
async fn play_day<'a>(root: &Path, collectors: &[Collector], day: &'a Day) -> Result<DayVerdicts<'a>, String> {
    eprintln!("{}", path(day));
    let played = collectors.iter().map(|collector| async move {
        if !collector.collects(day.log) {
            return Ok(None);
        }
        let played = play_in(root, collector, day).await;
        played.map(Some).map_err(|error| format!("{} on the day `{}`: {error}", collector.name, path(day)))
    });
    Ok(DayVerdicts { day, verdicts: try_join_all(played).await? })
}

#[expect(clippy::print_stderr, reason = "a command prints to its user")]
async fn measured(collectors: &[Collector], records: u32, rounds: usize) -> Result<serde_json::Value, String> {
    let mut measured = Vec::new();
    for round in 1..=rounds {
        let world = measure::backlog(records);
        for collector in collectors {
            eprintln!("round {round}: {}", collector.name);
            let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
            let usage = measure::measure(collector, &world, scratch.path()).await;
            let usage = usage.map_err(|error| format!("{}: {error}", collector.name))?;
            measured.push(json!({ "round": round, "collector": collector.name, "usage": usage }));
        }
    }
    Ok(json!({ "records": records, "rounds": measured }))
}

async fn play_in(root: &Path, collector: &Collector, day: &Day) -> io::Result<Verdict> {
    let name = format!("{} {} {}", day.log.name(), day.name, collector.name);
    let folder = root.join(name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-"));
    std::fs::create_dir(&folder)?;
    play::play(collector, day, &folder).await
}

#[expect(clippy::print_stdout, reason = "a command prints to its user")]
fn print_differences(collectors: &[Collector], days: &[DayVerdicts<'_>]) {
    for DayVerdicts { day, verdicts } in days {
        for (collector, verdict) in collectors.iter().zip(verdicts) {
            let Some(verdict) = verdict.as_ref().filter(|verdict| !verdict.is_good()) else { continue };
            println!("\n{}, {} ({}): {}", collector.name, path(day), day.about, verdict.faults().join(", "));
            for examples in verdict.examples.chunk_by(|one, other| kind_of(one) == kind_of(other)) {
                examples.iter().take(EXAMPLES_MAX).for_each(|example| println!("    {example}"));
            }
            verdict.failed_runs.iter().take(EXAMPLES_MAX).for_each(|run| println!("    {run}"));
        }
    }
}

/// Returns the word before the colon of a difference.
fn kind_of(example: &str) -> &str {
    example.split(':').next().unwrap_or_default()
}

fn to_json(collectors: &[Collector], days: &[DayVerdicts<'_>]) -> serde_json::Value {
    let days = days.iter().map(|DayVerdicts { day, verdicts }| {
        let verdicts = collectors.iter().zip(verdicts).map(|(collector, verdict)| {
            let cell = table::cell(verdict.as_ref());
            json!({ "collector": collector.name, "cell": cell, "verdict": verdict })
        });
        json!({ "log": day.log.name(), "day": day.name, "about": day.about, "verdicts": verdicts.collect::<Vec<_>>() })
    });
    json!({ "days": days.collect::<Vec<_>>() })
}
