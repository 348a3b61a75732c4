//! The error of a request to the OAuth function: the page's text, the log's details, and the authorization.

use std::time::Duration;

use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;

use crate::{Authorization, AuthorizationId, ConnectError, ConnectErrorKind, TokenOutcome};

/// The error of a request to the OAuth function.
#[derive(Debug)]
pub struct CallbackError {
    /// The error that the page shows.
    pub connect_error: ConnectError,
    /// The underlying error, for the log.
    pub error: Option<Error>,
    /// The authorization, or `None` if the browser did not send its secret, so that invented IDs appear neither in the log nor on a page.
    pub authorization: Option<AuthorizationId>,
    /// The source of that authorization.
    pub source: Option<SourceId>,
    /// Whether the authorization has ended, so that the browser's cookie can be deleted.
    pub is_final: bool,
    /// The outcome of revoking the token, if Slack granted one.
    pub token: Option<TokenOutcome>,
}

impl CallbackError {
    /// Returns an error that ends the authorization.
    pub(super) fn terminal(connect_error: ConnectError) -> CallbackError {
        CallbackError { is_final: true, ..connect_error.into() }
    }

    /// Returns an error that leaves the authorization unchanged. The authorization may already have ended.
    pub(super) fn unchanged(connect_error: ConnectError) -> CallbackError {
        CallbackError {
            is_final: matches!(connect_error.kind, ConnectErrorKind::Used | ConnectErrorKind::Expired),
            ..connect_error.into()
        }
    }

    /// Returns the error of a step that exceeded its time limit.
    pub fn deadline_reached(source: Option<&SourceId>, limit: Duration) -> CallbackError {
        let source_label = source.map(|id| format!("source `{id}`")).unwrap_or_else(|| "a source".to_owned());
        let message = format!("connecting {source_label}: a step took more than {} seconds", limit.as_secs());
        let error = Error::deployment("deadline_reached", message);
        CallbackError { error: Some(error), ..ConnectError::deadline_reached(source).into() }
    }

    /// Adds the authorization and its source. Call this only if the browser sent the authorization's secret.
    pub(super) fn for_authorization(self, authorization: &Authorization) -> CallbackError {
        CallbackError {
            authorization: Some(authorization.id.clone()),
            source: Some(authorization.source.id.clone()),
            ..self
        }
    }

    /// Adds the outcome of revoking the token, and extends the hint with the remaining action.
    pub(super) fn with_token(self, outcome: TokenOutcome) -> CallbackError {
        CallbackError { connect_error: self.connect_error.with_token(outcome), token: Some(outcome), ..self }
    }
}

impl From<Error> for CallbackError {
    fn from(error: Error) -> CallbackError {
        CallbackError { error: Some(error.clone()), ..ConnectError::deployment(&error).into() }
    }
}

impl From<ConnectError> for CallbackError {
    fn from(connect_error: ConnectError) -> CallbackError {
        CallbackError { connect_error, error: None, authorization: None, source: None, is_final: false, token: None }
    }
}
