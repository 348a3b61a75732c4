//! Reads the log bucket or a log directory, and compares it with the rows of the simulated Slack.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_adapters::directory::DirectoryDayLogs;
use slacktrail_archive::reader::{Object, missing_keys};
use slacktrail_core::line::StoredLine;
use slacktrail_core::object::{Lines, ObjectKey};
use slacktrail_simulator::{Comparison, Differences, Log, Stored, World};

/// The largest number of differences of a kind that a message lists.
const SHOWN_MAX: usize = 3;
const CONTENT_TYPE: &str = "application/x-ndjson";

/// The objects of a bucket or a directory, by key.
#[derive(Debug, Default)]
pub struct Archive {
    objects: BTreeMap<String, StoredObject>,
}

#[derive(Debug)]
struct StoredObject {
    bytes: Vec<u8>,
    content_type: Option<String>,
}

impl Archive {
    /// Reads the whole bucket.
    pub async fn read(s3: &aws_sdk_s3::Client, bucket: &str) -> Archive {
        let mut archive = Archive::default();
        let pages = s3.list_objects_v2().bucket(bucket).into_paginator().send().try_collect().await;
        let pages = pages.expect("the bucket can be listed");
        for key in pages.iter().flat_map(|page| page.contents()).filter_map(|object| object.key()) {
            let object = s3.get_object().bucket(bucket).key(key).send().await.expect("a listed object can be read");
            let content_type = object.content_type().map(str::to_owned);
            let bytes = object.body.collect().await.expect("an object's body can be read").to_vec();
            archive.objects.insert(key.to_owned(), StoredObject { bytes, content_type });
        }
        archive
    }

    /// Writes every object to a file below `directory`.
    pub fn write_to(&self, directory: &Path) {
        for (key, object) in &self.objects {
            let file = directory.join(key);
            fs::create_dir_all(file.parent().expect("a key has a folder")).expect("a folder can be created");
            fs::write(&file, &object.bytes).expect("a file can be written");
        }
    }

    /// Reads the objects of a directory that contains nothing else.
    pub fn of_directory(directory: &Path) -> Archive {
        let keys = DirectoryDayLogs::new(directory).keys().expect("the directory contains only objects");
        let read = |key: String| {
            let bytes = fs::read(directory.join(&key)).expect("a listed file can be read");
            (key, StoredObject { bytes, content_type: Some(CONTENT_TYPE.to_owned()) })
        };
        Archive { objects: keys.iter().map(ObjectKey::to_string).map(read).collect() }
    }

    /// Returns all keys in lexical order.
    pub fn keys(&self) -> Vec<&str> {
        self.objects.keys().map(String::as_str).collect()
    }

    /// Returns the decompressed text of each object. An object that is corrupt ends where its corruption starts.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.objects.values().map(|object| {
            let (mut lines, mut text) = (Lines::of(&object.bytes), String::new());
            while let Ok(Some((_, line))) = lines.next_line() {
                text.push_str(&String::from_utf8_lossy(line.unwrap_or_default()));
                text.push('\n');
            }
            text
        })
    }

    /// Returns all lines of a source's objects.
    pub fn lines_of(&self, source: &str) -> Vec<String> {
        self.lines(|key| key.day_log.stream.source.as_str() == source)
    }

    /// Returns all lines of the objects whose keys start with `prefix`.
    pub fn lines_under(&self, prefix: &str) -> Vec<String> {
        self.lines(|key| key.to_string().starts_with(prefix))
    }

    /// Asserts that a source's day logs contain exactly the records of `logs` that Slack shows by now.
    ///
    /// Each record must appear once, byte for byte, in the day log of its day. The objects must be numbered from 1 without a gap.
    /// The panic message lists the first differences.
    pub fn assert_exactly(&self, world: &World, source: &str, logs: &[Log]) {
        let rows = logs.iter().flat_map(|log| world.visible_rows(*log, Timestamp::now()));
        let mut comparison = Comparison::new(rows);
        for &log in logs {
            let is_wanted = |key: &ObjectKey| {
                key.day_log.stream.source.as_str() == source && key.day_log.stream.log.name() == log.name()
            };
            for object in self.objects(is_wanted) {
                let day = object.key.day_log.day.to_string();
                for_each_record(&object, |text, line| {
                    assert_fields(text, line, log, &object.key);
                    let (id, workspace) = (line.id.to_string(), line.workspace());
                    let json = line.slacks_json().next().expect("a line has Slack's JSON");
                    comparison.add(&Stored { log, id: &id, day: &day, workspace: workspace.as_deref(), json: &json });
                });
            }
        }
        assert_none(&comparison.finish(), source);
    }

    fn lines(&self, is_wanted: impl Fn(&ObjectKey) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for object in self.objects(is_wanted) {
            for_each_record(&object, |text, _| lines.push(text.to_owned()));
        }
        lines
    }

    /// Returns the wanted objects in the order of their keys. Every key must be the key of an object.
    fn objects(&self, is_wanted: impl Fn(&ObjectKey) -> bool) -> Vec<Object> {
        let parsed = |key: &String| key.parse::<ObjectKey>().unwrap_or_else(|error| panic!("{error}"));
        let mut keys: Vec<ObjectKey> = self.objects.keys().map(parsed).filter(is_wanted).collect();
        keys.sort();
        assert_eq!(missing_keys(&keys), [], "missing objects");
        let object = |key: ObjectKey| {
            let stored = &self.objects[&key.to_string()];
            assert_eq!(stored.content_type.as_deref(), Some(CONTENT_TYPE), "`{key}`");
            Object { key, bytes: stored.bytes.clone() }
        };
        keys.into_iter().map(object).collect()
    }
}

