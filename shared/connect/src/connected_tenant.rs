//! The tenants that sources already collect from. Connecting one under a second source ID would collect the same records twice.

use serde::{Deserialize, Serialize};
use slacktrail_core::source::{LogType, Source, SourceId, Tenant};

use crate::ConnectError;

/// A workspace or organization that a source collects from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConnectedTenant {
    /// The source.
    pub source: SourceId,
    /// The ID of the workspace or organization.
    pub tenant: String,
    /// Whether it is on GovSlack, whose IDs are independent of Slack's.
    pub gov: bool,
    /// The logs that the source collects.
    pub logs: Vec<LogType>,
}

impl ConnectedTenant {
    /// Returns the tenants of `sources` other than the source `id`. A disconnected source collects nothing, so it does not count.
    pub fn of_others<'a>(sources: impl IntoIterator<Item = &'a Source>, id: &SourceId) -> Vec<ConnectedTenant> {
        let others = sources.into_iter().filter(|source| source.id != *id && !source.disconnected);
        let connected = others.filter_map(|source| {
            Some(ConnectedTenant {
                source: source.id.clone(),
                tenant: source.tenant.as_ref()?.id.clone(),
                gov: source.gov,
                logs: source.logs.clone(),
            })
        });
        connected.collect()
    }

    /// Returns `true` if this is the tenant with the ID `tenant`, for a source on the same kind of Slack.
    pub(crate) fn is(&self, tenant: &str, gov: bool) -> bool {
        self.tenant == tenant && self.gov == gov
    }
}

/// Returns the one of `others` that collects a log of `source` from its tenant, or from the organization of a workspace.
pub fn first_source<'a>(
    source: &Source,
    tenant: &Tenant,
    organization_id: Option<&str>,
    others: &'a [ConnectedTenant],
) -> Option<&'a ConnectedTenant> {
    let same_log = |other: &&ConnectedTenant| other.logs.iter().any(|log| source.logs.contains(log));
    let find = |id: &str| others.iter().filter(same_log).find(|other| other.is(id, source.gov));
    find(&tenant.id).or_else(|| organization_id.and_then(find))
}

/// Checks that none of `others` collects the logs of `source` from its tenant. `organization_id` is the organization of a workspace, if known,
/// because the source of an organization collects all of its workspaces.
///
/// # Errors
/// Returns an error that names the other source.
pub fn check_not_connected(
    source: &Source,
    tenant: &Tenant,
    organization_id: Option<&str>,
    others: &[ConnectedTenant],
) -> Result<(), ConnectError> {
    match first_source(source, tenant, organization_id, others) {
        Some(first) if first.is(&tenant.id, source.gov) => {
            Err(ConnectError::already_connected(&source.id, tenant, &first.source))
        }
        Some(first) => Err(ConnectError::organization_connected(&source.id, tenant, &first.source)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    fn source(id: &str, tenant: &str) -> Source {
        let tenant = Some(Tenant { id: tenant.to_owned(), name: "Acme".to_owned() });
        Source { tenant, ..Source::new(id.parse().unwrap(), id, Plan::Enterprise, Second::MARCH_2018) }
    }

    #[test]
    fn tenant_of_other_source_is_rejected_unless_nothing_is_collected_twice() {
        let new = Source { logs: vec![LogType::Access], ..source("beta", "T1") };
        let check = |first: Source, organization_id: Option<&str>| {
            let others = ConnectedTenant::of_others([&first], &new.id);
            let checked = check_not_connected(&new, new.tenant.as_ref().unwrap(), organization_id, &others);
            checked.map_err(|error| error.message)
        };
        let same = "`Acme` (T1) is already connected as source `acme`".to_owned();
        assert_eq!(check(source("acme", "T1"), None), Err(same));
        let of_organization = "`Acme` (T1) belongs to the organization that source `acme` collects".to_owned();
        assert_eq!(check(source("acme", "E1"), Some("E1")), Err(of_organization));
        for (first, organization_id) in [
            (source("acme", "T2"), None),
            (source("acme", "E2"), Some("E1")),
            (source("beta", "T1"), None),
            (Source { disconnected: true, ..source("acme", "T1") }, None),
            (Source { gov: true, ..source("acme", "T1") }, None),
            (Source { logs: vec![LogType::Audit], ..source("acme", "T1") }, None),
            (Source { tenant: None, ..source("acme", "T1") }, None),
        ] {
            assert_eq!(check(first.clone(), organization_id), Ok(()), "{first:?}");
        }
    }
}
