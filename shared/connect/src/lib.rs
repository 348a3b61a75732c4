//! Connects a source through OAuth: from the link that `slacktrail connect` prints to the report that it shows.
//!
//! | state | actor | action |
//! |---|---|---|
//! | link_issued | the command | creates a single-use link that expires after 10 minutes, and stores its hash |
//! | link_issued | `GET /oauth/start` | shows a page with what the link connects and a button; changes nothing |
//! | started | `POST /oauth/start` | consumes the link, binds an OAuth state to the browser, redirects the browser to Slack |
//! | verifying | `GET /oauth/callback` | consumes the OAuth state, exchanges the code, checks the grant, probes each log |
//! | connected, failed | `GET /oauth/callback` | stores the credentials and the source, or revokes the token unless it may be in use |
//! | canceled | the command | invalidates the link and the OAuth state, unless the grant is already being verified |
//!
//! An authorization is one item. It is replaced only if its version is unchanged, so each transition happens once.
//!
//! Read in this order:
//! - `authorization` and `one_time_token`: what is stored, and the secrets of links and OAuth states.
//! - `start`: from the link to Slack. [`manifest`]: the app and its scopes.
//! - `cancel`: invalidates a link and its OAuth state. `callback`: from Slack to a connected source, with `connected_tenant`, `probe`,
//!   `store` and `revoke`, within the time limits of `budget`.
//! - `connect_error` and `connect_report`: what the page and the command show: the table of errors, and what was verified. `page_text`: what the
//!   page says to a user without a command line. `callback_error`: what else the log shows.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]
#![expect(async_fn_in_trait, reason = "all futures run on one thread and need not be Send")]

mod authorization;
mod budget;
mod callback;
mod callback_error;
mod cancel;
mod connect_error;
mod connect_report;
mod connected_tenant;
pub mod manifest;
mod one_time_token;
mod page_text;
mod probe;
mod revoke;
mod start;
mod store;

pub use authorization::{Authorization, AuthorizationState, AuthorizationStore, LINK_TTL_SECONDS, Visit, cookie_name};
pub use budget::{BEGIN_MAX, NOTIFY_MAX, Timer, WORK_MAX};
pub use callback::{Callback, CallbackPorts, Connected, callback};
pub use callback_error::CallbackError;
pub use cancel::cancel;
pub use connect_error::{ConnectError, ConnectErrorKind};
pub use connect_report::{ConnectReport, LogProbe};
pub use connected_tenant::{ConnectedTenant, check_not_connected, first_source};
pub use one_time_token::{AuthorizationId, OneTimeToken, SecretHash};
pub use page_text::PageText;
pub use probe::probe;
pub use revoke::{TokenOutcome, is_token_invalid, revoke};
pub use start::{Offer, SLACK_AUTHORIZE_URL, Started, offer, start};
pub use store::store;
