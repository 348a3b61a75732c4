//! One-time tokens: the ID of an authorization and a 256-bit secret. A link and an OAuth state each contain one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The length of a reference. Few authorizations exist at a time, so 32 bits distinguish them.
const REFERENCE_DIGITS: usize = 8;

/// The ID of an authorization: 128 random bits as 32 hex digits. It is not secret.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AuthorizationId(String);

/// The SHA-256 hash of a secret, as 64 hex digits. The secret has 256 random bits, so the hash cannot be reversed by guessing.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SecretHash(String);

/// The ID of an authorization and a secret: `<32 hex digits>.<64 hex digits>`. `Debug` shows only the ID.
#[derive(Clone)]
pub struct OneTimeToken {
    /// The ID of the authorization.
    pub id: AuthorizationId,
    secret: String,
}

impl AuthorizationId {
    /// Formats random bits as an ID.
    pub fn of(bits: [u8; 16]) -> AuthorizationId {
        AuthorizationId(hex(&bits))
    }

    /// Returns the reference by which the user of Slack and the operator name this authorization: the first eight digits of the ID. Pages,
    /// the log of the OAuth function and `slacktrail connect` show it.
    pub fn reference(&self) -> &str {
        &self.0[..REFERENCE_DIGITS]
    }
}

impl TryFrom<String> for AuthorizationId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<AuthorizationId, &'static str> {
        if is_hex(&text, 32) { Ok(AuthorizationId(text)) } else { Err("not the ID of an authorization") }
    }
}

impl fmt::Display for AuthorizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecretHash {
    /// Hashes a secret.
    pub fn of(secret: &str) -> SecretHash {
        SecretHash(hex(&Sha256::digest(secret)))
    }

    /// Returns `true` if this is the hash of `secret`. Compares in constant time.
    pub fn is_of(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(SecretHash::of(secret).0.as_bytes()).into()
    }
}

impl OneTimeToken {
    /// Creates a one-time token for an authorization from random bits.
    pub fn new(id: AuthorizationId, secret: [u8; 32]) -> OneTimeToken {
        OneTimeToken { id, secret: hex(&secret) }
    }

    /// Parses a one-time token. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<OneTimeToken> {
        let (id, secret) = text.split_once('.')?;
        let id = id.to_owned().try_into().ok()?;
        is_hex(secret, 64).then(|| OneTimeToken { id, secret: secret.to_owned() })
    }

    /// Returns the OAuth state for this link in the browser with this cookie. The state is derived, so that pressing the button twice sends
    /// the same state to Slack. Only the holder of both secrets can compute it.
    pub fn state_in(&self, browser: &str) -> OneTimeToken {
        let hash = Sha256::new().chain_update("slacktrail: the state of a link\0").chain_update(&self.secret);
        OneTimeToken { id: self.id.clone(), secret: hex(&hash.chain_update(browser).finalize()) }
    }

    /// Returns the hash to store.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    /// Returns `true` if `hash` is the hash of this token.
    pub fn matches(&self, hash: &SecretHash) -> bool {
        hash.is_of(&self.secret)
    }

    /// Returns the text for a URL.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneTimeToken({}, hidden)", self.id)
    }
}

/// Encodes bytes as lowercase hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns `true` if the text is exactly so many lowercase hex digits.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_token_survives_round_trip_and_hides_secret() {
        let token = OneTimeToken::new(AuthorizationId::of([7; 16]), [9; 32]);
        let again = OneTimeToken::parse(&token.reveal()).unwrap();
        assert!(again.matches(&token.hash()) && again.id == token.id);
        assert!(!format!("{token:?}").contains("0909"), "{token:?}");
        assert!(!OneTimeToken::new(token.id.clone(), [8; 32]).matches(&token.hash()));
    }

    #[test]
    fn reference_is_start_of_id_and_contains_no_secret() {
        let token = OneTimeToken::new(
            AuthorizationId::of([0x4f, 0x7a, 0x19, 0xc2, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7]),
            [9; 32],
        );
        assert_eq!(token.id.reference(), "4f7a19c2");
        assert!(token.id.to_string().starts_with(token.id.reference()));
    }

    #[test]
    fn malformed_one_time_token_is_rejected() {
        let good = OneTimeToken::new(AuthorizationId::of([0xab; 16]), [9; 32]).reveal();
        for wrong in
            ["", ".", "x", &good[1..], &good[..96], &good.to_uppercase(), &format!("{good}0"), &"0.".repeat(4000)]
        {
            assert!(OneTimeToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
