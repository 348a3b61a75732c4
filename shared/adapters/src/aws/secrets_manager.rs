//! Stores credentials in Secrets Manager. A source's secret contains the text of [`Credentials::encode`].
//!
//! Secrets Manager has no conditional write, but version names provide one. The writer names a version (`ClientRequestToken`). A version can be
//! created only once ("you can't modify an existing version", API reference of `PutSecretValue`), and creating it makes it the current one. The
//! adapter derives the name of the next version from the name of the previous one. If several writers replace the same version, one of them creates
//! the next version, and the others receive an error because it exists. Day logs in S3 use the same idea.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use sha2::{Digest, Sha256};

use super::operation::Operation;
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::{CredentialStore, ReplaceOutcome, SecretVersion, StoredCredentials};

/// AWS's code of a secret that does not exist.
const NOT_FOUND: &str = "ResourceNotFoundException";
/// The error code if a secret cannot be created yet, because AWS still completes a forced deletion in the background.
pub const DELETION_IN_PROGRESS: &str = "secret_deletion_in_progress";
/// The error code of a secret that is scheduled for deletion.
pub const SCHEDULED_FOR_DELETION: &str = "secret_pending_deletion";

/// A store of credentials in secrets named `<prefix><source id>`.
#[derive(Debug)]
pub struct SecretsManagerCredentials {
    client: Client,
    prefix: String,
    /// The credentials that were read or written before, because reading a secret costs money and time.
    cache: Mutex<HashMap<SourceId, StoredCredentials>>,
}

impl SecretsManagerCredentials {
    /// Creates a store in the secrets whose names consist of `prefix` and the source ID.
    pub fn new(client: Client, prefix: impl Into<String>) -> SecretsManagerCredentials {
        SecretsManagerCredentials { client, prefix: prefix.into(), cache: Mutex::default() }
    }

    fn name(&self, source: &SourceId) -> String {
        format!("{}{source}", self.prefix)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<SourceId, StoredCredentials>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner) // a panic cannot leave partial credentials in the map
    }

    fn operation(&self, source: &SourceId, doing: &str, action: &str) -> Operation {
        let name = self.name(source);
        Operation {
            doing: format!("{doing} secret `{name}`"),
            resource: format!("secret `{name}`"),
            missing_code: "no_such_secret",
            permissions: format!("`secretsmanager:{action}` on `{name}`"),
        }
    }

    /// Converts an error of the SDK. Detects secrets that AWS is deleting, and secrets with too many versions.
    fn failed<E>(&self, source: &SourceId, doing: &str, action: &str, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        // AWS has no code for this. The messages contain "already scheduled for deletion" or "marked for deletion".
        let is_deleted = error.code() == Some("InvalidRequestException")
            && error.message().is_some_and(|message| message.contains("delet"));
        // The quota "Versions in a secret". For other actions, AWS uses the code for other quotas.
        let is_full = action == "PutSecretValue" && error.code() == Some("LimitExceededException");
        let failed = self.operation(source, doing, action).failed(error);
        let name = self.name(source);
        if is_full {
            let message = format!("{doing} secret `{name}`: it has too many versions of the last 24 hours");
            return with_causes(Error::deployment("too_many_secret_versions", message), &failed);
        }
        if !is_deleted {
            return failed;
        }
        // Before a create, the adapter's caller reads the secret, which finds a secret in its recovery window. It does not find a secret that was
        // deleted by force, whose name becomes available "after a short delay" (API reference of `DeleteSecret`).
        let (code, what) = match action {
            "CreateSecret" => {
                (DELETION_IN_PROGRESS, "AWS is still deleting the previous secret with this name".to_owned())
            }
            _ => (
                SCHEDULED_FOR_DELETION,
                format!(
                    "it is scheduled for deletion (`aws secretsmanager restore-secret --secret-id {name}` restores it)"
                ),
            ),
        };
        with_causes(Error::deployment(code, format!("{doing} secret `{name}`: {what}")), &failed)
    }

    /// Creates the secret with its first version. Returns `false` if the secret exists.
    async fn create(&self, source: &SourceId, version: &str, text: &str) -> Result<bool, Error> {
        let create = self.client.create_secret().name(self.name(source)).client_request_token(version);
        self.is_new(source, "creating", "CreateSecret", create.secret_string(text).send().await)
    }

    /// Creates a version of the secret. Returns `false` if a version with this name and another text exists.
    async fn put(&self, source: &SourceId, version: &str, text: &str) -> Result<bool, Error> {
        let put = self.client.put_secret_value().secret_id(self.name(source)).client_request_token(version);
        self.is_new(source, "writing", "PutSecretValue", put.secret_string(text).send().await)
    }

    fn is_new<T, E>(
        &self,
        source: &SourceId,
        doing: &str,
        action: &str,
        sent: Result<T, SdkError<E>>,
    ) -> Result<bool, Error>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceExistsException") => Ok(false),
            Err(error) => Err(self.failed(source, doing, action, error)),
        }
    }
}

