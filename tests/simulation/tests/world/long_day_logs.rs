//! Day logs that take longer than a tick to read back, and contain more IDs than the cache can hold.

use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulator::{Log, Settings};

use crate::minutes::{small_pages, unlimited};

/// Runs ticks `apart` seconds apart, each of which stores one object.
fn store(harness: &mut Harness, log: Log, objects: u32, apart: i64) {
    for _ in 0..objects {
        harness.rows(log, 1, 1);
        harness.try_tick(); // the tick may reach its deadline
        harness.pass(apart);
    }
}

/// Limits each further tick to this many operations.
fn limit_operations(harness: &Harness, operations: u32) {
    harness.world().with(|state| state.operations_max = Some(operations));
}

#[test]
fn backlog_continues_over_ticks_alongside_live_records_of_same_day() {
    let settings = small_pages();
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    store(&mut harness, Log::Audit, 160, 60);
    (0..40).for_each(|n| harness.late_row(Log::Audit, n * 240));
    harness.lose_cursors();
    harness.restart();
    harness.cached_ids_max(60);
    limit_operations(&harness, 30);
    store(&mut harness, Log::Audit, 120, 60);
    harness.assert_complete();
    assert_eq!(harness.gaps(LogType::Audit), []);
}

#[test]
fn page_with_rows_of_many_days_is_checked_over_several_ticks() {
    let settings = unlimited(Settings::organization());
    let mut harness = Harness::new(settings, &[LogType::Access]);
    store(&mut harness, Log::Access, 60, 8_640);
    harness.lose_cursors();
    harness.restart();
    harness.cached_ids_max(12);
    limit_operations(&harness, 24);
    (0..6).for_each(|n| harness.late_row(Log::Access, n * 80_000));
    for _ in 0..30 {
        harness.try_tick();
        harness.pass(60);
    }
    harness.assert_complete();
    assert_eq!(harness.gaps(LogType::Access), []);
}
