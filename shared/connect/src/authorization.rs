//! An attempt to connect a source through OAuth, as it is stored, and its store.

use serde::{Deserialize, Serialize};
use slacktrail_core::error::Error;
use slacktrail_core::source::Source;
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};
use slacktrail_ports::{ReplaceOutcome, Version};

use crate::{AuthorizationId, ConnectError, ConnectReport, ConnectedTenant, OneTimeToken, SecretHash};

/// The time for which a link is valid, and within which Slack must redirect back after the link was used.
pub const LINK_TTL_SECONDS: i64 = 600;

/// One attempt to connect a source through OAuth. It contains hashes of secrets, but no secret.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// The ID, which is not secret.
    pub id: AuthorizationId,
    /// The source as it will be stored.
    pub source: Source,
    /// The client ID of the app to install.
    pub client_id: String,
    /// The tenants of the other sources when the link was created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ConnectedTenant>,
    /// Whether the user allows connecting a tenant that another source already collects from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allows_second_source: bool,
    /// When the link or the OAuth state expires.
    pub expires_at: Second,
    /// The hash of the link's secret. It is kept in every state, so that a wrong secret always gets the same response.
    pub grant: SecretHash,
    /// The browser that used the link; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// The state.
    pub state: AuthorizationState,
}

/// A browser that was redirected to Slack.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The hash of the OAuth state that Slack must return.
    pub state: SecretHash,
    /// The hash of the browser's cookie.
    pub browser: SecretHash,
    /// The redirect URL that was sent to Slack. The exchange must repeat it.
    pub redirect_url: String,
}

/// The state of an authorization.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationState {
    /// The link was created.
    LinkIssued,
    /// A browser used the link and was redirected to Slack.
    Started,
    /// The browser returned, and the grant is being verified.
    Verifying,
    /// The source is connected.
    Connected(Box<ConnectReport>),
    /// Connecting failed.
    Failed(ConnectError),
    /// `slacktrail connect` canceled it.
    Canceled,
}

impl Authorization {
    /// Creates an authorization of `source` by the app `client_id`, and the one-time token of its link. `id` and `secret` are random.
    pub fn new(
        id: [u8; 16],
        secret: [u8; 32],
        source: Source,
        client_id: &str,
        now: Second,
    ) -> (Authorization, OneTimeToken) {
        let link_token = OneTimeToken::new(AuthorizationId::of(id), secret);
        let authorization = Authorization {
            id: link_token.id.clone(),
            source,
            client_id: client_id.to_owned(),
            others: Vec::new(),
            allows_second_source: false,
            expires_at: now.plus(LINK_TTL_SECONDS),
            grant: link_token.hash(),
            visit: None,
            state: AuthorizationState::LinkIssued,
        };
        (authorization, link_token)
    }

    /// Returns this authorization in another state.
    #[must_use]
    pub fn with_state(&self, state: AuthorizationState) -> Authorization {
        Authorization { state, ..self.clone() }
    }

    /// Returns `true` if the link or the OAuth state has expired. An expiry later than slacktrail would set also counts as expired, because
    /// stored values are not trusted.
    pub fn is_expired(&self, now: Second) -> bool {
        now >= self.expires_at || self.expires_at.since(now) > LINK_TTL_SECONDS + CLOCK_SKEW_SECONDS
    }

    /// Encodes the authorization as JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an authorization holds only text and numbers")
    }
}

/// Stores authorizations.
pub trait AuthorizationStore {
    /// Reads an authorization, or returns `None` if it does not exist or was deleted.
    ///
    /// # Errors
    ///
    /// Returns an error if the store fails or the authorization is corrupt.
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error>;

    /// Replaces an authorization if its version is still `expected`, or creates it if `expected` is `None` and it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the store fails. The authorization may have been replaced even if this method returns an error.
    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error>;
}

/// Returns the name of the cookie that binds an authorization to a browser. Each authorization has its own cookie, so that concurrent ones do
/// not interfere. The prefix makes browsers require HTTPS, this host, and the path `/` (RFC 6265bis, 4.1.3.2).
pub fn cookie_name(authorization: &AuthorizationId) -> String {
    format!("__Host-slacktrail-{authorization}")
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::Plan;

    use super::*;

    #[test]
    fn stored_expiry_beyond_link_ttl_is_expired() {
        let now = Second::MARCH_2018;
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let authorization = Authorization::new([1; 16], [2; 32], source, "1.2", now).0;
        for (seconds, is_expired) in
            [(0, true), (1, false), (LINK_TTL_SECONDS, false), (1_200, false), (1_201, true), (2_000_000_000, true)]
        {
            let stored = Authorization { expires_at: now.plus(seconds), ..authorization.clone() };
            assert_eq!(stored.is_expired(now), is_expired, "{seconds}");
        }
    }
}
