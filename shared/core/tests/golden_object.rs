//! An object's bytes are a contract: other people's queries, and our own reading back, rely on them. `GOLDEN=write cargo test`
//! writes the files anew; a change of theirs belongs in CHANGELOG.md.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files and may end in a panic")]

use std::path::PathBuf;

use serde_json::value::RawValue;
use slacktrail_core::line::LineWriter;
use slacktrail_core::object::{GZIP_LEVEL, encode};
use slacktrail_core::record::Record;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;

const ROWS: [(LogType, &[&str]); 3] = [
    (
        LogType::Audit,
        &[
            r#"{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1795332821,"action":"user_login","actor":{"type":"user","user":{"id":"W1","name":"Ann Example","email":"ann@example.com","team":"E1"}},"entity":{"type":"user","user":{"id":"W1","name":"Ann Example","email":"ann@example.com"}},"context":{"location":{"type":"enterprise","id":"E1","name":"Example","domain":"example"},"ua":"","session_id":12177102026566,"ip_address":"203.0.113.7","app":null}}"#,
            "{\"id\":\"two\",\"id\":\"two\",\"date_create\":1795332821,\n \"details\":{\"new_value\":[\"a\\u2028b\",\"\u{2028}\"],\"exporting_team_id\":123456789012345678901234567890},\"context\":{\"ip_address\":\"redacted\"}}",
            r#"{"action":"no id and no time"}"#,
            "null",
        ],
    ),
    (
        LogType::Access,
        &[
            r#"{"user_id":"W1","username":"ann","date_first":1795332821,"date_last":1795339999,"count":14,"ip":"2001:db8::7","user_agent":"SlackWeb/0 x","isp":null,"country":null,"region":null}"#,
        ],
    ),
    (
        LogType::Integration,
        &[
            r#"{"user_id":"U1","user_name":"ann","date":"1795332821","change_type":"added","service_id":12,"service_type":"RSS","rss_feed":true}"#,
        ],
    ),
];

fn lines(log: LogType, rows: &[&str]) -> Vec<Vec<u8>> {
    let source = Source::new("acme".parse().unwrap(), "Acme \"Labs\" GmbH", Plan::Enterprise, Second::EPOCH);
    let writer = LineWriter::new(&source, log, "2026-11-22T07:34:00.25Z".parse().unwrap());
    let line = |row: &&str| {
        let row: Box<RawValue> = serde_json::from_str(row).unwrap();
        let record = Record::read(log, (log == LogType::Integration).then_some("T1"), row.get());
        let mut line = Vec::new();
        writer.write(&record, &mut line);
        line
    };
    rows.iter().map(line).collect()
}

#[test]
fn object_bytes_match_golden_files() {
    for (log, rows) in ROWS {
        let lines = lines(log, rows);
        let text = lines.concat();
        let object = encode(lines.iter().map(Vec::as_slice), GZIP_LEVEL);
        for (ending, bytes) in [("json", text), ("json.gz", object)] {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{log}.{ending}"));
            if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
                std::fs::write(&path, &bytes).unwrap();
            }
            let golden = std::fs::read(&path).unwrap();
            assert!(golden == bytes, "{} differs:\n{}", path.display(), String::from_utf8_lossy(&bytes));
        }
    }
}
