//! Slack's APIs: requests, and the meaning of each response. The facts come from docs.slack.dev, as of 2026.

pub mod envelope;
pub mod error;
pub mod page_reader;
pub mod request;
pub mod response;
mod scan;
mod workspace_list;

pub use envelope::{Envelope, Paging};
pub use page_reader::{Advance, PageReader, RawRow, TooLarge};
pub use request::{Family, Request, rows_per_page};
pub use response::{Page, PageEnd, PageError, Response, too_large};
pub use workspace_list::{WorkspaceList, WorkspaceListing, workspace_id};
