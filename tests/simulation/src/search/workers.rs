//! The worker threads, one per core. They take jobs from one list until it is done, the time is up, or one of them finds a violation.

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

/// The work of a search.
#[derive(Clone, Debug)]
pub struct Work {
    /// The jobs of the exhaustive search: kinds and starting points.
    pub jobs: Vec<(Kind, StartingPoint)>,
    /// The seeds of randomized runs: the first one and their number, for each of `logs`.
    pub seeds: (u64, u64),
    /// The logs of randomized runs.
    pub logs: Vec<LogType>,
    /// When to stop, even if work is left.
    pub until: Option<Instant>,
    /// The mutation of the collector, if any.
    pub mutant: Option<Mutant>,
}

/// A violation of an invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The name of the invariant and the details.
    pub invariant: String,
    /// The schedule that violates it.
    pub schedule: Schedule,
    /// The number of schedules run until then.
    pub after: u64,
}

/// Receives the number of schedules so far, and what the last ones belong to.
pub type Progress<'a> = dyn Fn(u64, &str) + Sync + 'a;

struct Board<'a> {
    work: &'a Work,
    progress: &'a Progress<'a>,
    next: AtomicUsize,
    ran: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    found: Mutex<Option<Violation>>,
}

/// Searches with this many threads. Returns the counts, and the first violation, if any.
pub fn search(work: &Work, threads: usize, progress: &Progress<'_>) -> (Tally, Option<Violation>) {
    let board = Board {
        work,
        progress,
        next: AtomicUsize::new(0),
        ran: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        tally: Mutex::default(),
        found: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| board.run_jobs());
        }
    });
    let mut tally = board.tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let runs = board.next.into_inner().saturating_sub(work.jobs.len()) as u64;
    tally.seeds = Some((work.seeds.0, runs.div_ceil(work.logs.len().max(1) as u64).min(work.seeds.1)));
    (tally, board.found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

impl Board<'_> {
    fn run_jobs(&self) {
        let mut tally = Tally::default();
        let logs = self.work.logs.len().max(1) as u64;
        while !self.is_over() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some((kind, start)) = self.work.jobs.get(index) {
                self.explore(*kind, start, &mut tally);
                (self.progress)(self.ran.load(Ordering::Relaxed), &format!("{}, {}", kind.name(), start.name()));
                continue;
            }
            let run = (index - self.work.jobs.len()) as u64;
            if self.work.logs.is_empty() || run / logs >= self.work.seeds.1 {
                self.next.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            let (log, seed) = (self.work.logs[(run % logs) as usize], self.work.seeds.0 + run / logs);
            self.ran.fetch_add(1, Ordering::Relaxed);
            tally.count(Kind::Randomized, log, 0);
            if let (Err(invariant), _) = randomized::run(log, seed, self.work.mutant, false) {
                self.record_violation(invariant, Schedule::Randomized(log, seed));
            }
            (self.progress)(self.ran.load(Ordering::Relaxed), &format!("randomized runs, {log}, seed {seed}"));
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
            return self.record_violation(invariant, schedule(Plan::Faults(Vec::new())));
        }
        let _: ControlFlow<()> = explore(kind, run, &mut |plan, outcome| {
            self.ran.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(ran) => tally.count(kind, start.log, ran.settled_after),
                Err(invariant) => self.record_violation(invariant.clone(), schedule(plan)),
            }
            if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    fn record_violation(&self, invariant: String, schedule: Schedule) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(mut found) = self.found.lock() {
            found.get_or_insert(Violation { invariant, schedule, after: self.ran.load(Ordering::Relaxed) });
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.work.until.is_some_and(|until| Instant::now() >= until)
    }
}
