//! Progress: a stream that advances is no error, and odd pages do not stop it.

use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::End;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind, Log, Settings};

use crate::minutes::{tick_and_pass, unlimited, with_two_new_rows};

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
