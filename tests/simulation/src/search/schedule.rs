//! A schedule: which process runs when, and what goes wrong. Its name says all of it, so that a name repeats it.

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

/// What happens from a starting point on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Faults in two ticks that follow on each other.
    Faults(Vec<InjectedFault>),
    /// So many processes at once, which have their turns: who, and for how many steps.
    Interleave(usize, Vec<(usize, u32)>),
    /// A process that stops after so many steps and goes on so many ticks later; what the first tick in between meets.
    Suspend(u32, u32, Vec<InjectedFault>),
}

/// A schedule.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// From a starting point on.
    From(Box<StartingPoint>, Plan),
    /// Randomized runs.
    Randomized(LogType, u64),
}

/// What came of a plan that broke no invariant: what the explorer must know to go on from it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The operations of the ticks that met faults.
    pub operations: Vec<Operations>,
    /// The steps of the processes that were interleaved.
    pub steps: Vec<u32>,
    /// Of each turn of those that were interleaved, whether its process came to its end in it; or whether the process that was to be held was
    /// through before.
    pub ended: Vec<bool>,
    /// Ticks until everything was stored.
    pub settled_after: u32,
}

/// A moment from which plans are run: where the search begins, or between the two ticks that meet faults.
#[derive(Debug)]
pub struct Moment {
    run: Run,
    /// The operations of those ticks that are over.
    over: Vec<Operations>,
}

impl Moment {
    /// The moment at which the search begins.
    pub fn beginning(run: Run) -> Moment {
        Moment { run, over: Vec::new() }
    }

    /// The moment after the next tick, which meets those of the faults that are its own: so that it is lived once for all plans
    /// that differ only later.
    pub fn after_a_tick(&self, injected: &[InjectedFault]) -> Moment {
        let (mut run, mut over) = (self.run.fork(), self.over.clone());
        over.push(run.faulty_tick(over.len(), injected));
        Moment { run, over }
    }
}

impl Plan {
    /// Runs what of it is not over at this moment.
    ///
    /// # Errors
    /// The invariant that was broken.
    pub fn run(&self, from: &Moment) -> Result<Ran, String> {
        caught(|| self.run_on(&mut from.run.fork(), from.over.clone()))
    }

    fn run_on(&self, run: &mut Run, over: Vec<Operations>) -> Result<Ran, String> {
        run.world().note(|| format!("here the schedule begins: {self}"));
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
                let (through, operations) = run.suspend(*steps, *later, injected);
                (vec![operations], Vec::new(), vec![through])
            }
        };
        if let Some(invariant) = run.broken() {
            return Err(invariant);
        }
        run.world().note(|| "from here on nothing fails".to_owned());
        run.settle().map(|settled_after| Ran { operations, steps, ended, settled_after })
    }
}

impl Schedule {
    /// Runs it once more, with a trace.
    pub fn repeat(&self, mutant: Option<Mutant>) -> (Result<(), String>, Vec<String>) {
        match self {
            Schedule::Randomized(log, seed) => randomized::run(*log, *seed, mutant, true),
            Schedule::From(start, plan) => {
                let mut run = Run::new(start, mutant, true);
                let outcome = match run.broken() {
                    Some(invariant) => Err(invariant),
                    None => caught(|| plan.run_on(&mut run, Vec::new()).map(drop)), // so that its trace goes on from the starting point's own
                };
                let trace = run.world().with(|state| std::mem::take(&mut state.trace));
                (outcome, trace)
            }
        }
    }

    /// Reads a schedule's name.
    pub fn parse(name: &str) -> Option<Schedule> {
        if let Some(rest) = name.strip_prefix("randomized/") {
            let (log, seed) = rest.split_once('/')?;
            return Some(Schedule::Randomized(log_of(log)?, seed.parse().ok()?));
        }
        let (start, plan) = name.split_once('@')?;
        let parts: Vec<&str> = start.split('/').collect();
        let [log, scenario, slack, memory] = parts[..] else { return None };
        let log = log_of(log)?;
        let scenario = scenarios().into_iter().find(|known| known.name == scenario)?;
        let slack = covering(log).into_iter().find(|known| known.name == slack)?;
        let start = StartingPoint { log, scenario, slack, warm: memory == "warm" };
        Some(Schedule::From(Box::new(start), parse_plan(plan)?))
    }
}

/// What comes of a run, or the invariant that nothing panics.
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
        let told = |injected: &[InjectedFault]| {
            injected
                .iter()
                .map(|(tick, operation, kind)| format!("{tick}.{operation}={kind:?}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        match self {
            Plan::Faults(injected) if injected.is_empty() => f.write_str("none"),
            Plan::Faults(injected) => f.write_str(&told(injected)),
            Plan::Interleave(processes, turns) => {
                let turns: Vec<String> =
                    turns.iter().map(|(who, count)| format!("{}{count}", ["A", "B", "C"][*who])).collect();
                write!(f, "interleave{processes}:{}", turns.join("."))
            }
            Plan::Suspend(steps, later, injected) if injected.is_empty() => write!(f, "suspend:{steps}+{later}"),
            Plan::Suspend(steps, later, injected) => write!(f, "suspend:{steps}+{later},{}", told(injected)),
        }
    }
}
