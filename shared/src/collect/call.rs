//! One call to Slack: the token, the clocks, and the refusals that are no trouble of the stream.

use super::Collector;
use crate::cursor::Gap;
use crate::ports::{Caller, CredentialStore, DayLogStore, DeploymentStore, Slack, StoredCredentials};
use crate::secret::Token;
use crate::slack::{Refusal, Reply, Request};
use crate::source::{LogType, Source, SourceId};
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

impl<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'_, S, D, T, K> {
    /// Makes a call. A refused token is read anew from its store once, for somebody may have connected the source again.
    pub(super) async fn call(&mut self, request: &Request) -> Result<Reply, Trouble> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => token_of(self.source, self.edges.credentials.credentials(&self.source.id).await?)?,
        };
        let reply = self.call_with(request, &token).await?;
        self.token = Some(token);
        if self.token_is_fresh || !self.refuses_token(request, &reply) {
            return Ok(reply);
        }
        let fresh = token_of(self.source, self.edges.credentials.fresh_credentials(&self.source.id).await?)?;
        self.token_is_fresh = true;
        if self.token.as_ref() == Some(&fresh) {
            return Ok(reply);
        }
        self.token = Some(fresh.clone());
        if self.is_spent() {
            return Err(token_replaced(&self.source.id));
        }
        self.call_with(request, &fresh).await
    }

    async fn call_with(&mut self, request: &Request, token: &Token) -> Result<Reply, Trouble> {
        self.report.calls += 1;
        let reply = self.edges.slack.call(self.source, request, Caller::User(token)).await?;
        self.heed_clock(&reply);
        Ok(reply)
    }

    /// Slack's clock decides how far we have come: time that has not yet been there is not collected and was not read again, whatever
    /// our clock says, or said when an earlier tick opened a gap and got no reply.
    fn heed_clock(&mut self, reply: &Reply) {
        if let Some(slack_now) = reply.date.map(Second::of) {
            self.report.note_clock(self.now.since(slack_now));
        }
        let reached = reply.slack_now(self.now);
        self.cursor.top = self.cursor.top.min(reached);
        self.cursor.rereads.iter_mut().for_each(|began| *began = reached.min(*began));
    }

    fn refuses_token(&self, request: &Request, reply: &Reply) -> bool {
        reply.may_be_an_error()
            && matches!(reply.page(request, self.now), Err(Refusal::Trouble(trouble)) if trouble.remedy == Remedy::Reauthorize)
    }

    /// Whether a gap, or the workspace that it is at, is through in spite of a trouble.
    ///
    /// # Errors
    /// The trouble, when it is one of the stream.
    pub(super) fn is_passed_over(&mut self, gap: &mut Gap, trouble: Trouble, reply: &Reply) -> Result<bool, Trouble> {
        // A range that ends in Slack's future, because our clock is ahead: what there is of it is asked for.
        if let Some(date) = reply.date.map(Second::of)
            && (self.stream.log, trouble.code.as_str()) == (LogType::Audit, "invalid_range")
            && date < gap.latest
        {
            gap.latest = date.max(gap.oldest);
            return Ok(date <= gap.oldest);
        }
        self.leave_workspace(gap, trouble)
    }
}

/// The tick's last call was made with a token that is no longer the source's: there is none left for the new one.
fn token_replaced(id: &SourceId) -> Trouble {
    Trouble::ours(
        Remedy::TryLater,
        "token_replaced",
        format!(
            "reading Slack's logs for source `{id}`: its token was replaced meanwhile, and this tick may make no further call"
        ),
        "nothing to do: the next tick uses the new token",
    )
}

/// The token among a source's credentials.
///
/// # Errors
/// [`Remedy::Reconfigure`] when there is none.
pub fn token_of(source: &Source, stored: Option<StoredCredentials>) -> Result<Token, Trouble> {
    let id = &source.id;
    let (code, what) = match stored {
        None => ("no_such_secret", "does not exist"),
        Some(StoredCredentials { credentials: None, .. }) => {
            ("unreadable_secret", "is not of the form {\"token\":\"xoxp-...\"}")
        }
        Some(StoredCredentials { credentials: Some(credentials), .. }) => match credentials.grant {
            Some(grant) => return Ok(grant.token),
            None => ("no_token", "holds no token: nobody has installed the app yet"),
        },
    };
    Err(Trouble::ours(
        Remedy::Reconfigure,
        code,
        format!("reading the secret of source `{id}`: it {what}"),
        format!(
            "connect the source (`slacktrail connect {id}`), or see whether `SECRET_PREFIX` is what the deployment says"
        ),
    ))
}
