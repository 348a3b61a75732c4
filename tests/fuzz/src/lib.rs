//! What every decoder of outside bytes must keep to, whatever comes.
//!
//! A [`Target`] is a plain function of bytes that panics where a decoder breaks its promise: it panics itself, tells a secret, lets a
//! control character through, says more than a log line holds, or takes for good what is not. `corpus/<target>/` holds inputs for
//! it: what Slack and AWS send, and what they never should. Two things run a target:
//!
//! - `tests/corpus.rs`: every input of the corpus, and inputs that [`mutate`] makes of them from a seed, for as long as is asked (`make test`, `make fuzz`);
//! - `guided/`: libFuzzer, which is led by the code that an input reaches (`make fuzz`, where cargo-fuzz is installed).

pub mod corpus;
mod error_text;
pub mod mutate;
mod targets;

pub use targets::{TARGETS, Target};
