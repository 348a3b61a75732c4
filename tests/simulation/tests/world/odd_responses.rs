//! Odd responses: the collector stores every row, whatever the fields around it.

use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::End;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::{Fill, Limits};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Settings};

fn settings(log: LogType) -> Settings {
    let base = if log == LogType::Integration { Settings::workspace() } else { Settings::organization() };
    Settings { limits: Limits::OFF, audit_limit_max: 3, access_fill: Fill::UpTo(3), integration_count_max: 3, ..base }
}

#[test]
fn errors_are_read_regardless_of_other_fields() {
    let bodies = [
        (r#"{"ok":false,"error":"missing_scope","needed":["admin"],"provided":[]}"#, "missing_scope"),
        (r#"{"ok":false,"error":"paid_only","response_metadata":[]}"#, "paid_only"),
        (r#"{"response_metadata":{"messages":false},"paging":[],"error":"no_permission","ok":false}"#, "no_permission"),
        (r#"{"ok":false,"error":"internal_error","logins":{},"paging":{"total":"x"}}"#, "internal_error"),
    ];
    for (body, code) in bodies {
        let mut harness = Harness::new(settings(LogType::Access), &[LogType::Access]);
        harness.fault(Fault::every(CallMatcher::log(Log::Access), FaultKind::Status(200, body.to_owned())));
        assert_eq!(harness.tick()[0].code(), Some(code), "{body}");
    }
}

#[test]
fn rows_of_page_with_malformed_end_are_stored() {
    for end in [r#"],"response_metadata":{"next_cursor":true}}"#, "],\"response_metadata\":{\"next_", "]"] {
        let mut harness = Harness::new(settings(LogType::Audit), &[LogType::Audit]);
        harness.rows(Log::Audit, 1, 0);
        let row = harness.world().with(|state| state.slack.rows(Log::Audit)[0].json.clone());
        let body = format!(r#"{{"entries":[{row}{end}"#);
        harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Status(200, body)));
        let summary = harness.tick().remove(0);
        assert_eq!((summary.state, summary.counts.records, harness.missing()), (State::Waiting, 1, None), "{end}");
    }
}

#[test]
fn conflict_late_in_long_page_is_counted() {
    let mut harness = Harness::new(settings(LogType::Audit), &[LogType::Audit]);
    let time = harness.now().as_second();
    let row = |n: u32| {
        let id = if n == 6_001 { 6_000 } else { n };
        format!(r#"{{"id":"r{id}","date_create":{time},"action":"a{n}"}}"#)
    };
    let rows: Vec<String> = (0..10_000).map(row).collect();
    let body = format!(r#"{{"entries":[{}]}}"#, rows.join(","));
    harness.fault(Fault::next(CallMatcher::log(Log::Audit), FaultKind::Status(200, body)));
    // `tick` would fail, because the oracle does not know a page that a test made up.
    let End::Answered(answer) = harness.try_tick() else { panic!("the process was killed") };
    let summary = answer.unwrap().streams.remove(0);
    assert_eq!((summary.counts.records, summary.counts.conflicting), (9_999, 1));
}

#[test]
fn second_row_with_same_id_is_counted_as_conflict() {
    let mut harness = Harness::new(settings(LogType::Audit), &[LogType::Audit]);
    let now = harness.now();
    let [first, second] = ["user_login", "user_logout"]
        .map(|action| format!(r#"{{"id":"twin","date_create":{},"action":"{action}"}}"#, now.as_second()));
    harness.add(Row::audit(now, second));
    harness.add(Row::audit(now, first.clone())); // added last, so Slack shows it first
    let summary = harness.tick().into_iter().next().unwrap();
    assert_eq!((summary.counts.records, summary.counts.conflicting), (1, 1));
    harness.assert_stored_bytes(&[&first]);
}

/// Returns a row that Slack shows from `now` on, and whose JSON contains `time`.
fn row_of_time(log: LogType, now: jiff::Timestamp, time: i64) -> Row {
    let json = match log {
        LogType::Audit => format!(r#"{{"id":"odd","date_create":{time},"action":"x"}}"#),
        LogType::Access => {
            format!(r#"{{"user_id":"UODD","ip":"","user_agent":"x","date_first":{time},"date_last":{time}}}"#)
        }
        LogType::Integration => format!(r#"{{"user_id":"UODD","date":"{time}","change_type":"added"}}"#),
    };
    match log {
        LogType::Audit => Row::audit(now, json),
        LogType::Access => Row::access(now, now, json),
        LogType::Integration => Row::integration(now, json),
    }
}

#[test]
fn row_with_impossible_time_is_stored_and_counted() {
    for log in LogType::ALL {
        for time in [0, -1, 5, 4_102_444_800, 9_999_999_999] {
            let mut harness = Harness::new(settings(log), &[log]);
            harness.rows(simulated(log), 7, 4);
            let row = row_of_time(log, harness.now(), time);
            harness.add(row);
            let summary = harness.tick().remove(0);
            assert_eq!((summary.counts.records, summary.counts.malformed), (8, 1), "{log} {time}");
            assert_eq!(harness.missing(), None, "{log} {time}");
        }
    }
}

#[test]
fn row_with_old_time_moves_no_walk_past_others() {
    let mut harness = Harness::new(settings(LogType::Audit), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 4 * 3_600);
    let row = row_of_time(LogType::Audit, harness.now(), 1_500_000_000);
    harness.add(row);
    harness.fault(Fault::nth(2, CallMatcher::log(Log::Audit), FaultKind::StaleCursor));
    harness.tick();
    assert_eq!((harness.gaps(LogType::Audit).len(), harness.stored_lines()), (0, 9));
}
