//! The error type of all crates, and the table of its codes. It knows no other crate of slacktrail.
//!
//! - [`error`]: an error with its code. Its kind says who must act.
//! - [`codes`]: the table of all codes: who must act, and the hint, in words for the place that shows them.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod codes;
pub mod error;
