//! A process: one poller, whose ticks the driver polls step by step.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slacktrail_collector::tick::{Poller, ResourceLimits, Summary, TickLimits};
use slacktrail_core::error::Error;
use slacktrail_core::stream::StreamOutcome;
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::shard::Shard;

use super::facts::Facts;
use super::oracle;
use super::ports::{SimulatedPorts, ports};
use super::simulated_world::SimulatedWorld;

/// Polls after which a future counts as an endless loop.
const POLLS_MAX: u32 = 100_000;

/// Runs a future of the simulated world, which never waits for anything outside of it, to its end.
pub fn run<R>(future: impl Future<Output = R>) -> R {
    run_within(POLLS_MAX, future).expect("the future ends")
}

/// Polls a future of the simulated world at most `polls` times. Returns `None` if it has not ended by then, because its process was killed.
pub fn run_within<R>(polls: u32, future: impl Future<Output = R>) -> Option<R> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// The identity and the counters of a process.
#[derive(Clone, Debug)]
pub(super) struct Id {
    pub(super) number: u32,
    operations: Rc<Cell<u32>>,
    /// The read-only operations of the current tick.
    reads: Rc<RefCell<Vec<u32>>>,
    dead: Rc<Cell<bool>>,
    /// The facts of the current tick.
    facts: Rc<RefCell<Facts>>,
}

impl Id {
    pub(super) fn of(number: u32) -> Id {
        let (operations, reads, dead, facts) = Default::default();
        Id { number, operations, reads, dead, facts }
    }

    pub(super) fn next_operation(&self, only_reads: bool) -> u32 {
        let number = self.operations.replace(self.operations.get() + 1);
        if only_reads {
            self.reads.borrow_mut().push(number);
        }
        number
    }

    /// Updates the facts of the current tick.
    pub(super) fn record<R>(&self, record: impl FnOnce(&mut Facts) -> R) -> R {
        record(&mut self.facts.borrow_mut())
    }

    fn begin_tick(&self, calls_max: Option<u32>, world: &SimulatedWorld) {
        *self.facts.borrow_mut() = world.with(|state| Facts {
            started: state.now,
            clock: state.now.saturating_add(state.clock_ahead).unwrap_or(state.now),
            calls_max,
            operations_before: state.operations,
            disturbed: state.operations_max.is_some(),
            ..Facts::default()
        });
        self.reads.borrow_mut().clear();
    }

    pub(super) async fn die<R>(&self) -> R {
        self.dead.set(true);
        std::future::pending().await
    }
}

/// A poller in the simulated world.
#[derive(Debug)]
pub struct Process {
    id: Id,
    world: SimulatedWorld,
    poller: Rc<SimulatedPoller>,
}

type SimulatedPoller = Poller<SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts>;

/// The operations of a tick.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    /// The number of operations.
    pub count: u32,
    /// The numbers of the read-only operations, counted from 0.
    pub reads: Vec<u32>,
}

/// The end of a tick.
#[derive(Debug)]
pub enum End {
    /// The tick returned.
    Answered(Box<Result<Summary, Error>>),
    /// The process was killed.
    Killed,
}

/// A tick in progress.
pub struct Tick {
    id: Id,
    world: SimulatedWorld,
    future: Pin<Box<dyn Future<Output = Result<Summary, Error>>>>,
}

impl Process {
    /// Starts a process with an empty cache. The processes of a world are numbered from 0.
    pub fn start(world: &SimulatedWorld) -> Process {
        let id = Id::of(world.with(|state| {
            state.processes += 1;
            state.processes - 1
        }));
        let poller = Rc::new(Poller::new(ports(world, &id)));
        Process { id, world: world.clone(), poller }
    }

    /// Copies the process and its cache into another world.
    pub fn fork(&self, world: &SimulatedWorld) -> Process {
        let id = Id::of(self.id.number);
        id.operations.set(self.id.operations.get());
        let mut poller = Poller::clone(&self.poller);
        poller.ports = ports(world, &id);
        Process { id, world: world.clone(), poller: Rc::new(poller) }
    }

