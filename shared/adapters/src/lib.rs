//! Implements the ports with AWS, Slack over HTTPS, and a local directory. Also provides random bytes and the log setup of the functions.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod aws;
pub mod directory;
pub mod http;
pub mod log;
pub mod random;
