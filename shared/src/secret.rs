//! Text that must never be seen: it cannot be printed, serialized or compared by accident.

use std::fmt;

/// A Slack token. `Debug` shows only that there is one; there is no `Display` and no `Serialize`.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(String);

impl Token {
    /// Takes a token as it was typed or stored, without the white space around it.
    ///
    /// # Errors
    /// Says what a token looks like, and not what came, when it is empty or has white space or control characters inside.
    pub fn new(text: &str) -> Result<Token, NotAToken> {
        let text = text.trim();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err(NotAToken);
        }
        Ok(Token(text.to_owned()))
    }

    /// The token itself, for the `Authorization` header and the secret store only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// What came is no token. It is not repeated, for it may be a secret all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the token is empty or holds characters that no Slack token has; a user token begins with `xoxp-`")]
pub struct NotAToken;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_nothing_of_itself() {
        let token = Token::new(" xoxp-1-secret\n").unwrap();
        assert_eq!(token.reveal(), "xoxp-1-secret");
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        assert!(!Token::new("xoxp-1 secret").unwrap_err().to_string().contains("secret"));
        assert!(Token::new("  ").is_err());
    }
}
