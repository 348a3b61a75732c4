//! The simulated world: Slack, the bucket, the table and the clock in one struct, with no socket, no clock and no AWS.
//!
//! A process is the real [`Poller`](slacktrail_collector::tick::Poller) over simulated ports. Each port operation is one step:
//! it first gives way (so that processes interleave there), then may fail before or after it took effect, take effect
//! twice, or be the last that its process ever did. The [`oracle`] checks each object when it is created, each cursor when it is
//! saved, and in the end that nothing is missing; it knows only what Slack has shown and what lies in the bucket.

mod facts;
pub mod harness;
pub mod mutant;
pub mod oracle;
mod ports;
mod process;
pub mod rng;
pub mod rotating;
pub mod search;
mod simulated_world;

pub use ports::SimulatedPorts;
pub use process::{End, Operations, Process, Tick};
pub use simulated_world::{Chance, Fault, FaultKind, Part, SimulatedWorld, State, StoredCursor};
