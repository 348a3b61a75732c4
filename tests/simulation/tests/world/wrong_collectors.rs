//! The test of the tests: each deliberately wrong collector breaks a law, and the simulated world notices. `make bugs` does the
//! same with bugs in the source itself.
#![allow(clippy::print_stdout, missing_docs, reason = "a test says how much it tried")]

use slacktrail_shared::source::LogType;
use slacktrail_simulation::search::crew::{Work, search};
use slacktrail_simulation::search::{Kind, places};
use slacktrail_simulation::wrong::Wrong;

/// Goes through all schedules of single faults until a law breaks, which must be this one.
fn is_caught(wrong: Wrong, log: LogType, law: &str) {
    let jobs = places(log).into_iter().map(|place| (Kind::Single, place)).collect();
    let (_, found) =
        search(&Work { jobs, seeds: (1, 0), logs: Vec::new(), until: None, wrong: Some(wrong) }, 1, &|_, _| {});
    let found = found.unwrap_or_else(|| panic!("{wrong:?} broke no law in any schedule"));
    println!("{wrong:?}: caught after {} schedules: {}", found.after, found.law);
    assert!(found.law.starts_with(law), "{wrong:?} was caught by another law than expected: {}", found.law);
}

#[test]
fn a_cursor_saved_before_its_object_is_caught() {
    is_caught(Wrong::CursorBeforeObject, LogType::Audit, "claims:");
}

#[test]
fn overwriting_an_object_is_caught() {
    is_caught(Wrong::OverwritesObjects, LogType::Audit, "changed:");
}

#[test]
fn reading_back_less_deep_than_the_gap_reaches_is_caught() {
    is_caught(Wrong::ReadsBackTooLittle, LogType::Audit, "twice:");
}

#[test]
fn losing_the_boundary_second_is_caught() {
    is_caught(Wrong::LosesTheBoundarySecond, LogType::Audit, "lost:");
}

#[test]
fn moving_the_mark_on_page_one_is_caught_in_every_log() {
    is_caught(Wrong::MovesTheMarkOnPageOne, LogType::Audit, "claims:");
    is_caught(Wrong::MovesTheMarkOnPageOne, LogType::Access, "lost:");
    is_caught(Wrong::MovesTheMarkOnPageOne, LogType::Integration, "lost:");
}

#[test]
fn taking_an_empty_page_for_the_end_is_caught() {
    is_caught(Wrong::EndsAtAnEmptyPage, LogType::Audit, "claims:");
}
