//! The exhaustive search from one starting point: runs every plan of a kind, one after the other.

use std::ops::ControlFlow;

use slacktrail_core::source::LogType;

use super::run::Run;
use super::schedule::{Moment, Plan, Ran};
use crate::process::Operations;
use crate::simulated_world::FaultKind;

/// The kinds of schedules.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// No fault, and every single fault, in two consecutive ticks.
    Single,
    /// Every pair of faults in two consecutive ticks.
    Pair,
    /// Two concurrent pollers: every interleaving with at most four switches. For access and integration logs, whose ticks are long, only
    /// every second length of the first turn.
    Two,
    /// Three concurrent pollers: every interleaving of one turn each, then the rest, in each order. For access and integration logs, only
    /// one order and every fourth length of the first turn.
    Three,
    /// A poller that is suspended at every operation and continues one to three ticks later. With one tick, also every fault in that tick.
    Suspended,
    /// Randomized runs.
    Randomized,
}

impl Kind {
    /// The kinds of the exhaustive search.
    pub const EXHAUSTIVE: [Kind; 5] = [Kind::Single, Kind::Suspended, Kind::Two, Kind::Three, Kind::Pair];

    /// Returns the name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Single => "single faults",
            Kind::Pair => "pairs of faults",
            Kind::Two => "two at once",
            Kind::Three => "three at once",
            Kind::Suspended => "suspended",
            Kind::Randomized => "randomized runs",
        }
    }
}

/// Receives each plan with its outcome, and decides whether to continue.
pub type OnPlan<'a> = dyn FnMut(Plan, &Result<Ran, String>) -> ControlFlow<()> + 'a;

/// Runs every plan of a kind from this run on. Reports each plan that violates an invariant, and each other plan that is not a duplicate.
pub fn explore(kind: Kind, from: Run, on_plan: &mut OnPlan<'_>) -> ControlFlow<()> {
    let (orders, stride) = if from.log() == LogType::Audit { (&ORDERS[..], 1) } else { (&ORDERS[..1], 2) };
    let from = Moment::beginning(from);
    let mut run = |moment: &Moment, plan: Plan, is_new: bool| -> ControlFlow<(), Option<Ran>> {
        let outcome = plan.run(moment);
        if is_new || outcome.is_err() {
            on_plan(plan, &outcome)?;
        }
        ControlFlow::Continue(outcome.ok())
    };
    match kind {
        Kind::Single => with_faults(&from, &mut run, false),
        Kind::Pair => with_faults(&from, &mut run, true),
        Kind::Two => two(stride, &mut |plan| run(&from, plan, true)),
        Kind::Three => three(orders, stride * stride, &mut |plan| run(&from, plan, true)),
        Kind::Suspended => suspended(&mut |plan| run(&from, plan, true)),
        Kind::Randomized => ControlFlow::Continue(()),
    }
}

type RunPlan<'a> = dyn FnMut(Plan) -> ControlFlow<(), Option<Ran>> + 'a;
type RunPlanFrom<'a> = dyn FnMut(&Moment, Plan, bool) -> ControlFlow<(), Option<Ran>> + 'a;

/// Runs every single fault or every pair. The second fault of a pair targets the operations after the first fault, which the first one can
/// change.
fn with_faults(from: &Moment, run: &mut RunPlanFrom<'_>, pairs: bool) -> ControlFlow<()> {
    let Some(fault_free) = run(from, Plan::Faults(Vec::new()), !pairs)? else { return ControlFlow::Continue(()) };
    let after_quiet_tick = from.after_a_tick(&[]);
    for (tick, moment) in [from, &after_quiet_tick].into_iter().enumerate() {
        for (operation, kind) in faults(0, &fault_free.operations[tick]) {
            let first = (tick, operation, kind);
            let Some(ran) = run(moment, Plan::Faults(vec![first]), !pairs)?.filter(|_| pairs) else { continue };
            for (operation, kind) in faults(operation + 1, &ran.operations[tick]) {
                run(moment, Plan::Faults(vec![first, (tick, operation, kind)]), true)?;
            }
            if tick == 0 {
                let faulty = from.after_a_tick(&[first]);
                for (operation, kind) in faults(0, &ran.operations[1]) {
                    run(&faulty, Plan::Faults(vec![first, (1, operation, kind)]), true)?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

fn faults(from: u32, of: &Operations) -> impl Iterator<Item = (u32, FaultKind)> {
    (from..of.count).flat_map(|operation| {
        let kinds = if of.reads.contains(&operation) { &FaultKind::OF_READS[..] } else { &FaultKind::ALL };
        kinds.iter().map(move |kind| (operation, *kind))
    })
}

/// Interleaves two processes: a turn each, another turn of the first, then the rest. If a process ends within a turn, a longer turn is a
/// duplicate.
fn two(stride: usize, run: &mut RunPlan<'_>) -> ControlFlow<()> {
    let Some(fault_free) = run(Plan::Interleave(2, vec![(0, u32::MAX)]))? else { return ControlFlow::Continue(()) };
    for (a, b) in [(0, 1), (1, 0)] {
        for first in (1..fault_free.steps[a]).step_by(stride) {
            'second: for second in 1.. {
                for third in 1.. {
                    let Some(ran) = run(Plan::Interleave(2, vec![(a, first), (b, second), (a, third)]))? else { break };
                    match ran.ended[..] {
                        [_, true, _] => break 'second, // the first process continues alone, so all longer turns are duplicates
                        [_, _, true] => break,
                        _ => {}
                    }
                }
            }
        }
    }
    ControlFlow::Continue(())
}

/// The orders of three processes. Process 0 has the cache of the starting point. The other two have empty caches, so they are
/// interchangeable.
const ORDERS: [[usize; 3]; 3] = [[0, 1, 2], [1, 0, 2], [1, 2, 0]];

/// Interleaves three processes: a turn each, then the rest.
fn three(orders: &[[usize; 3]], stride: usize, run: &mut RunPlan<'_>) -> ControlFlow<()> {
    let Some(fault_free) = run(Plan::Interleave(3, vec![(0, u32::MAX)]))? else { return ControlFlow::Continue(()) };
    for &[a, b, c] in orders {
        for first in (1..=fault_free.steps[a]).step_by(stride) {
            for second in 1.. {
                let mut ended = false;
                for third in 1.. {
                    let Some(ran) = run(Plan::Interleave(3, vec![(a, first), (b, second), (c, third)]))? else { break };
                    ended = ran.ended[1];
                    if ran.ended[2] {
                        break;
                    }
                }
                if ended {
                    break;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

fn suspended(run: &mut RunPlan<'_>) -> ControlFlow<()> {
    for later in 1..=3 {
        for steps in 1.. {
            let Some(ran) = run(Plan::Suspend(steps, later, Vec::new()))? else { break };
            if ran.ended[0] {
                break;
            }
            // Only the first tick in between meets faults. More ticks after it add little.
            for (operation, kind) in faults(0, &ran.operations[0]).take_while(|_| later == 1) {
                run(Plan::Suspend(steps, later, vec![(0, operation, kind)]))?;
            }
        }
    }
    ControlFlow::Continue(())
}
