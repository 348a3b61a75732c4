//! Implements the ports with AWS, Slack over HTTPS, and a local directory. Also provides random bytes, the settings and
//! the log setup of the functions, and text that is safe to show.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod aws;
pub mod directory;
pub mod http;
pub mod log;
pub mod random;
pub mod sanitize;
pub mod settings;
