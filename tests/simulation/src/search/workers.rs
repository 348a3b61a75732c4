//! The crew: one thread for each core, each with worlds of its own, which take work from one list until it is done, time is
//! up, or one of them has seen an invariant broken.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use slacktrail_core::source::LogType;

use super::explore::{Kind, explore};
use super::randomized;
use super::run::Run;
use super::schedule::{Plan, Schedule};
use super::starting_point::StartingPoint;
use super::tally::Tally;
use crate::mutant::Mutant;

/// What to search.
#[derive(Clone, Debug)]
pub struct Work {
    /// The exhaustive part: these kinds from these starting points.
    pub jobs: Vec<(Kind, StartingPoint)>,
    /// Seeds of randomized runs: the first and how many, for each of `logs`.
    pub seeds: (u64, u64),
    /// The logs that have randomized runs.
    pub logs: Vec<LogType>,
    /// When to stop, whatever is left.
    pub until: Option<Instant>,
    /// How a mutant differs.
    pub mutant: Option<Mutant>,
}

/// An invariant that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: String,
    /// By what.
    pub schedule: Schedule,
    /// How many schedules had been run by then.
    pub after: u64,
}

/// Is told now and then how many schedules have been run, and from which starting point the last ones.
pub type Watch<'a> = dyn Fn(u64, &str) + Sync + 'a;

struct Board<'a> {
    work: &'a Work,
    watch: &'a Watch<'a>,
    next: AtomicUsize,
    ran: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    found: Mutex<Option<Violation>>,
}

/// Searches on so many threads. Returns how much was searched, and the invariant that was broken, if any.
pub fn search(work: &Work, threads: usize, watch: &Watch<'_>) -> (Tally, Option<Violation>) {
    let board = Board {
        work,
        watch,
        next: AtomicUsize::new(0),
        ran: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        tally: Mutex::default(),
        found: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| board.take_turns());
        }
    });
    let mut tally = board.tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let days = board.next.into_inner().saturating_sub(work.jobs.len()) as u64;
    tally.seeds = Some((work.seeds.0, days.div_ceil(work.logs.len().max(1) as u64).min(work.seeds.1)));
    (tally, board.found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

impl Board<'_> {
    fn take_turns(&self) {
        let mut tally = Tally::default();
        let logs = self.work.logs.len().max(1) as u64;
        while !self.is_over() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some((kind, start)) = self.work.jobs.get(index) {
                self.explore(*kind, start, &mut tally);
                (self.watch)(self.ran.load(Ordering::Relaxed), &format!("{}, {}", kind.name(), start.name()));
                continue;
            }
            let day = (index - self.work.jobs.len()) as u64;
            if self.work.logs.is_empty() || day / logs >= self.work.seeds.1 {
                self.next.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            let (log, seed) = (self.work.logs[(day % logs) as usize], self.work.seeds.0 + day / logs);
            self.ran.fetch_add(1, Ordering::Relaxed);
            tally.count(Kind::Randomized, log, 0);
            if let (Err(invariant), _) = randomized::run(log, seed, self.work.mutant, false) {
                self.note(invariant, Schedule::Randomized(log, seed));
            }
            (self.watch)(self.ran.load(Ordering::Relaxed), &format!("randomized runs, {log} from seed {seed}"));
        }
        if let Ok(mut all) = self.tally.lock() {
            all.add(&tally);
        }
    }

    fn explore(&self, kind: Kind, start: &StartingPoint, tally: &mut Tally) {
        let run = Run::new(start, self.work.mutant, false);
        let schedule = |plan: Plan| Schedule::From(Box::new(start.clone()), plan);
        if let Some(invariant) = run.broken() {
            self.ran.fetch_add(1, Ordering::Relaxed);
            return self.note(invariant, schedule(Plan::Faults(Vec::new())));
        }
        let _: ControlFlow<()> = explore(kind, run, &mut |plan, outcome| {
            self.ran.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(ran) => tally.count(kind, start.log, ran.settled_after),
                Err(invariant) => self.note(invariant.clone(), schedule(plan)),
            }
            if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    fn note(&self, invariant: String, schedule: Schedule) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(mut found) = self.found.lock() {
            found.get_or_insert(Violation { invariant, schedule, after: self.ran.load(Ordering::Relaxed) });
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.work.until.is_some_and(|until| Instant::now() >= until)
    }
}
