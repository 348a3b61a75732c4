//! Progress: a stream that does not advance reports it, its lag grows, and its silence is detected.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::End;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::Envelope;
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind, Log, Settings};

use crate::minutes::{tick_and_pass, unlimited, with_two_new_rows};

const KINDS: [Endless; 3] = [Endless::SameCursor, Endless::FreshCursor, Endless::OldRows];

/// Returns a source that was up to date a minute ago.
fn up_to_date(log: LogType) -> Harness {
    let base = if log == LogType::Integration { Settings::workspace() } else { Settings::organization() };
    let mut harness = Harness::new(unlimited(base), &[log]);
    harness.calls_max = None;
    harness.rows(simulated(log), 5, 30);
    harness.tick();
    harness.pass(60);
    harness
}

#[test]
fn endless_cursor_has_error_at_once_and_fails_after_15_minutes() {
    for log in [LogType::Audit, LogType::Access] {
        for kind in KINDS {
            let mut harness = up_to_date(log);
            harness.fault(Fault::every(CallMatcher::log(simulated(log)), FaultKind::Endless(kind)));
            let (mut lag, mut state) = (0, State::Ok);
            for minute in 0..18 {
                harness.rows(simulated(log), 1, 1);
                let summary = tick_and_pass(&mut harness);
                assert_eq!(summary.code(), Some("no_progress"), "{log} {kind:?} {minute}: {summary:?}");
                assert!(summary.lag_seconds >= 60 * (minute + 1), "{log} {kind:?} {minute}: {summary:?}");
                assert!(summary.lag_seconds > lag);
                (lag, state) = (summary.lag_seconds, summary.state);
                assert!(minute > 0 || state == State::Waiting);
            }
            assert_eq!(state, State::Failing);
            harness.heal();
            harness.settle_within(80);
            harness.assert_complete();
        }
    }
}

#[test]
fn integration_log_that_claims_million_rows_has_error_code() {
    let mut harness = Harness::new(
        unlimited(Settings { integration_page_max: None, ..Settings::workspace() }),
        &[LogType::Integration],
    );
    harness.calls_max = None;
    harness.fault(Fault::every(CallMatcher::log(Log::Integration), FaultKind::Claims(1_000_000)));
    harness.rows(Log::Integration, 5, 30);
    for _ in 0..3 {
        assert_eq!(tick_and_pass(&mut harness).code(), Some("no_progress"));
    }
    harness.heal();
    harness.settle();
    harness.assert_complete();
}

#[test]
fn integration_log_that_ignores_page_numbers_causes_no_duplicates() {
    let settings = Settings { integration_count_max: 3, ..Settings::workspace() };
    let mut harness = Harness::new(unlimited(settings), &[LogType::Integration]);
    harness.calls_max = None;
    harness.fault(Fault::every(CallMatcher::log(Log::Integration), FaultKind::PageIgnored));
    harness.rows(Log::Integration, 8, 30);
    for _ in 0..3 {
        assert_eq!(tick_and_pass(&mut harness).code(), Some("no_progress"));
        assert_eq!(harness.stored_lines(), 3);
    }
    harness.heal();
    harness.settle();
    harness.assert_complete();
}

