//! The table's authorizations, which connect a source.

use slacktrail_connect::{Authorization, AuthorizationId, AuthorizationStore};
use slacktrail_core::error::Error;
use slacktrail_ports::{ReplaceOutcome, Version};

use super::SimulatedPorts;
use crate::simulated_world::Part;

impl AuthorizationStore for SimulatedPorts {
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error> {
        self.query(
            Part::Table,
            || "load an authorization".to_owned(), // as in the real adapter, the error omits the ID, because a caller may have invented it
            |state| {
                let (version, text) = state.authorizations.get(id)?;
                Some((Version(*version), serde_json::from_str(text).expect("the stored authorization is valid")))
            },
        )
        .await
    }

    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error> {
        let text = authorization.encode();
        self.operate(
            Part::Table,
            || format!("replace authorization {text}"),
            |state| {
                let present = state.authorizations.get(&authorization.id).map(|(version, _)| Version(*version));
                if present != expected {
                    return ReplaceOutcome::Conflict;
                }
                let next = present.map_or(1, |version| version.0 + 1);
                state.authorizations.insert(authorization.id.clone(), (next, text.clone()));
                ReplaceOutcome::Replaced(Version(next))
            },
        )
        .await
    }
}
