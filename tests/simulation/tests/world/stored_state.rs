//! Corrupt stored state: an impossible cursor or source hides no record.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use serde_json::Value;
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_core::time::Second;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};

const YEAR_2100: i64 = 4_102_444_800;

fn harness(log: LogType) -> Harness {
    let base = if log == LogType::Integration { Settings::workspace() } else { Settings::organization() };
    let mut harness = Harness::new(Settings { limits: Limits::OFF, ..base }, &[log]);
    harness.rows(simulated(log), 6, 70);
    harness.tick();
    harness.pass(60);
    harness.rows(simulated(log), 3, 15);
    harness
}

#[test]
fn cursor_from_year_2100_is_reported_and_hides_nothing() {
    let edits: [fn(&mut Value); 5] = [
        |cursor| cursor["watermark"] = YEAR_2100.into(),
        |cursor| cursor["since"] = YEAR_2100.into(),
        |cursor| cursor["rereads"] = vec![YEAR_2100; 2].into(),
        |cursor| cursor["saved_at"] = YEAR_2100.into(),
        |cursor| {
            cursor["watermark"] = YEAR_2100.into();
            cursor["since"] = YEAR_2100.into();
            cursor["rereads"] = vec![YEAR_2100; 2].into();
        },
    ];
    for log in LogType::ALL {
        for (number, edit) in edits.iter().enumerate() {
            for is_new in [false, true] {
                let mut harness = harness(log);
                if is_new {
                    harness.restart();
                }
                harness.tamper_with_cursors(edit);
                let summary = harness.tick().into_iter().next().unwrap();
                let reported = (summary.state, summary.code());
                assert_eq!(reported, (State::Failing, Some("corrupt_cursor")), "{log}, edit {number}");
                harness.pass(60);
                harness.rows(simulated(log), 2, 20);
                let summary = harness.tick().into_iter().next().unwrap();
                assert_eq!((summary.state, harness.missing()), (State::Ok, None), "{log}, edit {number}");
                harness.assert_complete();
            }
        }
    }
}

#[test]
fn corrupt_cursor_is_reported_even_if_slack_then_fails() {
    for log in LogType::ALL {
        let mut harness = harness(log);
        harness.tamper_with_cursors(|cursor| cursor["watermark"] = YEAR_2100.into());
        harness.fault(Fault::every(CallMatcher::any(), FaultKind::Hangup));
        assert_eq!(harness.tick()[0].code(), Some("corrupt_cursor"), "{log}");
    }
}

#[test]
fn wait_until_year_2100_is_ignored() {
    for log in LogType::ALL {
        let mut harness = harness(log);
        harness.edit_cursors(|cursor| cursor["not_before"] = YEAR_2100.into());
        assert!(harness.tick()[0].polled, "{log}");
        harness.assert_complete();
    }
}

#[test]
fn source_connected_in_year_2100_is_collected() {
    let mut harness = harness(LogType::Audit);
    harness.edit_source(|source| source.connected_at = Second::new(YEAR_2100).unwrap());
    harness.tick();
    assert_eq!(harness.missing(), None);
    harness.pass(60);
    harness.rows(Log::Audit, 2, 9);
    assert_eq!(harness.tick()[0].state, State::Ok);
    harness.assert_complete();
}
