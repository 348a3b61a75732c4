//! Decides how often an error must be met before it is reported. A single response may be a hiccup.

use super::StreamTick;
use crate::error::{Error, ErrorKind, Origin};

/// What an error of a tick needs before it is reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Confirmation {
    /// Nothing.
    None,
    /// `auth.test` must reject the token, too.
    AuthTest,
    /// The next tick must meet the error, too.
    NextTick,
}

impl StreamTick<'_> {
    /// Returns what an error that ended the walks needs before it is reported.
    ///
    /// A proxy or a restart at Slack can answer a single call with an error that requires action. It is confirmed if the previous tick met the
    /// same code and this tick has read no page. A rejected token is confirmed immediately if `auth.test` rejects it too. Errors from before a
    /// reconnect do not count, because they concern another token.
    pub fn confirmation(&self, error: &Error) -> Confirmation {
        match (error.origin, error.kind) {
            _ if self.is_repeated(error) => Confirmation::None,
            (Origin::Slack, ErrorKind::Reauthorize) => Confirmation::AuthTest,
            (Origin::Slack, ErrorKind::Reconfigure | ErrorKind::Investigate) => Confirmation::NextTick,
            _ => Confirmation::None,
        }
    }

    /// Returns `true` if the previous tick met the error, and this tick has read no page since.
    pub(super) fn is_repeated(&self, error: &Error) -> bool {
        let health = &self.cursor.health;
        self.outcome.counts.pages == 0
            && (health.origin, health.code.as_deref()) == (error.origin, Some(&error.code))
            && !health.started_before_connection(self.source)
    }
}
