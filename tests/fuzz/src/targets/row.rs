//! Rows that are written to lines and read back.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use slacktrail_core::line::{LineWriter, StoredLine};
use slacktrail_core::record::Record;
use slacktrail_core::source::{LogType, Plan, Source};

use super::{now, text};

/// A source name and workspace ID that imitates the fields of a line.
const AWKWARD: &str = "\"p_log_type\":\"Slack.AuditLogs\" \\ \u{2028}\n";

/// The maximum nesting depth up to which whitespace does not affect the record ID. Deeper values are hashed by their bytes.
const NESTED_MAX: usize = 60;

/// Checks that the line of any JSON row starts with the row, is one line of JSON, and returns the row's ID and time.
pub(super) fn row(bytes: &[u8]) {
    let Ok(row) = RawValue::from_string(text(bytes).into_owned()) else { return };
    for log in LogType::ALL {
        for workspace in [None, Some("T1"), Some(AWKWARD)] {
            assert_line(log, workspace, &row);
        }
        assert_ignores_whitespace(log, &row);
    }
}

pub(super) fn write(record: &Record<'_>) -> Vec<u8> {
    let id = "acme".parse().expect("a valid ID");
    let source = Source::new(id, AWKWARD, Plan::Enterprise, now());
    let mut line = Vec::new();
    LineWriter::new(&source, record.log, now().instant()).write(record, &mut line);
    line
}

fn assert_line(log: LogType, workspace: Option<&str>, row: &RawValue) {
    let record = Record::read(log, workspace, row.get());
    assert_eq!(record.id, Record::read(log, workspace, row.get()).id, "the second read returned another ID");
    let line = write(&record);
    let line = line.strip_suffix(b"\n").expect("a line must end with a line break");
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "line break inside a line");
    let text = std::str::from_utf8(line).expect("a line must be UTF-8");

    let slack_json: String = row.get().chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let begins = match slack_json.strip_suffix('}').filter(|open| open.starts_with('{')) {
        Some(open) => text.starts_with(open),
        None => text.starts_with(&format!(r#"{{"p_row":{slack_json},"#)),
    };
    assert!(begins, "the line does not start with Slack's bytes: {text}");

    // If a name occurs twice, the last one counts, in serde_json and in Athena. slacktrail's fields come last.
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "the line is not JSON: {text}");
    // Names in Slack's JSON may be invalid Unicode (`\\ud800`).
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
        let field = |name: &str| serde_json::from_str::<String>(fields[name].get()).expect("a string");
        assert_eq!(field("p_row_id"), record.id.to_string());
        assert_eq!(field("p_log_type"), log.panther_log_type());
        assert_eq!(field("p_source_label"), AWKWARD);
    }

    let stored = StoredLine::read(log, line).expect("a written line can be read");
    assert_eq!((stored.id, stored.time), (record.id, record.partition_time()), "ID and time of {text}");
    assert_eq!(stored.workspace().as_deref(), workspace, "workspace of {text}");
    assert!(stored.slacks_json().any(|json| json == slack_json), "Slack's JSON of {text}");
    for other in LogType::ALL.into_iter().filter(|other| *other != log) {
        assert!(StoredLine::read(other, line).is_none(), "accepted a line of the {log} log as one of the {other} log");
    }
}

/// Checks that whitespace between tokens does not change the time or the ID of a record. Skips deeply nested values, and skips the ID of
/// malformed records.
fn assert_ignores_whitespace(log: LogType, row: &RawValue) {
    let Ok(value) = serde_json::from_str::<Value>(row.get()) else { return };
    if depth(&value) > NESTED_MAX {
        return;
    }
    let record = Record::read(log, None, row.get());
    let spread = RawValue::from_string(spread(row.get())).expect("JSON with added whitespace");
    let again = Record::read(log, None, spread.get());
    assert_eq!(
        (again.time, again.last_active),
        (record.time, record.last_active),
        "whitespace changed the time of {value}"
    );
    if !record.malformed {
        assert_eq!(again.id, record.id, "whitespace changed the ID of {value}");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns the same JSON with whitespace around each punctuation character.
fn spread(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' | '}' | '[' | ']' | ',' | ':' if !in_text => {
                out.push_str("\r\n ");
                out.push(c);
                out.push_str(" \t");
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out.trim().to_owned()
}
