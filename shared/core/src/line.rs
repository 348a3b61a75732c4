//! A stored line: Slack's JSON object with slacktrail's fields appended. Also parses stored lines.

use std::borrow::Cow;

use jiff::Timestamp;
use slacktrail_fields::{Indicator, Kind};

use crate::record::{Record, RowId};
use crate::source::{LogType, Source};
use crate::time::{Second, athena_time, parse_athena_time};

/// Writes the lines of one stream in one tick.
#[derive(Debug)]
pub struct LineWriter {
    before_id: String,
    after_time: Vec<u8>,
}

impl LineWriter {
    /// Creates a writer for lines of `source` that are collected at `now`.
    pub fn new(source: &Source, log: LogType, now: Timestamp) -> LineWriter {
        let mut after_time = AFTER_TIME.to_vec();
        after_time.extend_from_slice(&athena_time(now));
        after_time.extend_from_slice(format!(r#"","p_source_id":"{}","p_source_label":"#, source.id).as_bytes());
        write_json(&source.label, &mut after_time);
        LineWriter { before_id: before_id(log), after_time }
    }

    /// Appends the line of a record and its line break to `out`. Returns the offset in `out` of the record ID's digits.
    ///
    /// A walk may add the ordinal among equal rows only after it has seen the whole page. The caller then replaces the digits.
    pub fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) -> usize {
        slacks_part(&record.json).into_iter().for_each(|part| out.extend_from_slice(part));
        out.extend_from_slice(self.before_id.as_bytes());
        let id_at = out.len();
        out.extend_from_slice(&record.id.digits());
        out.extend_from_slice(BETWEEN);
        out.extend_from_slice(&athena_time(record.partition_time().instant()));
        out.extend_from_slice(&self.after_time);
        if let Some(workspace) = record.workspace {
            out.extend_from_slice(br#","p_workspace_id":"#);
            write_json(workspace, out);
        }
        write_indicators(&record.indicators, out);
        out.extend_from_slice(b"}\n");
        id_at
    }
}

/// Returns the first part of a line: Slack's JSON up to where slacktrail's fields follow.
pub fn slacks_part(json: &str) -> [&[u8]; 3] {
    let json = json.as_bytes();
    match json.strip_suffix(b"}").filter(|_| json.starts_with(b"{")) {
        Some(open) => {
            let is_empty = open[1..].iter().all(u8::is_ascii_whitespace);
            [b"", open, if is_empty { b"" } else { b"," }]
        }
        // slacktrail's fields cannot be appended to a row that is not an object, so the row becomes the value of `p_row`.
        None => [ROW, json, b","],
    }
}

const ROW: &[u8] = br#"{"p_row":"#;
const WORKSPACE: &[u8] = b"p_workspace_id";
const BETWEEN: &[u8] = br#"","p_event_time":""#;
const AFTER_TIME: &[u8] = br#"","p_parse_time":""#;

fn before_id(log: LogType) -> String {
    format!(r#""p_log_type":"{}","p_row_id":""#, log.panther_log_type())
}

/// Writes one field for each kind of indicator. The indicators are sorted, so those of one kind are adjacent.
fn write_indicators(indicators: &[Indicator<'_>], out: &mut Vec<u8>) {
    for of_a_kind in indicators.chunk_by(|a, b| a.kind == b.kind) {
        out.extend_from_slice(match of_a_kind[0].kind {
            Kind::IpAddress => br#","p_any_ip_addresses":["#,
            Kind::Email => br#","p_any_emails":["#,
            Kind::Username => br#","p_any_usernames":["#,
        });
        for (index, indicator) in of_a_kind.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_text(indicator, out);
        }
        out.push(b']');
    }
}

/// Writes an indicator as a JSON string. Text that is borrowed from the row's JSON contains no escapes and needs none.
fn write_text(indicator: &Indicator<'_>, out: &mut Vec<u8>) {
    match &indicator.text {
        Cow::Borrowed(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Cow::Owned(text) => write_json(text, out),
    }
}

fn write_json(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("strings always serialize");
}

/// A parsed line.
#[derive(Clone, Copy, Debug)]
pub struct StoredLine<'a> {
    /// The record ID, from slacktrail's fields.
    pub id: RowId,
    /// The time, from slacktrail's fields.
    pub time: Second,
    /// The part before slacktrail's fields.
    pub slacks_part: &'a [u8],
    own_part: &'a [u8],
}

impl<'a> StoredLine<'a> {
    /// Parses a line without its line break. Returns `None` if no [`LineWriter`] of this log wrote it.
    ///
    /// slacktrail's fields come last, and quotes inside JSON strings are escaped. The last `"p_log_type":"` therefore starts slacktrail's
    /// fields, whatever Slack's JSON or the source's label contains.
    pub fn read(log: LogType, line: &'a [u8]) -> Option<StoredLine<'a>> {
        let (slacks_part, own_part) = line.split_at(memchr::memmem::rfind(line, br#""p_log_type":""#)?);
        let tail = own_part.strip_prefix(before_id(log).as_bytes())?;
        let (id, tail) = tail.split_at_checked(32)?;
        let (time, tail) = tail.strip_prefix(BETWEEN)?.split_at_checked(23)?;
        if !(tail.starts_with(AFTER_TIME) && tail.ends_with(b"}")) {
            return None;
        }
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        let time = parse_athena_time(std::str::from_utf8(time).ok()?)?;
        Some(StoredLine { id, time, slacks_part, own_part: tail })
    }

    /// Returns Slack's JSON as it was when the line was written.
    ///
    /// A line that starts with `{"p_row":` may come from a row that is not an object, or from an object with that field. It returns both.
    pub fn slacks_json(&self) -> impl Iterator<Item = String> {
        let text = String::from_utf8_lossy(self.slacks_part);
        let open = text.strip_suffix(',').unwrap_or(&text);
        let row = open.as_bytes().strip_prefix(ROW).map(|_| open[ROW.len()..].to_owned());
        [Some(format!("{open}}}")), row].into_iter().flatten()
    }

    /// Returns when slacktrail collected the record (`p_parse_time`), or `None` if that is not a time.
    pub fn collected_at(&self) -> Option<Second> {
        let time = self.own_part.strip_prefix(AFTER_TIME)?.get(..23)?;
        parse_athena_time(std::str::from_utf8(time).ok()?)
    }

    /// Returns the workspace that the row was read from, if an organization is read workspace by workspace.
    pub fn workspace(&self) -> Option<String> {
        let key = [br#",""#, WORKSPACE, br#"":"#].concat();
        let start = memchr::memmem::find(self.own_part, &key)? + key.len();
        serde_json::Deserializer::from_slice(&self.own_part[start..]).into_iter().next()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::source::Plan;

    fn line_of(log: LogType, workspace: Option<&str>, json: &str) -> String {
        let source =
            Source::new("acme".parse().unwrap(), r#"Acme "p_log_type":"x" GmbH"#, Plan::Enterprise, Second::EPOCH);
        let row = RawValue::from_string(json.to_owned()).unwrap();
        let record = Record::read(log, workspace, row.get());
        let mut out = Vec::new();
        LineWriter::new(&source, log, "2026-11-22T07:34:00.25Z".parse().unwrap()).write(&record, &mut out);
        let line = String::from_utf8(out).unwrap();
        let read = StoredLine::read(log, line.trim_end().as_bytes()).unwrap();
        assert_eq!((read.id, read.time), (record.id, record.partition_time()), "{line}");
        assert_eq!(read.slacks_part, slacks_part(&record.json).concat(), "{line}");
        assert!(read.slacks_json().any(|stored| stored == record.json), "{line}");
        assert_eq!(read.workspace().as_deref(), workspace, "{line}");
        assert_eq!(read.collected_at().map(|at| at.to_string()).as_deref(), Some("2026-11-22T07:34:00Z"), "{line}");
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
        line
    }

    #[test]
    fn line_is_slack_bytes_followed_by_slacktrail_fields() {
        let json = r#"{"id":"a", "id":"a","date_create":1795332821,"big":123456789012345678901234567890,"n":1.50,"u":{"user":{"name":"b"},"users":[{"email":"z@x"},{"email":"a@x"},{"email":"a@x"}]}}"#;
        let line = line_of(LogType::Audit, None, json);
        let own_part = line.strip_prefix(json.strip_suffix('}').unwrap()).unwrap();
        assert!(own_part.starts_with(r#","p_log_type":"Slack.AuditLogs","p_row_id":""#), "{own_part}");
        assert!(
            own_part.ends_with(
                r#"","p_event_time":"2026-11-22 07:33:41.000","p_parse_time":"2026-11-22 07:34:00.250","p_source_id":"acme","p_source_label":"Acme \"p_log_type\":\"x\" GmbH","p_any_emails":["a@x","z@x"],"p_any_usernames":["b"]}
"#
            ),
            "{own_part}"
        );
    }

    #[test]
    fn empty_or_non_object_row_makes_line() {
        assert!(line_of(LogType::Audit, None, "{ }").starts_with(r#"{ "p_log_type""#));
        assert!(line_of(LogType::Audit, None, "null").starts_with(r#"{"p_row":null,"p_log_type""#));
        assert!(
            line_of(LogType::Audit, None, r#"{"p_log_type":"Slack.AuditLogs","p_row_id":"x"}"#).contains("1970-01-01")
        );
    }

    #[test]
    fn line_names_workspace_that_row_was_read_from() {
        assert!(line_of(LogType::Integration, Some("T1"), r#"{"date":"5"}"#).contains(r#","p_workspace_id":"T1""#));
    }

    #[test]
    fn line_not_written_by_slacktrail_is_not_read() {
        let line = line_of(LogType::Audit, None, r#"{"id":"a","date_create":5}"#);
        for wrong in
            ["", "{}", r#"{"p_log_type":"Slack.AuditLogs"}"#, &line[..line.len() - 5], &line.replace("Audit", "Access")]
        {
            assert!(StoredLine::read(LogType::Audit, wrong.trim_end().as_bytes()).is_none(), "{wrong}");
        }
    }
}
