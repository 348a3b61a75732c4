//! A schedule: which process runs when, and which faults occur. Its name describes it completely, so that the name is enough to replay it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slacktrail_core::source::LogType;

use super::randomized;
use super::run::{InjectedFault, Run};
use super::scenario::scenarios;
use super::slacks::covering;
use super::starting_point::StartingPoint;
use crate::mutant::Mutant;
use crate::process::Operations;
use crate::simulated_world::FaultKind;

/// The events after a starting point.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Faults in two consecutive ticks.
    Faults(Vec<InjectedFault>),
    /// Concurrent processes: how many, and for each turn the process and its number of steps.
    Interleave(usize, Vec<(usize, u32)>),
    /// A process that is suspended after this many steps and resumed this many ticks later, and the faults of the first tick in between.
    Suspend(u32, u32, Vec<InjectedFault>),
}

/// A schedule.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// A plan from a starting point.
    From(Box<StartingPoint>, Plan),
    /// A randomized run from a seed.
    Randomized(LogType, u64),
}

/// The outcome of a plan without a violation, from which the search derives the next plans.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The operations of the ticks that met faults.
    pub operations: Vec<Operations>,
    /// The steps of the interleaved processes.
    pub steps: Vec<u32>,
    /// For each turn of an interleaving, whether its process ended in it. For a suspension, whether the process ended before it.
    pub ended: Vec<bool>,
    /// Ticks until everything was stored.
    pub settled_after: u32,
}

/// A moment at which plans start: where the search starts, or between the two ticks that meet faults.
#[derive(Debug)]
pub struct Moment {
    run: Run,
    /// The operations of the ticks that are over.
    over: Vec<Operations>,
}

impl Moment {
    /// Creates the moment at which the search starts.
    pub fn beginning(run: Run) -> Moment {
        Moment { run, over: Vec::new() }
    }

    /// Runs the next tick with its faults, and returns the moment after it. Plans that differ only later share this tick.
    pub fn after_a_tick(&self, injected: &[InjectedFault]) -> Moment {
        let (mut run, mut over) = (self.run.fork(), self.over.clone());
        over.push(run.faulty_tick(over.len(), injected));
        Moment { run, over }
    }
}

impl Plan {
    /// Runs the part of the plan after this moment.
    ///
    /// # Errors
    /// Returns the violation.
    pub fn run(&self, from: &Moment) -> Result<Ran, String> {
        caught(|| self.run_on(&mut from.run.fork(), from.over.clone()))
    }

    fn run_on(&self, run: &mut Run, over: Vec<Operations>) -> Result<Ran, String> {
        run.world().trace_event(|| format!("start of the schedule: {self}"));
        let (operations, steps, ended) = match self {
            Plan::Faults(injected) => {
                let mut operations = over;
                operations.extend((operations.len()..2).map(|tick| run.faulty_tick(tick, injected)));
                (operations, Vec::new(), Vec::new())
            }
            Plan::Interleave(processes, turns) => {
                let (steps, ended) = run.interleave(*processes, turns);
                (Vec::new(), steps, ended)
            }
            Plan::Suspend(steps, later, injected) => {
                let (ended, operations) = run.suspend(*steps, *later, injected);
                (vec![operations], Vec::new(), vec![ended])
            }
        };
        if let Some(invariant) = run.broken() {
            return Err(invariant);
        }
        run.world().trace_event(|| "quiescent phase: no more faults".to_owned());
        run.settle().map(|settled_after| Ran { operations, steps, ended, settled_after })
    }
}

impl Schedule {
    /// Runs the schedule again with a trace.
    pub fn repeat(&self, mutant: Option<Mutant>) -> (Result<(), String>, Vec<String>) {
        match self {
            Schedule::Randomized(log, seed) => randomized::run(*log, *seed, mutant, true),
            Schedule::From(start, plan) => {
                let mut run = Run::new(start, mutant, true);
                let outcome = match run.broken() {
                    Some(invariant) => Err(invariant),
                    None => caught(|| plan.run_on(&mut run, Vec::new()).map(drop)), // `run_on` keeps the trace of the starting point
                };
                let trace = run.world().with(|state| std::mem::take(&mut state.trace));
                (outcome, trace)
            }
        }
    }

    /// Parses the name of a schedule.
    pub fn parse(name: &str) -> Option<Schedule> {
        if let Some(rest) = name.strip_prefix("randomized/") {
            let (log, seed) = rest.split_once('/')?;
            return Some(Schedule::Randomized(log.parse().ok()?, seed.parse().ok()?));
        }
        let (start, plan) = name.split_once('@')?;
        let parts: Vec<&str> = start.split('/').collect();
        let [log, scenario, slack, process] = parts[..] else { return None };
        let log = log.parse().ok()?;
        let scenario = scenarios().into_iter().find(|known| known.name == scenario)?;
        let slack = covering(log).into_iter().find(|known| known.name == slack)?;
        let start = StartingPoint { log, scenario, slack, warm: process == "warm" };
        Some(Schedule::From(Box::new(start), parse_plan(plan)?))
    }
}

/// Returns the outcome of a run, or a panic as a violation.
pub(super) fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a message")))
    })
}

fn parse_plan(text: &str) -> Option<Plan> {
    if let Some(text) = text.strip_prefix("interleave") {
        let (processes, turns) = text.split_once(':')?;
        return Some(Plan::Interleave(processes.parse().ok()?, parse_turns(turns)?));
    }
    if let Some(text) = text.strip_prefix("suspend:") {
        let (hold, injected) = text.split_once(',').unwrap_or((text, "none"));
        let (steps, later) = hold.split_once('+')?;
        return Some(Plan::Suspend(steps.parse().ok()?, later.parse().ok()?, parse_faults(injected)?));
    }
    parse_faults(text).map(Plan::Faults)
}

fn parse_turns(text: &str) -> Option<Vec<(usize, u32)>> {
    let turn = |turn: &str| {
        let (who, count) = turn.split_at_checked(1)?;
        Some((usize::from(who.as_bytes()[0].checked_sub(b'A')?), count.parse().ok()?))
    };
    text.split('.').map(turn).collect()
}

fn parse_faults(text: &str) -> Option<Vec<InjectedFault>> {
    if text == "none" {
        return Some(Vec::new());
    }
    let fault = |fault: &str| {
        let (start, kind) = fault.split_once('=')?;
        let (tick, operation) = start.split_once('.')?;
        let kind = FaultKind::ALL.into_iter().find(|known| format!("{known:?}") == kind)?;
        Some((tick.parse().ok()?, operation.parse().ok()?, kind))
    };
    text.split(',').map(fault).collect()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Randomized(log, seed) => write!(f, "randomized/{log}/{seed}"),
            Schedule::From(start, plan) => write!(f, "{}@{plan}", start.name()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = |injected: &[InjectedFault]| {
            injected
                .iter()
                .map(|(tick, operation, kind)| format!("{tick}.{operation}={kind:?}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        match self {
            Plan::Faults(injected) if injected.is_empty() => f.write_str("none"),
            Plan::Faults(injected) => f.write_str(&faults(injected)),
            Plan::Interleave(processes, turns) => {
                let turns: Vec<String> =
                    turns.iter().map(|(who, count)| format!("{}{count}", ["A", "B", "C"][*who])).collect();
                write!(f, "interleave{processes}:{}", turns.join("."))
            }
            Plan::Suspend(steps, later, injected) if injected.is_empty() => write!(f, "suspend:{steps}+{later}"),
            Plan::Suspend(steps, later, injected) => write!(f, "suspend:{steps}+{later},{}", faults(injected)),
        }
    }
}
