//! Shares: what of a large deployment one invocation polls, so that any number of sources is polled within the minute.
//!
//! A deployment of up to [`SOURCES_MAX`] sources is polled by the invocation that the schedule makes. One of more is cut into shares,
//! each polled by an invocation of its own that Lambda starts and that knows nothing of the others. What a share costs does not depend on
//! how many there are.

use serde::{Deserialize, Serialize};

use crate::source::SourceId;

/// Sources that one invocation polls. Their streams are polled eight at a time; an idle one takes Slack some tenths of a second, so that a
/// hundred sources of three logs are through in about a third of an invocation's time.
pub const SOURCES_MAX: usize = 100;

/// A share: the sources after one and up to another, in the order of [`SourceId::sort_prefix`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// The last source of the share before; `None`: it begins with the first there is.
    pub after: Option<SourceId>,
    /// Its last source; `None`: it ends with the last there is.
    pub through: Option<SourceId>,
}

impl Shard {
    /// Whether a source belongs to it.
    pub fn has(&self, source: &SourceId) -> bool {
        self.after.as_ref().is_none_or(|after| after.sort_prefix() < source.sort_prefix())
            && self.through.as_ref().is_none_or(|through| source.sort_prefix() <= through.sort_prefix())
    }

    /// Cuts sources, given in order, into shares of at most `sources_max`. Together they have every source there can be, those included
    /// that are connected after the cut.
    ///
    /// # Panics
    /// When `sources_max` is 0.
    pub fn cut(sources: &[SourceId], sources_max: usize) -> Vec<Shard> {
        let mut shards: Vec<Shard> = Vec::new();
        for chunk in sources.chunks(sources_max) {
            let after = shards.last().and_then(|shard| shard.through.clone());
            shards.push(Shard { after, through: chunk.last().cloned() });
        }
        if let Some(last) = shards.last_mut() {
            last.through = None;
        }
        shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<SourceId> {
        let mut ids: Vec<SourceId> = names.iter().map(|name| name.parse().unwrap()).collect();
        ids.sort_by_key(SourceId::sort_prefix);
        ids
    }

    #[test]
    fn every_present_and_later_source_is_in_exactly_one_shard() {
        let ids = ids(&["acme", "acme-2", "acme2", "b", "c-9", "c"]);
        for sources_max in 1..=7 {
            let shards = Shard::cut(&ids, sources_max);
            assert_eq!(shards.len(), ids.len().div_ceil(sources_max));
            let later = ["0", "a", "acme-1", "acme-3", "c-10", "z"].map(|name| name.parse().unwrap());
            for id in ids.iter().chain(&later) {
                assert_eq!(shards.iter().filter(|shard| shard.has(id)).count(), 1, "{id} of {shards:?}");
            }
            for shard in &shards {
                assert!(ids.iter().filter(|id| shard.has(id)).count() <= sources_max, "{shard:?}");
            }
        }
        assert!(Shard::cut(&[], 5).is_empty());
    }

    #[test]
    fn shard_survives_round_trip_as_event() {
        let shard = Shard { after: Some("acme".parse().unwrap()), through: None };
        let text = serde_json::to_string(&shard).unwrap();
        assert_eq!(text, r#"{"after":"acme","through":null}"#);
        assert_eq!(serde_json::from_str::<Shard>(&text).unwrap(), shard);
        assert!(serde_json::from_str::<Shard>(r#"{"after":"Not An Id"}"#).is_err());
    }
}
