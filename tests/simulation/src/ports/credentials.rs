//! The secrets with the credentials of the sources.

use jiff::{SignedDuration, Timestamp};
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::{CredentialStore, ReplaceOutcome, SecretVersion, StoredCredentials};

use super::SimulatedPorts;
use crate::simulated_world::{Part, State};

/// The versions of a secret that Secrets Manager keeps. It removes an older one for a new one, but none of the last 24 hours.
const VERSIONS_MAX: usize = 100;
const KEPT_HOURS: i64 = 24;

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
                    return Ok(ReplaceOutcome::Replaced(present.expect("the credentials were written")));
                }
                if present.as_ref() != expected {
                    return Ok(ReplaceOutcome::Conflict);
                }
                if !state.may_add_version(source) {
                    return Err(too_many_versions(source));
                }
                let number = state.credentials.get(source).map_or(0, |(number, _)| *number) + 1;
                state.credentials.insert(source.clone(), (number, Some(text.clone())));
                applied = Some(SecretVersion(number.to_string()));
                Ok(ReplaceOutcome::Replaced(SecretVersion(number.to_string())))
            },
        )
        .await?
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

fn too_many_versions(source: &SourceId) -> Error {
    Error::deployment(
        "too_many_secret_versions",
        format!("writing the secret of `{source}`: it has {VERSIONS_MAX} versions of the last {KEPT_HOURS} hours"),
    )
}

impl State {
    /// Counts a new version of a secret. Returns `false` if the secret has too many versions that Secrets Manager must keep.
    fn may_add_version(&mut self, source: &SourceId) -> bool {
        let kept_since = self.now.saturating_sub(SignedDuration::from_hours(KEPT_HOURS)).unwrap_or(Timestamp::MIN);
        let versions = self.secret_versions.entry(source.clone()).or_default();
        versions.retain(|created| *created > kept_since);
        let may = versions.len() < VERSIONS_MAX;
        if may {
            versions.push(self.now);
        }
        may
    }

    /// Returns the stored credentials. A source without any uses the first token of the simulated Slack.
    fn stored_credentials(&self, source: &SourceId) -> Option<StoredCredentials> {
        let (number, text) = match self.credentials.get(source) {
            Some((number, text)) => (*number, text.clone()?),
            None => (0, format!("{{\"token\":\"{}\"}}", self.slack.settings().tokens.first()?.text)),
        };
        Some(StoredCredentials { version: SecretVersion(number.to_string()), credentials: Credentials::decode(&text) })
    }
}
