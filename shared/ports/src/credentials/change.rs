//! Reads the token from a source's credentials, and changes credentials while other writers change them too.

use crate::credentials::{Credentials, Grant};
use crate::secret::Token;
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, SourceId, shown_name};

use crate::{CredentialStore, SecretVersion, StoredCredentials};

/// Applies `change` to a source's credentials. Returns `true` if `change` had anything to change.
///
/// A secret that holds no credentials counts as empty, and is replaced.
///
/// # Errors
/// Returns an error if the store fails, or with code `credentials_conflict` if other writers replace the secret each time. The secret may have
/// been replaced even if this function returns an error.
pub async fn update<K: CredentialStore>(
    store: &K,
    source: &SourceId,
    change: impl Fn(Credentials) -> Option<Credentials>,
) -> Result<bool, Error> {
    let load = async || {
        let stored = store.reload_credentials(source).await?;
        Ok(stored
            .map_or_else(Default::default, |stored| (Some(stored.version), stored.credentials.unwrap_or_default())))
    };
    let replace = async |version: Option<SecretVersion>, changed: &Credentials| {
        store.replace_credentials(source, version.as_ref(), changed).await
    };
    let contended = || {
        Error::deployment(
            "credentials_conflict",
            format!("writing the secret of source `{source}`: another writer replaced it each time"),
        )
    };
    let updated = crate::update(load, |present| Ok(change(present).into()), replace, contended).await?;
    Ok(updated.replacement().is_some())
}

/// Returns the token of a source's credentials.
///
/// # Errors
///
/// Returns an error of kind [`Reconfigure`](slacktrail_core::error::ErrorKind::Reconfigure) if there is no token, or if it belongs to another tenant than the source. Otherwise the
/// poller would store that tenant's records under this source.
pub fn token_of(source: &Source, stored: Option<StoredCredentials>) -> Result<Token, Error> {
    let id = &source.id;
    let (code, what) = match stored {
        None => ("no_such_secret", "it does not exist".to_owned()),
        Some(StoredCredentials { credentials: None, .. }) => {
            ("unreadable_secret", "it does not have the form {\"token\":\"xoxp-...\"}".to_owned())
        }
        Some(StoredCredentials { credentials: Some(credentials), .. }) => match (credentials.grant, &source.tenant) {
            (Some(Grant { tenant: Some(of), .. }), Some(tenant)) if of != tenant.id => {
                let of = shown_name(&of);
                ("tenant_mismatch", format!("its token belongs to `{of}`, but the source belongs to {tenant}"))
            }
            (Some(grant), _) => return Ok(grant.token),
            (None, _) => ("no_token", "it contains no token, because the app is not installed yet".to_owned()),
        },
    };
    Err(Error::deployment(code, format!("reading the secret of source `{id}`: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::{Plan, Tenant};
    use slacktrail_core::time::Second;

    #[test]
    fn token_of_other_tenant_is_not_used() {
        let tenant = Some(Tenant { id: "E1".to_owned(), name: "Acme".to_owned() });
        let source = Source {
            tenant: tenant.clone(),
            ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
        };
        let by_hand = Source { tenant: None, ..source.clone() };
        let taken = |source: &Source, secret: &str| {
            let stored =
                StoredCredentials { version: SecretVersion(String::new()), credentials: Credentials::decode(secret) };
            token_of(source, Some(stored)).map_err(|error| error.code).map(drop)
        };
        let of = |tenant: &str| format!(r#"{{"token":"xoxp-1","tenant":"{tenant}"}}"#);
        assert_eq!(taken(&source, &of("E1")), Ok(()));
        assert_eq!(taken(&source, &of("E2")), Err("tenant_mismatch".to_owned()));
        assert_eq!(taken(&source, r#"{"token":"xoxp-1"}"#), Ok(()), "a secret that a user wrote");
        assert_eq!(taken(&by_hand, &of("E2")), Ok(()), "a source that was connected with a token");
        assert_eq!(taken(&source, "{}"), Err("no_token".to_owned()));
        assert_eq!(taken(&source, "xoxp-1"), Err("unreadable_secret".to_owned()));
        assert_eq!(token_of(&source, None).map_err(|error| error.code).map(drop), Err("no_such_secret".to_owned()));
    }
}
