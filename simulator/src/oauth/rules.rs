//! Rules for OAuth behavior that the documentation leaves open.

use jiff::SignedDuration;

/// The rules. The defaults are the most likely behavior.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a refresh token still works after its use. Slack does not document the length of this grace period.
    pub refresh_grace: SignedDuration,
    /// The response to a used refresh token in its grace period.
    pub grace_reuse: GraceReuse,
    /// The JSON value of `token_type` in the response to a refresh. An empty text omits the field. `None` returns the documented value.
    pub refreshed_token_type: Option<&'static str>,
}

/// The response to a refresh token that is used again in its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraceReuse {
    /// The same pair as before, or a new pair if that access token is no longer valid.
    SamePair,
    /// A new pair, which counts toward the limit of two valid access tokens.
    NewPair,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            refresh_grace: SignedDuration::from_secs(120),
            grace_reuse: GraceReuse::SamePair,
            refreshed_token_type: None,
        }
    }
}
