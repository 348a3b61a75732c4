//! Reads the log bucket without slacktrail's own code, and compares it with the rows of the simulated Slack.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::{Log, Row, World};

/// The largest number of differences that a message lists.
const SHOWN_MAX: usize = 3;

/// The objects of a bucket, by key.
#[derive(Debug, Default)]
pub struct Archive {
    objects: BTreeMap<String, Object>,
}

#[derive(Debug)]
struct Object {
    bytes: Vec<u8>,
    content_type: Option<String>,
}

/// A day log, as named by an object's key: log type, day and source ID.
type DayLog = (String, String, String);

/// The number of copies of each record of one log, by day and record.
type Records = BTreeMap<(String, String), usize>;

impl Archive {
    /// Reads the whole bucket.
    ///
    /// # Panics
    /// Panics if the bucket cannot be listed or an object cannot be read.
    pub async fn read(s3: &aws_sdk_s3::Client, bucket: &str) -> Archive {
        let mut archive = Archive::default();
        let pages = s3.list_objects_v2().bucket(bucket).into_paginator().send().try_collect().await;
        let pages = pages.expect("the bucket can be listed");
        for key in pages.iter().flat_map(|page| page.contents()).filter_map(|object| object.key()) {
            let object = s3.get_object().bucket(bucket).key(key).send().await.expect("a listed object can be read");
            let content_type = object.content_type().map(str::to_owned);
            let bytes = object.body.collect().await.expect("an object's body can be read").to_vec();
            archive.objects.insert(key.to_owned(), Object { bytes, content_type });
        }
        archive
    }

    /// Returns all keys in lexical order.
    pub fn keys(&self) -> Vec<&str> {
        self.objects.keys().map(String::as_str).collect()
    }

    /// Returns the decompressed text of each object, or an empty string if the object is not gzip.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.objects.values().map(|object| unpack(&object.bytes).unwrap_or_default())
    }

    /// Returns all lines of a source's objects.
    pub fn lines_of(&self, source: &str) -> Vec<String> {
        let keys: Vec<&str> = self.day_logs(source).values().flat_map(|objects| objects.values().copied()).collect();
        keys.into_iter().flat_map(|key| self.lines(key)).collect()
    }

    /// Asserts that a source's day logs contain exactly the records of `logs` that Slack shows by now.
    ///
    /// Each record must appear once, byte for byte, in the day log of its day. The objects must be numbered from 1 without a gap.
    ///
    /// # Panics
    /// Panics if they do not. The message lists the first differences.
    pub fn assert_exactly(&self, world: &World, source: &str, logs: &[Log]) {
        let day_logs = self.day_logs(source);
        for &log in logs {
            let mut stored = Records::new();
            let mut ids = BTreeSet::new();
            for ((_, day, _), objects) in day_logs.iter().filter(|((kind, ..), _)| kind == name(log)) {
                let numbers: Vec<u32> = objects.keys().copied().collect();
                let expected: Vec<u32> = (1..).take(numbers.len()).collect();
                assert_eq!(numbers, expected, "object numbers of the {} log of {source} on {day}", name(log));
                for key in objects.values() {
                    for line in self.lines(key) {
                        let (record, fields) = split(&line, key);
                        assert_fields(&fields, key, log, source, day);
                        assert!(ids.insert(fields["p_row_id"].to_string()), "`{key}` repeats a record ID: {line}");
                        *stored.entry((day.clone(), without_volatile_fields(log, record))).or_default() += 1;
                    }
                }
            }
            assert_same(&stored, &expected(world, log), &format!("{} log of {source}", name(log)));
        }
    }

    /// Returns the object keys of a source, by day log and number.
    fn day_logs(&self, source: &str) -> BTreeMap<DayLog, BTreeMap<u32, &str>> {
        let mut day_logs: BTreeMap<DayLog, BTreeMap<u32, &str>> = BTreeMap::new();
        for key in self.objects.keys() {
            let parts: Vec<&str> = key.split('/').collect();
            let [log, year, month, day, file] = parts[..] else { panic!("`{key}` is not an object key") };
            let (owner, number) = file
                .strip_suffix(".json.gz")
                .and_then(|name| name.rsplit_once('-'))
                .unwrap_or_else(|| panic!("`{key}` is not an object key"));
            assert!(number.len() >= 6, "`{key}` has a number with fewer than six digits");
            if owner == source {
                let day_log = (log.to_owned(), format!("{year}/{month}/{day}"), owner.to_owned());
                let number = number.parse().unwrap_or_else(|_| panic!("`{key}` has an invalid number"));
                day_logs.entry(day_log).or_default().insert(number, key);
            }
        }
        day_logs
    }

    fn lines(&self, key: &str) -> Vec<String> {
        let object = &self.objects[key];
        assert_eq!(object.content_type.as_deref(), Some("application/x-ndjson"), "`{key}`");
        let text = unpack(&object.bytes).unwrap_or_else(|| panic!("`{key}` is not gzip"));
        assert!(text.ends_with('\n'), "`{key}` does not end with a line break");
        text.lines().map(str::to_owned).collect()
    }
}

/// Returns the name of a log type in object keys.
pub fn name(log: Log) -> &'static str {
    match log {
        Log::Audit => "audit",
        Log::Access => "access",
        Log::Integration => "integration",
    }
}

