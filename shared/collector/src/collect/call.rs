//! One call to Slack, with a token that may have been replaced, and the list of an organization's workspaces.

use super::Collector;
use super::page::OpenPage;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::{PageError, Request, WorkspaceListing};
use slacktrail_core::source::SourceId;
use slacktrail_core::stream::Confirmation;
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, CredentialStore, DayLogStore, DeploymentStore, Slack};

/// The token of the tick's calls.
pub(super) struct TokenInUse {
    token: Token,
    /// Whether it was read from the store after Slack had rejected another one.
    is_fresh: bool,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    /// Calls Slack. If Slack rejects the token, reads the token from the store once, because the source may have been reconnected.
    pub(super) async fn call(&mut self, request: &Request) -> Result<OpenPage<'a>, Error> {
        let (token, is_fresh) = match &self.token {
            Some(in_use) => (in_use.token.clone(), in_use.is_fresh),
            None => (token_of(self.source, self.ports.credentials.credentials(&self.source.id).await?)?, false),
        };
        self.token = Some(TokenInUse { token: token.clone(), is_fresh });
        let page = self.call_with(request, &token).await?;
        if is_fresh || !self.refuses_token(&page) {
            return Ok(page);
        }
        let fresh = token_of(self.source, self.ports.credentials.reload_credentials(&self.source.id).await?)?;
        let is_same = token == fresh;
        self.token = Some(TokenInUse { token: fresh.clone(), is_fresh: true });
        if is_same {
            return Ok(page);
        }
        if self.budget_exhausted() {
            return Err(token_replaced(&self.source.id));
        }
        drop(page); // it may hold the lock of long rows, which the next page needs
        self.call_with(request, &fresh).await
    }

    async fn call_with(&mut self, request: &Request, token: &Token) -> Result<OpenPage<'a>, Error> {
        self.tick.counts().calls += 1;
        let response = self.ports.slack.call(self.source, request, CallAuth::User(token)).await?;
        self.tick.apply_server_clock(&response);
        OpenPage::open(request, response, self.limits.long_rows).await
    }

    fn refuses_token(&self, page: &OpenPage<'_>) -> bool {
        matches!(page.page_error(self.now), Some(PageError::Error(error)) if error.kind == ErrorKind::Reauthorize)
    }

    /// Confirms an error from Slack that requires action, and otherwise returns it as unconfirmed.
    pub(super) async fn confirm(&mut self, error: Error) -> Error {
        match self.tick.confirmation(&error) {
            Confirmation::None => error,
            Confirmation::AuthTest if self.rejects_token_again().await => error,
            Confirmation::AuthTest | Confirmation::NextTick => error.unconfirmed(),
        }
    }

    /// Returns `true` if `auth.test` rejects the token, too, or if there is none.
    async fn rejects_token_again(&mut self) -> bool {
        let Some(in_use) = &self.token else { return true };
        let request = Request::auth_test();
        self.tick.counts().calls += 1;
        let response = self.ports.slack.call_whole(self.source, &request, CallAuth::User(&in_use.token)).await;
        let tested = response.and_then(|response| response.json::<serde::de::IgnoredAny>(&request, self.now));
        matches!(tested, Err(refused) if refused.kind == ErrorKind::Reauthorize)
    }

    /// Reads the list of the organization's workspaces if that is due.
    pub(super) async fn list_workspaces_if_due(&mut self) -> Result<(), Error> {
        if !self.tick.needs_workspaces() {
            return Ok(());
        }
        let mut listing = WorkspaceListing::default();
        loop {
            let mut page = self.call(&listing.request()).await?;
            while page.advance().await? {
                listing.add(&page.row().json)?;
            }
            let end = page.end(self.now).map_err(WorkspaceListing::page_error)?;
            if let Some(list) = listing.end_page(end.next)? {
                self.tick.update_workspaces(list);
                return Ok(());
            }
        }
    }
}

/// Returns the error of a tick whose last call used a token that has been replaced, so that no call is left for the new token.
fn token_replaced(id: &SourceId) -> Error {
    Error::deployment(
        "token_replaced",
        format!(
            "reading Slack's logs for source `{id}`: its token was replaced during this tick, which has no calls left"
        ),
    )
}
