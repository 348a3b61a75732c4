//! Identifies the owner of a token with Slack's `auth.test`, and checks which logs the token can read.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use slacktrail_connect::manifest::missing_scopes;
use slacktrail_core::error::Error;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Plan, Source, Tenant};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, Slack};

use crate::cli_error::CliError;
use crate::format::quoted;

/// The owner and the scopes of a token: the response of `auth.test`. A field whose type differs from Slack's documentation is ignored.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub(crate) struct Identity {
    /// The name of the workspace or organization.
    #[serde(deserialize_with = "or_default")]
    pub(crate) team: String,
    /// Its ID: `T...`, or `E...` for an organization.
    #[serde(deserialize_with = "or_default")]
    pub(crate) team_id: String,
    #[serde(deserialize_with = "or_default")]
    enterprise_id: String,
    /// The ID of the user: `U...` or `W...`.
    #[serde(deserialize_with = "or_default")]
    pub(crate) user_id: String,
    #[serde(deserialize_with = "or_default")]
    is_enterprise_install: bool,
    /// The scopes of the token, if Slack reports them in a header.
    #[serde(skip)]
    pub(crate) scopes: Option<Vec<String>>,
}

fn or_default<'a, D: Deserializer<'a>, T: DeserializeOwned + Default>(field: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(field)?).unwrap_or_default())
}

