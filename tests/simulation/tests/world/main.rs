//! The real collector in the simulated world: no sockets, clocks or AWS.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

mod backfill;
mod costs;
mod found_by_reading;
mod found_by_the_search;
mod hiccups;
mod late_records;
mod long_day_logs;
mod minutes;
mod odd_replies;
mod progress;
mod rotation;
mod search;
mod shares;
mod slack_misbehaves;
mod stored_state;
mod verify;
mod workspaces;
mod wrong_collectors;
