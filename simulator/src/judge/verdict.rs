//! The verdict on one day: what Slack has shown, compared with what the collector has written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use slacktrail_simulator::{Log, Row};

use super::collector::Collector;
use super::output::Line;

/// The fields of an access row that Slack updates on every use.
const UPDATED: [&str; 2] = ["date_last", "count"];

/// The verdict on one day.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// The number of records that Slack has shown.
    pub(crate) shown: usize,
    /// Records that are not stored.
    pub(crate) missing: usize,
    /// Copies of records beyond the first.
    pub(crate) duplicate: usize,
    /// Records with a field that differs from Slack's.
    pub(crate) altered: usize,
    /// Lines that are no record of Slack, or no JSON.
    pub(crate) unexpected: usize,
    /// Records in a file whose path names another day.
    pub(crate) misplaced: usize,
    /// The longest time between a record's appearance and the run that stored it, in seconds, among records that appeared after the first run.
    pub(crate) latest_seconds: i64,
    /// The number of calls to Slack.
    pub(crate) calls: usize,
    /// The number of calls above Slack's limits, or before the time that Slack asked to wait.
    pub(crate) calls_too_many: usize,
    /// The number of files and outputs that contain the token.
    pub(crate) secrets: usize,
    /// The number of runs that did not end in time.
    pub(crate) endless_runs: usize,
    /// Whether the collector reported an error. `None` if nothing was wrong.
    pub(crate) told: Option<bool>,
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
            (self.duplicate, "duplicate"),
            (self.altered, "altered"),
            (self.unexpected, "unexpected"),
            (self.misplaced, "misplaced"),
            (self.calls_too_many, "calls too many"),
            (self.secrets, "with a secret"),
            (self.endless_runs, "endless"),
        ];
        let mut faults: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if self.told == Some(false) {
            faults.push("silent".to_owned());
        }
        faults
    }
}

/// Returns what identifies a record in its log. Integration rows have no ID, so their whole content identifies them.
fn identity(log: Log, row: &Value) -> String {
    let field = |name: &str| match &row[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match log {
        Log::Audit => field("id"),
        Log::Access => ["user_id", "ip", "user_agent", "date_first"].map(field).join("\u{1f}"),
        Log::Integration => content(log, row),
    }
}

/// Returns the content of a record that Slack does not update, independent of the order of its fields.
fn content(log: Log, row: &Value) -> String {
    let Value::Object(fields) = row else { return row.to_string() };
    let kept = |name: &&String| log != Log::Access || !UPDATED.contains(&name.as_str());
    let sorted: BTreeMap<&String, &Value> = fields.iter().filter(|(name, _)| kept(name)).collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

/// Returns Slack's row in a line, without the fields that the collector adds.
fn row_of(collector: &Collector, line: &Line) -> Option<Value> {
    let mut row = line.value.as_ref()?.pointer(&collector.output.row)?.clone();
    if let Value::Object(fields) = &mut row {
        fields.retain(|name, _| !collector.adds(name));
    }
    row.is_object().then_some(row)
}

/// Returns the identities of the records in the lines.
pub(crate) fn identities(collector: &Collector, log: Log, lines: &[Line]) -> HashSet<String> {
    lines.iter().filter_map(|line| row_of(collector, line)).map(|row| identity(log, &row)).collect()
}

/// Returns what identifies a row of the simulated Slack.
pub(crate) fn identity_of(row: &Row) -> String {
    identity(row.log, &serde_json::from_str(&row.json).unwrap_or_default())
}

/// A record that Slack has shown.
struct Shown {
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
        let record = shown.entry(identity(log, &value)).or_insert_with(|| Shown {
            content: content(log, &value),
            time: row.time,
            copies: 0,
            found: 0,
        });
        // Equal integration rows are separate records.
        if record.copies == 0 || log == Log::Integration {
            record.copies += 1;
            verdict.shown += 1;
        }
    }
    for line in lines {
        let row = row_of(collector, line);
        let Some(record) = row.as_ref().and_then(|row| shown.get_mut(&identity(log, row))) else {
            verdict.unexpected += 1;
            verdict.examples.push(format!(
                "unexpected: {} in `{}`",
                shorten(&format!("{:?}", line.value)),
                line.file.display()
            ));
            continue;
        };
        record.found += 1;
        if row.is_some_and(|row| content(log, &row) != record.content) {
            verdict.altered += 1;
            verdict.examples.push(format!("altered: {}", shorten(&record.content)));
        }
        if collector.output.by_day && !names_day(&line.file, record.time) {
            verdict.misplaced += 1;
            verdict.examples.push(format!("misplaced: {} in `{}`", record.time, line.file.display()));
        }
    }
    for record in shown.values() {
        verdict.missing += record.copies.saturating_sub(record.found);
        verdict.duplicate += record.found.saturating_sub(record.copies);
        for (is, word) in [(record.found < record.copies, "missing"), (record.found > record.copies, "duplicate")] {
            if is {
                verdict.examples.push(format!("{word}: {}", shorten(&record.content)));
            }
        }
    }
    verdict.examples.sort();
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
