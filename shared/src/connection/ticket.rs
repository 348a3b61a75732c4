//! Tickets: 256 bits that make a link or a state good, with the name of the connection that they belong to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A connection's name: 128 random bits as 32 hex digits. It is no secret.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId(String);

/// The SHA-256 of a secret, as 64 hex digits. The secret has 256 random bits, so that nobody finds it by its hash.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SecretHash(String);

/// The name of a connection and a secret of it, as `<32 hex digits>.<64 hex digits>`. `Debug` shows the name alone.
#[derive(Clone)]
pub struct Ticket {
    /// Which connection.
    pub id: ConnectionId,
    secret: String,
}

impl ConnectionId {
    /// The name of these random bits.
    pub fn of(bits: [u8; 16]) -> ConnectionId {
        ConnectionId(hex(&bits))
    }
}

impl FromStr for ConnectionId {
    type Err = String;
    fn from_str(text: &str) -> Result<ConnectionId, String> {
        if is_hex(text, 32) { Ok(ConnectionId(text.to_owned())) } else { Err("not a connection's name".to_owned()) }
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = String;
    fn try_from(text: String) -> Result<ConnectionId, String> {
        text.parse()
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> String {
        id.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecretHash {
    /// The hash of a secret's text.
    pub fn of(secret: &str) -> SecretHash {
        SecretHash(hex(&Sha256::digest(secret)))
    }

    /// Whether it is the hash of this secret; how long that takes tells nothing.
    pub fn is_of(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(SecretHash::of(secret).0.as_bytes()).into()
    }
}

impl Ticket {
    /// A ticket of a connection with these random bits.
    pub fn new(id: ConnectionId, secret: [u8; 32]) -> Ticket {
        Ticket { id, secret: hex(&secret) }
    }

    /// Reads a ticket; `None` for anything else.
    pub fn parse(text: &str) -> Option<Ticket> {
        let (id, secret) = text.split_once('.')?;
        let id = id.parse().ok()?;
        is_hex(secret, 64).then(|| Ticket { id, secret: secret.to_owned() })
    }

    /// Returns the state that belongs to this link in the browser with this cookie. It is derived, so that a button pressed twice leads to
    /// Slack with the same state both times. Only a holder of both secrets can compute it.
    pub(super) fn state_in(&self, browser: &str) -> Ticket {
        let hash = Sha256::new().chain_update("slacktrail: the state of a link\0").chain_update(&self.secret);
        Ticket { id: self.id.clone(), secret: hex(&hash.chain_update(browser).finalize()) }
    }

    /// The hash that is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    /// Whether `hash` was stored of it.
    pub fn matches(&self, hash: &SecretHash) -> bool {
        hash.is_of(&self.secret)
    }

    /// The text that goes into a URL.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}, hidden)", self.id)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_token_survives_round_trip_and_hides_secret() {
        let ticket = Ticket::new(ConnectionId::of([7; 16]), [9; 32]);
        let again = Ticket::parse(&ticket.reveal()).unwrap();
        assert!(again.matches(&ticket.hash()) && again.id == ticket.id);
        assert!(!format!("{ticket:?}").contains("0909"), "{ticket:?}");
        assert!(!Ticket::new(ticket.id.clone(), [8; 32]).matches(&ticket.hash()));
    }

    #[test]
    fn malformed_one_time_token_is_rejected() {
        let good = Ticket::new(ConnectionId::of([0xab; 16]), [9; 32]).reveal();
        for wrong in
            ["", ".", "x", &good[1..], &good[..96], &good.to_uppercase(), &format!("{good}0"), &"0.".repeat(4000)]
        {
            assert!(Ticket::parse(wrong).is_none(), "{wrong}");
        }
    }
}
