//! One call to Slack, with a token that may have been replaced, and the list of an organization's workspaces.

use super::Collector;
use super::page::OpenPage;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::secret::Token;
use slacktrail_core::slack::{LIST_PAGES_MAX, PageError, Request, list_error, workspace_id};
use slacktrail_core::source::SourceId;
use slacktrail_core::stream::Confirmation;
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::{CallAuth, CredentialStore, DayLogStore, DeploymentStore, Slack};

/// Maximum entries in the list of workspaces. This is the requested page size times the maximum number of pages.
const LISTED_MAX: usize = 10_000;

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

    /// Confirms an error from Slack that requires action, and returns it as transient if it is not confirmed.
    pub(super) async fn confirm(&mut self, error: Error) -> Error {
        let hint = match self.tick.confirmation(&error) {
            Confirmation::AuthTest if !self.rejects_token_again().await => {
                "wait for the next tick: Slack did not confirm that the token is invalid; if the error repeats, connect the source again"
                    .to_owned()
            }
            Confirmation::NextTick => {
                let hint = &error.hint;
                format!("wait for the next tick, which tries again; if Slack returns the error again: {hint}")
            }
            Confirmation::None | Confirmation::AuthTest => return error,
        };
        error.transient().with_hint(&hint)
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
        if self.tick.needs_workspaces() {
            let (ids, without_id) = self.list_workspaces().await?;
            self.tick.update_workspaces(ids, without_id);
        }
        Ok(())
    }

    /// Returns the IDs of the workspaces, and the number of entries without an ID.
    async fn list_workspaces(&mut self) -> Result<(Vec<String>, usize), Error> {
        let (mut ids, mut without_id) = (Vec::new(), 0);
        let mut page_cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let request = Request::workspaces(page_cursor.as_deref());
            let mut page = self.call(&request).await?;
            while page.advance().await? {
                match workspace_id(&page.row().json) {
                    Some(id) => ids.push(id),
                    None => without_id += 1,
                }
                if ids.len() + without_id > LISTED_MAX {
                    return Err(list_error("it has more than 10,000 workspaces"));
                }
            }
            let end = page.end(self.now).map_err(|page_error| match page_error {
                PageError::Error(error) => error,
                PageError::StalePageCursor | PageError::NoSuchPage => list_error("Slack rejected its page cursor"),
            })?;
            if end.next.is_some() && end.next == page_cursor {
                return Err(list_error("its page cursor leads to the same page"));
            }
            page_cursor = end.next;
            if page_cursor.is_none() {
                if ids.is_empty() && without_id > 0 {
                    return Err(list_error("no workspace in it has an ID"));
                }
                ids.sort_unstable();
                ids.dedup();
                return Ok((ids, without_id));
            }
        }
        Err(list_error("it has more than 10 pages"))
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
