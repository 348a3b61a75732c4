//! Text that must never be seen: it cannot be printed, serialized or compared by accident.

use std::fmt;

/// A type of text whose `Debug` shows only that there is one; without `Display` and without `Serialize`.
macro_rules! hidden {
    ($(#[$doc:meta])* $name:ident, $error:ident: $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq)]
        pub struct $name(String);

        impl $name {
            /// Takes it as it was typed or stored, without the white space around it.
            ///
            /// # Errors
            /// Says what it looks like, and not what came, when it is empty or has white space, control or foreign characters inside.
            pub fn new(text: &str) -> Result<$name, $error> {
                let text = text.trim();
                if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
                    return Err($error);
                }
                Ok($name(text.to_owned()))
            }

            /// The text itself, for the call to Slack and the secret store only.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }

        /// What came is not such a text. It is not repeated, for it may be a secret all the same.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
        #[error($message)]
        pub struct $error;
    };
}

hidden! {
    /// A Slack token: one to call with, or one to refresh that with.
    Token, NotAToken: "the token is empty or holds characters that no Slack token has; a user token begins with `xoxp-`"
}

hidden! {
    /// The secret of a Slack app, which with its client id proves to Slack that we are the app.
    ClientSecret, NotAClientSecret: "the client secret is empty or holds characters that none has; it is 32 hex digits on the app's page `Basic Information`"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_debug_output_hides_secret() {
        let token = Token::new(" xoxp-1-secret\n").unwrap();
        assert_eq!(token.reveal(), "xoxp-1-secret");
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        assert!(!Token::new("xoxp-1 secret").unwrap_err().to_string().contains("secret"));
        assert!(Token::new("  ").is_err());
        assert_eq!(format!("{:?}", ClientSecret::new("hush").unwrap()), "ClientSecret(hidden)");
    }
}
