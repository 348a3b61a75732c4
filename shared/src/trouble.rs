//! The one error of the core, named by who must do what.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Who must do what about a trouble.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// Nobody: the next tick tries again, not before `Retry-After` if Slack gave one.
    TryLater,
    /// The source's owner connects it again: the token is refused.
    Reauthorize,
    /// Somebody changes a setting: of Slack (plan, scope, kind of installation) or of AWS (a name, a permission).
    Reconfigure,
    /// Somebody looks: an archive that is not what we wrote, a request that Slack calls wrong, a cursor from a newer version.
    Investigate,
}

impl Remedy {
    /// The word under which logs and alarms know the remedy.
    pub fn name(self) -> &'static str {
        match self {
            Remedy::TryLater => "try_later",
            Remedy::Reauthorize => "reauthorize",
            Remedy::Reconfigure => "reconfigure",
            Remedy::Investigate => "investigate",
        }
    }
}

/// Whose side a trouble is on: an invocation fails only for ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Slack answered so, or could not be reached.
    Slack,
    /// The bucket, the table, the secrets or the settings.
    Ours,
}

/// What went wrong, in one sentence that stands alone, with what to do.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Who must do what.
    pub remedy: Remedy,
    /// Whose side it is on.
    pub side: Side,
    /// Slack's error code, or one of ours; for alarms and for looking up in docs/operations.md.
    pub code: String,
    /// What was attempted, on which named thing, what was answered.
    pub message: String,
    /// The next action, in words.
    pub hint: String,
    /// How many seconds Slack asks us to wait.
    pub retry_after_seconds: Option<i64>,
    /// Whether it is certain that Slack did not receive the call.
    pub(crate) is_unsent: bool,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Trouble {
    /// A trouble on Slack's side.
    pub fn slack(
        remedy: Remedy,
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Trouble {
        Trouble {
            remedy,
            side: Side::Slack,
            code: code.into(),
            message: message.into(),
            hint: hint.into(),
            retry_after_seconds: None,
            is_unsent: false,
            cause: None,
        }
    }

    /// A trouble on our side.
    pub fn ours(
        remedy: Remedy,
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Trouble {
        Trouble { side: Side::Ours, ..Trouble::slack(remedy, code, message, hint) }
    }

    /// The same with the error that caused it, which `source()` returns.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Trouble {
        Trouble { cause: Some(Arc::from(cause.into())), ..self }
    }

    /// The same as an error that may pass by itself.
    #[must_use]
    pub(crate) fn transient(self) -> Trouble {
        Trouble { remedy: Remedy::TryLater, ..self }
    }

    /// The same of a call that Slack certainly did not receive.
    #[cfg(feature = "http")]
    #[must_use]
    pub(crate) fn unsent(self) -> Trouble {
        Trouble { is_unsent: true, ..self }
    }

    /// The same with another hint.
    #[must_use]
    pub(crate) fn with_hint(self, hint: &str) -> Trouble {
        Trouble { hint: hint.to_owned(), ..self }
    }

    /// The same with the seconds that Slack asks us to wait.
    #[must_use]
    pub fn after(self, seconds: Option<i64>) -> Trouble {
        Trouble { retry_after_seconds: seconds, ..self }
    }
}

/// Where a text is not the JSON that it should be. The parser's own words would repeat what they stumble over, of any length and
/// whatever it holds: a secret, or characters that steer a terminal.
pub(crate) fn place(error: &serde_json::Error) -> String {
    format!("its JSON is of another form at line {}, column {}", error.line(), error.column())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_its_message_and_changes_only_in_what_is_said() {
        let names = [Remedy::TryLater, Remedy::Reauthorize, Remedy::Reconfigure, Remedy::Investigate].map(Remedy::name);
        assert_eq!(names, ["try_later", "reauthorize", "reconfigure", "investigate"]);
        let trouble = Trouble::ours(Remedy::Investigate, "code", "a sentence", "look").transient().with_hint("wait");
        let Trouble { remedy, side, code, hint, .. } = &trouble;
        assert_eq!((*remedy, *side, code.as_str(), hint.as_str()), (Remedy::TryLater, Side::Ours, "code", "wait"));
        assert_eq!(trouble.to_string(), "a sentence");
        let error = serde_json::from_str::<u8>("\n \"secret\"").unwrap_err();
        assert_eq!(place(&error), "its JSON is of another form at line 2, column 9");
    }
}
