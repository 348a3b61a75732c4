//! Slack's tokens. The OAuth flow receives them, and each tick refreshes those that expire soon.
//!
//! - [`oauth`]: the calls of `oauth.v2.access`, and what their responses grant.
//! - [`refresh`]: refreshes a token before it expires, without losing it. `due`: when. `summary`: its part of the poller's response.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod due;
pub mod oauth;
pub mod refresh;
mod summary;

pub use summary::TokenRefreshSummary;
