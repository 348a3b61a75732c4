//! Shares: what of a large deployment one invocation polls, so that any number of sources is polled within the minute.
//!
//! A deployment of up to [`SOURCES_MAX`] sources is polled by the invocation that the schedule makes. One of more is cut into shares,
//! each polled by an invocation of its own that Lambda starts and that knows nothing of the others. What a share costs does not depend on
//! how many there are.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ports::{DeploymentStore, Invoker};
use crate::source::SourceId;

/// Sources that one invocation polls. Their streams are polled eight at a time; an idle one takes Slack some tenths of a second, so that a
/// hundred sources of three logs are through in about a third of an invocation's time.
pub const SOURCES_MAX: usize = 100;

/// A share: the sources after one and up to another, in the order of [`SourceId::place`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The last source of the share before; `None`: it begins with the first there is.
    pub after: Option<SourceId>,
    /// Its last source; `None`: it ends with the last there is.
    pub through: Option<SourceId>,
}

impl Share {
    /// Whether a source belongs to it.
    pub fn has(&self, source: &SourceId) -> bool {
        self.after.as_ref().is_none_or(|after| after.place() < source.place())
            && self.through.as_ref().is_none_or(|through| source.place() <= through.place())
    }

    /// Cuts sources, given in order, into shares of at most `sources_max`. Together they have every source there can be, those included
    /// that are connected after the cut.
    ///
    /// # Panics
    /// When `sources_max` is 0.
    pub fn cut(sources: &[SourceId], sources_max: usize) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for chunk in sources.chunks(sources_max) {
            let after = shares.last().and_then(|share| share.through.clone());
            shares.push(Share { after, through: chunk.last().cloned() });
        }
        if let Some(last) = shares.last_mut() {
            last.through = None;
        }
        shares
    }
}

/// What came of handing out shares.
#[derive(Debug, Default)]
pub struct HandedOut {
    /// Shares that an invocation polls.
    pub invoked: usize,
    /// Why others have none. Their sources are polled at the next tick.
    pub errors: Vec<Error>,
}

/// Cuts a deployment into shares and has each polled. One that cannot be handed out touches no other.
///
/// # Errors
/// When the deployment cannot be read, or no share could be handed out: the first such error.
pub async fn hand_out<T: DeploymentStore, I: Invoker>(deployment: &T, invoker: &I) -> Result<HandedOut, Error> {
    let mut handed_out = HandedOut::default();
    for share in Share::cut(&deployment.source_ids().await?, SOURCES_MAX) {
        match invoker.invoke(&share).await {
            Ok(()) => handed_out.invoked += 1,
            Err(error) => handed_out.errors.push(error),
        }
    }
    match handed_out.errors.first() {
        Some(error) if handed_out.invoked == 0 => Err(error.clone()),
        _ => Ok(handed_out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<SourceId> {
        let mut ids: Vec<SourceId> = names.iter().map(|name| name.parse().unwrap()).collect();
        ids.sort_by_key(SourceId::place);
        ids
    }

    #[test]
    fn every_source_is_in_exactly_one_share_those_included_that_come_later() {
        let ids = ids(&["acme", "acme-2", "acme2", "b", "c-9", "c"]);
        for sources_max in 1..=7 {
            let shares = Share::cut(&ids, sources_max);
            assert_eq!(shares.len(), ids.len().div_ceil(sources_max));
            let later = ["0", "a", "acme-1", "acme-3", "c-10", "z"].map(|name| name.parse().unwrap());
            for id in ids.iter().chain(&later) {
                assert_eq!(shares.iter().filter(|share| share.has(id)).count(), 1, "{id} of {shares:?}");
            }
            for share in &shares {
                assert!(ids.iter().filter(|id| share.has(id)).count() <= sources_max, "{share:?}");
            }
        }
        assert!(Share::cut(&[], 5).is_empty());
    }

    #[test]
    fn a_share_is_an_event_that_comes_back_as_it_was() {
        let share = Share { after: Some("acme".parse().unwrap()), through: None };
        let text = serde_json::to_string(&share).unwrap();
        assert_eq!(text, r#"{"after":"acme","through":null}"#);
        assert_eq!(serde_json::from_str::<Share>(&text).unwrap(), share);
        assert!(serde_json::from_str::<Share>(r#"{"after":"Not An Id"}"#).is_err());
    }
}
