//! Tests of the adapters: each store conforms to its port, and the HTTP client enforces its limits.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod aws;
mod aws_errors;
mod directory;
mod simulated;
mod slack_http;
