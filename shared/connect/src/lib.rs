//! Connects a source through OAuth: from the link that `slacktrail connect` prints to the report that it shows.
//!
//! | state | actor | action |
//! |---|---|---|
//! | link_issued | the command | creates a single-use link that expires after 10 minutes, and stores its hash |
//! | link_issued | `GET /oauth/start` | shows a page with what the link connects and a button; changes nothing |
//! | started | `POST /oauth/start` | consumes the link, binds an OAuth state to the browser, redirects the browser to Slack |
//! | verifying | `GET /oauth/callback` | consumes the OAuth state, exchanges the code, checks the grant, probes each log |
//! | connected, failed | `GET /oauth/callback` | stores the credentials and the source, or revokes the token unless it may be in use |
//!
//! An authorization is one item. It is replaced only if its version is unchanged, so each transition happens once.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod budget;
mod callback;
mod callback_error;
pub mod manifest;
mod probe;
mod revoke;
mod start;
mod store;

pub use budget::{BEGIN_MAX, PROBES_MAX, REVOKE_MAX, TELL_MAX, WORK_MAX};
pub use callback::{Callback, CallbackPorts, Connected, callback};
pub use callback_error::CallbackError;
pub use probe::probe;
pub use revoke::{TokenOutcome, is_token_invalid, revoke};
pub use start::{Offer, Started, offer, start};
pub use store::store;
