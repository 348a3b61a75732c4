//! The error type of all crates. Its kind says who must act.

use std::error::Error as StdError;
use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Slack returned the error or could not be reached.
    Slack,
    /// The bucket, the table, the secrets or the settings.
    Deployment,
}

/// An error with a code, a message and a hint.
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
    /// The next action.
    pub hint: String,
    /// The number of seconds that Slack asked to wait.
    pub retry_after_seconds: Option<i64>,
    /// Whether Slack certainly did not receive the call.
    pub is_unsent: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error that Slack caused.
    pub fn slack(
        kind: ErrorKind,
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error {
            kind,
            origin: Origin::Slack,
            code: code.into(),
            message: message.into(),
            hint: hint.into(),
            retry_after_seconds: None,
            is_unsent: false,
            cause: None,
        }
    }

    /// Creates an error that the deployment caused.
    pub fn deployment(
        kind: ErrorKind,
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error { origin: Origin::Deployment, ..Error::slack(kind, code, message, hint) }
    }

    /// Sets the underlying error, which `source()` returns.
    #[must_use]
    pub fn with_source(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { cause: Some(Arc::from(cause.into())), ..self }
    }

    /// Changes the kind to [`ErrorKind::Retry`].
    #[must_use]
    pub fn transient(self) -> Error {
        Error { kind: ErrorKind::Retry, ..self }
    }

    /// Marks the error as one of a call that Slack did not receive.
    #[must_use]
    pub fn unsent(self) -> Error {
        Error { is_unsent: true, ..self }
    }

    /// Replaces the hint.
    #[must_use]
    pub fn with_hint(self, hint: &str) -> Error {
        Error { hint: hint.to_owned(), ..self }
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
        fields.serialize_field("hint", &self.hint)?;
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
        let error =
            Error::deployment(ErrorKind::Investigate, "code", "a sentence", "look").transient().with_hint("wait");
        let Error { kind, origin, code, hint, .. } = &error;
        assert_eq!(
            (*kind, *origin, code.as_str(), hint.as_str()),
            (ErrorKind::Retry, Origin::Deployment, "code", "wait")
        );
        assert_eq!(error.to_string(), "a sentence");
        let error = serde_json::from_str::<u8>("\n \"secret\"").unwrap_err();
        assert_eq!(json_location(&error), "unexpected JSON at line 2, column 9");
    }
}
