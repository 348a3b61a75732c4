//! Day logs that take longer to read back than a tick has time, with less memory than what they hold.
#![allow(missing_docs, reason = "a test fails where it stands")]

use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Log, Settings};

/// One object a tick, `apart` seconds after the other.
fn store(harness: &mut Harness, log: Log, objects: u32, apart: i64) {
    for _ in 0..objects {
        harness.rows(log, 1, 1);
        harness.try_tick(); // its time may be up
        harness.pass(apart);
    }
}

/// From here on a tick's time is up after so many operations.
fn hurry(harness: &Harness, operations: u32) {
    harness.world().with(|state| state.operations_max = Some(operations));
}

#[test]
fn backlog_continues_over_ticks_alongside_live_records_of_same_day() {
    let settings = Settings { audit_limit_max: 3, limits: Limits::OFF, ..Settings::organization() };
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    store(&mut harness, Log::Audit, 160, 60);
    (0..40).for_each(|n| harness.late_row(Log::Audit, n * 240));
    harness.lose_cursors();
    harness.restart();
    harness.seen_max(60);
    hurry(&harness, 30);
    store(&mut harness, Log::Audit, 120, 60);
    harness.assert_complete();
    assert_eq!(harness.gaps(LogType::Audit), []);
}

#[test]
fn page_with_rows_of_many_days_is_checked_over_several_ticks() {
    let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    store(&mut harness, Log::Access, 60, 8_640);
    harness.lose_cursors();
    harness.restart();
    harness.seen_max(12);
    hurry(&harness, 24);
    (0..6).for_each(|n| harness.late_row(Log::Access, n * 80_000));
    for _ in 0..30 {
        harness.try_tick();
        harness.pass(60);
    }
    harness.assert_complete();
    assert_eq!(harness.gaps(LogType::Access), []);
}
