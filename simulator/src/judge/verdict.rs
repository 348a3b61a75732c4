//! The verdict on one day: what Slack has shown, compared with what the collector has written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use slacktrail_simulator::{Log, Row};

use super::collector::Collector;
use super::output::Line;

/// The fields of an access row that Slack updates on every use.
const UPDATED: [&str; 2] = ["date_last", "count"];

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// The number of records that Slack has shown.
    pub(crate) slack_records: usize,
    /// Records that are not stored.
    pub(crate) missing: usize,
    /// Copies of records beyond the first.
    pub(crate) duplicates: usize,
    /// Records with a field that differs from Slack's.
    pub(crate) altered: usize,
    /// Lines that are no record of Slack, or no JSON.
    pub(crate) unexpected: usize,
    /// Records in a file whose path names another day.
    pub(crate) wrong_day: usize,
    /// The longest time between a record's appearance and the run that stored it, in seconds, among records that appeared after the first run.
    pub(crate) delay_max_seconds: i64,
    /// The number of calls to Slack.
    pub(crate) calls: usize,
    /// The number of calls above Slack's limits, or before the time that Slack asked to wait.
    pub(crate) calls_too_many: usize,
    /// The number of files and outputs that contain the token.
    pub(crate) secrets: usize,
    /// The number of runs that did not end in time.
    pub(crate) runs_timed_out: usize,
    /// Whether the collector reported an error. `None` if nothing was wrong.
    pub(crate) reported: Option<bool>,
    /// The runs that ended with an exit code other than 0, each with the end of its output.
    pub(crate) failed_runs: Vec<String>,
    /// Examples of the differences, sorted.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// Returns `true` if everything is as it should be.
    pub(crate) fn is_good(&self) -> bool {
        self.faults().is_empty()
    }

    /// Returns what is wrong, in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        let counts = [
            (self.missing, "missing"),
            (self.duplicates, "duplicate"),
            (self.altered, "altered"),
            (self.unexpected, "unexpected"),
            (self.wrong_day, "wrong day"),
            (self.calls_too_many, "calls too many"),
            (self.secrets, "with a secret"),
            (self.runs_timed_out, "timed out"),
        ];
        let mut faults: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if self.reported == Some(false) {
            faults.push("unreported error".to_owned());
        }
        faults
    }
}

/// Returns the content of a record that Slack does not update, independent of the order of its fields.
fn content(log: Log, row: &Value) -> String {
    let mut row = row.clone();
    if let (Log::Access, Value::Object(fields)) = (log, &mut row) {
        fields.retain(|name, _| !UPDATED.contains(&name.as_str()));
    }
    row.to_string()
}

/// Returns Slack's row in a line, without the fields that the collector adds.
fn row_of(collector: &Collector, line: &Line) -> Option<Value> {
    let mut row = line.value.as_ref()?.pointer(&collector.output.row)?.clone();
    if let Value::Object(fields) = &mut row {
        fields.retain(|name, _| !collector.adds(name));
    }
    row.is_object().then_some(row)
}

pub(crate) fn identities(collector: &Collector, log: Log, lines: &[Line]) -> HashSet<String> {
    lines.iter().filter_map(|line| row_of(collector, line)).map(|row| log.identity(&row)).collect()
}

struct Shown {
    row: Value,
    content: String,
    time: Timestamp,
    copies: usize,
    found: usize,
}

/// Compares the lines with the rows that Slack has shown.
pub(crate) fn compare<'a>(
    collector: &Collector,
    log: Log,
    rows: impl Iterator<Item = &'a Row>,
    lines: &[Line],
    verdict: &mut Verdict,
) {
    let mut shown: HashMap<String, Shown> = HashMap::new();
    for row in rows {
        let value: Value = serde_json::from_str(&row.json).unwrap_or_default();
        let record = shown.entry(log.identity(&value)).or_insert_with(|| Shown {
            content: content(log, &value),
            row: value,
            time: row.time,
            copies: 0,
            found: 0,
        });
        // Equal integration rows are separate records.
        if record.copies == 0 || log == Log::Integration {
            record.copies += 1;
            verdict.slack_records += 1;
        }
    }
    for line in lines {
        let row = row_of(collector, line);
        let Some(record) = row.as_ref().and_then(|row| shown.get_mut(&log.identity(row))) else {
            verdict.unexpected += 1;
            verdict.examples.push(format!("unexpected: {}, in `{}`", unexpected(collector, line), line.file.display()));
            continue;
        };
        record.found += 1;
        if let Some(row) = row.filter(|row| content(log, row) != record.content) {
            verdict.altered += 1;
            let fields = changed_fields(&row, &record.row);
            verdict.examples.push(format!("altered: {fields}, in {}", shorten(&record.content)));
        }
        if collector.output.by_day && !names_day(&line.file, record.time) {
            verdict.wrong_day += 1;
            verdict.examples.push(format!("wrong day: {} in `{}`", record.time, line.file.display()));
        }
    }
    for record in shown.values() {
        verdict.missing += record.copies.saturating_sub(record.found);
        verdict.duplicates += record.found.saturating_sub(record.copies);
        for (is, word) in [(record.found < record.copies, "missing"), (record.found > record.copies, "duplicate")] {
            if is {
                verdict.examples.push(format!("{word}: {}", shorten(&record.content)));
            }
        }
    }
    verdict.examples.sort();
}

