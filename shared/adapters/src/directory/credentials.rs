//! Keeps the token of a local command in memory. It is never written to the directory.

use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;
use slacktrail_ports::credentials::{Credentials, Grant};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CredentialStore, ReplaceOutcome, SecretVersion, StoredCredentials};

/// The token that a command received, as the credentials of every source. They cannot be replaced: the token has no refresh token.
#[derive(Debug)]
pub struct DirectoryCredentials {
    given: StoredCredentials,
}

impl DirectoryCredentials {
    /// Creates a store in which every source has the token `given`.
    pub fn new(given: Token) -> DirectoryCredentials {
        let grant = Grant { token: given, token_refresh: None, tenant: None };
        let credentials = Some(Credentials::default().with_grant(grant));
        DirectoryCredentials { given: StoredCredentials { version: SecretVersion(String::new()), credentials } }
    }
}

impl CredentialStore for DirectoryCredentials {
    async fn credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        Ok(Some(self.given.clone()))
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.credentials(source).await
    }

    async fn replace_credentials(
        &self,
        _: &SourceId,
        _: Option<&SecretVersion>,
        _: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        Ok(ReplaceOutcome::Conflict)
    }

    async fn delete_credentials(&self, _: &SourceId) -> Result<(), Error> {
        Ok(())
    }
}
