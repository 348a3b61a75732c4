//! Known behaviors of Slack that break a naive collector, and how slacktrail handles each of them.

use slacktrail_core::codes::Place;
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_core::stream::StreamOutcome;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::{AccessColumn, Direction, Fill, Limits, Paging};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Settings};

use crate::minutes::{small_pages, unlimited};

const AUDIT: [LogType; 1] = [LogType::Audit];

fn state(streams: &[StreamOutcome]) -> (State, Option<&str>) {
    (streams[0].state, streams[0].code())
}

#[test]
fn error_under_200_is_not_end_and_sets_stream_health() {
    let mut harness = Harness::new(small_pages(), &AUDIT);
    harness.rows(Log::Audit, 5, 30);
    harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::not_ok("feature_not_enabled")));
    assert_eq!(state(&harness.tick()), (State::Waiting, Some("feature_not_enabled")));
    harness.pass(60);
    assert_eq!(state(&harness.tick()), (State::Reconfigure, Some("feature_not_enabled")));
    harness.heal();
    harness.pass(1_000);
    assert_eq!(state(&harness.tick()), (State::Ok, None));
    harness.assert_complete();
}

#[test]
fn revoked_token_is_reported_and_rarely_retried_until_reconnect() {
    let mut harness = Harness::new(small_pages(), &LogType::ALL);
    harness.rows(Log::Audit, 3, 30);
    harness.tick();
    harness.revoke();
    harness.pass(60);
    let streams = harness.tick();
    assert_eq!(streams.len(), 3);
    for stream in streams {
        assert_eq!(stream.state, State::Reauthorize, "{stream:?}");
        assert!(stream.hint(Place::Poller).is_some_and(|hint| hint.contains("connect the source again")), "{stream:?}");
    }
    let calls = harness.calls();
    for _ in 0..10 {
        harness.pass(60);
        harness.rows(Log::Audit, 1, 0);
        let streams = harness.tick().into_iter().map(|stream| (stream.polled, stream.state));
        assert_eq!(streams.collect::<Vec<_>>(), [(false, State::Reauthorize); 3]);
    }
    assert_eq!(harness.calls(), calls, "a rejected token is not retried each minute");
    harness.connect_again();
    harness.pass(60);
    assert_eq!(harness.tick().iter().filter(|stream| stream.polled).count(), 3);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn late_records_up_to_26_hours_are_collected() {
    for log in LogType::ALL {
        for hour in 0..25 {
            let mut harness = Harness::new(small_pages(), &[log]);
            harness.row_shown_after(log, 26 * 3600 + hour * 3600, hour * 3600);
            for _ in 0..110 {
                harness.tick();
                harness.pass(3_600);
            }
            harness.assert_complete();
        }
    }
}

#[test]
fn late_records_from_before_long_outage_are_collected() {
    let mut harness = Harness::new(small_pages(), &AUDIT);
    harness.rows(Log::Audit, 3, 30);
    harness.tick();
    harness.row_shown_after(LogType::Audit, -1, 20 * 3600); // from just before the outage, shown in the middle of it
    harness.pass(5 * 86_400);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn live_records_arrive_at_next_tick_while_backlog_drains() {
    for log in [LogType::Audit, LogType::Access] {
        let settings = Settings { access_fill: Fill::UpTo(3), ..small_pages() };
        let mut harness = Harness::new(settings, &[log]);
        harness.calls_max = Some(6);
        harness.rows(simulated(log), 400, 300);
        harness.tick();
        let mut catching_up = 0;
        for _ in 0..12 {
            harness.pass(60);
            harness.rows(simulated(log), 2, 1);
            catching_up += u32::from(harness.tick()[0].state == State::CatchingUp);
            harness.assert_newest_stored(simulated(log), 2);
        }
        assert!(catching_up >= 10, "the backlog was too small for the test: {catching_up} ticks");
        harness.settle_within(400);
        harness.assert_complete();
    }
}

#[test]
fn access_logs_continue_beyond_100_pages() {
    let settings = Settings { access_fill: Fill::UpTo(3), ..small_pages() };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    harness.rows(Log::Access, 330, 200);
    harness.settle_within(60);
    harness.assert_complete();
}

#[test]
fn workspace_with_invalid_auth_is_isolated_and_collected_later() {
    let mut harness = Harness::new(small_pages(), &[LogType::Integration]);
    harness.rows(Log::Integration, 6, 60);
    harness.tick();
    harness.settings(|settings| settings.tenant.workspace_mut("T1").unwrap().owner_belongs = false);
    for minute in 0..40 {
        harness.pass(60);
        harness.rows(Log::Integration, 2, 1);
        let streams = harness.tick();
        assert_eq!(streams[0].state, if minute < 15 { State::Ok } else { State::Failing }, "{streams:?}");
        assert_eq!(streams[0].workspaces_failing, 1);
    }
    harness.assert_workspace_stored(Log::Integration, "T2");
    harness.settings(|settings| settings.tenant.workspace_mut("T1").unwrap().owner_belongs = true);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn every_page_of_audit_walk_has_same_range_and_no_action_filter() {
    let mut harness = Harness::new(small_pages(), &AUDIT);
    harness.rows(Log::Audit, 12, 30);
    let operations = harness.operations_of_tick();
    let pages: Vec<&str> = operations.iter().filter_map(|what| what.strip_prefix("slack logs ")).collect();
    assert!(pages.len() >= 4, "{pages:#?}");
    let range = pages[0].split(" limit=").next().unwrap();
    assert!(range.contains("oldest") && range.contains("latest"), "{range}");
    assert!(pages.iter().all(|page| page.starts_with(range) && !page.contains("action")), "{pages:#?}");
}

#[test]
fn killed_invocation_does_not_block_next_one() {
    let mut harness = Harness::new(small_pages(), &LogType::ALL);
    for log in Log::ALL {
        harness.rows(log, 5, 30);
    }
    for steps in 1..25 {
        harness.kill_a_tick_after(steps);
        harness.rows(Log::Audit, 1, 0);
        harness.pass(60);
    }
    harness.tick();
    harness.assert_complete();
}

#[test]
fn access_row_that_moves_during_walk_is_not_lost() {
    for access_order in [AccessColumn::First, AccessColumn::Last] {
        for access_paging in [Paging::Keyset, Paging::Offset] {
            let settings = Settings { access_fill: Fill::UpTo(3), access_order, access_paging, ..small_pages() };
            let mut harness = Harness::new(settings, &[LogType::Access]);
            harness.tick();
            harness.pass(60);
            harness.rows(Log::Access, 12, 4);
            for (page, row) in [(2, 0), (3, 1), (4, 2)] {
                harness.fault(Fault::nth(page, CallMatcher::log(Log::Access), FaultKind::Touch(row)));
            }
            harness.settle();
            harness.assert_complete();
        }
    }
}

#[test]
fn access_row_is_stored_once_however_often_user_returns() {
    for access_order in [AccessColumn::First, AccessColumn::Last] {
        let mut harness = Harness::new(Settings { access_order, ..small_pages() }, &[LogType::Access]);
        harness.rows(Log::Access, 3, 30);
        for _ in 0..30 {
            harness.tick();
            harness.pass(7_200);
            harness.touch(1);
        }
        assert_eq!(harness.stored_lines(), 3);
    }
}

#[test]
fn wrong_clock_is_reported_and_skips_no_time() {
    for (log, ahead) in [LogType::Audit, LogType::Access]
        .into_iter()
        .flat_map(|log| [-3_600, -600, 600, 3_600].map(|ahead| (log, ahead)))
    {
        let settings = Settings { audit_range_strict: true, ..small_pages() };
        let mut harness = Harness::new(settings, &[log]);
        harness.clock_ahead(ahead);
        for _ in 0..20 {
            harness.pass(60);
            harness.rows(simulated(log), 1, 0);
            let streams = harness.tick();
            let skew = streams[0].clock_skew_seconds.unwrap_or_default();
            assert!((skew - ahead).abs() <= 1, "{log}, {ahead}: {streams:?}");
        }
        harness.clock_ahead(0);
        harness.pass(ahead.abs());
        harness.settle();
        harness.assert_complete();
    }
}

#[test]
fn clock_that_steps_back_loses_nothing() {
    let mut harness = Harness::new(small_pages(), &AUDIT);
    for _ in 0..4 {
        harness.pass(60);
        harness.rows(Log::Audit, 2, 1);
        harness.tick();
    }
    harness.clock_ahead(-150);
    harness.rows(Log::Audit, 2, 1);
    harness.tick();
    harness.clock_ahead(0);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn malformed_rows_are_stored_counted_and_reported() {
    let mut harness = Harness::new(small_pages(), &AUDIT);
    let now = harness.now();
    let odd = [
        r#"{"date_create":1795356000,"action":"no id"}"#,
        r#"{"id":"no-time","action":"x"}"#,
        r#"{"id":"a","date_create":"soon"}"#,
        r#"{"id":"big","date_create":1795356000,"context":{"session_id":12177102026566,"ip_address":"redacted"},"n":123456789012345678901234567890}"#,
        "{\"id\":\"twice\",\"id\":\"twice\",\"date_create\":1795356000,\"u\":\"\u{2028}\"}",
        r#"{"id":"half","date_create":1795356000,"text":"\ud800"}"#,
    ];
    for json in odd {
        harness.add(Row::audit(now, json));
    }
    let malformed: u64 = (0..10)
        .map(|_| {
            harness.pass(60);
            harness.tick()[0].counts.malformed
        })
        .sum();
    assert_eq!(malformed, 3);
    harness.assert_stored_bytes(&odd);
}

#[test]
fn throttling_delays_only_affected_stream_as_long_as_slack_asks() {
    let mut harness = Harness::new(small_pages(), &[LogType::Audit, LogType::Access]);
    harness.rows(Log::Audit, 5, 30);
    harness.rows(Log::Access, 5, 30);
    harness.fault(Fault::next(CallMatcher::log(Log::Audit), FaultKind::throttled("150")));
    let first = harness.tick();
    assert_eq!((first[0].state, first[1].state), (State::Waiting, State::Ok));
    for expected in [false, false, true] {
        harness.pass(60);
        let streams = harness.tick();
        assert_eq!((streams[0].polled, streams[1].polled), (expected, true));
    }
    harness.settle();
    harness.assert_complete();
}

#[test]
fn interrupted_walk_resumes_where_it_stopped() {
    let base = small_pages();
    let mut harness = Harness::new(base, &[LogType::Audit]);
    harness.calls_max = None;
    harness.tick();
    harness.pass(3_000);
    harness.rows(Log::Audit, 60, 50);
    harness.fault(Fault::nth(11, CallMatcher::log(Log::Audit), FaultKind::Html(502)));
    assert_eq!(harness.tick()[0].counts.pages, 10);
    harness.pass(60);
    let calls = harness.calls();
    assert_eq!((harness.tick()[0].lag_seconds, harness.missing()), (0, None));
    let calls = harness.calls() - calls;
    assert!((10..20).contains(&calls), "the rest is ten pages and the overlap: {calls}");
}

#[test]
fn standalone_workspace_reports_missing_argument_of_access_logs() {
    let mut harness = Harness::new(unlimited(Settings::workspace()), &[LogType::Access]);
    harness.fault(Fault::every(CallMatcher::log(Log::Access), FaultKind::not_ok("missing_argument")));
    let summary = harness.tick().remove(0);
    assert_eq!((summary.counts.calls, summary.code()), (1, Some("missing_argument")));
}

/// Returns an integration log of seven pages. Slack shows only the first three.
fn beyond_the_page_limit(order: Direction) -> Harness {
    let limited = Settings { integration_count_max: 3, integration_page_max: Some(3), ..Settings::workspace() };
    let settings = Settings { limits: Limits::OFF, integration_order: order, ..limited };
    let mut harness = Harness::new(settings, &[LogType::Integration]);
    harness.rows(Log::Integration, 20, 30);
    harness
}

#[test]
fn integration_log_ends_where_slack_returns_no_older_page() {
    let mut harness = beyond_the_page_limit(Direction::NewestFirst);
    assert_eq!((state(&harness.tick()), harness.stored_lines()), ((State::Ok, None), 9));
}

#[test]
fn integration_log_without_its_newest_page_is_not_collected() {
    let mut harness = beyond_the_page_limit(Direction::OldestFirst);
    assert_eq!(state(&harness.tick()), (State::Waiting, Some("no_progress")));
    assert_eq!(harness.gaps(LogType::Integration).len(), 1);
}

/// Returns an integration log of 700 rows. Slack shows three pages of at most 1,000 rows.
fn three_pages_of_any_size() -> Harness {
    let limited = Settings { integration_page_max: Some(3), ..Settings::workspace() };
    let mut harness = Harness::new(unlimited(limited), &[LogType::Integration]);
    harness.rows(Log::Integration, 700, 30);
    harness
}

#[test]
fn log_whose_older_rows_never_arrive_is_reported() {
    let mut harness = three_pages_of_any_size();
    harness.settings(|settings| settings.response_bytes_max = Some(20_000));
    let codes: Vec<_> = (0..60)
        .map(|_| {
            let code = harness.tick()[0].code().map(str::to_owned);
            harness.pass(60);
            code
        })
        .collect();
    assert!(codes.iter().skip(30).all(Option::is_some), "{codes:?}");
    assert_eq!(harness.gaps(LogType::Integration).len(), 1);
    harness.settings(|settings| settings.response_bytes_max = None);
    harness.settle_within(40);
    harness.assert_complete();
}
