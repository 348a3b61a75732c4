//! What the compiled poller makes of replies that PHP code plausibly writes: rows decide, and what stands around them is optional.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_simulator::Log;
use slacktrail_tests::hostile_slack::{Asked, CannedResponse, Siege};

/// One odd reply, and what must come of it in one tick.
struct Odd {
    response: Vec<u8>,
    log: Log,
    stored: usize,
    /// Of the summary.
    expected: Value,
}

const fn method(log: Log) -> &'static str {
    match log {
        Log::Audit => "logs",
        Log::Access => "team.accessLogs",
        Log::Integration => "team.integrationLogs",
    }
}

/// A row of a few minutes ago. Its time is the same at each call, or it would be another row.
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

/// A reply with two rows in place of `ROWS`, which is well.
fn well(log: Log, envelope: &str) -> Odd {
    let rows = [row(log, 1), row(log, 2)];
    let envelope = envelope.replace("ROWS", &rows.join(",")).replace("ROW1", &rows[0]).replace("ROW2", &rows[1]);
    Odd { response: envelope.into_bytes(), log, stored: 2, expected: json!({ "state": "ok", "code": null }) }
}

/// Connects a source for each reply, and asserts what comes of it in one tick.
async fn assert_each(odd: Vec<Odd>) {
    let Some(siege) = Siege::start().await else { return };
    let mut ids = Vec::new();
    for (number, Odd { response, log, .. }) in odd.iter().enumerate() {
        let (response, log) = (response.clone(), *log);
        let is_first = move |asked: &Asked| asked.arguments.get("team_id").is_none_or(|team| team == "T1");
        let script = move |asked: &Asked| match &*asked.method {
            name if name == method(log) && is_first(asked) => Some(CannedResponse::of([response.clone()])),
            name if name == method(log) => Some(CannedResponse::text(r#"{"ok":true,"logs":[],"paging":{"total":0}}"#)),
            _ => None,
        };
        ids.push(siege.connect(number, log, script).await);
    }
    let poller = siege.poller();
    let summary = siege.deployment.invoke().await;
    let archive = siege.assert_honest_is_stored().await;
    let mut wrong = Vec::new();
    for (id, odd) in ids.iter().zip(&odd) {
        let stream = summary.stream(id, odd.log);
        let stored = archive.lines_of(id).len();
        let differs = odd.expected.as_object().unwrap().iter().any(|(field, value)| stream[field] != *value);
        if stored != odd.stored || differs {
            let response = String::from_utf8_lossy(&odd.response).into_owned();
            wrong.push(format!(
                "{response}\n    {stored} rows are stored, not {}; {stream}, not {}",
                odd.stored, odd.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), odd.len(), wrong.join("\n"));
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
    assert_each(envelopes.map(|envelope| well(Log::Audit, envelope)).into()).await;
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
    let access = access.map(|envelope| well(Log::Access, envelope)).into_iter();
    assert_each(access.chain(integration.map(|envelope| well(Log::Integration, envelope))).collect()).await;
}

#[tokio::test]
async fn rows_with_invalid_utf8_or_json_are_stored_and_counted() {
    let of = |before: &[u8], broken: &[u8], after: &[u8], stored: usize, expected: Value| {
        let response = [b"{\"entries\":[", row(Log::Audit, 1).as_bytes(), b",", before, broken, after].concat();
        Odd { response, log: Log::Audit, stored, expected }
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
    let odd = |log: Log, response: &str, expected: Value| Odd { response: response.into(), log, stored: 0, expected };
    assert_each(vec![
        odd(
            Log::Access,
            r#"{"ok":false,"error":"missing_scope","needed":["admin"],"provided":[],"response_metadata":[]}"#,
            json!({ "state": "waiting", "code": "missing_scope" }),
        ),
        odd(
            Log::Audit,
            r#"{"ok":false,"error":"feature_not_enabled","response_metadata":[]}"#,
            json!({ "state": "waiting", "code": "feature_not_enabled" }),
        ),
        odd(Log::Access, r#"{"ok":false,"error":["internal_error"]}"#, json!({ "code": "unknown_error" })),
        odd(Log::Audit, r#"[]"#, json!({ "state": "waiting", "code": "invalid_response" })),
        odd(Log::Audit, r#"{"entries":[]"#, json!({ "state": "waiting" })),
        odd(Log::Access, r#"{"logins":[]}"#, json!({ "state": "waiting", "code": "invalid_response" })),
    ])
    .await;
}

#[tokio::test]
async fn numbered_access_pages_are_read_to_end() {
    let Some(siege) = Siege::start().await else { return };
    let id = siege
        .connect(0, Log::Access, |asked| {
            let number = asked.number("page").unwrap_or(1);
            let rows = if number <= 3 { row(Log::Access, usize::try_from(number).unwrap()) } else { String::new() };
            let paging = format!(r#"{{"count":1,"total":3,"page":{number},"pages":3}}"#);
            let response = format!(r#"{{"ok":true,"logins":[{rows}],"paging":{paging}}}"#);
            (asked.method == "team.accessLogs").then(|| CannedResponse::text(response))
        })
        .await;
    let poller = siege.poller();
    let summary = siege.deployment.invoke().await;
    assert_eq!(siege.deployment.archive().await.lines_of(&id).len(), 3, "{summary:?}");
    assert_eq!(summary.stream(&id, Log::Access)["state"], "ok", "{summary:?}");
    poller.kill().await;
}