#[test]
fn full_integration_page_under_every_number_has_error_code() {
    let mut harness = Harness::new(unlimited(Settings::workspace()), &[LogType::Integration]);
    harness.calls_max = None;
    let newest = harness.now().as_second() - 60;
    let rows: Vec<String> = (0..1_000)
        .map(|n| format!(r#"{{"app_id":"A{n}","user_id":"U1","date":"{}","change_type":"added"}}"#, newest - n))
        .collect();
    let body = format!(r#"{{"ok":true,"logs":[{}]}}"#, rows.join(","));
    harness.fault(Fault::every(CallMatcher::log(Log::Integration), FaultKind::Status(200, body)));
    for records in [1_000, 0, 0] {
        // `tick` would fail, because the oracle does not know a page that a test made up.
        let End::Answered(answer) = harness.try_tick() else { panic!("the process was killed") };
        let summary = answer.unwrap().streams.remove(0);
        assert_eq!((summary.counts.records, summary.code()), (records, Some("no_progress")), "{summary:?}");
        harness.pass(60);
    }
}

#[test]
fn walk_that_reaches_its_end_is_no_error() {
    for log in LogType::ALL {
        let mut harness = up_to_date(log);
        for _ in 0..30 {
            let summary = tick_and_pass(&mut harness);
            assert_eq!((summary.state, summary.code()), (State::Ok, None));
        }
    }
}

#[test]
fn lag_grows_with_every_unread_minute() {
    for log in LogType::ALL {
        let mut harness = up_to_date(log);
        harness.fault(Fault::every(CallMatcher::any(), FaultKind::Hangup));
        for minute in 1..20 {
            assert_eq!(tick_and_pass(&mut harness).lag_seconds, 60 * minute, "{log}");
        }
        harness.heal();
        assert_eq!(tick_and_pass(&mut harness).lag_seconds, 0, "{log}");
    }
}

#[test]
fn lag_of_half_read_minute_counts_from_its_start() {
    let mut harness = up_to_date(LogType::Audit);
    harness.settings(|settings| settings.audit_limit_max = 3);
    harness.pass(240); // the live gap is five minutes long
    harness.rows(Log::Audit, 200, 1);
    let summary = tick_and_pass(&mut harness);
    assert_eq!((summary.counts.calls, summary.lag_seconds), (25, 300), "75 of 200 records are read: {summary:?}");
    let summary = tick_and_pass(&mut harness);
    assert_eq!((summary.lag_seconds, summary.gaps), (360, 1), "{summary:?}");
    harness.settle();
    assert_eq!(tick_and_pass(&mut harness).lag_seconds, 0);
    harness.assert_complete();
}

#[test]
fn history_before_first_tick_is_no_lag() {
    let mut harness =
        Harness::new(unlimited(Settings { audit_limit_max: 3, ..Settings::organization() }), &[LogType::Audit]);
    harness.calls_max = None;
    for age in 0..600 {
        harness.late_row(Log::Audit, 600 - age + 3_600);
    }
    for _ in 0..4 {
        let summary = tick_and_pass(&mut harness);
        assert_eq!((summary.state, summary.lag_seconds), (State::CatchingUp, 0), "{summary:?}");
    }
}

#[test]
fn silent_stream_is_reported_during_backlog() {
    let mut harness =
        Harness::new(unlimited(Settings { audit_limit_max: 3, ..Settings::organization() }), &[LogType::Audit]);
    harness.calls_max = Some(2);
    for n in 0..2_400 {
        harness.late_row(Log::Audit, 5 * 86_400 + n * 20);
    }
    let mut states = Vec::new();
    for _ in 0..110 {
        let summary = harness.tick().into_iter().next().unwrap();
        states.push((summary.state, summary.code().map(str::to_owned)));
        assert!(summary.gaps > 0, "{summary:?}");
        harness.pass(900);
    }
    assert_eq!(states[1], (State::CatchingUp, None), "the source was connected a moment ago");
    assert_eq!(*states.last().unwrap(), (State::Silent, Some("silent_stream".to_owned())));
    harness.rows(Log::Audit, 1, 1);
    assert_eq!(tick_and_pass(&mut harness).state, State::CatchingUp);
}

#[test]
fn page_cursor_that_leads_to_itself_is_not_reused_by_next_tick() {
    let mut harness = up_to_date(LogType::Audit);
    harness.fault(Fault::next(CallMatcher::log(Log::Audit).first_pages(), FaultKind::Endless(Endless::SameCursor)));
    harness.fault(Fault::every(CallMatcher::log(Log::Audit).later_pages(), FaultKind::Endless(Endless::SameCursor)));
    assert_eq!(tick_and_pass(&mut harness).code(), Some("no_progress"));
    harness.rows(Log::Audit, 2, 1);
    tick_and_pass(&mut harness);
    assert_eq!(harness.missing(), None);
}

#[test]
fn walk_continues_after_more_empty_pages_than_tick_reads() {
    let mut harness = up_to_date(LogType::Audit);
    let page = |rows: &str, next: &str| {
        let body = format!(r#"{{"entries":[{rows}],"response_metadata":{{"next_cursor":"{next}"}}}}"#);
        FaultKind::Status(200, body)
    };
    let row = format!(r#"{{"id":"r","date_create":{},"action":"user_login"}}"#, harness.now().as_second());
    harness.fault(Fault::next(CallMatcher::log(Log::Audit), page("", "c1")));
    let later = CallMatcher::log(Log::Audit).later_pages();
    (1..12).for_each(|n| harness.fault(Fault::nth(n, later.clone(), page("", &format!("c{}", n + 1)))));
    harness.fault(Fault::nth(12, later, page(&row, ""))); // no other page shows this row
    let mut records = 0;
    for _ in 0..3 {
        // `tick` would fail, because the oracle does not know a page that a test made up.
        let End::Answered(answer) = harness.try_tick() else { panic!("the process was killed") };
        records += answer.unwrap().streams[0].counts.records;
        harness.pass(60);
    }
    assert_eq!(records, 1);
}

#[test]
fn single_empty_page_after_outage_is_no_success() {
    let mut harness = with_two_new_rows(LogType::Audit, Settings::organization());
    harness.fault(Fault::every(CallMatcher::any(), FaultKind::Hangup));
    (0..20).for_each(|_| drop(tick_and_pass(&mut harness)));
    harness.heal();
    harness.fault(Fault::every(CallMatcher::any(), FaultKind::Endless(Endless::FreshCursor)));
    harness.calls_max = Some(1);
    let summary = harness.tick().remove(0);
    assert_eq!((summary.counts.pages, summary.state), (1, State::Failing));
}

#[test]
fn second_too_long_for_small_pages_is_read_with_larger_ones() {
    let settings = Settings { envelope: Envelope::Php, ..unlimited(Settings::workspace()) };
    let mut harness = Harness::new(settings, &[LogType::Integration]);
    harness.calls_max = None;
    harness.rows(Log::Integration, 10, 30);
    harness.pass(60);
    (0..9).for_each(|_| harness.equal_row());
    for _ in 0..5 {
        harness.fault(Fault::next(CallMatcher::log(Log::Integration), FaultKind::Truncated));
        assert_eq!(tick_and_pass(&mut harness).code(), Some("incomplete_response"));
    }
    harness.settle_within(40);
    harness.assert_complete();
}

#[test]
fn history_that_takes_a_day_ends_although_re_reads_are_due() {
    let mut harness =
        Harness::new(unlimited(Settings { audit_limit_max: 3, ..Settings::organization() }), &[LogType::Audit]);
    harness.calls_max = Some(3);
    harness.rows(Log::Audit, 500, 600);
    for _ in 0..30 * 4 {
        harness.rows(Log::Audit, 1, 1);
        harness.tick();
        harness.pass(900);
    }
    harness.assert_complete();
}
