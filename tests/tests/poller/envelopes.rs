//! Tests of the compiled poller with unusual responses that Slack's PHP code could plausibly write. The rows matter, and every field around them is
//! optional.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_simulator::Log;
use slacktrail_tests::hostile_slack::{CannedResponse, HostileDeployment, SlackCall};

/// An unusual response, and the expected result of one tick.
struct Case {
    response: Vec<u8>,
    log: Log,
    stored: usize,
    /// The expected fields of the stream's summary.
    expected: Value,
}

/// Returns a row of a few minutes ago. Every call returns the same time, because a row with another time is a different row.
fn row(log: Log, number: usize) -> String {
    static TIME: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() - 400);
    let time = *TIME;
    match log {
        Log::Audit => format!(r#"{{"id":"r{number}","date_create":{time},"action":"user_login"}}"#),
        Log::Access => format!(
            r#"{{"user_id":"W{number}","username":"ann","date_first":{time},"date_last":{time},"count":1,"ip":"198.51.100.9","user_agent":"Agent"}}"#
        ),
        Log::Integration => {
            format!(
                r#"{{"app_id":"A{number}","user_id":"W1","date":"{time}","change_type":"added","scope":"chat:write"}}"#
            )
        }
    }
}

/// Returns a valid response, with two rows in place of `ROWS`.
fn valid(log: Log, envelope: &str) -> Case {
    let rows = [row(log, 1), row(log, 2)];
    let envelope = envelope.replace("ROWS", &rows.join(",")).replace("ROW1", &rows[0]).replace("ROW2", &rows[1]);
    Case { response: envelope.into_bytes(), log, stored: 2, expected: json!({ "state": "ok", "code": null }) }
}

