//! Slack's OAuth: apps, the consent page, codes, token rotation and revocation.
//!
//! A browser or a test opens the authorize URL and receives a redirect with a code. `oauth.v2.access` exchanges the code for tokens. These
//! tokens work like those of [`crate::Settings::tokens`].
//!
//! ```
//! use slacktrail_simulator::oauth::{App, Consent};
//! use slacktrail_simulator::{Request, Settings, World};
//!
//! let now = jiff::Timestamp::constant(1_780_000_000, 0);
//! let app = App::organization("https://collector.example/callback");
//! let mut slack = World::new(Settings { apps: vec![app.clone()], ..Settings::organization() });
//! let query = format!("client_id={}&user_scope=auditlogs:read&state=s", app.client_id);
//! let redirect = slack.consent(now, &query, &Consent::organization()).expect("the owner may install");
//! let code = redirect.split_once("?code=").and_then(|(_, rest)| rest.split_once('&')).expect("a code").0;
//! let request = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret).with("code", code);
//! assert_eq!(slack.answer(now, &request).response().expect("no scripted hangup").status, 200);
//! assert_eq!(slack.live_tokens(now).len(), 1);
//! ```

mod app;
pub use app::{App, Redirects};

// Grants and their tokens.
mod grants;
pub(crate) use grants::{Issued, Oauth, TokenKind};

// The consent page, which issues codes.
mod authorize;
mod consent;
mod page;
mod redirect;
pub use consent::{Consent, User};
pub(crate) use page::error as error_page;

// Exchange, refresh and revocation of tokens.
mod exchange;
pub(crate) use exchange::seconds_until;
mod refresh;
mod revoke;
mod token_generator;
pub use refresh::{GraceReuse, Rules};
