//! Shards: the parts of a large deployment, each polled by its own invocation.
//!
//! The scheduled invocation polls up to [`SOURCES_MAX`] sources itself. With more sources, it splits them into shards and dispatches each shard
//! to an asynchronous invocation. The cost of a shard does not depend on the number of shards.

use serde::{Deserialize, Serialize};

use slacktrail_core::source::SourceId;

/// Maximum sources per invocation. Eight streams are polled concurrently, and an idle stream takes some tenths of a second. A hundred sources
/// with three logs each thus take about a third of an invocation's time.
pub const SOURCES_MAX: usize = 100;

/// A range of sources, in the order of [`SourceId::sort_prefix`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// The last source of the previous shard, or `None` in the first shard.
    pub after: Option<SourceId>,
    /// The last source of this shard, or `None` in the last shard.
    pub through: Option<SourceId>,
}

impl Shard {
    /// Returns `true` if the shard contains `source`.
    pub fn has(&self, source: &SourceId) -> bool {
        self.after.as_ref().is_none_or(|after| after.sort_prefix() < source.sort_prefix())
            && self.through.as_ref().is_none_or(|through| source.sort_prefix() <= through.sort_prefix())
    }

    /// Splits sources, in order, into shards of at most `sources_max`. Every possible source belongs to exactly one shard, so sources that are
    /// connected afterwards are covered, too.
    ///
    /// # Panics
    ///
    /// Panics if `sources_max` is 0.
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
