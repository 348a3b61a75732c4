//! Fuzz targets for every decoder of external input.
//!
//! A [`Target`] is a function of bytes that panics if a decoder violates an invariant. A decoder must not:
//!
//! - panic
//! - reveal a secret
//! - return a control character, or a text that is too long for a log line
//! - accept invalid input
//!
//! `corpus/<target>/` contains valid and invalid inputs. Targets run in two ways:
//!
//! - `tests/corpus.rs` runs every input of the corpus, and inputs that [`mutate`] creates from them with a seed (`make test`, `make fuzz`).
//! - `guided/` runs coverage-guided inputs of libFuzzer (`make fuzz`, if cargo-fuzz is installed).

pub mod corpus;
mod error_text;
pub mod mutate;
mod targets;

pub use targets::{TARGETS, Target};
