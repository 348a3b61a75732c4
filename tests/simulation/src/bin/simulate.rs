//! The command `simulate search|whole|soak|probe|replay`. docs/simulation.md explains its output.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints its results and measures its speed"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slacktrail_core::source::LogType;
use slacktrail_simulation::search::tally::thousands;
use slacktrail_simulation::search::workers::{Violation, Work, search};
use slacktrail_simulation::search::{Kind, REGRESSIONS, Schedule, StartingPoint, bounded, whole};

/// The search copies and drops worlds constantly, on all cores.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The first seed of the reproducible search.
const FIRST_SEED: u64 = 1;
/// The seeds per log in it.
const SEEDS: u64 = 40;

/// The minimum number of schedules of the bounded search.
const SCHEDULES_MIN: u64 = 1_000_000;
/// The variables that restrict a search.
const FILTERS: [&str; 6] = ["LOGS", "KINDS", "SCENARIOS", "SLACKS", "SEEDS", "UNTIL"];

const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

const HELP: &str = "\
simulate search             Run the bounded search: every single fault at every starting point, the other kinds in every scenario, and 40 seeds
simulate whole              Run every kind at every starting point (hours)
simulate soak SECONDS       Run randomized runs from fresh seeds
simulate probe              Run the bounded search in the order that finds a mutant soonest
simulate replay NAME|SEED   Replay a schedule and print its trace
Variables restrict the search: LOGS=audit,access KINDS=single,pair SCENARIOS=live SLACKS=plain THREADS=2 SEED=1 SEEDS=40 UNTIL=300 (seconds)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["search"] => {
            let runs = randomized_runs(number("SEED", FIRST_SEED), number("SEEDS", SEEDS));
            run(Work { jobs: filtered(bounded()), ..runs }, if is_filtered() { 0 } else { SCHEDULES_MIN })
        }
        ["whole"] => run(
            Work { jobs: filtered(whole()), ..randomized_runs(number("SEED", FIRST_SEED), number("SEEDS", SEEDS)) },
            0,
        ),
        ["probe"] => probe(),
        ["soak", seconds] => match seconds.parse() {
            Ok(seconds) => {
                let until = Instant::now() + Duration::from_secs(seconds);
                run(Work { until: Some(until), ..randomized_runs(number("SEED", fresh_seed()), u64::MAX / 8) }, 0)
            }
            Err(_) => help(),
        },
        ["replay", name] => replay(name),
        _ => help(),
    }
}

/// Searches for a mutant. The last line of the output is what `make mutants` parses.
fn probe() -> ExitCode {
    let mut ran = 0;
    match probed(&mut ran) {
        Some(Violation { invariant, schedule, after }) => {
            println!("caught|{after}|{invariant}|{schedule}");
            ExitCode::FAILURE
        }
        None => {
            println!("missed|{ran}||");
            ExitCode::SUCCESS
        }
    }
}

/// Runs the bounded search in the order that finds a mutant soonest, and the regression seeds.
fn probed(ran: &mut u64) -> Option<Violation> {
    let (quick, rest): (Vec<_>, Vec<_>) = filtered(bounded()).into_iter().partition(|(kind, _)| *kind == Kind::Single);
    for (jobs, seeds, regressions) in [(quick, SEEDS, &REGRESSIONS[..]), (rest, 0, &[])] {
        let (tally, found) = search(&Work { jobs, ..randomized_runs(FIRST_SEED, seeds) }, threads(), &|_, _| {});
        if let Some(found) = found {
            return Some(Violation { after: *ran + found.after, ..found });
        }
        *ran += tally.total();
        for schedule in regressions.iter().filter_map(|name| Schedule::parse(name)) {
            *ran += 1;
            if let Err(invariant) = schedule.repeat(None).0 {
                return Some(Violation { invariant, schedule, after: *ran });
            }
        }
    }
    None
}

fn threads() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    usize::try_from(number("THREADS", threads as u64)).unwrap_or(1)
}

fn help() -> ExitCode {
    println!("{HELP}");
    ExitCode::from(2)
}

