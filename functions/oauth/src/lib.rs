//! The function that connects Slack sources: two addresses for a browser, and a page for whatever may happen.
//!
//! What a link, a state and a code are worth is decided in [`slacktrail_connect`]; here is what a browser says and is
//! told. Nothing that comes with a request is ever logged or shown again: it may hold a code, a state or a link.
//!
//! Read in this order: [`handle`], `request` and `query` (what came), `answer` (statuses and headers), `page` (what is shown),
//! `line` (what is logged).
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod answer;
mod handler;
mod line;
mod page;
mod query;
mod request;

pub use handler::{Oauth, handle};
