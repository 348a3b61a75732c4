//! Why a command did not do what was asked: one sentence, what caused it, and the next action.

use std::error::Error as StdError;

use slacktrail_core::authorization::ConnectError;
use slacktrail_core::error::Error;

use crate::hints;

/// The error of a command, or a warning of the same form.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    message: String,
    hint: Option<String>,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl CliError {
    /// An error with this message: one line in lower case, without a period.
    pub(crate) fn new(message: impl Into<String>) -> CliError {
        CliError { message: message.into(), hint: None, cause: None }
    }

    /// The same with the next action.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> CliError {
        CliError { hint: Some(hint.into()), ..self }
    }

    /// The same with what caused it.
    #[must_use]
    pub(crate) fn with_source(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> CliError {
        CliError { cause: Some(cause.into()), ..self }
    }

    /// The next action.
    pub(crate) fn next_action(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What caused it, what caused that, and so on.
    pub(crate) fn causes(&self) -> Vec<String> {
        causes(self)
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> CliError {
        let hint = hints::of_command(&error);
        let cause = causes(&error).into_iter().rev().fold(None, |below, text| Some(Box::new(Cause { text, below })));
        CliError { message: error.message, hint, cause: cause.map(|cause| cause as Box<dyn StdError + Send + Sync>) }
    }
}

impl From<ConnectError> for CliError {
    fn from(connect_error: ConnectError) -> CliError {
        CliError::new(connect_error.message).hint(connect_error.hint)
    }
}

/// Returns an error and its causes in one line. What a cause repeats of the error above it is left out.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut texts = vec![error.to_string()];
    texts.extend(causes(error));
    texts.dedup();
    texts.join(": ")
}

fn causes(error: &dyn StdError) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts
}

/// A cause whose text was taken out of an error that is gone.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Cause {
    text: String,
    #[source]
    below: Option<Box<Cause>>,
}

#[cfg(test)]
mod tests {
    use slacktrail_core::error::ErrorKind;

    use super::*;

    #[test]
    fn error_keeps_message_hint_and_causes() {
        let io = std::io::Error::other("the disk is on fire");
        let error = Error::deployment(ErrorKind::Reconfigure, "x", "writing `a` failed", "wait")
            .with_source(CliError::new("b").with_source(io));
        let error = CliError::from(error);
        assert_eq!(error.to_string(), "writing `a` failed");
        assert_eq!(error.next_action(), Some("wait"));
        assert_eq!(error.causes(), ["b", "the disk is on fire"]);
    }
}