    /// Returns the number of the process.
    pub fn number(&self) -> u32 {
        self.id.number
    }

    /// Returns the number of operations so far.
    pub fn operations(&self) -> u32 {
        self.id.operations.get()
    }

    /// Returns the operations of the last tick, which started after `before` operations.
    pub fn operations_since(&self, before: u32) -> Operations {
        let reads = self.id.reads.borrow().iter().map(|number| number - before).collect();
        Operations { count: self.operations() - before, reads }
    }

    /// Starts a tick.
    pub fn begin(&self, calls_max: Option<u32>, resources: ResourceLimits) -> Tick {
        let poller = self.poller.clone();
        self.id.begin_tick(calls_max, &self.world);
        let now = self.world.with(|state| state.now.saturating_add(state.clock_ahead)).expect("in range");
        let operations = self.id.operations.clone();
        let last = self.world.with(|state| state.operations_max).map(|max| operations.get() + max);
        let world = self.world.clone();
        let future = async move {
            let is_late = || world.with(|state| state.deadline.is_some_and(|deadline| state.now >= deadline));
            let deadline_reached = || last.is_some_and(|last| operations.get() >= last) || is_late();
            let resources = ResourceLimits { calls_max, ..resources };
            let deployment = poller.ports.deployment.load().await?;
            poller.tick(deployment, now, &TickLimits { resources, deadline_reached: &deadline_reached }).await
        };
        Tick { id: self.id.clone(), world: self.world.clone(), future: Box::pin(future) }
    }

    /// Runs a tick of a shard to its end.
    pub fn tick_shard(&self, shard: &Shard) -> End {
        let (poller, shard) = (self.poller.clone(), shard.clone());
        let now = self.world.now();
        let future = async move {
            let limits = TickLimits { resources: ResourceLimits::default(), deadline_reached: &|| false };
            let deployment = poller.ports.deployment.load_shard(&shard).await?;
            poller.tick(deployment, now, &limits).await
        };
        Tick { id: self.id.clone(), world: self.world.clone(), future: Box::pin(future) }.run()
    }
}

impl End {
    /// Returns `true` if the tick returned and polled every stream and workspace without an error.
    pub fn succeeded(&self) -> bool {
        self.all(|stream| stream.polled && stream.code().is_none() && stream.workspaces_failing == 0)
    }

    /// Returns `true` if the tick returned and left no gap.
    pub fn left_no_gap(&self) -> bool {
        self.all(|stream| stream.gaps == 0)
    }

    /// Returns the summaries of the streams.
    pub fn streams(&self) -> &[StreamOutcome] {
        match self {
            End::Answered(answer) => answer.as_ref().as_ref().map_or(&[], |summary| &summary.streams),
            End::Killed => &[],
        }
    }

    fn all(&self, is: fn(&StreamOutcome) -> bool) -> bool {
        matches!(self, End::Answered(answer) if answer.is_ok()) && self.streams().iter().all(is)
    }
}

impl Tick {
    /// Runs until the next operation. Returns `Some` at the end of the tick.
    pub fn step(&mut self) -> Option<End> {
        if self.id.dead.get() {
            return Some(End::Killed);
        }
        let outcome = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match outcome {
            Poll::Ready(answer) => {
                if let Ok(summary) = &answer {
                    let facts = self.id.facts.borrow();
                    self.world.with(|state| oracle::judge_tick(state, &facts, &summary.streams));
                }
                Some(End::Answered(Box::new(answer)))
            }
            Poll::Pending if self.id.dead.get() => Some(End::Killed),
            Poll::Pending => None,
        }
    }

    /// Runs to the end of the tick.
    pub fn run(mut self) -> End {
        let end = (0..POLLS_MAX).find_map(|_| self.step());
        end.unwrap_or_else(|| {
            panic!(
                "the tick does not end\n{}",
                self.world.with(|state| state.trace[..60.min(state.trace.len())].join("\n"))
            )
        })
    }
}
