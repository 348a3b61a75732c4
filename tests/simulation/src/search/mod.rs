//! The search for a schedule that breaks a law: exhaustive from many places, and at random for days. `make proof` runs it.

pub mod course;
pub mod crew;
pub mod days;
pub mod explore;
pub mod life;
pub mod place;
mod rows;
pub mod schedule;
pub mod slacks;
pub mod tally;
mod upheavals;

pub use course::{Course, SETTLING_TICKS};
pub use explore::Kind;
pub use place::Place;
pub use schedule::Schedule;

use slacktrail_shared::source::LogType;

/// Every place of a log: each life under each Slack of the covering set, with the process that has lived it and with a new one.
pub fn places(log: LogType) -> Vec<Place> {
    let mut places = Vec::new();
    for life in life::lives() {
        for slack in slacks_of(log, &life) {
            for warm in [true, false] {
                places.push(Place { log, life: life.clone(), slack: slack.clone(), warm });
            }
        }
    }
    places
}

/// The covering set's Slacks under which a life can be lived.
fn slacks_of(log: LogType, life: &life::Life) -> Vec<slacks::Slack> {
    if !life.logs.contains(&log) {
        return Vec::new();
    }
    slacks::covering(log).into_iter().filter(|slack| slack.organisation || !life.of_workspaces).collect()
}

/// The bounded search: every single fault at every place; everything else in every life of every log, under a Slack that changes from life
/// to life, so that each has its turn; of audit logs, whose ticks are the shortest, pairs and two at once at every place, and three at once,
/// in cold places under one Slack fewer.
pub fn bounded() -> Vec<(Kind, Place)> {
    let mut jobs = Vec::new();
    for log in LogType::ALL {
        jobs.extend(places(log).into_iter().map(|place| (Kind::Single, place)));
        for (number, life) in life::lives().into_iter().enumerate() {
            let slacks = slacks_of(log, &life);
            if slacks.is_empty() {
                continue;
            }
            let place = Place { log, life, slack: slacks[number % slacks.len()].clone(), warm: true };
            jobs.push((Kind::Held, place.clone()));
            if log != LogType::Audit {
                jobs.extend([Kind::Two, Kind::Three, Kind::Pair].map(|kind| (kind, place.clone())));
            }
        }
    }
    for place in places(LogType::Audit) {
        // What stands around the rows is for a reader that knows nothing of other processes.
        if place.slack.name == "php" && !RICH.contains(&place.life.name) {
            continue;
        }
        if place.warm || place.slack.name != "split" {
            jobs.push((Kind::Three, place.clone()));
        }
        jobs.extend([Kind::Two, Kind::Pair].map(|kind| (kind, place.clone())));
    }
    jobs
}

/// Lives that have every kind of fault under a Slack of odd replies too.
const RICH: [&str; 2] = ["live", "pages"];

/// The whole search: everything at every place.
pub fn whole() -> Vec<(Kind, Place)> {
    let places = LogType::ALL.into_iter().flat_map(places);
    places.flat_map(|place| Kind::EXHAUSTIVE.map(|kind| (kind, place.clone()))).collect()
}