fn for_each_record(object: &Object, take: impl FnMut(&str, &StoredLine<'_>)) {
    object.for_each_record(take).unwrap_or_else(|error| panic!("{error}"));
}

/// Asserts the values of slacktrail's fields, as any reader of JSON sees them.
fn assert_fields(text: &str, line: &StoredLine<'_>, log: Log, key: &ObjectKey) {
    let fields = format!("{{{}", &text[line.slacks_part.len()..]);
    let fields: Value = serde_json::from_str(&fields).expect("slacktrail's fields are JSON");
    let log_type = match log {
        Log::Audit => "Slack.AuditLogs",
        Log::Access => "Slack.AccessLogs",
        Log::Integration => "Slack.IntegrationLogs",
    };
    let source = key.day_log.stream.source.as_str();
    assert_eq!((&fields["p_log_type"], &fields["p_source_id"]), (&log_type.into(), &source.into()), "`{key}`");
    assert_eq!(fields["p_row_id"], line.id.to_string(), "`{key}`");
    let day_of_time = fields["p_event_time"].as_str().map(|time| time[..10].replace('-', "/"));
    assert_eq!(day_of_time, Some(key.day_log.day.to_string()), "`{key}`");
}

fn assert_none(differences: &Differences, source: &str) {
    let Differences { missing, duplicates, unexpected, wrong_day, .. } = differences;
    for (kind, records) in [
        ("missing", missing),
        ("duplicate", duplicates),
        ("changed or unexpected", unexpected),
        ("on the wrong day", wrong_day),
    ] {
        let shown = &records[..records.len().min(SHOWN_MAX)];
        assert!(records.is_empty(), "{} records of {source} are {kind}, such as {shown:#?}", records.len());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use slacktrail_core::line::LineWriter;
    use slacktrail_core::object::encode;
    use slacktrail_core::record::Record;
    use slacktrail_core::source::{LogType, Plan, Source};
    use slacktrail_core::time::Second;
    use slacktrail_simulator::{Row, Settings};

    use super::*;

    const DAY: &str = "2026/11/22";

    fn rows() -> [Row; 2] {
        [(1_795_332_821, "a"), (1_795_332_822, "b")]
            .map(|(second, id)| Row::small_audit(Timestamp::constant(second, 0), id))
    }

    fn world() -> World {
        let mut world = World::new(Settings::organization());
        for row in rows() {
            world.add(row);
        }
        world
    }

    fn line(row: &Row) -> String {
        let source = Source::new("acme".parse().expect("a source ID"), "Acme", Plan::Enterprise, Second::EPOCH);
        let record = Record::read(LogType::Audit, None, &row.json);
        let mut line = Vec::new();
        LineWriter::new(&source, LogType::Audit, Timestamp::UNIX_EPOCH).write(&record, &mut line);
        String::from_utf8(line).expect("a line is text")
    }

    fn archive(objects: &[(&str, &[String])]) -> Archive {
        let stored = |(key, lines): &(&str, &[String])| {
            let bytes = encode(lines.iter().map(String::as_bytes), 1);
            ((*key).to_owned(), StoredObject { bytes, content_type: Some(CONTENT_TYPE.to_owned()) })
        };
        Archive { objects: objects.iter().map(stored).collect() }
    }

    #[test]
    fn differences_and_misplaced_objects_are_detected() {
        let key = |number: u32| format!("audit/{DAY}/acme-{number:06}.json.gz");
        let is_accepted = |objects: &[(&str, &[String])]| {
            let (archive, world) = (archive(objects), world());
            catch_unwind(|| archive.assert_exactly(&world, "acme", &[Log::Audit])).is_ok()
        };
        let both = rows().map(|row| line(&row));
        assert!(is_accepted(&[(&key(1), &both)]));
        assert!(is_accepted(&[(&key(1), &both[..1]), (&key(2), &both[1..])]));

        assert!(!is_accepted(&[(&key(1), &both[..1])]), "missing");
        assert!(!is_accepted(&[(&key(1), &both[..1]), (&key(3), &both[1..])]), "missing object");
        assert!(!is_accepted(&[(&key(2), &both)]), "numbers do not start at 1");
        let elsewhere = "audit/2026/11/23/acme-000001.json.gz";
        let moved = both.each_ref().map(|line| line.replace("2026-11-22 ", "2026-11-23 "));
        assert!(!is_accepted(&[(elsewhere, &moved)]), "wrong day");
        assert!(!is_accepted(&[(elsewhere, &both)]), "day of the key differs from the record's time");
        assert!(!is_accepted(&[("audit/2026/11/22/other-000001.json.gz", &both)]), "wrong source");
        let other = both.each_ref().map(|line| line.replace(r#""p_source_id":"acme""#, r#""p_source_id":"other""#));
        assert!(!is_accepted(&[(&key(1), &other)]), "source of the key differs from the record's");
    }
}
