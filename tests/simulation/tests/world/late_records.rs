//! Late records under load: the next tick stores what Slack shows up to five minutes late.

use jiff::SignedDuration;
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulator::{Log, Row, Settings};

use crate::minutes::unlimited;

const MINUTES: i64 = 10;
const PER_MINUTE: i64 = 300;

/// Returns a source with 300 records per minute for ten minutes, each shown `late` seconds after its time.
fn busy(settings: Settings, late: impl Fn(i64) -> i64) -> Harness {
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.calls_max = None;
    let begin = harness.now();
    for n in 0..MINUTES * PER_MINUTE {
        let time = begin + SignedDuration::from_secs(n * 60 / PER_MINUTE);
        let shown = time + SignedDuration::from_secs(late(n));
        harness.add(Row::small_audit(time, &format!("b{n}")).visible_from(shown));
    }
    harness
}

/// Asserts that each tick stores everything that Slack shows.
fn assert_stored_by_next_tick(mut harness: Harness, minutes: i64) {
    for minute in 0..minutes {
        harness.tick();
        assert_eq!(harness.missing(), None, "minute {minute}");
        harness.pass(60);
    }
    assert_eq!(harness.stored_lines() as i64, MINUTES * PER_MINUTE);
}

#[test]
fn records_up_to_five_minutes_late_are_stored_by_next_tick_under_load() {
    assert_stored_by_next_tick(busy(unlimited(Settings::organization()), |n| 20 + n * 37 % 101), MINUTES + 4);
    let short_pages = Settings { audit_limit_max: 150, ..unlimited(Settings::organization()) };
    assert_stored_by_next_tick(busy(short_pages, |n| n * 53 % 296), MINUTES + 7);
}

/// Runs a tick, and adds three pages of new records in the next minute.
fn tick_of_a_busy_minute(harness: &mut Harness) -> State {
    let state = harness.tick()[0].state;
    harness.pass(60);
    harness.rows(Log::Audit, 9, 6);
    state
}

fn pages_of_three() -> Harness {
    let mut harness =
        Harness::new(Settings { audit_limit_max: 3, ..unlimited(Settings::organization()) }, &[LogType::Audit]);
    harness.calls_max = None;
    harness
}

#[test]
fn backlog_gets_half_of_calls_alongside_live_records_under_load() {
    let mut harness = pages_of_three();
    harness.rows(Log::Audit, 900, 120);
    let behind = (0..40).take_while(|_| tick_of_a_busy_minute(&mut harness) == State::CatchingUp).count();
    assert!((15..25).contains(&behind), "{behind} ticks");
}

#[test]
fn record_in_second_of_last_tick_is_not_late() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Audit]);
    harness.tick();
    harness.row_shown_after(LogType::Audit, 0, 1);
    harness.pass(60);
    let summary = harness.tick().remove(0);
    assert_eq!((summary.counts.records, summary.counts.late), (1, 0));
}

/// Returns the overlap in seconds after an hour with a backlog and 18 records per minute, each `late` seconds late.
fn overlap_during_backlog(late: i64) -> i64 {
    let mut harness = pages_of_three();
    harness.rows(Log::Audit, 9_000, 60);
    for minute in 0..60 {
        for n in 0..18 {
            harness.row_shown_after(LogType::Audit, minute * 60 + n * 60 / 18, late);
        }
    }
    for _ in 0..50 {
        assert_eq!(harness.tick()[0].state, State::CatchingUp);
        harness.pass(60);
    }
    let operations = harness.operations_of_tick();
    let call = operations.iter().find(|operation| operation.starts_with("slack logs")).expect("the tick calls Slack");
    let field = |name: &str| -> i64 {
        let value = call.split(' ').find_map(|field| field.strip_prefix(name)).expect("the call has the field");
        value.parse().expect("the field is a number")
    };
    field("latest=") - field("oldest=") - 60
}

#[test]
fn overlap_alongside_backlog_equals_measured_lateness() {
    // Lateness is measured when a tick finds the record, up to a minute after Slack shows it.
    let (in_time, late) = (overlap_during_backlog(0), overlap_during_backlog(100));
    assert!((40..80).contains(&in_time) && (190..215).contains(&late), "{in_time} {late}");
}
