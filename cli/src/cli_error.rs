//! The error of a command: a message, its causes, and a hint with the next action.

use std::error::Error as StdError;

use slacktrail_connect::ConnectError;
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;

use crate::interrupt;

/// The exit code for invalid arguments.
pub(crate) const USAGE_CODE: u8 = 2;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    /// The problem is transient or loses no data.
    Warning,
    /// The problem requires action.
    Error,
}

/// The error of a command, or a warning with the same parts.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    pub(crate) level: Level,
    message: String,
    hint: Option<String>,
    /// The exit code, or `None` for that of an error of the command.
    pub(crate) exit_code: Option<u8>,
    /// The original error, from which [`CliError::shown_at`] computes the hint, or `None` if the hint does not depend on the place.
    shown: Option<Box<Error>>,
    /// The texts of the causes, starting with the direct cause.
    pub(crate) causes: Vec<String>,
}

impl CliError {
    /// Creates an error. The message is one line in lowercase, without a period.
    pub(crate) fn new(message: impl Into<String>) -> CliError {
        CliError {
            level: Level::Error,
            message: message.into(),
            hint: None,
            exit_code: None,
            shown: None,
            causes: Vec::new(),
        }
    }

    /// Creates the error of an argument that the command cannot accept, but that is syntactically valid.
    pub(crate) fn invalid_argument(message: impl Into<String>) -> CliError {
        CliError { exit_code: Some(USAGE_CODE), ..CliError::new(message) }
    }

    /// Creates the error of a command that Ctrl-C ended.
    pub(crate) fn interrupted(message: impl Into<String>) -> CliError {
        CliError { exit_code: Some(interrupt::EXIT_CODE), ..CliError::new(message) }
    }

    /// Creates the error that shows `error` at `place`.
    pub(crate) fn at(place: Place, source: Option<&SourceId>, error: &Error) -> CliError {
        let hint = hint(place, source, error);
        CliError { causes: meaningful(causes(error)), ..CliError::new(&error.message).hint(hint) }
    }

    /// Returns the error with the hint for `place`, unless its hint does not depend on the place.
    #[must_use]
    pub(crate) fn shown_at(self, place: Place, source: Option<&SourceId>) -> CliError {
        match &self.shown {
            Some(error) => CliError { hint: Some(hint(place, source, error)), ..self },
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn with_level(self, level: Level) -> CliError {
        CliError { level, ..self }
    }

    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> CliError {
        CliError { hint: Some(hint.into()), shown: None, ..self }
    }

    #[must_use]
    pub(crate) fn with_source(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> CliError {
        CliError { causes: meaningful(with_causes(cause.into().as_ref())), ..self }
    }

    /// Adds the error that the command met first, with its causes.
    #[must_use]
    pub(crate) fn caused_by(self, first: CliError) -> CliError {
        CliError { causes: std::iter::once(first.message).chain(first.causes).collect(), ..self }
    }

    pub(crate) fn next_action(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> CliError {
        CliError { shown: Some(Box::new(error.clone())), ..CliError::at(Place::Command, None, &error) }
    }
}

fn hint(place: Place, source: Option<&SourceId>, error: &Error) -> String {
    let is_unreachable = || {
        let texts = causes(error);
        texts.iter().any(|text| text.contains("dns error") || text.contains("tcp connect error"))
    };
    match error.code.as_str() {
        "aws_unavailable" if place == Place::Command && is_unreachable() => UNREACHABLE.to_owned(),
        _ => error.hint(place, source.map(SourceId::as_str)),
    }
}

impl From<ConnectError> for CliError {
    fn from(connect_error: ConnectError) -> CliError {
        CliError::new(connect_error.message).hint(connect_error.hint)
    }
}

/// The hint if no connection to AWS can be opened.
pub(crate) const UNREACHABLE: &str =
    "check the network connection to AWS, the region, and `AWS_ENDPOINT_URL` if it is set";

/// Texts of the AWS SDK's errors that say nothing but that there is a cause.
const EMPTY_TEXTS: [&str; 11] = [
    "an error occurred while loading an access token",
    "an error occurred while loading credentials",
    "client error (Connect)",
    "dispatch failure",
    "dns error",
    "io error",
    "other",
    "service error",
    "tcp connect error",
    "the credential provider was not enabled",
    "unhandled error",
];

/// A word in the AWS SDK's texts that contain a whole request, and thereby perhaps a secret.
const REQUEST: &str = "SdkBody";

/// Returns the texts of an error and its causes without those that say nothing or too much.
fn meaningful(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().filter(|text| !EMPTY_TEXTS.contains(&text.as_str()) && !text.contains(REQUEST)).collect()
}

/// Returns an error and its causes on one line. Skips empty texts, and a cause that repeats the text of the error above it.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut texts = meaningful(with_causes(error));
    texts.dedup();
    texts.join(": ")
}

fn causes(error: &dyn StdError) -> Vec<String> {
    error.source().map(with_causes).unwrap_or_default()
}

/// Returns the text of an error and those of its causes.
fn with_causes(error: &dyn StdError) -> Vec<String> {
    std::iter::once(error.to_string()).chain(causes(error)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_keeps_message_hint_and_causes() {
        let io = std::io::Error::other("the disk is on fire");
        let cause = Error::deployment("aws_error", "b").with_source(io);
        let error = Error::deployment("no_space", "writing `a` failed").with_source(cause);
        let error = CliError::from(error);
        assert_eq!(error.to_string(), "writing `a` failed");
        assert_eq!(error.next_action(), Some("free some space, or choose a directory on another disk"));
        assert_eq!(error.causes, ["b", "the disk is on fire"]);
    }

    #[test]
    fn hint_of_converted_error_depends_on_place() {
        let error = || CliError::from(Error::deployment("corrupt_source", "reading source `acme`: it is malformed"));
        let hint = |error: CliError| error.next_action().unwrap().to_owned();
        let acme = "acme".parse().unwrap();
        assert!(hint(error()).contains("`slacktrail connect`"), "{:?}", error());
        assert!(hint(error().shown_at(Place::Command, Some(&acme))).contains("`slacktrail connect acme`"));
        assert!(
            hint(error().shown_at(Place::CommandWithToken, Some(&acme))).contains("`slacktrail pull acme --dir DIR`")
        );
        assert_eq!(hint(error().hint("wait").shown_at(Place::Command, None)), "wait");
    }
}