impl CredentialStore for SecretsManagerCredentials {
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        let kept = self.cache().get(source).cloned();
        match kept {
            Some(stored) => Ok(Some(stored)),
            None => self.reload_credentials(source).await,
        }
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        let stored = match self.client.get_secret_value().secret_id(self.name(source)).send().await {
            Ok(value) => StoredCredentials {
                version: SecretVersion(value.version_id.unwrap_or_default()),
                credentials: Credentials::decode(value.secret_string.as_deref().unwrap_or_default()),
            },
            // AWS also returns this error for a secret without a value, such as one that was created manually.
            Err(error) if error.code() == Some(NOT_FOUND) => {
                self.cache().remove(source);
                return Ok(None);
            }
            Err(error) => return Err(self.failed(source, "reading", "GetSecretValue", error)),
        };
        self.cache().insert(source.clone(), stored.clone());
        Ok(Some(stored))
    }

    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        let version = version_after(expected.map_or("", |version| &version.0));
        // Creating a version again with the same text succeeds. The random writer ID makes the texts of two writers differ, while a retried request
        // sends the same text.
        let writer = random_writer_id()?;
        let text = credentials.encode_as(Some(&writer));
        let written = match expected {
            None if self.create(source, &version, &text).await? => true,
            _ => self.put(source, &version, &text).await?,
        };
        if !written {
            self.cache().remove(source);
            return Ok(ReplaceOutcome::Conflict);
        }
        let version = SecretVersion(version);
        let stored = StoredCredentials { version: version.clone(), credentials: Some(credentials.clone()) };
        self.cache().insert(source.clone(), stored);
        Ok(ReplaceOutcome::Replaced(version))
    }

    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error> {
        self.cache().remove(source);
        // Delete the secret immediately, because the source could not be connected again during a recovery window.
        let delete = self.client.delete_secret().secret_id(self.name(source)).force_delete_without_recovery(true);
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(()),
            Err(error) => Err(self.failed(source, "deleting", "DeleteSecret", error)),
        }
    }
}

/// Adds the causes of another error, if it has any.
fn with_causes(error: Error, other: &Error) -> Error {
    match other.causes() {
        Some(causes) => error.with_source(causes),
        None => error,
    }
}

/// Returns the name of the version that follows `version`, in the UUID format that Secrets Manager recommends.
fn version_after(version: &str) -> String {
    let hash = Sha256::digest(format!("slacktrail: the version after {version}"));
    let mut hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    for dash in [20, 16, 12, 8] {
        hex.insert(dash, '-');
    }
    hex
}

fn random_writer_id() -> Result<String, Error> {
    Ok(crate::random::bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_version_name_follows_from_previous_name() {
        let first = version_after("");
        assert_eq!(first.len(), 36);
        assert_eq!(first, version_after(""));
        assert_ne!(first, version_after(&first));
    }
}
