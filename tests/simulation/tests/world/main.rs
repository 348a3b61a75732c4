//! The real collector in the simulated world: no sockets, clocks or AWS.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

mod backfill;
mod costs;
mod hiccups;
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
mod verify;
mod workspaces;
