//! The part of the poller's response about a token that was due.

use serde::Serialize;

use crate::refresh::{RefreshFailure, RefreshOutcome};
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;

/// The outcome of refreshing a source's token.
#[derive(Debug, Serialize)]
pub struct TokenRefreshSummary {
    /// The source ID.
    pub source: SourceId,
    /// Whether the token was refreshed.
    pub refreshed: bool,
    /// The error, also if an implausible stored time forced the refresh.
    #[serde(flatten)]
    pub error: Option<Error>,
}

impl TokenRefreshSummary {
    /// Returns the summary of a token that was due, or `None` if it was not due.
    pub fn of(source: &SourceId, outcome: &Result<RefreshOutcome, RefreshFailure>) -> Option<TokenRefreshSummary> {
        let error = match outcome {
            Ok(RefreshOutcome::NotDue) => return None,
            Ok(RefreshOutcome::Refreshed { corrupt_field }) => corrupt_field.map(|field| corrupt(source, field)),
            Err(failure) => Some(failure.error.clone()),
        };
        Some(TokenRefreshSummary { source: source.clone(), refreshed: outcome.is_ok(), error })
    }
}

fn corrupt(source: &SourceId, field: &str) -> Error {
    Error::deployment(
        "corrupt_secret",
        format!(
            "reading the secret of source `{source}`: the time in `{field}` is implausible, so the token was refreshed immediately"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn token_refresh_is_reported_when_due() {
        let acme: SourceId = "acme".parse().unwrap();
        assert!(TokenRefreshSummary::of(&acme, &Ok(RefreshOutcome::NotDue)).is_none());
        let refreshed = TokenRefreshSummary::of(&acme, &Ok(RefreshOutcome::Refreshed { corrupt_field: None })).unwrap();
        assert_eq!((refreshed.refreshed, refreshed.error.is_some()), (true, false));
        let forced =
            TokenRefreshSummary::of(&acme, &Ok(RefreshOutcome::Refreshed { corrupt_field: Some("expires_at") }))
                .unwrap();
        let doubt = forced.error.unwrap();
        assert_eq!((forced.refreshed, doubt.code.as_str()), (true, "corrupt_secret"));
        assert!(doubt.message.contains("`expires_at`"));
        let error = Error::slack("not_revoked", "denied");
        let rejected = TokenRefreshSummary::of(&acme, &Err(RefreshFailure { error, token_expired: false })).unwrap();
        let shown = serde_json::to_value(rejected).unwrap();
        let expected = json!({"source": "acme", "refreshed": false, "code": "not_revoked", "message": "denied", "hint": "remove the app in Slack"});
        assert_eq!(shown, expected);
    }
}