/// Says why a line is no record of Slack.
fn unexpected(collector: &Collector, line: &Line) -> String {
    let pointer = &collector.output.row;
    match &line.value {
        None => "not JSON".to_owned(),
        Some(value) if value.pointer(pointer).is_none() => {
            format!("no value at `output.row` (`{pointer}`) of {}", shorten(&value.to_string()))
        }
        Some(value) => shorten(&value.to_string()),
    }
}

/// Returns the fields of a stored row that differ from Slack's row.
fn changed_fields(stored: &Value, slack: &Value) -> String {
    let (Value::Object(stored), Value::Object(slack)) = (stored, slack) else { return "the whole row".to_owned() };
    let names: BTreeSet<&String> = stored.keys().chain(slack.keys()).collect();
    let changes = names.into_iter().filter_map(|name| match (stored.get(name), slack.get(name)) {
        (Some(_), None) => Some(format!("`{name}` added")),
        (None, Some(_)) => Some(format!("`{name}` missing")),
        (one, other) => (one != other).then(|| format!("`{name}` changed")),
    });
    changes.collect::<Vec<_>>().join(", ")
}

/// Returns `true` if the path of a file names the day of this time.
fn names_day(file: &Path, time: Timestamp) -> bool {
    let path = file.to_string_lossy();
    ["%Y/%m/%d", "%Y-%m-%d", "%Y%m%d"].iter().any(|form| path.contains(&time.strftime(form).to_string()))
}

fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 160;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn collector() -> Collector {
        let text = "name = 'x'\nlogs = ['audit']\nrun = ['x']\n[output]\npath = 'o'\nadded = ['p_*']\nby_day = true\n[state]\npath = 's'\n";
        toml::from_str(text).unwrap()
    }

    fn judge(lines: &[(&str, Value)]) -> Verdict {
        let time: Timestamp = "2026-05-28T20:26:40Z".parse().unwrap();
        let rows = ["a", "b"].map(|id| Row::small_audit(time, id));
        let line = |(file, value): &(&str, Value)| Line { file: file.into(), value: Some(value.clone()) };
        let lines: Vec<Line> = lines.iter().map(line).collect();
        let mut verdict = Verdict::default();
        compare(&collector(), Log::Audit, rows.iter(), &lines, &mut verdict);
        verdict
    }

    fn stored(id: &str) -> Value {
        let time: Timestamp = "2026-05-28T20:26:40Z".parse().unwrap();
        serde_json::from_str(&Row::small_audit(time, id).json).unwrap()
    }

    #[test]
    fn each_difference_is_counted_and_named() {
        const FILE: &str = "2026/05/28.json";
        let with = |id, field: &str, value: Value| {
            let mut row = stored(id);
            row[field] = value;
            row
        };
        let (a, b) = (stored("a"), stored("b"));
        assert!(judge(&[(FILE, a.clone()), (FILE, with("b", "p_any", json!(1)))]).is_good());
        for (lines, fault, example) in [
            (vec![(FILE, a.clone())], "1 missing", "missing: {"),
            (vec![(FILE, a.clone()), (FILE, b.clone()), (FILE, b.clone())], "1 duplicate", "duplicate: {"),
            (vec![(FILE, a.clone()), (FILE, b.clone()), (FILE, json!({"id": "c"}))], "1 unexpected", "unexpected: "),
            (vec![(FILE, a.clone()), ("2026-05-27.json", b.clone())], "1 wrong day", "wrong day: 2026-05-28"),
            (vec![(FILE, a.clone()), (FILE, with("b", "seen", json!(1)))], "1 altered", "altered: `seen` added, in {"),
            (
                vec![(FILE, a.clone()), (FILE, with("b", "action", json!(1)))],
                "1 altered",
                "altered: `action` changed, in",
            ),
        ] {
            let verdict = judge(&lines);
            assert_eq!(verdict.faults(), [fault]);
            assert!(verdict.examples[0].starts_with(example), "{}", verdict.examples[0]);
        }
    }

    #[test]
    fn unreported_error_is_fault_only_if_something_was_wrong() {
        let verdict = |reported| Verdict { reported, ..Verdict::default() };
        assert_eq!(verdict(Some(false)).faults(), ["unreported error"]);
        assert!(verdict(Some(true)).is_good() && verdict(None).is_good());
    }
}
