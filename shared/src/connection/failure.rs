//! A step that came to nothing: what to show, what to log, whom it concerns.

use std::time::Duration;

use super::{Connection, ConnectionId, Refusal, RefusalKind, TokenEnd};
use crate::error::{Error, ErrorKind};
use crate::source::SourceId;

/// A step that came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// What the browser is shown.
    pub refusal: Refusal,
    /// What the log is told besides.
    pub error: Option<Error>,
    /// The connection; `None` unless the browser knew its secret. So nothing that a stranger makes up gets into a log or onto a page.
    pub connection: Option<ConnectionId>,
    /// The source of that connection, if there is one.
    pub source: Option<SourceId>,
    /// Whether the connection is over, so that the browser's cookie is of no more use.
    pub is_over: bool,
    /// What became of the token that Slack had granted by then, if any.
    pub token: Option<TokenEnd>,
}

impl Failure {
    /// One that ends the connection.
    pub(super) fn over(refusal: Refusal) -> Failure {
        Failure { is_over: true, ..refusal.into() }
    }

    /// One that leaves the connection as it was, which may be over already.
    pub(super) fn met(refusal: Refusal) -> Failure {
        Failure { is_over: matches!(refusal.kind, RefusalKind::Used | RefusalKind::Expired), ..refusal.into() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure { refusal, error: None, connection: None, source: None, is_over: false, token: None }
    }
}

impl Failure {
    /// A step that took longer than the function may.
    pub fn deadline_reached(source: Option<&SourceId>, limit: Duration) -> Failure {
        let source_words = source.map(|id| format!("source `{id}`")).unwrap_or_else(|| "a source".to_owned());
        let message = format!("connecting {source_words}: one step took more than {} seconds", limit.as_secs());
        let hint = "see AWS's and Slack's status pages, then connect again";
        let error = Error::deployment(ErrorKind::Retry, "deadline_reached", message, hint);
        Failure { error: Some(error), ..Refusal::deadline_reached(source).into() }
    }

    /// The same of a connection whose secret the browser knew.
    pub(super) fn of(self, connection: &Connection) -> Failure {
        Failure { connection: Some(connection.id.clone()), source: Some(connection.source.id.clone()), ..self }
    }
}

/// A failure on our side.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error: Some(error.clone()), ..Refusal::deployment(&error).into() }
    }
}
