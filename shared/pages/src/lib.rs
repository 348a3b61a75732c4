//! Reads the pages of Slack's logs row by row while they arrive, in bounded memory. Performs no I/O.
//!
//! [`page_reader`] reads the rows, and [`envelope`] the fields beside them.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod envelope;
pub mod page_reader;
mod scan;
