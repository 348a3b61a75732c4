//! The collector: one tick of all streams, driven over the ports.
//!
//! [`tick`] polls every stream that is due, [`collect`] one stream, and [`day_log`] is the only way to write. [`token_refresh`] keeps tokens
//! valid, and [`dispatch`] gives the shards of a large deployment to invocations of their own.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

pub mod collect;
pub mod day_log;
pub mod dispatch;
pub mod tick;
pub mod token_refresh;
