//! The thin edges: each store conforms to its port, and HTTP keeps its limits.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod aws;
mod aws_errors;
mod directory;
mod simulated;
mod slack_http;
