//! Backfills run beside everything else that a stream does. They store each record exactly once and delay nothing.

use slacktrail_core::cursor::Backfill;

use slacktrail_core::source::LogType;
use slacktrail_core::time::Second;
use slacktrail_core::walk::GapKind;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulation::{End, FaultKind as ProcessFault};
use slacktrail_simulator::settings::{AccessColumn, Fill};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};

use crate::minutes::small_pages;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Returns a source that has collected its seven days, with this many rows on each of the given earlier days.
fn settled(log: LogType, calls_max: u32, rows_a_day: i64, days: std::ops::Range<i64>) -> Harness {
    let mut harness = Harness::new(Settings { access_fill: Fill::UpTo(3), ..small_pages() }, &[log]);
    harness.calls_max = Some(calls_max);
    for row in days.flat_map(|day| (0..rows_a_day).map(move |n| day * DAY + n * 600 + 60)) {
        harness.late_row(simulated(log), row);
    }
    harness.rows(simulated(log), 20, 300);
    harness.settle_within(40);
    harness
}

fn drain(harness: &mut Harness, log: LogType) {
    for _ in 0..200 {
        if !harness.gaps(log).contains(&GapKind::Backfill) {
            return;
        }
        harness.pass(60);
        harness.tick();
    }
    panic!("the backfill did not finish: {:?}", harness.gaps(log));
}

#[test]
fn live_records_arrive_at_next_tick_during_backfill_without_duplicates() {
    for log in LogType::ALL {
        let calls_max = if log == LogType::Integration { 10 } else { 5 };
        let mut harness = settled(log, calls_max, 8, 10..30);
        let stored_before = harness.stored_lines();
        assert_eq!(stored_before, 20, "only a backfill collects what is older than the source's `since`");
        assert_eq!(harness.backfill(log, 25 * DAY, 15 * DAY), Backfill::Started);

        let mut ticks = 0;
        for _ in 0..12 {
            harness.pass(60);
            harness.rows(simulated(log), 2, 1);
            harness.tick();
            harness.assert_newest_stored(simulated(log), 2);
            ticks += u32::from(harness.gaps(log).contains(&GapKind::Backfill));
        }
        assert!(ticks >= 5, "{log}: the backfill was too short for the test: {ticks} ticks");
        drain(&mut harness, log);
        assert_eq!(harness.stored_lines(), 20 + 24 + 80, "{log}: only the ten requested days are collected");
        harness.assert_complete();

        assert_eq!(harness.backfill(log, 25 * DAY, 15 * DAY), Backfill::Started);
        drain(&mut harness, log);
        assert_eq!(harness.stored_lines(), 20 + 24 + 80, "{log}: a repeated backfill adds nothing");
    }
}

#[test]
fn access_row_that_moves_past_backfill_is_collected() {
    for access_order in [AccessColumn::First, AccessColumn::Last] {
        let mut harness = settled(LogType::Access, 5, 8, 10..30);
        harness.settings(|settings| settings.access_order = access_order);
        harness.backfill(LogType::Access, 25 * DAY, 15 * DAY);
        // The oldest days were added last: rows 80 to 120 are from days 20 to 25, which the walk reaches at its end.
        let moves = [(6, 100), (12, 110), (20, 119)];
        let rows = |harness: &Harness| {
            harness.world().with(|state| moves.map(|(_, row)| state.slack.rows(Log::Access)[row].date_last))
        };
        let before = rows(&harness);
        for (call, row) in moves {
            harness.fault(Fault::nth(call, CallMatcher::log(Log::Access), FaultKind::Touch(row)));
        }
        drain(&mut harness, LogType::Access);
        let after = rows(&harness);
        assert!(before.iter().zip(&after).all(|(before, after)| after > before), "each row moves during the backfill");
        assert_eq!(harness.stored_lines(), 20 + 80, "{access_order:?}");
    }
}

#[test]
fn re_reads_find_late_records_during_backfill() {
    for log in [LogType::Audit, LogType::Access] {
        let mut harness = settled(log, 4, 100, 10..30);
        assert_eq!(harness.backfill(log, 30 * DAY, 10 * DAY), Backfill::Started);
        let mut late_seconds_max = 0;
        for minute in 0..130 {
            harness.pass(60);
            if minute == 30 {
                harness.late_row(simulated(log), 40 * 60);
            }
            late_seconds_max = late_seconds_max.max(harness.tick()[0].counts.late_seconds_max);
        }
        assert!(late_seconds_max >= 40 * 60, "{log}: {late_seconds_max}");
        let gaps = harness.gaps(log);
        assert_eq!(gaps, [GapKind::Backfill], "{log}: the re-reads are complete, but not the backfill");
    }
}

/// Returns a source whose day of `age` seconds ago is deleted, and for which a backfill of that day is requested.
fn with_deleted_day(log: LogType, age: i64) -> Harness {
    let mut harness = settled(log, 50, 4, 1..6);
    let day = Second::of(harness.now()).plus(-age).day();
    harness.delete_day(log, day);
    assert_eq!(harness.backfill_deleted_day(log, day), Backfill::Started, "{log}");
    harness
}

#[test]
fn deleted_day_is_collected_again_once_despite_kill_at_each_operation() {
    for (log, age) in LogType::ALL.into_iter().flat_map(|log| [DAY, 4 * DAY].map(|age| (log, age))) {
        let mut undisturbed = with_deleted_day(log, age);
        let before = undisturbed.stored_lines();
        let operations = undisturbed.operations_of_tick().len() as u32;
        drain(&mut undisturbed, log);
        undisturbed.assert_complete();
        let lines = undisturbed.stored_lines();
        assert!(lines >= before + 4, "{log}, {age}: {before} and then {lines} lines");

        for kind in [ProcessFault::KilledBefore, ProcessFault::KilledAfter] {
            for operation in 0..operations {
                let mut harness = with_deleted_day(log, age);
                harness.fault_at(operation, kind);
                if matches!(harness.try_tick(), End::Killed) {
                    harness.restart();
                }
                drain(&mut harness, log);
                harness.settle_within(3);
                harness.assert_complete();
                assert_eq!(harness.stored_lines(), lines, "{log}, {age}: {kind:?} at operation {operation}");
            }
        }
    }
}

#[test]
fn backfill_keeps_uncollected_time_of_failed_workspace() {
    let log = LogType::Integration;
    let mut harness = settled(log, 10, 1, 10..12);
    harness.settings(|settings| settings.integration_count_max = 1_000);
    harness.calls_max = Some(2); // a live round now runs only in every other tick, and the backfill in between
    harness
        .settings(|settings| settings.tenant.workspace_mut("T1").expect("the workspace exists").owner_belongs = false);
    // This is longer than the re-reads cover.
    for _ in 0..(4 * DAY / HOUR) {
        harness.pass(HOUR);
        harness.rows(Log::Integration, 2, 1);
        harness.tick();
    }
    for _ in 0..40 {
        harness.pass(60);
        harness.tick();
    }
    harness
        .settings(|settings| settings.tenant.workspace_mut("T1").expect("the workspace exists").owner_belongs = true);
    for _ in 0..40 {
        harness.pass(60);
        if !harness.gaps(log).contains(&GapKind::Backfill) {
            harness.backfill(log, 12 * DAY, 10 * DAY);
        }
        harness.tick();
    }
    harness.calls_max = Some(20);
    harness.settle();
    harness.assert_complete();
}