fn unpack(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    MultiGzDecoder::new(bytes).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Splits a line into Slack's JSON and slacktrail's fields.
fn split(line: &str, key: &str) -> (String, Value) {
    let start = line
        .rfind(r#","p_log_type":""#)
        .unwrap_or_else(|| panic!("`{key}` has a line without slacktrail's fields: {line}"));
    let fields = serde_json::from_str(&format!("{{{}", &line[start + 1..])).expect("slacktrail's fields are JSON");
    (format!("{}}}", &line[..start]), fields)
}

fn assert_fields(fields: &Value, key: &str, log: Log, source: &str, day: &str) {
    let log_type = match log {
        Log::Audit => "Slack.AuditLogs",
        Log::Access => "Slack.AccessLogs",
        Log::Integration => "Slack.IntegrationLogs",
    };
    assert_eq!((&fields["p_log_type"], &fields["p_source_id"]), (&log_type.into(), &source.into()), "`{key}`");
    let day_of_time = fields["p_event_time"].as_str().map(|time| time[..10].replace('-', "/"));
    assert_eq!(day_of_time.as_deref(), Some(day), "`{key}`");
}

fn expected(world: &World, log: Log) -> Records {
    let mut records = Records::new();
    for row in world.visible_rows(log, Timestamp::now()) {
        *records.entry((day(row), without_volatile_fields(log, row.json.to_string()))).or_default() += 1;
    }
    records
}

fn day(row: &Row) -> String {
    row.time.strftime("%Y/%m/%d").to_string()
}

/// Removes the values that Slack updates later: `date_last` and `count` of an access row.
fn without_volatile_fields(log: Log, record: String) -> String {
    if log != Log::Access {
        return record;
    }
    ["\"date_last\":", "\"count\":"].iter().fold(record, |record, key| match record.split_once(key) {
        Some((before, after)) => format!("{before}{key}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => record,
    })
}

fn assert_same(stored: &Records, expected: &Records, what: &str) {
    let excess = |some: &Records, others: &Records| -> Vec<String> {
        some.iter()
            .filter(|(record, count)| others.get(*record).unwrap_or(&0) < *count)
            .map(|((day, record), count)| format!("{count} x on {day}: {record}"))
            .collect()
    };
    let (missing, surplus) = (excess(expected, stored), excess(stored, expected));
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{what}: {} missing records, such as {:#?}; {} duplicate, changed or on the wrong day, such as {:#?}",
        missing.len(),
        &missing[..missing.len().min(SHOWN_MAX)],
        surplus.len(),
        &surplus[..surplus.len().min(SHOWN_MAX)],
    );
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::panic::catch_unwind;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use slacktrail_simulator::Settings;

    use super::*;

    const DAY: &str = "2026/11/22";

    fn world() -> World {
        let mut world = World::new(Settings::organization());
        for (second, id) in [(1_795_332_821, "a"), (1_795_332_822, "b")] {
            world.add(Row::small_audit(Timestamp::constant(second, 0), id));
        }
        world
    }

    fn line(id: &str, day: &str) -> String {
        let time = if id == "a" { 1_795_332_821 } else { 1_795_332_822 };
        format!(
            r#"{{"id":"{id}","date_create":{time},"action":"user_login","p_log_type":"Slack.AuditLogs","p_row_id":"{id}","p_event_time":"{} 07:33:41.000","p_source_id":"acme"}}"#,
            day.replace('/', "-")
        )
    }

    fn archive(objects: &[(&str, &[String])]) -> Archive {
        let mut archive = Archive::default();
        for (key, lines) in objects {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            lines.iter().for_each(|line| writeln!(gzip, "{line}").expect("a write to memory succeeds"));
            let bytes = gzip.finish().expect("a write to memory succeeds");
            let content_type = Some("application/x-ndjson".to_owned());
            archive.objects.insert((*key).to_owned(), Object { bytes, content_type });
        }
        archive
    }

    #[test]
    fn missing_duplicate_changed_and_misplaced_records_are_detected() {
        let key = |number: u32| format!("audit/{DAY}/acme-{number:06}.json.gz");
        let [a, b] = ["a", "b"].map(|id| line(id, DAY));
        let is_accepted = |objects: &[(&str, &[String])]| {
            let (archive, world) = (archive(objects), world());
            catch_unwind(|| archive.assert_exactly(&world, "acme", &[Log::Audit])).is_ok()
        };
        let both = [a.clone(), b.clone()];
        assert!(is_accepted(&[(&key(1), &both)]));
        assert!(is_accepted(&[(&key(1), &both[..1]), (&key(2), &both[1..])]));

        assert!(!is_accepted(&[(&key(1), &both[..1])]), "missing");
        assert!(!is_accepted(&[(&key(1), &both), (&key(2), &both[..1])]), "duplicate");
        assert!(!is_accepted(&[(&key(1), &[a.clone(), a.clone(), b.clone()])]), "duplicate in one object");
        assert!(!is_accepted(&[(&key(1), &[a.replace("user_login", "user_logout"), b.clone()])]), "changed");
        assert!(!is_accepted(&[(&key(1), &both[..1]), (&key(3), &both[1..])]), "missing object");
        assert!(!is_accepted(&[(&key(2), &both)]), "numbers do not start at 1");
        let elsewhere = "audit/2026/11/23/acme-000001.json.gz";
        assert!(!is_accepted(&[(elsewhere, &["a", "b"].map(|id| line(id, "2026/11/23")))]), "wrong day");
        assert!(!is_accepted(&[(elsewhere, &both)]), "day of the key differs from the record's time");
        assert!(!is_accepted(&[("audit/2026/11/22/other-000001.json.gz", &both)]), "wrong source");
    }
}
