//! The Lambda function that connects Slack sources. It serves two URLs to a browser, and responds to every request with a page or a redirect.
//!
//! [`slacktrail_connect`] decides whether a link, a state or a code is valid. This crate reads requests and builds responses. It never logs
//! or shows text from a request, because a request can contain a code, a state or a link.
//!
//! Read in this order: [`handle`], `request` and `query` (reading a request), `response` (statuses and headers), `page` (HTML), `line` (logging).
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod handler;
mod line;
mod page;
mod query;
mod request;
mod response;

pub use handler::{Oauth, handle};
