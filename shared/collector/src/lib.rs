//! The collector: one tick of the poller, from its streams to stored records.
//!
//! Read in this order:
//! - [`tick`]: selects the streams that are due and collects them concurrently.
//! - `collect`: one tick of one stream. It reads pages of Slack's log, stores their records, and then saves the cursor.
//! - `day_log`: appends records to day logs. Nothing else writes objects.
//! - [`dispatch`]: splits a large deployment into shards, each for its own invocation.
//!
//! The collector performs I/O only through the traits of `slacktrail_ports`, and takes the time as an argument. `slacktrail_tokens`
//! refreshes tokens before they expire.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod collect;
mod day_log;
pub mod dispatch;
pub mod tick;
