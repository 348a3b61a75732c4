//! Compares the cost of collection with a baseline that only downloads the same pages and compresses them once.
//!
//! Every run has its own process, and so has the simulated Slack. CPU time and memory are therefore those of the run alone. The benchmark
//! never fails because it is slow. It fails if slacktrail does not collect exactly the backlog's number of records.

mod backlog;
mod baseline;
mod collect;
mod comparison;
mod levels;
mod meter;
mod report;
mod sizes;
mod slack;
mod stored;
mod task;

use std::error::Error as StdError;

use crate::backlog::Backlog;
use crate::comparison::Comparison;
use crate::levels::Level;
use crate::task::Task;

/// The number of records in the comparison, and how many of them are from each day.
const RECORDS: (u32, u32) = (200_000, 100_000);
/// The number of rounds, whose medians are printed. Every contender runs once per round, so that load on the machine affects all of them.
const ROUNDS: usize = 7;
/// More backlogs whose peak memory is measured: records and records per day. The simulated Slack needs 1 GB of memory for a million records.
const OTHER_BACKLOGS: [(u32, u32); 3] = [(20_000, 100_000), (1_000_000, 100_000), (1_000_000, 1_000_000)];

type Outcome<T> = Result<T, Box<dyn StdError>>;

fn main() -> Outcome<()> {
    match std::env::args().nth(1).filter(|argument| argument != "--bench") {
        Some(task) => serde_json::from_str::<Task>(&task)?.run(),
        None => compare(),
    }
}

fn compare() -> Outcome<()> {
    let (records, per_day) = RECORDS;
    let comparison = Comparison::run(Backlog::of(records, per_day), ROUNDS)?;
    report::comparison(&comparison);
    for (records, per_day) in OTHER_BACKLOGS {
        let backlog = Backlog::of(records, per_day);
        report::memory(backlog, &comparison::collect_once(backlog)?);
    }
    let levels = Task::Levels { collected: comparison.collected.path().to_owned() };
    report::levels(&levels.result::<Vec<Level>>()?);
    report::sizes(&sizes::run(comparison.collected.path())?);
    Ok(())
}
