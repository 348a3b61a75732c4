//! Writes the functions' log lines in the JSON format that Lambda parses.
//!
//! With the log format JSON, Lambda keeps the `level` of a line only if the line has a `timestamp` in RFC 3339. Otherwise Lambda assigns the
//! level INFO (AWS Lambda Developer Guide, log-level filtering). The default subscriber of `lambda_runtime` writes no timestamp.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

use std::{env, io};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::sanitize::EscapedJson;

/// Installs a subscriber that writes each event as one line of JSON to standard output.
///
/// Lambda sets the minimum level in `AWS_LAMBDA_LOG_LEVEL`. `RUST_LOG` can set other levels for individual modules.
///
/// # Panics
/// Panics if the process already has a subscriber.
pub fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let level: LevelFilter = level.unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt()
        .json()
        .with_timer(SystemTime)
        .with_target(false)
        .with_env_filter(EnvFilter::builder().with_default_directive(level.into()).from_env_lossy())
        .with_writer(|| EscapedJson(io::stdout()))
        .init();
}
