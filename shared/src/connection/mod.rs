//! Connecting a source through OAuth: from the link that `slacktrail connect` prints to the facts that it shows at the end.
//!
//! | step | who | what |
//! |---|---|---|
//! | granted | the command | makes a link, good once and for ten minutes; only its hash is stored |
//! | granted | `GET /oauth/start` | shows what the link would connect, and a button; changes nothing |
//! | started | `POST /oauth/start` | uses the link up, binds a state to this browser, sends the browser to Slack |
//! | verifying | `GET /oauth/callback` | uses the state up, exchanges the code, checks what was granted, probes each log |
//! | connected, refused | the same | stores credentials and source; otherwise revokes the token, unless it may be in use |
//!
//! A connection is one item, replaced only if its version is unchanged: that is what makes each step happen once, whoever else tries.

mod budget;
mod callback;
mod facts;
mod failure;
pub mod manifest;
mod probe;
mod refusal;
mod revoke;
mod start;
mod store;
mod ticket;

use serde::{Deserialize, Serialize};

pub use budget::{BEGIN_MAX, PROBES_MAX, REVOKE_MAX, TELL_MAX, WORK_MAX};
pub use callback::{Callback, CallbackPorts, Connected, callback};
pub use facts::{Facts, Probed};
pub use failure::Failure;
pub use probe::probe;
pub use refusal::{Refusal, RefusalKind};
pub use revoke::{TokenEnd, is_ended, revoke};
pub use start::{Offer, Started, offer, start};
pub use store::store;
pub use ticket::{ConnectionId, SecretHash, Ticket};

use crate::source::Source;
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// How long a link may wait for its first use, and a state for the way back from Slack.
pub const LIFE_SECONDS: i64 = 600;

/// A connection that somebody is making. It holds no secret, only hashes of some.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name, which is no secret.
    pub id: ConnectionId,
    /// The source as it is to be.
    pub source: Source,
    /// The app that is to be installed.
    pub client_id: String,
    /// From then on its link or state is good for nothing.
    pub expires_at: Second,
    /// The hash of what makes its link good. It stays at every step, so that a wrong secret gets the same answer at every step.
    pub grant: SecretHash,
    /// The browser that has used the link up; `None` before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// How far it has come.
    pub step: Step,
}

/// A browser on its way to Slack and back.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The hash of the state that must come back.
    pub state: SecretHash,
    /// The hash of the cookie that the browser has.
    pub browser: SecretHash,
    /// The redirect URL that was sent, which the exchange must repeat.
    pub redirect_url: String,
}

/// How far a connection has come.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The link is made.
    Granted,
    /// A browser is on its way to Slack and back.
    Started,
    /// It came back, and what Slack grants is being verified.
    Verifying,
    /// It is done.
    Connected(Box<Facts>),
    /// It came to nothing.
    Refused(Refusal),
    /// Whoever asked for it has changed their mind.
    Cancelled,
}

impl Connection {
    /// A connection of `source` by the app of `client_id`, and the ticket that its link carries. `id` and `secret` are random.
    pub fn grant(id: [u8; 16], secret: [u8; 32], source: Source, client_id: &str, now: Second) -> (Connection, Ticket) {
        let ticket = Ticket::new(ConnectionId::of(id), secret);
        let connection = Connection {
            id: ticket.id.clone(),
            source,
            client_id: client_id.to_owned(),
            expires_at: now.plus(LIFE_SECONDS),
            grant: ticket.hash(),
            visit: None,
            step: Step::Granted,
        };
        (connection, ticket)
    }

    /// The same, further on.
    #[must_use]
    pub fn at(&self, step: Step) -> Connection {
        Connection { step, ..self.clone() }
    }

    /// Whether its link or state is good for nothing any more. One that would be good for longer than slacktrail makes any is no good: what is
    /// stored is believed only within bounds.
    pub fn is_expired(&self, now: Second) -> bool {
        now >= self.expires_at || self.expires_at.since(now) > LIFE_SECONDS + CLOCK_SKEW_SECONDS
    }

    /// The name of the cookie that binds it to a browser.
    pub fn cookie_name(&self) -> String {
        cookie_name(&self.id)
    }

    /// The text that stores it: JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a connection holds only text and numbers")
    }
}

/// The name of the cookie that binds a connection to a browser. Each connection has its own, so that two at once do not disturb each
/// other. The prefix makes browsers insist on HTTPS, this very host, and the path `/` (RFC 6265bis, 4.1.3.2).
pub fn cookie_name(connection: &ConnectionId) -> String {
    format!("__Host-slacktrail-{connection}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Plan;

    #[test]
    fn stored_expiry_beyond_link_ttl_is_expired() {
        let now = Second::MARCH_2018;
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let connection = Connection::grant([1; 16], [2; 32], source, "1.2", now).0;
        for (seconds, is_expired) in
            [(0, true), (1, false), (LIFE_SECONDS, false), (1_200, false), (1_201, true), (2_000_000_000, true)]
        {
            let stored = Connection { expires_at: now.plus(seconds), ..connection.clone() };
            assert_eq!(stored.is_expired(now), is_expired, "{seconds}");
        }
    }
}
