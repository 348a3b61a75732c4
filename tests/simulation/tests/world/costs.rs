//! The cost of a tick: calls to Slack, objects read and created, writes to the table.

use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::{AccessColumn, Fill, Limits};
use slacktrail_simulator::{Log, Row, Settings};

use crate::minutes::unlimited;

#[test]
fn row_without_time_costs_no_read_in_quiet_ticks() {
    let mut harness = Harness::new(Settings { limits: Limits::OFF, ..Settings::workspace() }, &[LogType::Integration]);
    let untimed = Row { json: r#"{"app_id":"A1","date":"soon"}"#.into(), ..harness.integration_row() };
    harness.add(untimed);
    for tick in 0..3 {
        let operations = harness.operations_of_tick();
        let count = |verb: &str| operations.iter().filter(|what| what.starts_with(verb)).count();
        let expected = if tick == 0 { (1, 0) } else { (0, 0) };
        assert_eq!((count("list"), count("read")), expected, "{tick}: {operations:#?}");
        harness.pass(60);
    }
}

#[test]
fn page_of_thousands_of_rows_makes_one_object() {
    let settings = unlimited(Settings { audit_limit_max: 9_999, ..Settings::organization() });
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.rows(Log::Audit, 3_000, 0); // in one second, which Slack does not split
    let operations = harness.operations_of_tick();
    assert_eq!(operations.iter().filter(|what| what.starts_with("create")).count(), 1, "{operations:#?}");
}

#[test]
fn integration_page_that_exceeds_memory_is_requested_smaller() {
    let mut harness = Harness::new(unlimited(Settings::workspace()), &[LogType::Integration]);
    let now = harness.now();
    for n in 0..12 {
        harness.add(Row::small_integration(now, &format!("{n}{}", "x".repeat(1_000_000))));
    }
    drop(harness.try_tick()); // the oracle does not support repeated requests for a page
    assert!(harness.calls() > 2, "{}", harness.calls());
    assert_eq!(harness.missing(), None);
}

#[test]
fn backlog_stays_within_calls_per_minute() {
    let mut harness =
        Harness::new(Settings { limits: Limits::SLACK, audit_limit_max: 3, ..Settings::organization() }, &LogType::ALL);
    harness.rows(Log::Audit, 300, 100);
    harness.rows(Log::Integration, 20, 100);
    harness.calls_max = None;
    let mut calls_max = 0;
    for _ in 0..8 {
        for stream in harness.tick() {
            assert_eq!(stream.code(), None, "Slack throttles no call");
            calls_max = calls_max.max(stream.counts.calls);
        }
        harness.pass(60);
    }
    assert_eq!(calls_max, 25);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn log_with_more_ids_than_cache_is_read_again_without_duplicates() {
    for log in LogType::ALL {
        for spread in [2, 4_000] {
            let pages_of_three = Settings { audit_limit_max: 3, integration_count_max: 3, ..Settings::organization() };
            let settings = Settings { limits: Limits::OFF, access_fill: Fill::UpTo(3), ..pages_of_three };
            let mut harness = Harness::new(settings, &[log]);
            harness.cached_ids_max(20);
            harness.rows(simulated(log), 120, spread);
            harness.settle_within(60);
            (0..40).for_each(|n| harness.late_row(simulated(log), n * 3 * spread));
            harness.lose_cursors(); // everything is read again, and only the late rows are new
            harness.restart();
            harness.settle_within(90);
            harness.assert_complete();
        }
    }
}

/// Returns how many objects a stream reads back in a tick.
fn objects_read(harness: &mut Harness) -> usize {
    harness.operations_of_tick().iter().filter(|operation| operation.starts_with("read ")).count()
}

#[test]
fn new_process_reads_last_minutes_and_two_hours_for_hourly_re_read() {
    for log in LogType::ALL {
        let settings = Settings { limits: Limits::OFF, access_order: AccessColumn::Last, ..Settings::organization() };
        let mut harness = Harness::new(settings, &[log]);
        harness.calls_max = None;
        for minute in 0..5 * 60 + 30 {
            harness.rows(simulated(log), 1, 1);
            harness.touch(minute / 2);
            harness.tick();
            harness.pass(60);
        }
        harness.restart();
        let first = objects_read(&mut harness);
        let hour: usize = (0..60)
            .map(|_| {
                harness.pass(60);
                objects_read(&mut harness)
            })
            .sum();
        // Up to eight reads run at once, clocks may differ by ten minutes, and the hourly re-read covers two hours. checks/cost.py uses
        // these numbers.
        assert!((1..=16 + 8).contains(&first) && first + hour <= 120 + 10 + 8, "{log}: {first}, {hour}");
    }
}
