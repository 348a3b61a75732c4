//! Stored state is input: a cursor or a source that cannot be true hides no record.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may end in a panic")]

use serde_json::Value;
use slacktrail_shared::health::State;
use slacktrail_shared::source::LogType;
use slacktrail_shared::time::Second;
use slacktrail_simulation::tenant::{Tenancy, simulated};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};

const YEAR_2100: i64 = 4_102_444_800;

fn tenancy(log: LogType) -> Tenancy {
    let base = if log == LogType::Integration { Settings::workspace() } else { Settings::organisation() };
    let mut tenancy = Tenancy::new(Settings { limits: Limits::OFF, ..base }, &[log]);
    tenancy.rows(simulated(log), 6, 70);
    tenancy.tick();
    tenancy.pass(60);
    tenancy.rows(simulated(log), 3, 15);
    tenancy
}

#[test]
fn cursor_of_the_year_2100_is_reported_and_hides_nothing() {
    let edits: [fn(&mut Value); 5] = [
        |cursor| cursor["top"] = YEAR_2100.into(),
        |cursor| cursor["since"] = YEAR_2100.into(),
        |cursor| cursor["rereads"] = vec![YEAR_2100; 2].into(),
        |cursor| cursor["saved_at"] = YEAR_2100.into(),
        |cursor| {
            cursor["top"] = YEAR_2100.into();
            cursor["since"] = YEAR_2100.into();
            cursor["rereads"] = vec![YEAR_2100; 2].into();
        },
    ];
    for log in LogType::ALL {
        for (number, edit) in edits.iter().enumerate() {
            for is_new in [false, true] {
                let mut tenancy = tenancy(log);
                if is_new {
                    tenancy.restart();
                }
                tenancy.tamper_with_cursors(edit);
                let summary = tenancy.tick().into_iter().next().unwrap();
                let told = (summary.state, summary.code.as_deref());
                assert_eq!(told, (State::Failing, Some("corrupt_cursor")), "{log}, edit {number}");
                tenancy.pass(60);
                tenancy.rows(simulated(log), 2, 20);
                let summary = tenancy.tick().into_iter().next().unwrap();
                assert_eq!((summary.state, tenancy.missing()), (State::Ok, None), "{log}, edit {number}");
                tenancy.assert_complete();
            }
        }
    }
}

#[test]
fn corrupt_cursor_is_told_though_slack_then_fails() {
    for log in LogType::ALL {
        let mut tenancy = tenancy(log);
        tenancy.tamper_with_cursors(|cursor| cursor["top"] = YEAR_2100.into());
        tenancy.fault(Fault::every(CallMatcher::any(), FaultKind::Hangup));
        assert_eq!(tenancy.tick()[0].code.as_deref(), Some("corrupt_cursor"), "{log}");
    }
}

#[test]
fn wait_until_the_year_2100_is_not_heeded() {
    for log in LogType::ALL {
        let mut tenancy = tenancy(log);
        tenancy.edit_cursors(|cursor| cursor["not_before"] = YEAR_2100.into());
        assert!(tenancy.tick()[0].polled, "{log}");
        tenancy.assert_complete();
    }
}

#[test]
fn source_connected_in_the_year_2100_is_collected() {
    let mut tenancy = tenancy(LogType::Audit);
    tenancy.edit_source(|source| source.connected_at = Second::new(YEAR_2100).unwrap());
    tenancy.tick();
    assert_eq!(tenancy.missing(), None);
    tenancy.pass(60);
    tenancy.rows(Log::Audit, 2, 9);
    assert_eq!(tenancy.tick()[0].state, State::Ok);
    tenancy.assert_complete();
}

#[test]
fn disconnected_source_is_neither_collected_nor_reported() {
    let mut tenancy = tenancy(LogType::Audit);
    tenancy.edit_source(|source| source.disconnected = true);
    let calls = tenancy.calls();
    assert_eq!((tenancy.tick().len(), tenancy.calls()), (0, calls));
}
