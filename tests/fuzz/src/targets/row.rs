//! Rows, on their way to a line and back.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use slacktrail_core::line::{LineWriter, StoredLine, read_line};
use slacktrail_core::record::Record;
use slacktrail_core::source::{LogType, Plan, Source};

use super::{now, text};

/// Names that come from outside and stand in every line.
const AWKWARD: &str = "\"p_log_type\":\"Slack.AuditLogs\" \\ \u{2028}\n";

/// Deeper values count by their bytes.
const NESTED_MAX: usize = 60;

/// Whatever JSON a row is, its line begins with it, is one line of JSON, and gives its identity and time back.
pub(super) fn row(bytes: &[u8]) {
    let Ok(row) = RawValue::from_string(text(bytes).into_owned()) else { return };
    for log in LogType::ALL {
        for workspace in [None, Some("T1"), Some(AWKWARD)] {
            assert_line(log, workspace, &row);
        }
        assert_layout_is_nothing(log, &row);
    }
}

/// The line of a row.
pub(super) fn write(record: &Record<'_>) -> Vec<u8> {
    let id = "acme".parse().expect("it is an id");
    let source = Source::new(id, AWKWARD, Plan::Enterprise, now());
    let mut line = Vec::new();
    LineWriter::new(&source, record.log, now().instant()).write(record, record.id, &mut line);
    line
}

fn assert_line(log: LogType, workspace: Option<&str>, row: &RawValue) {
    let record = Record::read(log, workspace, row.get());
    assert_eq!(record.id, Record::read(log, workspace, row.get()).id, "another identity at the second read");
    let line = write(&record);
    let line = line.strip_suffix(b"\n").expect("a line ends with a line break");
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "a line break in a line");
    let text = std::str::from_utf8(line).expect("a line is text");

    let slacks: String = row.get().chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let begins = match slacks.strip_suffix('}').filter(|open| open.starts_with('{')) {
        Some(open) => text.starts_with(open),
        None => text.starts_with(&format!(r#"{{"p_row":{slacks},"#)),
    };
    assert!(begins, "a line that does not begin with Slack's bytes: {text}");

    // Of names that come twice the last counts, here as in Athena and everywhere else, and ours come last.
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "a line that is no JSON: {text}");
    // Slack's own names may stand for no text (`\\ud800`).
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
        let field = |name: &str| serde_json::from_str::<String>(fields[name].get()).expect("it is a text");
        assert_eq!(field("p_row_id"), record.id.to_string());
        assert_eq!(field("p_log_type"), log.panther_log_type());
        assert_eq!(field("p_source_label"), AWKWARD);
    }

    assert_eq!(read_line(log, line), Some((record.id, record.partition_time())), "what comes back of {text}");
    let stored = StoredLine::read(log, line).expect("it was read a moment ago");
    assert_eq!(stored.workspace().as_deref(), workspace, "the workspace of {text}");
    assert!(stored.slacks_json().any(|json| json == slacks), "Slack's JSON of {text}");
    for other in LogType::ALL.into_iter().filter(|other| *other != log) {
        assert_eq!(read_line(other, line), None, "a line of the {log} log taken for one of the {other} log");
    }
}

/// White space between tokens makes no other record, where there is an identity to tell and no value is nested without end.
fn assert_layout_is_nothing(log: LogType, row: &RawValue) {
    let Ok(value) = serde_json::from_str::<Value>(row.get()) else { return };
    if depth(&value) > NESTED_MAX {
        return;
    }
    let record = Record::read(log, None, row.get());
    let spread = RawValue::from_string(spread(row.get())).expect("white space between tokens changes no JSON");
    let again = Record::read(log, None, spread.get());
    assert_eq!((again.time, again.last_active), (record.time, record.last_active), "another time of {value}");
    if !record.malformed {
        assert_eq!(again.id, record.id, "another identity of {value}");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The same JSON with a line break and a space around each mark of punctuation.
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
