//! The secrets with the credentials of the sources.

use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::{CredentialStore, ReplaceOutcome, SecretVersion, StoredCredentials};

use super::SimulatedPorts;
use crate::simulated_world::{Part, State};

impl CredentialStore for SimulatedPorts {
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.query(Part::Secrets, || "credentials".to_owned(), |state| state.stored_credentials(source)).await
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.query(Part::Secrets, || "reload credentials".to_owned(), |state| state.stored_credentials(source)).await
    }

    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        let text = credentials.encode();
        // As in Secrets Manager, repeating a request that was applied is no second write.
        let mut applied = None;
        self.operate(
            Part::Secrets,
            || format!("replace credentials after {expected:?}"),
            |state| {
                let present = state.stored_credentials(source).map(|stored| stored.version);
                if applied.is_some() && present == applied {
                    return ReplaceOutcome::Replaced(present.expect("the credentials were written"));
                }
                if present.as_ref() != expected {
                    return ReplaceOutcome::Conflict;
                }
                let number = state.credentials.get(source).map_or(0, |(number, _)| *number) + 1;
                state.credentials.insert(source.clone(), (number, Some(text.clone())));
                applied = Some(SecretVersion(number.to_string()));
                ReplaceOutcome::Replaced(SecretVersion(number.to_string()))
            },
        )
        .await
    }

    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error> {
        self.operate(
            Part::Secrets,
            || "delete credentials".to_owned(),
            |state| {
                let number = state.credentials.get(source).map_or(0, |(number, _)| *number);
                state.credentials.insert(source.clone(), (number, None));
            },
        )
        .await
    }
}

impl State {
    /// Returns the stored credentials. A source without any uses the first token of the simulated Slack.
    fn stored_credentials(&self, source: &SourceId) -> Option<StoredCredentials> {
        let (number, text) = match self.credentials.get(source) {
            Some((number, text)) => (*number, text.clone()?),
            None => (0, format!("{{\"token\":\"{}\"}}", self.slack.settings().tokens.first()?.text)),
        };
        Some(StoredCredentials { version: SecretVersion(number.to_string()), credentials: Credentials::decode(&text) })
    }
}
