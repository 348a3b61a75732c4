//! The adapters of the ports: AWS, Slack over HTTPS, and a local directory; and the random number generator and the log of the functions.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod aws;
pub mod directory;
pub mod http;
pub mod log;
pub mod random;
