//! The search for a schedule that breaks a law: exhaustive from many places, and at random for days. `make proof` runs it.

pub mod course;
pub mod crew;
pub mod days;
pub mod explore;
pub mod life;
mod once_broken;
pub mod place;
mod rows;
pub mod schedule;
pub mod slacks;
pub mod tally;
mod upheavals;

pub use course::{Course, SETTLING_TICKS};
pub use explore::Kind;
pub use once_broken::ONCE_BROKEN;
pub use place::Place;
pub use schedule::Schedule;

use slacktrail_shared::source::LogType;
use slacktrail_simulator::settings::Envelope;

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

/// Returns the jobs of the bounded search. Every single fault is injected at every place. The other kinds run in every life under one Slack,
/// which changes from life to life. In the lives of audit logs that end in no odd response they run at every place, three at once in the
/// process that has lived it, because these ticks are the shortest.
pub fn bounded() -> Vec<(Kind, Place)> {
    let mut jobs = Vec::new();
    for log in LogType::ALL {
        jobs.extend(places(log).into_iter().map(|place| (Kind::Single, place)));
        for (number, life) in life::lives().into_iter().enumerate() {
            let slacks = slacks_of(log, &life);
            if slacks.is_empty() {
                continue;
            }
            let slack = slacks[number % slacks.len()].clone();
            let place = Place { log, life, slack, warm: true };
            jobs.push((Kind::Held, place.clone()));
            if !has_every_kind_everywhere(&place) {
                jobs.extend([Kind::Two, Kind::Three, Kind::Pair].map(|kind| (kind, place.clone())));
            }
        }
    }
    for place in places(LogType::Audit).into_iter().filter(has_every_kind_everywhere) {
        jobs.extend(place.warm.then(|| (Kind::Three, place.clone())));
        jobs.extend([Kind::Two, Kind::Pair].map(|kind| (kind, place.clone())));
    }
    jobs
}

/// Returns `true` if pairs of faults and several pollers at once are searched at every place like this one.
fn has_every_kind_everywhere(place: &Place) -> bool {
    // Fields around the rows concern a reader that knows nothing of other processes.
    let is_plain = place.slack.settings.envelope == Envelope::Documented;
    place.log == LogType::Audit && !place.life.is_odd && is_plain
}

/// The whole search: everything at every place.
pub fn whole() -> Vec<(Kind, Place)> {
    let places = LogType::ALL.into_iter().flat_map(places);
    places.flat_map(|place| Kind::EXHAUSTIVE.map(|kind| (kind, place.clone()))).collect()
}
