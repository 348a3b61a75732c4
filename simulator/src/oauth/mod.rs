//! Slack's OAuth side: apps, the consent page, codes, tokens that rotate, and their end. Sections 6 to 8 of the contract.
//!
//! A browser, or a test without one, goes from the authorize URL to a redirect with a code; `oauth.v2.access` makes tokens of the code;
//! the tokens open the logs like those of [`crate::Settings::tokens`].
//!
//! ```
//! use slacktrail_simulator::oauth::{App, Consent};
//! use slacktrail_simulator::{Request, Settings, World};
//!
//! let now = jiff::Timestamp::constant(1_780_000_000, 0);
//! let app = App::organization("https://collector.example/callback");
//! let mut slack = World::new(Settings { apps: vec![app.clone()], ..Settings::organization() });
//! let asked = format!("client_id={}&user_scope=auditlogs:read&state=s", app.client_id);
//! let back = slack.consent(now, &asked, &Consent::organization()).expect("the owner may");
//! let code = back.split_once("?code=").and_then(|(_, rest)| rest.split_once('&')).expect("a code").0;
//! let request = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret).with("code", code);
//! assert_eq!(slack.answer(now, &request).reply().expect("no hangup was scripted").status, 200);
//! assert_eq!(slack.live_tokens(now).len(), 1);
//! ```

// Who takes part, and how this Slack decides where the documentation is silent.
mod app;
pub use app::{App, Distribution, Redirects};

mod user;
pub use user::{Membership, User};

mod rules;
pub use rules::{GraceReuse, Rules};

// What was granted.
mod grants;
pub use grants::{AccessToken, Grant, LiveToken, TokenKind};
pub(crate) use grants::{Issued, Oauth};

// From the authorize URL to a code: in a browser, or at once.
mod authorize;
mod consent;
mod page;
mod redirect;
pub use consent::Consent;
pub(crate) use page::error as error_page;

// From a code to tokens, to newer tokens, to none.
mod exchange;
pub(crate) use exchange::seconds_until;
mod refresh;
mod revoke;
mod token_generator;
pub use refresh::Refresh;
