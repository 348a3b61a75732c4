//! Slack's APIs: requests, and the meaning of each response. The facts come from docs.slack.dev, as of 2026.

pub mod error;
mod rate_limit;
pub mod request;
pub mod response;
mod workspace_list;

pub use request::{Family, Request, rows_per_page};
pub(crate) use response::RETRY_AFTER_MAX_SECONDS;
pub use response::{Page, PageError, PageFields, Response, too_large};
pub use slacktrail_pages::envelope::{Envelope, Paging};
pub use slacktrail_pages::page_reader::{self, Advance, PageReader, RawRow, TooLarge};
pub(crate) use workspace_list::list_is_due;
pub use workspace_list::{WorkspaceList, WorkspaceListing, workspace_id};
