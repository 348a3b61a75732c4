//! The table with its sources and cursors, and the invocations of shards. The oracle checks each cursor when it is saved.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_ports::shard::Shard;
use slacktrail_ports::{Deployment, DeploymentStore, Invoker, ReplaceOutcome, StoredSource, Version};

use super::SimulatedPorts;
use crate::facts::CLOCK_SKEW_SECONDS;
use crate::oracle;
use crate::simulated_world::{Part, State, StoredCursor};

impl DeploymentStore for SimulatedPorts {
    async fn load(&self) -> Result<Deployment, Error> {
        self.load_shard(&Shard::default()).await
    }

    async fn load_shard(&self, shard: &Shard) -> Result<Deployment, Error> {
        let deployment = self.query(
            Part::Table,
            || "load".to_owned(),
            |state| {
                let mut deployment = Deployment::default();
                for id in state.sources.keys().filter(|id| shard.has(id)) {
                    deployment.insert_source(id.clone(), &state.source_text(id).expect("the source exists"));
                }
                for (stream, stored) in state.cursors.iter().filter(|(stream, _)| shard.has(&stream.source)) {
                    deployment.insert_cursor(stream.clone(), Some(Version(stored.version)), &stored.text);
                }
                deployment
            },
        );
        let deployment = deployment.await;
        self.id.record(|facts| facts.tampered = self.world.with(|state| state.tampered.clone()));
        deployment
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        let text = cursor.encode();
        debug_assert_eq!(Cursor::decode(&text).as_ref().ok(), Some(cursor), "the cursor changed when it was encoded");
        let what = || format!("replace {stream} {text}");
        let replaced = self
            .operate(Part::Table, what, |state| {
                let before = state.cursor(stream);
                let (suspended_for, clock, is_loaded) = self.id.record(|facts| {
                    let is_loaded = facts.of(stream.log).saved.is_none(); // a tick knows what it saved itself
                    (state.now.duration_since(facts.started), facts.clock.as_second(), is_loaded)
                });
                let replaced = state.replace(stream, expected, &text);
                // A tick that read its clock long ago takes a valid cursor for one of the future. Live collection then starts with that
                // clock.
                let newest = before.as_ref().filter(|_| is_loaded).and_then(newest_time);
                let is_future = newest > Some(clock + CLOCK_SKEW_SECONDS);
                let watermark = |cursor: Option<Value>| cursor.and_then(|cursor| cursor["watermark"].as_i64());
                let goes_back = watermark(state.cursor(stream)) < watermark(before);
                let goes_back = suspended_for.as_secs() >= CLOCK_SKEW_SECONDS && (is_future || goes_back);
                let begins = matches!(
                    replaced,
                    ReplaceOutcome::Replaced(Version(number)) if number == 1 || goes_back || state.tampered.contains(&stream.log)
                );
                if begins {
                    self.id.record(|facts| oracle::begin_stream(state, stream.log, facts));
                }
                replaced
            })
            .await;
        self.id.record(|facts| facts.record_saved(stream.log, matches!(replaced, Ok(ReplaceOutcome::Replaced(_)))));
        self.world.trace_result(|| format!("{replaced:?}"));
        // `Mutant::CursorBeforeObject` writes its objects only now.
        while let Some((key, bytes)) = self.world.with(|state| state.owed.pop()) {
            self.operate(Part::Bucket, || format!("delayed create {key}"), |state| state.put(&key, &bytes)).await?;
        }
        replaced
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        let what = || format!("load source {id}");
        let text = self.query(Part::Table, what, |state| state.source_text(id)).await?;
        Ok(text.map(|text| {
            let mut deployment = Deployment::default();
            deployment.insert_source(id.clone(), &text);
            (version_of(&text), deployment.sources.remove(id).expect("the source was inserted above"))
        }))
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        self.operate(
            Part::Table,
            || format!("replace source {}", source.id),
            |state| {
                if state.source_text(&source.id).map(|text| version_of(&text)) != expected {
                    return ReplaceOutcome::Conflict;
                }
                state.garbled_sources.remove(&source.id);
                state.sources.insert(source.id.clone(), source.clone());
                ReplaceOutcome::Replaced(version_of(&text_of(source)))
            },
        )
        .await
    }
}

impl Invoker for SimulatedPorts {
    async fn invoke(&self, shard: &Shard) -> Result<(), Error> {
        self.operate(Part::Table, || format!("invoke {shard:?}"), |state| state.invoked.push(shard.clone())).await
    }
}

impl State {
    fn cursor(&self, stream: &StreamId) -> Option<Value> {
        serde_json::from_str(&self.cursors.get(stream)?.text).ok()
    }

    fn replace(&mut self, stream: &StreamId, expected: Option<Version>, text: &str) -> ReplaceOutcome {
        let version = self.cursors.get(stream).map(|cursor| Version(cursor.version));
        if version != expected {
            return ReplaceOutcome::Conflict;
        }
        let next = version.map_or(1, |version| version.0 + 1);
        self.cursors.insert(stream.clone(), StoredCursor { version: next, text: text.to_owned() });
        if let Err(invariant) = oracle::check_cursor(self, stream.log == LogType::Audit, text) {
            self.broken.get_or_insert(invariant);
        }
        ReplaceOutcome::Replaced(Version(next))
    }

    /// Returns the text that the table holds for a source.
    fn source_text(&self, id: &SourceId) -> Option<String> {
        let text = self.sources.get(id).map(text_of)?;
        Some(self.garbled_sources.get(id).cloned().unwrap_or(text))
    }
}

fn text_of(source: &Source) -> String {
    serde_json::to_string(source).expect("a source is valid JSON")
}

/// Returns a hash of the text as the version of a source, so that a test can edit the source without counting.
fn version_of(text: &str) -> Version {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Version(hasher.finish())
}

/// Returns the newest time that a cursor claims anything about, including its gaps.
fn newest_time(cursor: &Value) -> Option<i64> {
    let is_claim = |key: &str| !matches!(key, "health" | "not_before" | "workspaces");
    match cursor {
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| is_claim(key)).filter_map(|(_, value)| newest_time(value)).max()
        }
        Value::Array(values) => values.iter().filter_map(newest_time).max(),
        value => value.as_i64(),
    }
}
