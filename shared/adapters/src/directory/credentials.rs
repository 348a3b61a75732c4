//! Keeps the credentials of a local command in memory. They are never written to the directory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;
use slacktrail_ports::credentials::{Credentials, Grant};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CredentialStore, ReplaceOutcome, SecretVersion, StoredCredentials};

/// The token that the command received, which applies to every source, and the credentials that were stored since then.
#[derive(Debug)]
pub struct DirectoryCredentials {
    given: Option<Credentials>,
    stored: Mutex<BTreeMap<SourceId, Numbered>>,
}

/// The number of replacements, and the credentials, which are `None` once deleted.
type Numbered = (u64, Option<Credentials>);

impl DirectoryCredentials {
    /// Creates a store in which every source has the token `given`, until other credentials are stored for it.
    pub fn new(given: Token) -> DirectoryCredentials {
        let grant = Grant { token: given, token_refresh: None, tenant: None };
        DirectoryCredentials { given: Some(Credentials::default().with_grant(grant)), ..DirectoryCredentials::empty() }
    }

    /// Creates a store in which no source has credentials.
    pub fn empty() -> DirectoryCredentials {
        DirectoryCredentials { given: None, stored: Mutex::default() }
    }

    fn stored(&self) -> MutexGuard<'_, BTreeMap<SourceId, Numbered>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner) // a panic cannot leave partial credentials in the map
    }

    fn of(&self, source: &SourceId) -> Numbered {
        self.stored().get(source).cloned().unwrap_or((0, self.given.clone()))
    }
}

impl CredentialStore for DirectoryCredentials {
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        let (number, credentials) = self.of(source);
        Ok(credentials.map(|credentials| StoredCredentials {
            version: SecretVersion(number.to_string()),
            credentials: Some(credentials),
        }))
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.credentials(source).await
    }

    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        let (number, present) = self.of(source);
        if present.map(|_| number.to_string()).as_deref() != expected.map(|version| version.0.as_str()) {
            return Ok(ReplaceOutcome::Conflict);
        }
        self.stored().insert(source.clone(), (number + 1, Some(credentials.clone())));
        Ok(ReplaceOutcome::Replaced(SecretVersion((number + 1).to_string())))
    }

    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error> {
        let (number, _) = self.of(source);
        self.stored().insert(source.clone(), (number, None));
        Ok(())
    }
}