/// Connects a source for each response, and asserts the result of one tick.
async fn assert_each(cases: Vec<Case>) {
    let Some(hostile) = HostileDeployment::start().await else { return };
    let mut ids = Vec::new();
    for (number, Case { response, log, .. }) in cases.iter().enumerate() {
        let (response, log) = (response.clone(), *log);
        let is_first = move |request: &SlackCall| request.arguments.get("team_id").is_none_or(|team| team == "T1");
        let script = move |request: &SlackCall| match &*request.method {
            name if name == log.path() && is_first(request) => Some(CannedResponse::of([response.clone()])),
            name if name == log.path() => Some(CannedResponse::text(r#"{"ok":true,"logs":[],"paging":{"total":0}}"#)),
            _ => None,
        };
        ids.push(hostile.connect(number, log, script).await);
    }
    let poller = hostile.poller();
    let summary = hostile.deployment.invoke().await;
    let archive = hostile.assert_honest_is_stored().await;
    let mut failures = Vec::new();
    for (id, case) in ids.iter().zip(&cases) {
        let stream = summary.stream(id, case.log);
        let stored = archive.lines_of(id).len();
        let differs = case.expected.as_object().unwrap().iter().any(|(field, value)| stream[field] != *value);
        if stored != case.stored || differs {
            let response = String::from_utf8_lossy(&case.response).into_owned();
            failures.push(format!(
                "{response}\n    stored {stored} rows, expected {}; summary {stream}, expected {}",
                case.stored, case.expected
            ));
        }
    }
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
    poller.kill().await;
}

#[tokio::test]
async fn audit_rows_are_stored_in_any_envelope() {
    let envelopes = [
        r#"{"entries":[ROWS]}"#,
        r#"{"entries":[ROWS],"response_metadata":[]}"#,
        r#"{"entries":[ROWS],"response_metadata":{}}"#,
        r#"{"entries":[ROWS],"response_metadata":null}"#,
        r#"{"entries":[ROWS],"response_metadata":false}"#,
        r#"{"entries":[ROWS],"response_metadata":""}"#,
        r#"{"entries":[ROWS],"response_metadata":{"next_cursor":false}}"#,
        r#"{"entries":[ROWS],"response_metadata":{"next_cursor":null}}"#,
        r#"{"entries":[ROWS],"response_metadata":{"next_cursor":[]}}"#,
        r#"{"entries":[ROWS],"ok":true,"error":null,"needed":[]}"#,
        r#"{"entries":[ROWS],"error":false}"#,
        r#"{"entries":[ROWS],"error":"","warning":["a"]}"#,
        r#"{"entries":[ROWS],"paging":{"total":-1,"pages":"1","count":1e3}}"#,
        r#"{"entries":[ROWS],"response_metadata":{"messages":["[WARN] a"],"next_cursor":""},"cache_ts":1.5e3}"#,
        r#"{"entries":{"0":ROW1,"2":ROW2}}"#,
        "\u{feff} {\"entries\": [ROW1 ,\r\n\tROW2 ] } \n<!-- 0.1 s -->",
        r#"{"response_metadata":{"next_cursor":""},"more":{"entries":[1,2,{"a":["]}"]}]},"entries":[ROWS]}"#,
    ];
    assert_each(envelopes.map(|envelope| valid(Log::Audit, envelope)).into()).await;
}

#[tokio::test]
async fn access_and_integration_rows_are_stored_in_any_envelope() {
    let access = [
        r#"{"ok":true,"logins":[ROWS]}"#,
        r#"{"ok":true,"logins":[ROWS],"response_metadata":[],"paging":[]}"#,
        r#"{"ok":true,"logins":[ROWS],"response_metadata":{"next_cursor":false},"paging":null}"#,
        r#"{"ok":true,"logins":[ROWS],"paging":{"count":"100","total":"2","page":"1","pages":"1"}}"#,
        r#"{"ok":true,"logins":[ROWS],"paging":{"count":100,"total":-1,"page":1,"pages":1}}"#,
        r#"{"ok":true,"logins":{"1":ROW1,"7":ROW2},"paging":false}"#,
    ];
    let integration = [
        r#"{"ok":true,"logs":[ROWS],"paging":{"count":"1000","total":"2","page":"1","pages":"1"}}"#,
        r#"{"ok":true,"logs":[ROWS],"paging":{"count":1000,"total":-1,"page":1,"pages":1}}"#,
        r#"{"ok":true,"logs":[ROWS],"paging":{"count":1000.0,"total":2.0,"page":1.0,"pages":1.0},"response_metadata":[]}"#,
        r#"{"ok":true,"logs":{"1":ROW1,"7":ROW2},"paging":{"count":1000,"total":2,"page":1,"pages":1}}"#,
    ];
    let access = access.map(|envelope| valid(Log::Access, envelope)).into_iter();
    assert_each(access.chain(integration.map(|envelope| valid(Log::Integration, envelope))).collect()).await;
}

#[tokio::test]
async fn rows_with_invalid_utf8_or_json_are_stored_and_counted() {
    let of = |before: &[u8], broken: &[u8], after: &[u8], stored: usize, expected: Value| {
        let response = [b"{\"entries\":[", row(Log::Audit, 1).as_bytes(), b",", before, broken, after].concat();
        Case { response, log: Log::Audit, stored, expected }
    };
    let start = format!(r#"{{"id":"odd","date_create":{},"action":""#, Timestamp::now().as_second() - 400).into_bytes();
    assert_each(vec![
        of(&start, b"a\xffb", b"\"}]}", 2, json!({ "state": "ok", "code": null, "repaired": 1, "malformed": 0 })),
        of(&start, b"\xed\xa0\x80", b"\"}]}", 2, json!({ "state": "ok", "code": null, "repaired": 1 })),
        of(&start, b"ok\"}],\"more\":\"", b"\xff\xfe\"}", 2, json!({ "state": "ok", "code": null, "repaired": 0 })),
        of(b"", b"{'id':1}", b"]}", 2, json!({ "state": "ok", "code": null, "malformed": 1 })),
        of(b"", b"nonsense", b"]}", 2, json!({ "state": "ok", "code": null, "malformed": 1 })),
        of(b"", b"7", b"]}", 2, json!({ "state": "ok", "code": null, "malformed": 1 })),
    ])
    .await;
}

#[tokio::test]
async fn errors_are_reported_in_any_envelope() {
    let case = |log: Log, response: &str, expected: Value| Case { response: response.into(), log, stored: 0, expected };
    assert_each(vec![
        case(
            Log::Access,
            r#"{"ok":false,"error":"missing_scope","needed":["admin"],"provided":[],"response_metadata":[]}"#,
            json!({ "state": "waiting", "code": "missing_scope" }),
        ),
        case(
            Log::Audit,
            r#"{"ok":false,"error":"feature_not_enabled","response_metadata":[]}"#,
            json!({ "state": "waiting", "code": "feature_not_enabled" }),
        ),
        case(Log::Access, r#"{"ok":false,"error":["internal_error"]}"#, json!({ "code": "unknown_error" })),
        case(Log::Audit, r#"[]"#, json!({ "state": "waiting", "code": "invalid_response" })),
        case(Log::Audit, r#"{"entries":[]"#, json!({ "state": "waiting" })),
        case(Log::Access, r#"{"logins":[]}"#, json!({ "state": "waiting", "code": "invalid_response" })),
    ])
    .await;
}

#[tokio::test]
async fn numbered_access_pages_are_read_to_end() {
    let Some(hostile) = HostileDeployment::start().await else { return };
    let id = hostile
        .connect(0, Log::Access, |request| {
            let number = request.number("page").unwrap_or(1);
            let rows = if number <= 3 { row(Log::Access, usize::try_from(number).unwrap()) } else { String::new() };
            let paging = format!(r#"{{"count":1,"total":3,"page":{number},"pages":3}}"#);
            let response = format!(r#"{{"ok":true,"logins":[{rows}],"paging":{paging}}}"#);
            (request.method == "team.accessLogs").then(|| CannedResponse::text(response))
        })
        .await;
    let poller = hostile.poller();
    let summary = hostile.deployment.invoke().await;
    assert_eq!(hostile.deployment.archive().await.lines_of(&id).len(), 3, "{summary:?}");
    assert_eq!(summary.stream(&id, Log::Access)["state"], "ok", "{summary:?}");
    poller.kill().await;
}
