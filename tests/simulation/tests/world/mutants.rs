//! Tests of the simulation itself: each mutant violates an invariant, and the search finds it. `make mutants` does the same with mutants of
//! the source.
#![allow(clippy::print_stdout, reason = "tests print how many schedules they ran")]

use slacktrail_core::source::LogType;
use slacktrail_simulation::mutant::Mutant;
use slacktrail_simulation::search::workers::{Work, search};
use slacktrail_simulation::search::{Kind, starting_points};

/// Runs schedules of single faults until one violates an invariant, which must be the expected one.
fn assert_caught(mutant: Mutant, log: LogType, invariant: &str) {
    let jobs = starting_points(log).into_iter().map(|start| (Kind::Single, start)).collect();
    let (_, found) =
        search(&Work { jobs, seeds: (1, 0), logs: Vec::new(), until: None, mutant: Some(mutant) }, 1, &|_, _| {});
    let found = found.unwrap_or_else(|| panic!("{mutant:?} was missed: no schedule violates an invariant"));
    println!("{mutant:?}: caught after {} schedules: {}", found.after, found.invariant);
    assert!(
        found.invariant.starts_with(invariant),
        "{mutant:?} violates another invariant than expected: {}",
        found.invariant
    );
}

#[test]
fn cursor_saved_before_object_is_caught() {
    assert_caught(Mutant::CursorBeforeObject, LogType::Audit, "cursor-ahead:");
}

#[test]
fn overwritten_object_is_caught() {
    assert_caught(Mutant::OverwritesObjects, LogType::Audit, "overwritten:");
}

#[test]
fn too_shallow_read_back_is_caught() {
    assert_caught(Mutant::ReadsBackTooLittle, LogType::Audit, "duplicate:");
}

#[test]
fn lost_boundary_second_is_caught() {
    assert_caught(Mutant::LosesTheBoundarySecond, LogType::Audit, "missing:");
}

#[test]
fn watermark_moved_on_first_page_is_caught_in_every_log() {
    assert_caught(Mutant::ClosesGapAfterFirstPage, LogType::Audit, "cursor-ahead:");
    assert_caught(Mutant::ClosesGapAfterFirstPage, LogType::Access, "missing:");
    assert_caught(Mutant::ClosesGapAfterFirstPage, LogType::Integration, "missing:");
}

#[test]
fn empty_page_taken_as_end_is_caught() {
    assert_caught(Mutant::EndsAtAnEmptyPage, LogType::Audit, "cursor-ahead:");
}
