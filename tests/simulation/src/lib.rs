//! The simulated world: Slack, the bucket, the table and the clock in one struct, without sockets, system clock or AWS.
//!
//! A process is the real [`Poller`](slacktrail_collector::tick::Poller) with simulated ports. Each port operation is one step. It first
//! yields, so that processes interleave. Then it can fail before or after it takes effect, take effect twice, or kill its process.
//!
//! The [`oracle`] checks each object when it is created, each cursor when it is saved, and at the end that no record is missing. It knows
//! only what Slack has shown and what the bucket contains.

mod facts;
pub mod harness;
pub mod mutant;
pub mod oracle;
mod ports;
mod process;
pub mod rng;
pub mod search;
mod simulated_world;

pub use ports::SimulatedPorts;
pub use process::{End, Operations, Process, Tick, run, run_within};
pub use simulated_world::{
    BEGINNING, Chance, Fault, FaultKind, Hang, Part, SimulatedWorld, State, StoredCursor, yield_once,
};
