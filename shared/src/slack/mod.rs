//! Slack's side of the protocol: what we ask, what the replies mean. The facts are of docs.slack.dev, read in 2026.

pub mod error;
pub mod oauth;
pub mod reply;
pub mod request;

pub use reply::{Page, Paging, Refusal, Reply};
pub use request::{Family, Request};
