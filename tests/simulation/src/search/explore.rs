//! The exhaustive search of one starting point: every plan of a kind, one after the other.

use std::ops::ControlFlow;

use slacktrail_core::source::LogType;

use super::run::Run;
use super::schedule::{Moment, Plan, Ran};
use crate::process::Operations;
use crate::simulated_world::FaultKind;

/// What is searched.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// No fault, and every single one in two ticks that follow on each other.
    Single,
    /// Every pair of faults in them.
    Pair,
    /// Two invocations at once: every interleaving with at most four switches between them; of access and integration logs, whose ticks
    /// are long, with every second length of the first turn.
    Two,
    /// Three at once: every interleaving of three turns and the rests, in each order; of access and integration logs in one order, with
    /// every fourth length of the first turn.
    Three,
    /// A process that is held at every operation and goes on one to three ticks later; where it is one, every fault in that tick.
    Suspended,
    /// Randomized runs.
    Randomized,
}

impl Kind {
    /// All that are searched exhaustively.
    pub const EXHAUSTIVE: [Kind; 5] = [Kind::Single, Kind::Suspended, Kind::Two, Kind::Three, Kind::Pair];

    /// What it is called in the report.
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

/// What is told of each plan; it says whether to go on.
pub type Told<'a> = dyn FnMut(Plan, &Result<Ran, String>) -> ControlFlow<()> + 'a;

/// Runs every plan of a kind from where this run is. Told is each that is not the same as another one by another name, and each that
/// broke an invariant.
pub fn explore(kind: Kind, from: Run, told: &mut Told<'_>) -> ControlFlow<()> {
    let (orders, stride) = if from.log() == LogType::Audit { (&ORDERS[..], 1) } else { (&ORDERS[..1], 2) };
    let from = Moment::beginning(from);
    let mut run = |moment: &Moment, plan: Plan, is_new: bool| -> ControlFlow<(), Option<Ran>> {
        let outcome = plan.run(moment);
        if is_new || outcome.is_err() {
            told(plan, &outcome)?;
        }
        ControlFlow::Continue(outcome.ok())
    };
    match kind {
        Kind::Single => with_faults(&from, &mut run, false),
        Kind::Pair => with_faults(&from, &mut run, true),
        Kind::Two => two(stride, &mut |plan| run(&from, plan, true)),
        Kind::Three => three(orders, stride * stride, &mut |plan| run(&from, plan, true)),
        Kind::Suspended => held(&mut |plan| run(&from, plan, true)),
        Kind::Randomized => ControlFlow::Continue(()),
    }
}

type RunPlan<'a> = dyn FnMut(Plan) -> ControlFlow<(), Option<Ran>> + 'a;
type RunPlanFrom<'a> = dyn FnMut(&Moment, Plan, bool) -> ControlFlow<(), Option<Ran>> + 'a;

/// A second fault is aimed at what the ticks do after the first: that is another course of events for each first.
fn with_faults(from: &Moment, run: &mut RunPlanFrom<'_>, pairs: bool) -> ControlFlow<()> {
    let Some(fault_free) = run(from, Plan::Faults(Vec::new()), !pairs)? else { return ControlFlow::Continue(()) };
    let calm_tick = from.after_a_tick(&[]);
    for (tick, moment) in [from, &calm_tick].into_iter().enumerate() {
        for (operation, kind) in faults(0, &fault_free.operations[tick]) {
            let first = (tick, operation, kind);
            let Some(ran) = run(moment, Plan::Faults(vec![first]), !pairs)?.filter(|_| pairs) else { continue };
            for (operation, kind) in faults(operation + 1, &ran.operations[tick]) {
                run(moment, Plan::Faults(vec![first, (tick, operation, kind)]), true)?;
            }
            if tick == 0 {
                let struck = from.after_a_tick(&[first]);
                for (operation, kind) in faults(0, &ran.operations[1]) {
                    run(&struck, Plan::Faults(vec![first, (1, operation, kind)]), true)?;
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

/// One has a turn, the other one, the first another, and then the rests. Once a process has come to its end in a turn, a longer turn is
/// the same.
fn two(stride: usize, run: &mut RunPlan<'_>) -> ControlFlow<()> {
    let Some(fault_free) = run(Plan::Interleave(2, vec![(0, u32::MAX)]))? else { return ControlFlow::Continue(()) };
    for (a, b) in [(0, 1), (1, 0)] {
        for first in (1..fault_free.steps[a]).step_by(stride) {
            'second: for second in 1.. {
                for third in 1.. {
                    let Some(ran) = run(Plan::Interleave(2, vec![(a, first), (b, second), (a, third)]))? else { break };
                    match ran.ended[..] {
                        [_, true, _] => break 'second, // the first goes on alone, however it is cut
                        [_, _, true] => break,
                        _ => {}
                    }
                }
            }
        }
    }
    ControlFlow::Continue(())
}

/// Who of three comes first: process 0 knows what the starting point's own has learnt, the others know nothing.
const ORDERS: [[usize; 3]; 3] = [[0, 1, 2], [1, 0, 2], [1, 2, 0]];

/// Each has a turn, and then the rests.
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

fn held(run: &mut RunPlan<'_>) -> ControlFlow<()> {
    for later in 1..=3 {
        for steps in 1.. {
            let Some(ran) = run(Plan::Suspend(steps, later, Vec::new()))? else { break };
            if ran.ended[0] {
                break;
            }
            // It is the first tick in between that may go wrong; with more of them after it there is little new to see.
            for (operation, kind) in faults(0, &ran.operations[0]).take_while(|_| later == 1) {
                run(Plan::Suspend(steps, later, vec![(0, operation, kind)]))?;
            }
        }
    }
    ControlFlow::Continue(())
}
