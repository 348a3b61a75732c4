//! Secret text that cannot be printed, serialized or compared by accident.

use std::fmt;

/// Defines a type of secret text. Its `Debug` hides the text, and it implements neither `Display` nor `Serialize`.
macro_rules! hidden {
    ($(#[$doc:meta])* $name:ident, $error:ident: $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq)]
        pub struct $name(String);

        impl $name {
            /// Creates the secret from typed or stored text, without surrounding white space.
            ///
            /// # Errors
            ///
            /// Returns an error that does not contain the text if it is empty or contains white space, control or non-ASCII characters.
            pub fn new(text: &str) -> Result<$name, $error> {
                let text = text.trim();
                if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
                    return Err($error);
                }
                Ok($name(text.to_owned()))
            }

            /// Returns the text. Use it only for calls to Slack and for the secret store.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }

        /// The text is not a valid secret of this type. The error does not repeat it, because it may still be a secret.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
        #[error($message)]
        pub struct $error;
    };
}

hidden! {
    /// An access token or a refresh token of Slack.
    Token, NotAToken: "the token is empty or contains invalid characters; a user token starts with `xoxp-`"
}

hidden! {
    /// The client secret of a Slack app, which together with the client ID authenticates the app to Slack.
    ClientSecret, NotAClientSecret: "the client secret is empty or contains invalid characters; it has 32 hex digits and is on the app's page `Basic Information`"
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
