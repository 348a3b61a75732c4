//! Whose token it is: what Slack's `auth.test` tells, and what follows for the logs that can be read.

use serde::Deserialize;
use slacktrail_shared::ports::{Caller, Slack};
use slacktrail_shared::secret::Token;
use slacktrail_shared::slack::Request;
use slacktrail_shared::source::{LogType, Source};
use slacktrail_shared::time::Second;
use slacktrail_shared::trouble::Trouble;

use crate::failure::Failure;

/// Whose token it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(crate) struct Identity {
    /// The name of the workspace or organisation.
    #[serde(default)]
    pub(crate) team: String,
    /// Its id: `T...`, or `E...` of an organisation.
    #[serde(default)]
    pub(crate) team_id: String,
    #[serde(default)]
    is_enterprise_install: bool,
}

impl Identity {
    /// Asks Slack, which also verifies the token.
    ///
    /// # Errors
    /// When Slack refuses the token or cannot be asked.
    pub(crate) async fn ask<S: Slack>(
        slack: &S,
        source: &Source,
        token: &Token,
        now: Second,
    ) -> Result<Identity, Trouble> {
        let request = Request::auth_test();
        slack.call(source, &request, Caller::User(token)).await?.json(&request, now)
    }

    /// Whether the token belongs to a whole organisation.
    pub(crate) fn is_organisation(&self) -> bool {
        self.is_enterprise_install || self.team_id.starts_with('E')
    }

    /// The logs that such a token can read.
    pub(crate) fn logs(&self) -> &'static [LogType] {
        if self.is_organisation() { &LogType::ALL } else { &[LogType::Access, LogType::Integration] }
    }

    /// Checks that such a token can read these logs.
    ///
    /// # Errors
    /// When audit logs are asked for with a workspace's token.
    pub(crate) fn check_logs(&self, logs: &[LogType]) -> Result<(), Failure> {
        if logs.iter().all(|log| self.logs().contains(log)) {
            return Ok(());
        }
        let message = format!("the token is of the workspace {self}, and audit logs are the organisation's");
        Err(Failure::new(message).hint(
            "let the Org Owner install the app on the organisation, not on a workspace, and use the token of that; \
             or leave the audit log out",
        ))
    }

    /// Checks that a source stays what it was: rows of one workspace and of a whole organisation have other identities, so
    /// that what is stored would be stored again.
    ///
    /// # Errors
    /// When the one was an organisation's and the other is a workspace's.
    pub(crate) fn check_same_kind(&self, existing: &Source) -> Result<(), Failure> {
        let kind = |organisation| if organisation { "an organisation" } else { "a workspace" };
        if self.is_organisation() == existing.organisation {
            return Ok(());
        }
        let (was, is) = (kind(existing.organisation), kind(self.is_organisation()));
        let message = format!("source `{}` is {was}, and the token is of {is}: {self}", existing.id);
        Err(Failure::new(message).hint("use a token of the same Slack, or give this one a source id of its own"))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A name from outside must not steer the terminal.
        let name: String = self.team.chars().filter(|c| !c.is_control()).collect();
        let id: String = self.team_id.chars().filter(char::is_ascii_alphanumeric).collect();
        write!(f, "`{name}` ({id})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(json: &str) -> Identity {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_organisations_token_is_known_by_either_sign() {
        assert!(identity(r#"{"ok":true,"team_id":"E1"}"#).is_organisation());
        assert!(identity(r#"{"ok":true,"team_id":"T1","is_enterprise_install":true}"#).is_organisation());
        assert!(
            !identity(r#"{"ok":true,"team_id":"T1","is_enterprise_install":false,"enterprise_id":"E1"}"#)
                .is_organisation()
        );
    }

    #[test]
    fn a_workspaces_token_reads_no_audit_log() {
        let workspace = identity(r#"{"team":"Acme\u001b[31m","team_id":"T1"}"#);
        assert!(workspace.check_logs(&[LogType::Access, LogType::Integration]).is_ok());
        let failure = workspace.check_logs(&[LogType::Audit]).unwrap_err();
        assert!(failure.to_string().contains("`Acme[31m` (T1)"), "{failure}");
        assert!(failure.next_action().unwrap().contains("on the organisation"));
    }
}
