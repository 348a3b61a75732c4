//! Slack's side of the protocol: what we ask, what the replies mean. The facts are of docs.slack.dev, read in 2026.

pub mod envelope;
pub mod error;
pub mod oauth;
pub mod page_reader;
pub mod reply;
pub mod request;
mod scan;

pub use envelope::{Envelope, Paging};
pub use page_reader::{Advance, PageReader, RawRow, TooLarge};
pub(crate) use reply::too_large;
pub use reply::{Page, PageEnd, Refusal, Reply};
pub use request::{Family, Request, rows_per_page};
