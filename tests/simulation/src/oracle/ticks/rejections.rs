//! What a tick reports about a rejected token or cursor.

use slacktrail_core::health::State as Health;

use super::{Judge, at};

/// How much longer than Slack asked a stream may wait. The collector's clock may step back by this much meanwhile.
const CLOCK_STEP_SECONDS_MAX: i64 = 180;

impl Judge<'_> {
    /// Checks that a tick rejects a cursor with times of the year 2100 and reports it, and that it accepts a valid cursor.
    pub(super) fn tampering(&self) -> Option<String> {
        let (tampered, polled) = (self.facts.tampered.contains(&self.log), self.summary.polled);
        if tampered && polled && self.summary.code().is_none() {
            return Some(format!(
                "tampered: the cursor of {:?} contained the year 2100, and the tick reports no error",
                self.log
            ));
        }
        // A tick that was suspended for long compares the cursor with an old clock.
        let in_time = self.state.now.duration_since(self.facts.started).as_secs() < 500;
        (self.is_restarted() && !tampered && in_time)
            .then(|| format!("tampered: the tick rejected a valid cursor of {:?}", self.log))
    }

    /// Returns `true` if the tick rejected its cursor and restarts the stream.
    pub(super) fn is_restarted(&self) -> bool {
        let summary = self.summary;
        // An error of an earlier tick has no message.
        summary.polled && summary.error().is_some() && summary.code() == Some("corrupt_cursor")
    }

    /// Checks that a tick reports rejections: every call rejected, a revoked token, and a rejection that `auth.test` confirms.
    pub(super) fn rejections(&self) -> Option<String> {
        let (summary, own, shared, log) = (self.summary, self.own, &self.facts.shared, self.log);
        if !summary.polled {
            return None;
        }
        if own.calls > 0 && own.answered == 0 && summary.code().is_none() {
            return Some(format!("unanswered: Slack answered no call of {log:?}, and the tick reports no error"));
        }
        // A response to a shared call may concern another stream.
        let token_revoked = own.token_revoked || (shared.token_revoked && self.source.logs.len() == 1);
        if token_revoked && summary.code().is_none() {
            return Some(format!("unreported-error: the token of {log:?} is revoked, and the tick reports no error"));
        }
        let is_confirmed = own.token_revoked && shared.token_revoked && self.is_token_revoked() && self.quiescent;
        (is_confirmed && !self.is_by_workspace() && summary.state != Health::Reauthorize).then(|| {
            format!("unreported-error: `auth.test` confirms that the token of {log:?} is revoked, and the tick requires no new one")
        })
    }

    /// Returns `true` if Slack rejects the token now, and the collector cannot refresh it.
    fn is_token_revoked(&self) -> bool {
        let mut tokens = self.state.slack.settings().tokens.iter();
        self.state.credentials.is_empty() && tokens.next().is_some_and(|token| self.state.slack.refuses(&token.text))
    }

    /// Checks that a stream waits no longer than Slack asked.
    pub(super) fn wait(&self) -> Option<String> {
        let is_retry = matches!(self.summary.state, Health::Waiting | Health::Failing);
        // A cursor that cannot be read is an error of this tick.
        let waits = is_retry && !self.summary.polled && self.summary.error().is_none();
        let asked = self.watch().wait_until;
        let is_over = asked.is_none_or(|until| self.facts.clock.as_second() >= until + CLOCK_STEP_SECONDS_MAX);
        (waits && is_over)
            .then(|| format!("wait: {:?} waits, although Slack asked to wait until {:?}", self.log, asked.map(at)))
    }

    /// Checks that a single rejection does not count as a revoked token.
    pub(super) fn single_rejection(&self) -> Option<String> {
        let (own, shared) = (self.own, &self.facts.shared);
        // The simulation records at the time of the rejection whether the token is valid, because a revoked token may be valid again when
        // the tick ends.
        let honored = !own.token_revoked && !shared.token_revoked;
        let rejections = own.token_rejections + shared.token_rejections;
        // A page in this tick overrides the rejections of earlier ticks.
        let once = rejections == 1 && (own.pages > 0 || self.watch().rejections(self.facts.operations_before) == 1);
        (self.summary.polled
            && self.summary.state == Health::Reauthorize
            && honored
            && once
            && self.state.credentials.is_empty()
            && !self.is_by_workspace())
        .then(|| {
            format!("single-rejection: {:?} requires a new token after a single rejection of a valid one", self.log)
        })
    }
}