fn randomized_runs(first: u64, count: u64) -> Work {
    let until = std::env::var("UNTIL").ok().and_then(|seconds| seconds.parse().ok());
    let until = until.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let logs = LogType::ALL.into_iter().filter(|log| chosen("LOGS", log.name())).collect();
    Work { jobs: Vec::new(), seeds: (first, count), logs, until, mutant: None }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() * 1_000_000)
}

/// Returns `true` if a variable restricts the search.
fn is_filtered() -> bool {
    FILTERS.iter().any(|name| std::env::var_os(name).is_some())
}

/// Returns `true` if the list in this variable contains a prefix of `word`, or if the variable is not set.
fn chosen(list: &str, word: &str) -> bool {
    std::env::var(list).map_or(true, |words| words.split(',').any(|chosen| word.starts_with(chosen)))
}

/// Returns the jobs that the variables select.
fn filtered(jobs: Vec<(Kind, StartingPoint)>) -> Vec<(Kind, StartingPoint)> {
    let is_chosen = |(kind, start): &(Kind, StartingPoint)| {
        chosen("KINDS", kind.name())
            && chosen("LOGS", start.log.name())
            && chosen("SCENARIOS", start.scenario.name)
            && chosen("SLACKS", start.slack.name)
    };
    jobs.into_iter().filter(is_chosen).collect()
}

/// Searches, and prints the result. Fewer than `least` schedules are a failure.
fn run(work: Work, least: u64) -> ExitCode {
    let started = Instant::now();
    let reported_at = Mutex::new(started);
    let (tally, found) = search(&work, threads(), &|ran, last| {
        if let Ok(mut reported_at) = reported_at.try_lock()
            && reported_at.elapsed() >= PROGRESS_INTERVAL
        {
            *reported_at = Instant::now();
            println!("{:>4} s {:>11} schedules; {last}", started.elapsed().as_secs(), thousands(ran));
        }
    });
    println!("{}", tally.table(started.elapsed()));
    match found {
        Some(found) => report(&found),
        None if tally.total() < least => {
            println!("No invariant was violated, but fewer than {} schedules ran.", thousands(least));
            ExitCode::FAILURE
        }
        None => {
            println!("No invariant was violated.");
            ExitCode::SUCCESS
        }
    }
}

fn report(found: &Violation) -> ExitCode {
    println!("VIOLATED after {} schedules: {}", found.after, found.invariant);
    println!("{}", replay_command(&found.schedule));
    print_replay(&found.schedule);
    ExitCode::FAILURE
}

fn replay_command(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Randomized(log, seed) => format!("SEED={seed} LOG={log} make replay"),
        schedule => format!("SCHEDULE='{schedule}' make replay"),
    }
}

fn replay(name: &str) -> ExitCode {
    let schedules = match name.parse() {
        Ok(seed) => {
            let log = std::env::var("LOG").unwrap_or_default();
            let logs = LogType::ALL.into_iter().filter(|known| log.is_empty() || known.name() == log);
            logs.map(|log| Schedule::Randomized(log, seed)).collect()
        }
        Err(_) => Vec::from_iter(Schedule::parse(name)),
    };
    if schedules.is_empty() {
        println!("`{name}` is neither a seed nor the name of a schedule.");
        return help();
    }
    let holds = schedules.iter().all(print_replay);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Replays a schedule, prints its trace, and returns `true` if it violates no invariant.
fn print_replay(schedule: &Schedule) -> bool {
    let (outcome, trace) = schedule.repeat(None);
    println!("\n{schedule}");
    println!("Columns: day and time of Slack's clock, process, number of its operation, operation, !fault, = result.");
    println!("A line with `--` is an external event.\n");
    let lines = usize::try_from(number("LINES", 120)).unwrap_or(120);
    let skipped = trace.len().saturating_sub(lines);
    if skipped > 0 {
        println!("({skipped} earlier lines: set LINES={} to print them)", trace.len());
    }
    trace.iter().skip(skipped).for_each(|line| println!("{line}"));
    match &outcome {
        Ok(()) => println!("\nNo invariant was violated."),
        Err(invariant) => println!("\nVIOLATED: {invariant}"),
    }
    outcome.is_ok()
}
