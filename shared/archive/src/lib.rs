//! Reads the archive back: [`reader`] reads objects, and [`verify`] compares a stored day with Slack.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod reader;
pub mod verify;
