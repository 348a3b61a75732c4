//! Regression tests for defects that the simulation found.

use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulator::settings::{AccessColumn, Fill};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};

use crate::minutes::{tick_and_pass, unlimited, with_two_new_rows};

#[test]
fn no_response_or_date_skips_no_time_with_clock_ahead() {
    for kind in [FaultKind::Hangup, FaultKind::NoDate] {
        let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Audit]);
        harness.rows(Log::Audit, 3, 30);
        harness.tick();
        harness.clock_ahead(500);
        harness.pass(60);
        harness.rows(Log::Audit, 1, 1); // the tick has something to save
        harness.fault(Fault::next(CallMatcher::log(Log::Audit), kind));
        harness.tick();
        for _ in 0..3 {
            harness.pass(60);
            harness.rows(Log::Audit, 2, 20);
            harness.tick();
        }
        harness.assert_complete();
    }
}

#[test]
fn rows_moved_between_passes_do_not_determine_access_order() {
    let settings = Settings {
        access_order: AccessColumn::Last,
        access_fill: Fill::UpTo(3),
        ..unlimited(Settings::organization())
    };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    for age in (0..6).rev() {
        harness.late_row(Log::Access, 3 * 86_400 + age * 60);
    }
    // Together with the page before them, these rows descend by `date_first` but not by `date_last`.
    for row in 0..3 {
        harness.fault(Fault::nth(2, CallMatcher::log(Log::Access), FaultKind::Touch(row)));
    }
    harness.tick();
    for _ in 0..3 {
        harness.pass(60);
        harness.rows(Log::Access, 1, 1);
        harness.pass(9);
        (0..3).for_each(|row| harness.touch(row));
        harness.tick();
    }
    harness.assert_complete();
}

#[test]
fn tick_with_only_rejected_range_is_no_success() {
    let mut harness =
        with_two_new_rows(LogType::Audit, Settings { audit_range_strict: true, ..Settings::organization() });
    harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Status(404, String::new())));
    assert_eq!(tick_and_pass(&mut harness).state, State::Waiting);
    assert_eq!(tick_and_pass(&mut harness).state, State::Failing);
    harness.heal();
    harness.clock_ahead(60);
    harness.calls_max = Some(1); // the range ends in Slack's future, and no call is left for another request
    let summary = tick_and_pass(&mut harness);
    assert!(summary.code().is_some() && !matches!(summary.state, State::Ok | State::CatchingUp), "{summary:?}");
    harness.clock_ahead(0);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn round_in_which_every_workspace_fails_is_no_success() {
    let mut harness = with_two_new_rows(LogType::Integration, Settings::organization());
    // The tick reads the first workspace and ends before the second.
    harness.pass(300);
    harness.calls_max = Some(1);
    tick_and_pass(&mut harness);
    harness.calls_max = Some(50);
    harness.fault(Fault::every(CallMatcher::log(Log::Integration), FaultKind::Status(404, String::new())));
    let summary = tick_and_pass(&mut harness);
    assert!(summary.code().is_some() && !matches!(summary.state, State::Ok | State::CatchingUp), "{summary:?}");
    harness.heal();
    harness.settle();
    harness.assert_complete();
}
