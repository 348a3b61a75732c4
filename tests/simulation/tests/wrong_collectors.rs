//! The test of the tests: each deliberately wrong collector breaks a law, and the simulated world notices.
#![allow(clippy::print_stdout, missing_docs, reason = "a test says how much it tried")]

use slacktrail_shared::source::LogType;
use slacktrail_simulation::FaultKind;
use slacktrail_simulation::scenario::{Act, Scenario};
use slacktrail_simulation::wrong::Wrong;

/// Goes through all schedules of single faults until a law breaks. Returns how many schedules that took, and the law.
fn caught(wrong: Wrong, logs: &[LogType]) -> Option<(u32, String)> {
    let mut schedules = 0;
    for scenario in logs.iter().flat_map(|log| Scenario::all(*log)) {
        let operations = match scenario.run(None, Some(wrong)) {
            Ok(operations) => operations,
            Err(broken) => return Some((schedules + 1, broken.law)),
        };
        for (operation, kind) in (0..operations).flat_map(|operation| FaultKind::ALL.map(|kind| (operation, kind))) {
            schedules += 1;
            if let Err(broken) = scenario.run(Some((operation, kind)), Some(wrong)) {
                return Some((schedules, broken.law));
            }
        }
    }
    None
}

fn is_caught(wrong: Wrong, logs: &[LogType], how: &str) {
    let (schedules, law) = caught(wrong, logs).unwrap_or_else(|| panic!("{wrong:?} broke no law in any schedule"));
    println!("{wrong:?}: caught after {schedules} schedules: {law}");
    assert!(law.starts_with(how), "{wrong:?} was caught by another law than expected: {law}");
}

#[test]
fn a_cursor_saved_before_its_object_is_caught() {
    is_caught(Wrong::CursorBeforeObject, &[LogType::Audit], "the cursor claims");
}

#[test]
fn overwriting_an_object_is_caught() {
    is_caught(Wrong::OverwritesObjects, &[LogType::Audit], "object `");
}

#[test]
fn reading_back_less_deep_than_the_gap_reaches_is_caught() {
    is_caught(Wrong::ReadsBackTooLittle, &[LogType::Audit], "twice");
}

#[test]
fn losing_the_boundary_second_is_caught() {
    is_caught(Wrong::LosesTheBoundarySecond, &[LogType::Audit], "lost");
}

#[test]
fn moving_the_mark_on_page_one_is_caught_in_every_log() {
    for log in LogType::ALL {
        is_caught(
            Wrong::MovesTheMarkOnPageOne,
            &[log],
            if log == LogType::Audit { "the cursor claims" } else { "lost" },
        );
    }
}

#[test]
fn taking_an_empty_page_for_the_end_is_caught() {
    is_caught(Wrong::EndsAtAnEmptyPage, &[LogType::Audit], "the cursor claims");
}

#[test]
fn a_page_cursor_sent_without_its_filters_costs_calls_and_is_caught_by_counting_them() {
    // It loses nothing here, because rows from beyond the range are not taken for the range's: it is only dear.
    let mut scenario = Scenario::all(LogType::Audit).swap_remove(0);
    scenario.acts = vec![Act::Rows(40, 600), Act::Tick, Act::Pass(60), Act::Rows(10, 4), Act::Target];
    let right = scenario.run(None, None).expect("no law breaks");
    let wrong = scenario.run(None, Some(Wrong::ForgetsFiltersOnPageTwo)).expect("no law breaks");
    assert!(wrong > right, "{wrong} operations for {right}");
}
