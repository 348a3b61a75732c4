//! The search for a schedule that violates an invariant: exhaustive from many starting points, and randomized. `make simulate` runs it.

mod disruptions;
pub mod explore;
pub mod randomized;
mod regressions;
mod rows;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod slacks;
pub mod starting_point;
pub mod tally;
pub mod workers;

pub use explore::Kind;
pub use regressions::REGRESSIONS;
pub use run::{Run, SETTLING_TICKS};
pub use schedule::Schedule;
pub use starting_point::StartingPoint;

use slacktrail_core::source::LogType;
use slacktrail_simulator::settings::Envelope;

/// Returns every starting point of a log: each scenario under each Slack of the covering set, with the process that ran it and with a new
/// one.
pub fn starting_points(log: LogType) -> Vec<StartingPoint> {
    let mut starting_points = Vec::new();
    for scenario in scenario::scenarios() {
        for slack in slacks_of(log, &scenario) {
            for warm in [true, false] {
                starting_points.push(StartingPoint { log, scenario: scenario.clone(), slack: slack.clone(), warm });
            }
        }
    }
    starting_points
}

/// Returns the Slacks of the covering set under which a scenario can run.
fn slacks_of(log: LogType, scenario: &scenario::Scenario) -> Vec<slacks::Slack> {
    if !scenario.logs.contains(&log) {
        return Vec::new();
    }
    let can_run = |slack: &slacks::Slack| match slack.is_whole(log) {
        true => scenario.of_whole,
        false => !scenario.of_whole && (slack.organization || !scenario.of_workspaces),
    };
    slacks::covering(log).into_iter().filter(can_run).collect()
}

/// Returns the jobs of the bounded search.
///
/// Every single fault runs at every starting point. The other kinds run in every scenario under one Slack, which changes from scenario to
/// scenario. Audit ticks are the shortest, so in audit scenarios without odd responses, pairs and two at once run at every starting point,
/// and three at once at every warm one.
pub fn bounded() -> Vec<(Kind, StartingPoint)> {
    let mut jobs = Vec::new();
    for log in LogType::ALL {
        jobs.extend(starting_points(log).into_iter().map(|start| (Kind::Single, start)));
        for (number, scenario) in scenario::scenarios().into_iter().enumerate() {
            let slacks = slacks_of(log, &scenario);
            if slacks.is_empty() {
                continue;
            }
            let slack = slacks[number % slacks.len()].clone();
            let start = StartingPoint { log, scenario, slack, warm: true };
            jobs.push((Kind::Suspended, start.clone()));
            if !has_every_kind_everywhere(&start) {
                jobs.extend([Kind::Two, Kind::Three, Kind::Pair].map(|kind| (kind, start.clone())));
            }
        }
    }
    for start in starting_points(LogType::Audit).into_iter().filter(has_every_kind_everywhere) {
        jobs.extend(start.warm.then(|| (Kind::Three, start.clone())));
        jobs.extend([Kind::Two, Kind::Pair].map(|kind| (kind, start.clone())));
    }
    jobs
}

/// Returns `true` if pairs of faults and several pollers at once are searched at every starting point like this one.
fn has_every_kind_everywhere(start: &StartingPoint) -> bool {
    // Other fields than the rows concern only the page reader, which does not depend on other processes.
    let is_plain = start.slack.settings.envelope == Envelope::Documented;
    start.log == LogType::Audit && !start.scenario.is_odd && is_plain
}

/// Returns the jobs of the whole search: every kind at every starting point.
pub fn whole() -> Vec<(Kind, StartingPoint)> {
    let starting_points = LogType::ALL.into_iter().flat_map(starting_points);
    starting_points.flat_map(|start| Kind::EXHAUSTIVE.map(|kind| (kind, start.clone()))).collect()
}
