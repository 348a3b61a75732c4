//! The crew: one thread for each core, each with worlds of its own, which take work from one list until it is done, time is
//! up, or one of them has seen a law broken.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use slacktrail_shared::source::LogType;

use super::course::Course;
use super::days;
use super::explore::{Kind, explore};
use super::place::Place;
use super::schedule::{Plan, Schedule};
use super::tally::Tally;
use crate::wrong::Wrong;

/// What to search.
#[derive(Clone, Debug)]
pub struct Work {
    /// The exhaustive part: these kinds from these places.
    pub jobs: Vec<(Kind, Place)>,
    /// Seeds of days at random: the first and how many, for each of `logs`.
    pub seeds: (u64, u64),
    /// The logs that have days at random.
    pub logs: Vec<LogType>,
    /// When to stop, whatever is left.
    pub until: Option<Instant>,
    /// How a deliberately wrong collector differs.
    pub wrong: Option<Wrong>,
}

/// A law that was broken.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub law: String,
    /// By what.
    pub schedule: Schedule,
    /// How many schedules had been run by then.
    pub after: u64,
}

/// Is told now and then how many schedules have been run, and from which place the last ones.
pub type Watch<'a> = dyn Fn(u64, &str) + Sync + 'a;

struct Board<'a> {
    work: &'a Work,
    watch: &'a Watch<'a>,
    next: AtomicUsize,
    ran: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    found: Mutex<Option<Found>>,
}

/// Searches on so many threads. Returns how much was searched, and the law that was broken, if any.
pub fn search(work: &Work, threads: usize, watch: &Watch<'_>) -> (Tally, Option<Found>) {
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
            if let Some((kind, place)) = self.work.jobs.get(index) {
                self.explore(*kind, place, &mut tally);
                (self.watch)(self.ran.load(Ordering::Relaxed), &format!("{}, {}", kind.name(), place.name()));
                continue;
            }
            let day = (index - self.work.jobs.len()) as u64;
            if self.work.logs.is_empty() || day / logs >= self.work.seeds.1 {
                self.next.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            let (log, seed) = (self.work.logs[(day % logs) as usize], self.work.seeds.0 + day / logs);
            self.ran.fetch_add(1, Ordering::Relaxed);
            tally.count(Kind::Days, log, 0);
            if let (Err(law), _) = days::run(log, seed, self.work.wrong, false) {
                self.note(law, Schedule::Days(log, seed));
            }
            (self.watch)(self.ran.load(Ordering::Relaxed), &format!("days at random, {log} from seed {seed}"));
        }
        if let Ok(mut all) = self.tally.lock() {
            all.add(&tally);
        }
    }

    fn explore(&self, kind: Kind, place: &Place, tally: &mut Tally) {
        let course = Course::new(place, self.work.wrong, false);
        let schedule = |plan: Plan| Schedule::From(Box::new(place.clone()), plan);
        if let Some(law) = course.broken() {
            self.ran.fetch_add(1, Ordering::Relaxed);
            return self.note(law, schedule(Plan::Strikes(Vec::new())));
        }
        let _: ControlFlow<()> = explore(kind, course, &mut |plan, outcome| {
            self.ran.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(ran) => tally.count(kind, place.log, ran.settled_after),
                Err(law) => self.note(law.clone(), schedule(plan)),
            }
            if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    fn note(&self, law: String, schedule: Schedule) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(mut found) = self.found.lock() {
            found.get_or_insert(Found { law, schedule, after: self.ran.load(Ordering::Relaxed) });
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.work.until.is_some_and(|until| Instant::now() >= until)
    }
}
