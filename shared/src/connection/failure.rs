//! A step that came to nothing: what to show, what to log, whom it concerns.

use super::{ConnectionId, Refusal, RefusalKind};
use crate::source::SourceId;
use crate::trouble::Trouble;

/// A step that came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// What the browser is shown.
    pub refusal: Refusal,
    /// What the log is told besides.
    pub trouble: Option<Trouble>,
    /// The connection that the browser named, rightly or not.
    pub connection: Option<ConnectionId>,
    /// The source of that connection, if there is one.
    pub source: Option<SourceId>,
    /// Whether the connection is over, so that the browser's cookie is of no more use.
    pub is_over: bool,
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
        Failure { refusal, trouble: None, connection: None, source: None, is_over: false }
    }
}

/// A failure on our side.
impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure { trouble: Some(trouble.clone()), ..Refusal::ours(&trouble).into() }
    }
}
