//! A schedule: which process runs when, and what goes wrong. Its name says all of it, so that a name repeats it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slacktrail_shared::source::LogType;

use super::course::{Course, Strike};
use super::days;
use super::life::lives;
use super::place::Place;
use super::slacks::covering;
use crate::process::Operations;
use crate::stage::FaultKind;
use crate::wrong::Wrong;

/// What happens from a place on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Faults in two ticks that follow on each other.
    Strikes(Vec<Strike>),
    /// So many processes at once, which have their turns: who, and for how many steps.
    Weave(usize, Vec<(usize, u32)>),
    /// A process that stops after so many steps and goes on so many ticks later; what the first tick in between meets.
    Hold(u32, u32, Vec<Strike>),
}

/// A schedule.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// From a place on.
    From(Box<Place>, Plan),
    /// Days at random.
    Days(LogType, u64),
}

/// What came of a plan that broke no law: what the explorer must know to go on from it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The operations of the ticks that met faults.
    pub operations: Vec<Operations>,
    /// The steps of the processes that were woven.
    pub steps: Vec<u32>,
    /// Of each turn of those that were woven, whether its process came to its end in it; or whether the process that was to be held was
    /// through before.
    pub ended: Vec<bool>,
    /// Ticks until everything was stored.
    pub settled_after: u32,
}

/// A moment from which plans are run: where the search begins, or between the two ticks that meet faults.
#[derive(Debug)]
pub struct Moment {
    course: Course,
    /// The operations of those ticks that are over.
    over: Vec<Operations>,
}

impl Moment {
    /// The moment at which the search begins.
    pub fn beginning(course: Course) -> Moment {
        Moment { course, over: Vec::new() }
    }

    /// The moment after the next tick, which meets those of the faults that are its own: so that it is lived once for all plans
    /// that differ only later.
    pub fn after_a_tick(&self, strikes: &[Strike]) -> Moment {
        let (mut course, mut over) = (self.course.fork(), self.over.clone());
        over.push(course.strike_tick(over.len(), strikes));
        Moment { course, over }
    }
}

impl Plan {
    /// Runs what of it is not over at this moment.
    ///
    /// # Errors
    /// The law that was broken.
    pub fn run(&self, from: &Moment) -> Result<Ran, String> {
        caught(|| self.run_on(&mut from.course.fork(), from.over.clone()))
    }

    fn run_on(&self, course: &mut Course, over: Vec<Operations>) -> Result<Ran, String> {
        course.stage().note(|| format!("here the schedule begins: {self}"));
        let (operations, steps, ended) = match self {
            Plan::Strikes(strikes) => {
                let mut operations = over;
                operations.extend((operations.len()..2).map(|tick| course.strike_tick(tick, strikes)));
                (operations, Vec::new(), Vec::new())
            }
            Plan::Weave(processes, turns) => {
                let (steps, ended) = course.weave(*processes, turns);
                (Vec::new(), steps, ended)
            }
            Plan::Hold(steps, later, strikes) => {
                let (through, operations) = course.hold(*steps, *later, strikes);
                (vec![operations], Vec::new(), vec![through])
            }
        };
        if let Some(law) = course.broken() {
            return Err(law);
        }
        course.stage().note(|| "from here on nothing fails".to_owned());
        course.settle().map(|settled_after| Ran { operations, steps, ended, settled_after })
    }
}

impl Schedule {
    /// Runs it once more, with a trace.
    pub fn repeat(&self, wrong: Option<Wrong>) -> (Result<(), String>, Vec<String>) {
        match self {
            Schedule::Days(log, seed) => days::run(*log, *seed, wrong, true),
            Schedule::From(place, plan) => {
                let mut course = Course::new(place, wrong, true);
                let outcome = match course.broken() {
                    Some(law) => Err(law),
                    None => caught(|| plan.run_on(&mut course, Vec::new()).map(drop)), // so that its trace goes on from the place's own
                };
                let trace = course.stage().with(|state| std::mem::take(&mut state.trace));
                (outcome, trace)
            }
        }
    }

    /// Reads a schedule's name.
    pub fn parse(name: &str) -> Option<Schedule> {
        if let Some(rest) = name.strip_prefix("days/") {
            let (log, seed) = rest.split_once('/')?;
            return Some(Schedule::Days(log_of(log)?, seed.parse().ok()?));
        }
        let (place, plan) = name.split_once('@')?;
        let parts: Vec<&str> = place.split('/').collect();
        let [log, life, slack, memory] = parts[..] else { return None };
        let log = log_of(log)?;
        let life = lives().into_iter().find(|known| known.name == life)?;
        let slack = covering(log).into_iter().find(|known| known.name == slack)?;
        let place = Place { log, life, slack, warm: memory == "warm" };
        Some(Schedule::From(Box::new(place), parse_plan(plan)?))
    }
}

/// What comes of a run, or the law that nothing panics.
pub(super) fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a text")))
    })
}

/// A log by its name.
pub fn log_of(name: &str) -> Option<LogType> {
    LogType::ALL.into_iter().find(|log| log.name() == name)
}

fn parse_plan(text: &str) -> Option<Plan> {
    if let Some(text) = text.strip_prefix("weave") {
        let (processes, turns) = text.split_once(':')?;
        return Some(Plan::Weave(processes.parse().ok()?, parse_turns(turns)?));
    }
    if let Some(text) = text.strip_prefix("hold:") {
        let (hold, strikes) = text.split_once(',').unwrap_or((text, "none"));
        let (steps, later) = hold.split_once('+')?;
        return Some(Plan::Hold(steps.parse().ok()?, later.parse().ok()?, parse_strikes(strikes)?));
    }
    parse_strikes(text).map(Plan::Strikes)
}

fn parse_turns(text: &str) -> Option<Vec<(usize, u32)>> {
    let turn = |turn: &str| {
        let (who, count) = turn.split_at_checked(1)?;
        Some((usize::from(who.as_bytes()[0].checked_sub(b'A')?), count.parse().ok()?))
    };
    text.split('.').map(turn).collect()
}

fn parse_strikes(text: &str) -> Option<Vec<Strike>> {
    if text == "none" {
        return Some(Vec::new());
    }
    let strike = |strike: &str| {
        let (place, kind) = strike.split_once('=')?;
        let (tick, operation) = place.split_once('.')?;
        let kind = FaultKind::ALL.into_iter().find(|known| format!("{known:?}") == kind)?;
        Some((tick.parse().ok()?, operation.parse().ok()?, kind))
    };
    text.split(',').map(strike).collect()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Days(log, seed) => write!(f, "days/{log}/{seed}"),
            Schedule::From(place, plan) => write!(f, "{}@{plan}", place.name()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |strikes: &[Strike]| {
            strikes
                .iter()
                .map(|(tick, operation, kind)| format!("{tick}.{operation}={kind:?}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        match self {
            Plan::Strikes(strikes) if strikes.is_empty() => f.write_str("none"),
            Plan::Strikes(strikes) => f.write_str(&told(strikes)),
            Plan::Weave(processes, turns) => {
                let turns: Vec<String> =
                    turns.iter().map(|(who, count)| format!("{}{count}", ["A", "B", "C"][*who])).collect();
                write!(f, "weave{processes}:{}", turns.join("."))
            }
            Plan::Hold(steps, later, strikes) if strikes.is_empty() => write!(f, "hold:{steps}+{later}"),
            Plan::Hold(steps, later, strikes) => write!(f, "hold:{steps}+{later},{}", told(strikes)),
        }
    }
}