impl Identity {
    /// Calls `auth.test`, which also verifies the token.
    pub(crate) async fn ask<S: Slack>(
        slack: &S,
        source: &Source,
        token: &Token,
        now: Second,
    ) -> Result<Identity, Error> {
        let request = Request::auth_test();
        let response = slack.call_whole(source, &request, CallAuth::User(token)).await?;
        let identity: Identity = response.json(&request, now)?;
        let scopes = response.scopes.as_deref().filter(|scopes| !scopes.trim().is_empty());
        let scopes = scopes.map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect());
        Ok(Identity { scopes, ..identity })
    }

    /// Returns the workspace or organization of the token.
    pub(crate) fn tenant(&self) -> Tenant {
        let enterprise = self.organization_id().filter(|_| self.is_enterprise_install);
        Tenant { id: enterprise.unwrap_or(&self.team_id).to_owned(), name: self.team.clone() }
    }

    /// Returns the ID of the organization: the tenant itself, or the one that the workspace belongs to. `None` if Slack names none.
    pub(crate) fn organization_id(&self) -> Option<&str> {
        Some(self.enterprise_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Returns `true` if the token belongs to an organization.
    pub(crate) fn is_organization(&self) -> bool {
        self.is_enterprise_install || self.team_id.starts_with('E')
    }

    /// Returns the logs that a token of this kind can read.
    pub(crate) fn logs(&self) -> &'static [LogType] {
        Plan::of_token(self.is_organization()).logs()
    }

    /// Checks that a token of this kind can read `logs`.
    pub(crate) fn check_logs(&self, logs: &[LogType]) -> Result<(), CliError> {
        if logs.iter().all(|log| self.logs().contains(log)) {
            return Ok(());
        }
        let message =
            format!("the token belongs to the workspace {self}, but audit logs require an organization's token");
        Err(CliError::new(message).hint(
            "ask the Org Owner to install the app on the organization, not on a workspace, and use that token; \
             or collect only access and integration logs (`--logs access,integration`)",
        ))
    }

    /// Checks that the token has the scopes for `logs`, if Slack reports its scopes.
    pub(crate) fn check_scopes(&self, logs: &[LogType]) -> Result<(), CliError> {
        let Some(granted) = &self.scopes else { return Ok(()) };
        let missing = missing_scopes(logs, granted);
        if missing.is_empty() {
            return Ok(());
        }
        let scopes = if missing.len() == 1 { "scope" } else { "scopes" };
        let missing = quoted(missing, ", ");
        Err(CliError::new(format!("the token lacks the user {scopes} {missing}")).hint(format!(
            "add {missing} to the app's User Token Scopes, install the app again, and use its new token"
        )))
    }

    /// Checks that the token belongs to the tenant of the existing source. Otherwise the records of two tenants would be mixed, or the same
    /// records would be stored again under other IDs.
    pub(crate) fn check_same_tenant(&self, existing: &Source) -> Result<(), CliError> {
        let kind = |organization| if organization { "an organization" } else { "a workspace" };
        let message = match &existing.tenant {
            Some(was) if was.id == self.tenant().id => return Ok(()),
            Some(was) => format!("source `{}` collects from {was}, but the token belongs to {self}", existing.id),
            None if self.is_organization() == existing.organization => return Ok(()),
            None => format!(
                "source `{}` is {}, but the token belongs to {}: {self}",
                existing.id,
                kind(existing.organization),
                kind(self.is_organization())
            ),
        };
        Err(CliError::new(message)
            .hint("use a token of the same workspace or organization, or use another source ID for this token"))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tenant().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(json: &str) -> Identity {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn organization_token_is_recognized_by_either_field() {
        assert!(identity(r#"{"ok":true,"team_id":"E1"}"#).is_organization());
        assert!(identity(r#"{"ok":true,"team_id":"T1","is_enterprise_install":true}"#).is_organization());
        assert!(
            !identity(r#"{"ok":true,"team_id":"T1","is_enterprise_install":false,"enterprise_id":"E1"}"#)
                .is_organization()
        );
    }

    #[test]
    fn token_fields_of_wrong_type_are_ignored() {
        let ignored =
            identity(r#"{"team":null,"team_id":"T1","enterprise_id":false,"user_id":[],"is_enterprise_install":"1"}"#);
        assert_eq!(ignored, identity(r#"{"team_id":"T1"}"#));
    }

    #[test]
    fn workspace_token_cannot_read_audit_log() {
        let workspace = identity(r#"{"team":"Acme\u001b[31m","team_id":"T1"}"#);
        assert!(workspace.check_logs(&[LogType::Access, LogType::Integration]).is_ok());
        let error = workspace.check_logs(&[LogType::Audit]).unwrap_err();
        assert!(error.to_string().contains("`Acme[31m` (T1)"), "{error}");
        assert!(error.next_action().unwrap().contains("on the organization"));
    }

    #[test]
    fn source_stays_bound_to_its_tenant() {
        let source = |organization, tenant: Option<&str>| Source {
            organization,
            tenant: tenant.map(|id| Tenant { id: id.to_owned(), name: "Acme".to_owned() }),
            ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
        };
        let organization =
            identity(r#"{"team":"New","team_id":"T1","enterprise_id":"E1","is_enterprise_install":true}"#);
        let workspace = identity(r#"{"team":"New","team_id":"T1","enterprise_id":"E1"}"#);
        for (identity, source, expected) in [
            (&organization, source(true, Some("E1")), None),
            (&organization, source(true, None), None),
            (&workspace, source(false, Some("T1")), None),
            (
                &workspace,
                source(false, Some("T2")),
                Some("`acme` collects from `Acme` (T2), but the token belongs to `New` (T1)"),
            ),
            (
                &organization,
                source(false, Some("T1")),
                Some("`acme` collects from `Acme` (T1), but the token belongs to `New` (E1)"),
            ),
            (
                &workspace,
                source(true, None),
                Some("`acme` is an organization, but the token belongs to a workspace: `New` (T1)"),
            ),
        ] {
            let message = identity.check_same_tenant(&source).err().map(|error| error.to_string());
            assert_eq!(message, expected.map(|text| format!("source {text}")));
        }
    }

    #[test]
    fn missing_scopes_are_named_if_slack_reports_scopes() {
        let with = |scopes: &[&str]| Identity {
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            ..identity(r#"{"team_id":"E1"}"#)
        };
        assert!(with(&["identify", "admin", "auditlogs:read"]).check_scopes(&LogType::ALL).is_ok());
        assert!(identity(r#"{"team_id":"E1"}"#).check_scopes(&LogType::ALL).is_ok());
        let error = with(&["admin"]).check_scopes(&LogType::ALL).unwrap_err();
        assert_eq!(error.to_string(), "the token lacks the user scope `auditlogs:read`");
        let error = with(&[]).check_scopes(&LogType::ALL).unwrap_err();
        assert_eq!(error.to_string(), "the token lacks the user scopes `auditlogs:read`, `admin`");
    }
}
