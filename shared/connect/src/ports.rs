//! The ports that only the OAuth flow needs: the store of authorizations, and a timer.

use std::time::Duration;

use slacktrail_core::error::Error;
use slacktrail_ports::{ReplaceOutcome, Version};

use crate::{Authorization, AuthorizationId};

/// Stores authorizations.
pub trait AuthorizationStore {
    /// Reads an authorization, or returns `None` if it does not exist or was deleted.
    ///
    /// # Errors
    ///
    /// Returns an error if the store fails or the authorization is corrupt.
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error>;

    /// Replaces an authorization if its version is still `expected`, or creates it if `expected` is `None` and it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the store fails. The authorization may have been replaced even if this method returns an error.
    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error>;
}

/// Limits how long an operation may take. This crate has no clock.
pub trait Timer {
    /// Runs `work` for at most `limit`. Returns `None` if the limit is reached, and drops `work`. Its last call may still have taken effect.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T>;
}
