//! The one error of the core, named by who must do what.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Who must do what about an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// Nobody: the next tick tries again, not before `Retry-After` if Slack gave one.
    Retry,
    /// The source's owner connects it again: the token is refused.
    Reauthorize,
    /// Somebody changes a setting: of Slack (plan, scope, kind of installation) or of AWS (a name, a permission).
    Reconfigure,
    /// Somebody looks: an archive that is not what we wrote, a request that Slack calls wrong, a cursor from a newer version.
    Investigate,
}

impl ErrorKind {
    /// The word under which logs and alarms know the remedy.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Retry => "retry",
            ErrorKind::Reauthorize => "reauthorize",
            ErrorKind::Reconfigure => "reconfigure",
            ErrorKind::Investigate => "investigate",
        }
    }
}

/// Whose side an error is on: an invocation fails only for ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Slack answered so, or could not be reached.
    Slack,
    /// The bucket, the table, the secrets or the settings.
    Deployment,
}

/// What went wrong, in one sentence that stands alone, with what to do.
#[derive(Clone, Debug)]
pub struct Error {
    /// Who must do what.
    pub kind: ErrorKind,
    /// Whose side it is on.
    pub origin: Origin,
    /// Slack's error code, or one of ours; for alarms and for looking up in docs/operations.md.
    pub code: String,
    /// What was attempted, on which named thing, what was answered.
    pub message: String,
    /// The next action, in words.
    pub hint: String,
    /// How many seconds Slack asks us to wait.
    pub retry_after_seconds: Option<i64>,
    /// Whether it is certain that Slack did not receive the call.
    pub is_unsent: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error on Slack's side.
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

    /// An error on our side.
    pub fn deployment(
        kind: ErrorKind,
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error { origin: Origin::Deployment, ..Error::slack(kind, code, message, hint) }
    }

    /// The same with the error that caused it, which `source()` returns.
    #[must_use]
    pub fn with_source(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { cause: Some(Arc::from(cause.into())), ..self }
    }

    /// The same as an error that may pass by itself.
    #[must_use]
    pub fn transient(self) -> Error {
        Error { kind: ErrorKind::Retry, ..self }
    }

    /// The same of a call that Slack certainly did not receive.
    #[must_use]
    pub fn unsent(self) -> Error {
        Error { is_unsent: true, ..self }
    }

    /// The same with another hint.
    #[must_use]
    pub fn with_hint(self, hint: &str) -> Error {
        Error { hint: hint.to_owned(), ..self }
    }

    /// The same with the seconds that Slack asks us to wait.
    #[must_use]
    pub fn with_retry_after(self, seconds: Option<i64>) -> Error {
        Error { retry_after_seconds: seconds, ..self }
    }
}

/// Where a text is not the JSON that it should be. The parser's own words would repeat what they stumble over, of any length and
/// whatever it holds: a secret, or characters that steer a terminal.
pub fn json_location(error: &serde_json::Error) -> String {
    format!("its JSON is of another form at line {}, column {}", error.line(), error.column())
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
        assert_eq!(json_location(&error), "its JSON is of another form at line 2, column 9");
    }
}
