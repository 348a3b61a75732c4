//! The pure core of slacktrail. It performs no I/O.
//!
//! The core computes from its arguments what to ask Slack next, what a response means, which records are new, what an object's key and bytes
//! are, and what the next cursor is. `now` is an argument too. A lint (`shared/clippy.toml`) forbids clocks, sleeping and the environment.
//!
//! Read in this order:
//! - [`source`], [`time`] and [`error`]: the terms. [`sanitize`]: characters that are unsafe to show.
//! - [`record`], [`mod@line`], [`batch`], [`object`]: from a row of a page to the bytes of an object.
//! - [`slack`]: requests and responses.
//! - [`day_log_cache`]: the cache of the record IDs that are stored.
//! - [`cursor`] and [`walk`]: what is still to collect, and how each log is read. [`workspaces`]: an organization that is read workspace by
//!   workspace. [`health`]: the state of a stream.
//! - [`stream`]: one tick of one stream, which changes all of these.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod batch;
mod counts;
pub mod cursor;
pub mod day_log_cache;
pub mod health;
pub mod line;
pub mod object;
pub mod record;
pub mod sanitize;
pub mod slack;
pub mod source;
pub mod stream;
pub mod time;
pub mod walk;
pub mod workspaces;

pub use slacktrail_errors::{codes, error};
