//! Corrupt stored state: an impossible cursor or source hides no record.

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
fn corrupt_cursor_is_reported_even_if_slack_then_fails() {
    for log in LogType::ALL {
        let mut harness = harness(log);
        harness.tamper_with_cursors(|cursor| cursor["watermark"] = YEAR_2100.into());
        harness.fault(Fault::every(CallMatcher::any(), FaultKind::Hangup));
        assert_eq!(harness.tick()[0].code(), Some("corrupt_cursor"), "{log}");
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
