//! Compares stored records with the rows of the simulated Slack, byte for byte.

use std::collections::{HashMap, HashSet};

use crate::{Log, Row};

/// A record as stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The log.
    pub log: Log,
    /// The record ID.
    pub id: &'a str,
    /// The day under which the record is stored, such as `2026/11/22`.
    pub day: &'a str,
    /// The workspace that the record was read from, if it names one.
    pub workspace: Option<&'a str>,
    /// Slack's JSON.
    pub json: &'a str,
}

/// A comparison in progress.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What identifies each record that Slack has returned.
    expected: HashMap<String, Expected>,
    ids: HashSet<(Log, String)>,
    differences: Differences,
}

#[derive(Debug)]
struct Expected {
    day: String,
    copies: u64,
    found: u64,
}

/// The differences between what Slack has returned and what is stored.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Differences {
    /// The number of records that Slack has returned.
    pub compared: u64,
    /// Records that are not stored.
    pub missing: Vec<String>,
    /// Stored records that are stored before, or whose ID is.
    pub duplicates: Vec<String>,
    /// Stored records that Slack has not returned, for example because a byte was changed.
    pub unexpected: Vec<String>,
    /// Stored records that are stored under another day than their own.
    pub wrong_day: Vec<String>,
}

impl Comparison {
    /// Begins to compare with the rows that Slack has returned.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Comparison {
        let mut comparison = Comparison::default();
        for row in rows {
            let day = || row.time.strftime("%Y/%m/%d").to_string();
            let record = content(row.log, row.workspace.as_deref(), &row.json);
            let expected =
                comparison.expected.entry(record).or_insert_with(|| Expected { day: day(), copies: 0, found: 0 });
            // Access rows that differ only in the fields that Slack updates are one record. Equal integration rows are separate records.
            if row.log == Log::Integration || expected.copies == 0 {
                expected.copies += 1;
                comparison.differences.compared += 1;
            }
        }
        comparison
    }

    /// Compares a stored record.
    pub fn add(&mut self, stored: &Stored<'_>) {
        let record = content(stored.log, stored.workspace, stored.json);
        let is_new_id = self.ids.insert((stored.log, stored.id.to_owned()));
        let Some(expected) = self.expected.get_mut(&record) else {
            return self.differences.unexpected.push(record);
        };
        expected.found += 1;
        if stored.day != expected.day {
            self.differences.wrong_day.push(format!("{}: {record}", stored.day));
        }
        if expected.found > expected.copies || !is_new_id {
            self.differences.duplicates.push(record);
        }
    }

    /// Returns the differences, once all stored records were added.
    pub fn finish(mut self) -> Differences {
        for (record, expected) in self.expected {
            let missing = expected.copies.saturating_sub(expected.found);
            self.differences.missing.extend((0..missing).map(|_| record.clone()));
        }
        self.differences
    }
}

/// Returns what identifies a record: its log, its workspace if it is an integration row, and Slack's bytes. Excludes the two numbers of an access
/// row that Slack updates on every use.
fn content(log: Log, workspace: Option<&str>, json: &str) -> String {
    let json = match log {
        Log::Access => without_number(&without_number(json, r#""date_last":"#), r#""count":"#),
        Log::Audit | Log::Integration => json.to_owned(),
    };
    let workspace = workspace.filter(|_| log == Log::Integration).unwrap_or("-");
    format!("{log:?} {workspace} {json}")
}

fn without_number(json: &str, key: &str) -> String {
    let Some((before, after)) = json.split_once(key) else { return json.to_owned() };
    format!("{before}{key}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const DAY: &str = "2026/05/28";

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(1_780_000_000 + second, 0)
    }

    /// Returns the numbers of missing, duplicate, unexpected and wrong-day records.
    fn compare(rows: &[&Row], stored: &[(&str, &str, &Row)]) -> [usize; 4] {
        let mut comparison = Comparison::new(rows.iter().copied());
        for (id, day, row) in stored {
            let workspace = row.workspace.as_deref();
            comparison.add(&Stored { log: row.log, id, day, workspace, json: &row.json });
        }
        let Differences { missing, duplicates, unexpected, wrong_day, .. } = comparison.finish();
        [missing.len(), duplicates.len(), unexpected.len(), wrong_day.len()]
    }

    #[test]
    fn each_record_must_be_stored_once_under_its_day() {
        let [a, b] = ["a", "b"].map(|id| Row::small_audit(at(0), id));
        let changed = Row { json: b.json.replace("user_login", "user_logout").into(), ..b.clone() };
        type Case<'a> = (&'a [(&'a str, &'a str, &'a Row)], [usize; 4]);
        let cases: [Case<'_>; 7] = [
            (&[("1", DAY, &a), ("2", DAY, &b)], [0, 0, 0, 0]),
            (&[("1", DAY, &a)], [1, 0, 0, 0]),
            (&[("1", DAY, &a), ("2", DAY, &b), ("3", DAY, &a)], [0, 1, 0, 0]),
            (&[("1", DAY, &a), ("1", DAY, &b)], [0, 1, 0, 0]),
            (&[("1", DAY, &a), ("2", DAY, &changed)], [1, 0, 1, 0]),
            (&[("1", DAY, &a), ("2", "2026/05/27", &b)], [0, 0, 0, 1]),
            (&[], [2, 0, 0, 0]),
        ];
        for (stored, expected) in cases {
            assert_eq!(compare(&[&a, &b], stored), expected, "{stored:?}");
        }
    }

    #[test]
    fn equal_integration_rows_are_separate_records_of_their_workspace() {
        let row = |workspace: &str| Row::small_integration(at(0), "A1").in_workspace(workspace);
        let (one, two) = (row("T1"), row("T2"));
        let rows = [&one, &one, &two];
        assert_eq!(compare(&rows, &[("1", DAY, &one), ("2", DAY, &one), ("3", DAY, &two)]), [0; 4]);
        let stored = [("1", DAY, &one), ("2", DAY, &two), ("3", DAY, &two)];
        assert_eq!(compare(&rows, &stored), [1, 1, 0, 0]);
    }

    #[test]
    fn moved_access_row_is_same_and_other_row_is_not() {
        let row = |last, user| Row::small_access(at(0), at(last), user, "203.0.113.7", "x");
        let (first, moved, other) = (row(1, "a"), row(2, "a"), row(1, "b"));
        assert_eq!(compare(&[&first, &moved], &[("1", DAY, &moved)]), [0; 4]);
        assert_eq!(compare(&[&first], &[("1", DAY, &other)]), [1, 0, 1, 0]);
    }
}
