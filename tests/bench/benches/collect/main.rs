//! What collecting costs, next to the floor: a bare loop that downloads the same pages and gzips the same bytes once.
//!
//! Every run is a process of its own, and so is the simulated Slack, so that CPU and memory are of that run alone. It never
//! fails for being slow; it fails when what was collected is not what there was.

mod backlog;
mod collect;
mod comparison;
mod floor;
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

/// The records of the comparison, and how many of them there are a day.
const RECORDS: (u32, u32) = (200_000, 100_000);
/// Rounds, of which the medians are printed. In each round every contender runs once, so that a busy minute hits all alike.
const ROUNDS: usize = 7;
/// Backlogs of which the peak memory is measured besides. The simulated Slack keeps a million records in 1 GB of memory.
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
