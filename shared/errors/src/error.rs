//! The error type of all crates. Its kind says who must act.

use std::error::Error as StdError;
use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::codes::{self, Place};

/// Who must act on an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// Nobody. The next tick tries again, but not before the end of `Retry-After`.
    Retry,
    /// The user must reconnect the source, because Slack rejected its token.
    Reauthorize,
    /// An administrator must change a setting, in Slack (plan, scope, installation type) or in AWS (name, permission).
    Reconfigure,
    /// The operator must find the cause, for example of a corrupt object, an invalid request, or a cursor of a newer version.
    Investigate,
}

impl ErrorKind {
    /// Returns the name of the kind in logs and alarms.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Retry => "retry",
            ErrorKind::Reauthorize => "reauthorize",
            ErrorKind::Reconfigure => "reconfigure",
            ErrorKind::Investigate => "investigate",
        }
    }
}

/// Whether Slack or the deployment caused an error. An invocation fails only because of the deployment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Slack returned the error or could not be reached.
    #[default]
    Slack,
    /// The bucket, the table, the secrets or the settings.
    Deployment,
}

impl Origin {
    /// Returns `true` if Slack caused the error.
    pub fn is_slack(&self) -> bool {
        *self == Origin::Slack
    }
}

/// An error with a code and a message. The code says what to do, in words that depend on the place that shows them ([`Error::hint`]).
#[derive(Clone, Debug)]
pub struct Error {
    /// Who must act.
    pub kind: ErrorKind,
    /// Whether Slack or the deployment caused the error.
    pub origin: Origin,
    /// Slack's or slacktrail's error code. docs/operations.md lists the codes.
    pub code: String,
    /// One sentence that names the operation, the resource and the cause.
    pub message: String,
    /// Whether Slack must return the error again before anybody acts.
    pub is_unconfirmed: bool,
    /// The ID of the source that the error concerns, for the commands in its hint.
    source_id: Option<String>,
    /// The number of seconds that Slack asked to wait.
    pub retry_after_seconds: Option<i64>,
    /// Whether Slack certainly did not receive the call.
    pub is_unsent: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error that Slack caused.
    pub fn slack(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(Origin::Slack, code.into(), message.into())
    }

    /// Creates an error that the deployment caused.
    pub fn deployment(code: impl Into<String>, message: impl Into<String>) -> Error {
        let code = code.into();
        debug_assert!(codes::is_of_deployment(&code), "`{code}` has no row in codes.rs");
        Error::new(Origin::Deployment, code, message.into())
    }

    /// Creates an error, for example from a stored code.
    pub fn new(origin: Origin, code: String, message: String) -> Error {
        Error {
            kind: codes::kind(origin, &code),
            origin,
            code,
            message,
            is_unconfirmed: false,
            source_id: None,
            retry_after_seconds: None,
            is_unsent: false,
            cause: None,
        }
    }

    /// Sets the source that the error concerns.
    #[must_use]
    pub fn of_source(self, id: impl Into<String>) -> Error {
        Error { source_id: Some(id.into()), ..self }
    }

    /// Returns the next action, in words for `place`. `source` is the ID of the source that the error concerns, unless the error itself knows it.
    pub fn hint(&self, place: Place, source: Option<&str>) -> String {
        codes::hint(self.origin, &self.code, self.is_unconfirmed, place, self.source_id.as_deref().or(source))
    }

    /// Sets the underlying error, which `source()` returns.
    #[must_use]
    pub fn with_source(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { cause: Some(Arc::from(cause.into())), ..self }
    }

    /// Marks the error as one that may be transient, so that nobody acts before Slack returns it again.
    #[must_use]
    pub fn unconfirmed(self) -> Error {
        Error { kind: ErrorKind::Retry, is_unconfirmed: true, ..self }
    }

    /// Marks the error as one of a call that Slack did not receive.
    #[must_use]
    pub fn unsent(self) -> Error {
        Error { is_unsent: true, ..self }
    }

    /// Returns the chain of underlying errors, as reported by the libraries, or `None` if there is none.
    pub fn causes(&self) -> Option<String> {
        let first = StdError::source(self);
        let causes: Vec<String> =
            successors(first, |cause| StdError::source(*cause)).map(ToString::to_string).collect();
        (!causes.is_empty()).then(|| causes.join(": "))
    }

    /// Sets the number of seconds that Slack asked to wait.
    #[must_use]
    pub fn with_retry_after(self, seconds: Option<i64>) -> Error {
        Error { retry_after_seconds: seconds, ..self }
    }
}

/// Describes where JSON is invalid, without the parser's own message. That would quote the input, which may be of any length and contain secrets
/// or control characters.
pub fn json_location(error: &serde_json::Error) -> String {
    format!("unexpected JSON at line {}, column {}", error.line(), error.column())
}

/// Serializes the code, the message, the hint and the chain of causes, as in the poller's response.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cause = self.causes();
        let mut fields = serializer.serialize_struct("Error", 3 + usize::from(cause.is_some()))?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint(Place::Poller, None))?;
        if let Some(cause) = cause {
            fields.serialize_field("cause", &cause)?;
        }
        fields.end()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_displays_its_message_and_keeps_other_fields() {
        let names = [ErrorKind::Retry, ErrorKind::Reauthorize, ErrorKind::Reconfigure, ErrorKind::Investigate]
            .map(ErrorKind::name);
        assert_eq!(names, ["retry", "reauthorize", "reconfigure", "investigate"]);
        let error = Error::deployment("aws_error", "a sentence");
        assert_eq!((error.kind, error.origin), (ErrorKind::Investigate, Origin::Deployment));
        let error = error.unconfirmed();
        assert_eq!((error.kind, error.is_unconfirmed, error.code.as_str()), (ErrorKind::Retry, true, "aws_error"));
        assert_eq!(error.to_string(), "a sentence");
        let error = serde_json::from_str::<u8>("\n \"secret\"").unwrap_err();
        assert_eq!(json_location(&error), "unexpected JSON at line 2, column 9");
    }
}
