//! Pages of rows that are generated while they are sent.

use std::sync::Arc;

use hyper::body::Bytes;
use jiff::Timestamp;
use slacktrail_simulator::Row;

use super::{SlackCall, StreamedResponse};

/// The number of rows per page if the call has no `limit`.
const LIMIT_DEFAULT: i64 = 1000;

/// An audit log with Slack's pagination: newest first, between `oldest` and `latest`. A page has `limit` rows plus the rest of the last
/// row's second.
pub(super) struct AuditLog {
    rows: i64,
    per_second: i64,
    newest: i64,
    row: Arc<dyn Fn(i64, i64) -> Vec<u8> + Send + Sync>,
}

impl AuditLog {
    /// Creates a log with `rows` rows, `per_second` per second. The newest row has the time `newest` in seconds. `row` generates a row from its
    /// number and its time.
    pub(super) fn new(
        rows: i64,
        per_second: i64,
        newest: i64,
        row: impl Fn(i64, i64) -> Vec<u8> + Send + Sync + 'static,
    ) -> AuditLog {
        AuditLog { rows, per_second, newest, row: Arc::new(row) }
    }

    /// Returns the response to a call of `logs`, and leaves other calls to the simulated Slack.
    pub(super) fn answer(&self, call: &SlackCall) -> Option<StreamedResponse> {
        (call.method == "logs").then(|| self.page(call))
    }

    fn page(&self, call: &SlackCall) -> StreamedResponse {
        let (oldest, latest) =
            (call.number("oldest").unwrap_or(0), call.number("latest").unwrap_or(self.newest).min(self.newest));
        let first = (self.newest - latest) * self.per_second;
        let end = ((self.newest - oldest + 1) * self.per_second).clamp(0, self.rows);
        let from = call.arguments.get("cursor").and_then(|cursor| cursor.trim_end_matches('=').parse().ok());
        let from: i64 = from.unwrap_or(first).min(end);
        let until = from + call.number("limit").unwrap_or(LIMIT_DEFAULT);
        let seconds = (until + self.per_second - 1) / self.per_second; // Slack never splits a second
        let until = (seconds * self.per_second).min(end);
        let next = if until < end { format!("{until}=") } else { String::new() };
        let (row, newest, per_second) = (Arc::clone(&self.row), self.newest, self.per_second);
        let rows = (from..until).map(move |index| row(index, newest - index / per_second));
        page("{\"entries\":[", rows, format!("],\"response_metadata\":{{\"next_cursor\":\"{next}\"}}}}"))
    }
}

/// Creates a page of rows between a head and a tail.
pub(super) fn page(
    head: impl Into<String>,
    rows: impl Iterator<Item = Vec<u8>> + Send + 'static,
    tail: impl Into<String>,
) -> StreamedResponse {
    let rows = rows.enumerate().flat_map(|(index, row)| {
        let comma = Bytes::from_static(if index == 0 { b"" } else { b"," });
        [comma, Bytes::from(row)]
    });
    StreamedResponse::of(std::iter::once(head.into().into()).chain(rows).chain(std::iter::once(tail.into().into())))
}

/// Creates a realistic audit record of about 700 bytes.
pub(super) fn ordinary_record(index: i64, time: i64) -> Vec<u8> {
    format!(
        concat!(
            r#"{{"id":"{index:08x}-57af-4ad8-8f21-{index:012x}","date_create":{time},"action":"file_downloaded","#,
            r#""actor":{{"type":"user","user":{{"id":"W{user:08}","name":"Person {user}","#,
            r#""email":"person.{user}@example.com","team":"E1"}}}},"#,
            r#""entity":{{"type":"file","file":{{"id":"F{index:010}","name":"Quarter {index}.pdf","#,
            r#""filetype":"application/pdf","title":"Quarter {index}"}}}},"#,
            r#""context":{{"location":{{"type":"enterprise","id":"E1","name":"Example","domain":"example"}},"#,
            r#""ua":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36","#,
            r#""ip_address":"198.51.100.{last}","session_id":{session},"#,
            r#""app":{{"id":"A1","name":"Files","is_distributed":true,"scopes":["files:read"]}}}},"#,
            r#""details":{{"url_private":"https://files.example.com/files-pri/T1-F{index:010}/quarter.pdf"}}}}"#
        ),
        index = index,
        time = time,
        user = index % 5000,
        last = index % 256,
        session = 12_177_102_026_566 + index,
    )
    .into_bytes()
}

/// Creates the smallest audit record with an ID and a time.
pub(super) fn small_record(index: i64, time: i64) -> Vec<u8> {
    format!(r#"{{"id":"{index}","date_create":{time}}}"#).into_bytes()
}

pub(super) fn access_row(index: i64, time: i64) -> Vec<u8> {
    let time = at(time);
    let (user, ip) = (format!("W{:08}", index % 5000), format!("198.51.{}.{}", index / 256 % 256, index % 256));
    Row::small_access(time, time, &user, &ip, &format!("Agent {index}")).json.as_bytes().to_vec()
}

pub(super) fn integration_row(index: i64, time: i64) -> Vec<u8> {
    Row::small_integration(at(time), &format!("A{index:09}")).json.as_bytes().to_vec()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time that Slack can return")
}
