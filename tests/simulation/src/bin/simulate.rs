//! The search, as a command: `simulate search|whole|soak|probe|replay`. docs/simulation.md explains what it prints.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command says what it found, and measures how fast it searched"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slacktrail_core::source::LogType;
use slacktrail_simulation::search::tally::thousands;
use slacktrail_simulation::search::workers::{Violation, Work, search};
use slacktrail_simulation::search::{Kind, REGRESSIONS, Schedule, StartingPoint, bounded, whole};

/// A search forks and drops worlds all the time, on all cores.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The first seed of the search that is the same every time.
const FIRST_SEED: u64 = 1;
/// randomized runs of each log in it.
const SEEDS: u64 = 40;

/// Schedules of the bounded search, at least.
const PROMISED: u64 = 1_000_000;
/// What narrows a search down.
const NARROWING: [&str; 6] = ["LOGS", "KINDS", "SCENARIOS", "SLACKS", "SEEDS", "UNTIL"];

/// How often a search says how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(15);

const HELP: &str = "\
simulate search             the bounded search: every single fault at every start, the rest in every scenario, and days from seeds 1 on
simulate whole              the whole search: everything at every start (hours)
simulate soak SECONDS       randomized runs from fresh seeds
simulate probe              the bounded search in the order that finds a mutant soonest
simulate replay NAME|SEED   one schedule once more, with its trace
LOGS=audit,access KINDS=single,pair SCENARIOS=live SLACKS=plain THREADS=2 SEED=1 SEEDS=40 UNTIL=300 narrow it down.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["search"] => {
            let days = days_of(number("SEED", FIRST_SEED), number("SEEDS", SEEDS));
            run(Work { jobs: narrowed(bounded()), ..days }, if is_narrowed() { 0 } else { PROMISED })
        }
        ["whole"] => {
            run(Work { jobs: narrowed(whole()), ..days_of(number("SEED", FIRST_SEED), number("SEEDS", SEEDS)) }, 0)
        }
        ["probe"] => probe(),
        ["soak", seconds] => match seconds.parse() {
            Ok(seconds) => {
                let until = Instant::now() + Duration::from_secs(seconds);
                run(Work { until: Some(until), ..days_of(number("SEED", fresh_seed()), u64::MAX / 8) }, 0)
            }
            Err(_) => help(),
        },
        ["replay", name] => replay(name),
        _ => help(),
    }
}

/// Looks for a mutant. Ends with what `make mutants` reads.
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

/// The bounded search in the order that finds a mutant soonest, and the days that once broke an invariant.
fn probed(ran: &mut u64) -> Option<Violation> {
    let (quick, rest): (Vec<_>, Vec<_>) = narrowed(bounded()).into_iter().partition(|(kind, _)| *kind == Kind::Single);
    for (jobs, seeds, days) in [(quick, SEEDS, &REGRESSIONS[..]), (rest, 0, &[])] {
        let (tally, found) = search(&Work { jobs, ..days_of(FIRST_SEED, seeds) }, threads(), &|_, _| {});
        if let Some(found) = found {
            return Some(Violation { after: *ran + found.after, ..found });
        }
        *ran += tally.total();
        for schedule in days.iter().filter_map(|name| Schedule::parse(name)) {
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

fn days_of(first: u64, count: u64) -> Work {
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

/// Whether a list in the environment, if there is one, has this word.
fn is_narrowed() -> bool {
    NARROWING.iter().any(|name| std::env::var_os(name).is_some())
}

fn chosen(list: &str, word: &str) -> bool {
    std::env::var(list).map_or(true, |words| words.split(',').any(|chosen| word.starts_with(chosen)))
}

/// Of these, what the environment chooses.
fn narrowed(jobs: Vec<(Kind, StartingPoint)>) -> Vec<(Kind, StartingPoint)> {
    let is_chosen = |(kind, start): &(Kind, StartingPoint)| {
        chosen("KINDS", kind.name())
            && chosen("LOGS", start.log.name())
            && chosen("SCENARIOS", start.scenario.name)
            && chosen("SLACKS", start.slack.name)
    };
    jobs.into_iter().filter(is_chosen).collect()
}

/// Searches, and says what came of it. Fewer schedules than `least` are a failure too.
fn run(work: Work, least: u64) -> ExitCode {
    let begun = Instant::now();
    let told_at = Mutex::new(begun);
    let (tally, found) = search(&work, threads(), &|ran, last| {
        if let Ok(mut told_at) = told_at.try_lock()
            && told_at.elapsed() >= TOLD_EVERY
        {
            *told_at = Instant::now();
            println!("{:>4} s {:>11} schedules; {last}", begun.elapsed().as_secs(), thousands(ran));
        }
    });
    println!("{}", tally.table(begun.elapsed(), cpu_time()));
    match found {
        Some(found) => report(&found),
        None if tally.total() < least => {
            println!("No invariant was broken, by fewer schedules than the {} that are promised.", thousands(least));
            ExitCode::FAILURE
        }
        None => {
            println!("No invariant was broken.");
            ExitCode::SUCCESS
        }
    }
}

fn report(found: &Violation) -> ExitCode {
    println!("BROKEN after {} schedules: {}", found.after, found.invariant);
    println!("{}", how_to_repeat(&found.schedule));
    tell(&found.schedule);
    ExitCode::FAILURE
}

fn how_to_repeat(schedule: &Schedule) -> String {
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
        println!("`{name}` is neither a seed nor a schedule's name.");
        return help();
    }
    let kept = schedules.iter().all(tell);
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a schedule's trace. Returns whether it kept the invariants.
fn tell(schedule: &Schedule) -> bool {
    let (outcome, trace) = schedule.repeat(None);
    println!("\n{schedule}");
    println!(
        "Columns: day and time of Slack's clock; process; number of its operation; operation; !fault; = what came of it."
    );
    println!("A line with `--` is what happens besides. The last lines are the end.\n");
    let lines = usize::try_from(number("LINES", 120)).unwrap_or(120);
    let skipped = trace.len().saturating_sub(lines);
    if skipped > 0 {
        println!("({skipped} lines before these: LINES={} shows them)", trace.len());
    }
    trace.iter().skip(skipped).for_each(|line| println!("{line}"));
    match &outcome {
        Ok(()) => println!("\nNo invariant was broken."),
        Err(invariant) => println!("\nBROKEN: {invariant}"),
    }
    outcome.is_ok()
}

/// What this process has used of all cores.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
