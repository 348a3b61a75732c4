//! Compares the stored records with what the simulated Slack returned, record by record and byte by byte.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::{Log, Row};

use super::archive::{Archive, Line};
use crate::duration;

/// The result of the comparison.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    /// Records that Slack returned.
    compared: u64,
    /// Records that no line contains.
    missing: u64,
    /// Lines with a record that another line contains too.
    duplicates: u64,
    /// Lines with a record that Slack never returned.
    unexpected: u64,
    /// Lines in the file of another day than the record's.
    wrong_day: u64,
    /// Numbers that a day log skips.
    missing_objects: u64,
    /// Objects that were read back.
    objects: u64,
}

impl Verdict {
    /// Returns `true` if each record is in exactly one line, in the right file.
    pub(crate) fn is_exact(&self) -> bool {
        self.compared > 0
            && self.missing + self.duplicates + self.unexpected + self.wrong_day + self.missing_objects == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_exact() { "Exact" } else { "NOT EXACT" };
        let count = duration::count;
        writeln!(
            f,
            "{verdict}: compared {} records from Slack with {} stored objects:",
            count(self.compared),
            count(self.objects)
        )?;
        write!(
            f,
            "missing {}, duplicate {}, unexpected {}",
            count(self.missing),
            count(self.duplicates),
            count(self.unexpected)
        )?;
        write!(f, ", in the wrong file {}, missing objects {}.", count(self.wrong_day), count(self.missing_objects))
    }
}

/// Compares an archive with the rows that Slack returned.
pub(crate) fn compare(archive: &Archive, rows: &[Row]) -> Verdict {
    let mut verdict = Verdict {
        objects: archive.files.len() as u64,
        missing_objects: missing_objects(archive),
        ..Verdict::default()
    };
    let mut expected: HashMap<String, u64> = HashMap::new();
    for row in rows {
        let workspace = row.workspace.as_deref().filter(|_| row.log == Log::Integration);
        let times = expected.entry(content(name(row.log), workspace, &row.json)).or_default();
        // Access rows that differ only in the fields that Slack updates are one record. Equal integration rows are separate records.
        if row.log == Log::Integration || *times == 0 {
            *times += 1;
            verdict.compared += 1;
        }
    }
    let mut row_ids = HashSet::new();
    let mut found: HashMap<String, u64> = HashMap::new();
    for line in &archive.lines {
        let content = content(&line.log, line.fields.p_workspace_id.as_deref(), &line.slack);
        let is_new = row_ids.insert((line.log.as_str(), line.fields.p_row_id.as_str()));
        match expected.get(&content) {
            None => verdict.unexpected += 1,
            Some(times) => {
                let found = found.entry(content).or_default();
                *found += 1;
                verdict.duplicates += u64::from(*found > *times || !is_new);
            }
        }
        verdict.wrong_day += u64::from(day(line).as_deref() != Some(line.day.as_str()));
    }
    verdict.missing =
        expected.iter().map(|(content, times)| times.saturating_sub(found.get(content).copied().unwrap_or(0))).sum();
    verdict
}

fn name(log: Log) -> &'static str {
    match log {
        Log::Audit => "audit",
        Log::Access => "access",
        Log::Integration => "integration",
    }
}

/// Returns what identifies a record: its log, its workspace and Slack's bytes. Excludes the two numbers of an access row that Slack updates
/// on every use.
fn content(log: &str, workspace: Option<&str>, json: &str) -> String {
    let json = match log {
        "access" => without_number(&without_number(json, r#""date_last":"#), r#""count":"#),
        _ => json.to_owned(),
    };
    format!("{log} {} {json}", workspace.unwrap_or("-"))
}

fn without_number(json: &str, key: &str) -> String {
    let Some(start) = json.find(key).map(|start| start + key.len()) else { return json.to_owned() };
    let rest = json[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}{rest}", &json[..start])
}

/// Returns the day of the record's time.
fn day(line: &Line) -> Option<String> {
    let seconds = match line.fields.time(&line.log)? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_i64()?,
    };
    Some(Timestamp::from_second(seconds).ok()?.strftime("%Y/%m/%d").to_string())
}

/// Counts the numbers from 1 to the last number of each day log that no file has.
fn missing_objects(archive: &Archive) -> u64 {
    let mut logs: BTreeMap<(&str, &str, &str), (u64, u64)> = BTreeMap::new();
    for file in &archive.files {
        let (files, last) = logs.entry((&file.log, &file.day, &file.source)).or_default();
        *files += 1;
        *last = (*last).max(u64::from(file.number));
    }
    logs.values().map(|(files, last)| last.abs_diff(*files)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::archive::tests::archive;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }

    fn stored(row: &Row, id: &str) -> String {
        let open = row.json.strip_suffix('}').unwrap();
        format!(r#"{open},"p_log_type":"Slack.AuditLogs","p_row_id":"{id}"}}"#)
    }

    #[test]
    fn record_in_exactly_one_line_is_exact() {
        let rows = [Row::small_audit(at(0), "a"), Row::small_audit(at(1), "b")];
        let lines = [stored(&rows[0], "1"), stored(&rows[1], "2")];
        let verdict = compare(&archive("2026/05/28", &[1], &lines), &rows);
        assert_eq!(verdict, Verdict { compared: 2, objects: 1, ..Verdict::default() });
        assert!(verdict.is_exact());
        assert!(verdict.to_string().contains("missing 0, duplicate 0"));
    }

    #[test]
    fn every_kind_of_defect_is_counted() {
        let rows = [Row::small_audit(at(0), "a"), Row::small_audit(at(1), "b")];
        let other = Row::small_audit(at(2), "c");
        let lines = [stored(&rows[0], "1"), stored(&rows[0], "1"), stored(&other, "3")];
        let verdict = compare(&archive("2026/05/27", &[1, 3], &lines), &rows);
        let expected = Verdict {
            compared: 2,
            missing: 1,
            duplicates: 1,
            unexpected: 1,
            wrong_day: 3,
            missing_objects: 1,
            objects: 2,
        };
        assert_eq!(verdict, expected);
        assert!(!verdict.is_exact());
        assert!(!Verdict::default().is_exact(), "a comparison without records is not exact");
    }

    #[test]
    fn moved_access_row_is_same_and_other_row_is_not() {
        let moved = |last, user| Row::small_access(at(0), at(last), user, "203.0.113.7", "x").json;
        assert_eq!(content("access", None, &moved(1, "a")), content("access", None, &moved(2, "a")));
        assert_ne!(content("access", None, &moved(1, "a")), content("access", None, &moved(1, "b")));
    }
}
