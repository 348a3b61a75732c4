//! The real collector in the simulated world, without sockets, system clock or AWS.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests may panic, and their names describe them")]

mod backfill;
mod costs;
mod late_records;
mod long_day_logs;
mod minutes;
mod mutants;
mod odd_responses;
mod progress;
mod regression_review;
mod regression_simulation;
mod search;
mod shards;
mod slack_misbehaves;
mod stored_state;
mod token_refresh;
mod transient_errors;
mod verify;
mod workspaces;
