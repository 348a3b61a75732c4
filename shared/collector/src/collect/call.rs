//! One call to Slack: its token, Slack's clock, and errors that only affect a part of the stream.

use super::Collector;
use super::page::OpenPage;
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::secret::Token;
use slacktrail_core::slack::{PageError, Request, Response};
use slacktrail_core::source::{LogType, SourceId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::Gap;
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::{CallAuth, CredentialStore, DayLogStore, DeploymentStore, Slack};

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    /// Calls Slack. If Slack rejects the token, reads the token from the store once, because the source may have been reconnected.
    pub(super) async fn call(&mut self, request: &Request) -> Result<OpenPage<'a>, Error> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => token_of(self.source, self.ports.credentials.credentials(&self.source.id).await?)?,
        };
        self.token = Some(token.clone());
        let page = self.call_with(request, &token).await?;
        if self.token_is_fresh || !self.refuses_token(&page) {
            return Ok(page);
        }
        let fresh = token_of(self.source, self.ports.credentials.reload_credentials(&self.source.id).await?)?;
        self.token_is_fresh = true;
        if token == fresh {
            return Ok(page);
        }
        self.token = Some(fresh.clone());
        if self.budget_exhausted() {
            return Err(token_replaced(&self.source.id));
        }
        self.call_with(request, &fresh).await
    }

    async fn call_with(&mut self, request: &Request, token: &Token) -> Result<OpenPage<'a>, Error> {
        self.report.calls += 1;
        let response = self.ports.slack.call(self.source, request, CallAuth::User(token)).await?;
        self.apply_server_clock(&response);
        OpenPage::open(request, response, self.limits.long_rows).await
    }

    /// Confirms an error from Slack that requires action, and returns it as transient if it is not confirmed.
    ///
    /// A proxy or a restart at Slack can answer a single call with such an error. It is confirmed if the previous tick met the same code and
    /// this tick has read no page. A rejected token is confirmed immediately if `auth.test` rejects it too. Errors from before a reconnect do
    /// not count, because they concern another token.
    pub(super) async fn confirm(&mut self, error: Error) -> Error {
        let health = &self.cursor.health;
        let is_repeated = self.report.pages == 0
            && health.code.as_deref() == Some(&error.code)
            && !health.is_before_connection(self.source);
        match (error.origin, error.kind) {
            _ if is_repeated => return error,
            (Origin::Slack, ErrorKind::Reauthorize) => {}
            (Origin::Slack, ErrorKind::Reconfigure | ErrorKind::Investigate) => {
                let hint = format!(
                    "wait for the next tick, which tries again; if Slack returns the error again: {}",
                    error.hint
                );
                return error.transient().with_hint(&hint);
            }
            _ => return error,
        }
        let Some(token) = self.token.clone() else { return error };
        let request = Request::auth_test();
        self.report.calls += 1;
        let response = self.ports.slack.call_whole(self.source, &request, CallAuth::User(&token)).await;
        let tested = response.and_then(|response| response.json::<serde::de::IgnoredAny>(&request, self.now));
        match tested {
            Err(refused) if refused.kind == ErrorKind::Reauthorize => error,
            _ => error.transient().with_hint(
                "wait for the next tick: Slack did not confirm that the token is invalid; if the error repeats, connect the source again",
            ),
        }
    }

    /// Limits the watermark and the re-read times to Slack's clock. Time that Slack has not reached yet is not collected, even if the local
    /// clock is ahead, now or when an earlier tick opened a gap and got no response.
    fn apply_server_clock<B>(&mut self, response: &Response<B>) {
        if let Some(slack_now) = response.date.map(Second::of) {
            self.report.update_clock_skew(self.now.since(slack_now));
        }
        let reached = response.slack_now(self.now);
        self.cursor.watermark = self.cursor.watermark.min(reached);
        self.cursor.rereads.iter_mut().for_each(|began| *began = reached.min(*began));
    }

    fn refuses_token(&self, page: &OpenPage<'_>) -> bool {
        matches!(page.page_error(self.now), Some(PageError::Error(error)) if error.kind == ErrorKind::Reauthorize)
    }

    /// Handles an error response to a page. Returns `true` if the gap, or its current workspace, is at its end in spite of the error.
    ///
    /// # Errors
    ///
    /// Returns the error if it affects the whole stream.
    pub(super) async fn is_passed_over<B>(
        &mut self,
        gap: &mut Gap,
        error: Error,
        response: &Response<B>,
    ) -> Result<bool, Error> {
        self.report.refused = Some(error.clone());
        // The local clock is ahead, so the range ends in Slack's future. Request only the part that Slack has reached.
        if let Some(date) = response.date.map(Second::of)
            && (self.stream.log, error.code.as_str()) == (LogType::Audit, "invalid_range")
            && date < gap.latest
        {
            gap.latest = date.max(gap.oldest);
            return Ok(date <= gap.oldest);
        }
        // Slack's documentation contradicts itself on whether an organization's token can read access logs without `team_id`.
        if self.stream.log == LogType::Access && error.code == "missing_argument" && self.may_read_by_workspace() {
            return self.read_by_workspace(gap).await;
        }
        self.skip_workspace(gap, error)
    }
}

/// Returns the error of a tick whose last call used a token that has been replaced, so that no call is left for the new token.
fn token_replaced(id: &SourceId) -> Error {
    Error::deployment(
        ErrorKind::Retry,
        "token_replaced",
        format!(
            "reading Slack's logs for source `{id}`: its token was replaced during this tick, which has no calls left"
        ),
        "nothing to do: the next tick uses the new token",
    )
}
