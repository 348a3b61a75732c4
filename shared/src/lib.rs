//! The core of slacktrail: it decides, and does nothing.
//!
//! What to ask Slack next, what a reply means, which records are new, what an object's key and bytes are, what the next
//! cursor is: all of it is computed here from arguments. `now` is an argument too. Nothing outside the five adapter
//! modules at the end names an AWS type, an HTTP client, a clock, the environment or a file system, and a lint holds that.
//!
//! Read in this order:
//! - [`source`] and [`time`]: the words; [`sources`]: how a stored source is changed; [`sanitize`]: words from outside.
//! - [`record`], [`mod@line`], [`object`]: from a row of a page to the bytes of an object.
//! - [`slack`]: requests, replies, and what each error means.
//! - [`cursor`] and [`walk`]: what is still to collect, and how each log is walked.
//! - [`day_log`]: the only way to write.
//! - [`event`], [`tick`] and [`collect`]: what an invocation asks for, one tick of all, one tick of one stream.
//! - [`credentials`], [`token_refresh`] and [`connect`]: tokens and app credentials, how they are refreshed, and how a source is connected.
//! - [`verify`]: one day of one stream, compared with Slack once more.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod collect;
pub mod connect;
pub mod credentials;
pub mod cursor;
pub mod day_log;
pub mod error;
pub mod event;
pub mod health;
pub mod line;
pub mod object;
pub mod ports;
pub mod record;
pub mod sanitize;
pub mod secret;
pub mod settings;
pub mod shard;
pub mod slack;
pub mod source;
pub mod sources;
pub mod tick;
pub mod time;
pub mod token_refresh;
pub mod verify;
pub mod walk;

mod batch;
mod fields;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "directory")]
pub mod directory;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "random")]
pub mod random;
