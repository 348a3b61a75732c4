//! Regression tests for defects that a review of the collector found.

use slacktrail_collector::tick::ResourceLimits;
use slacktrail_core::cursor::{Backfill, Cursor};
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::Second;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulation::{End, FaultKind as ProcessFault, Process, StoredCursor};
use slacktrail_simulator::settings::{AccessTeam, Fill};
use slacktrail_simulator::tenant::Token;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Settings};

use crate::minutes::unlimited;

#[test]
fn later_since_after_pause_skips_nothing() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Audit]);
    harness.rows(Log::Audit, 3, 10);
    harness.tick();
    harness.world().with(|state| state.sources.values_mut().for_each(|source| source.paused = true));
    for _ in 0..5 {
        harness.pass(86_400);
        harness.rows(Log::Audit, 1, 0);
        harness.tick();
    }
    harness.pass(60);
    harness.world().with(|state| {
        let now = Second::of(state.now);
        for source in state.sources.values_mut() {
            (source.since, source.connected_at, source.paused) = (now, now, false);
        }
    });
    harness.settle();
    assert_eq!(harness.stored_lines(), 8);
}

#[test]
fn number_of_deleted_object_is_not_reused() {
    let mut harness =
        Harness::new(Settings { audit_limit_max: 3, ..unlimited(Settings::organization()) }, &[LogType::Audit]);
    for _ in 0..30 {
        harness.rows(Log::Audit, 1, 0);
        harness.tick();
        harness.pass(60);
    }
    let deleted = harness.world().with(|state| {
        let key = state.objects.keys().find(|key| key.ends_with("-000002.json.gz")).unwrap().clone();
        state.objects.remove(&key);
        key
    });
    // Everything is read again. A page contains a late row, and a later page reaches the deleted object.
    harness.lose_cursors();
    harness.restart();
    harness.world().with(|state| {
        let stream = StreamId { source: "acme".parse().unwrap(), log: LogType::Audit };
        let source = state.sources.values().next().unwrap();
        let mut cursor = Cursor::first(source, LogType::Audit, Second::of(state.now));
        cursor.last_objects.insert(Second::of(state.now).day(), 30);
        state.cursors.insert(stream, StoredCursor { version: 1, text: cursor.encode() });
    });
    harness.late_row(Log::Audit, 600);
    for _ in 0..3 {
        let End::Answered(answer) = harness.try_tick() else { panic!("the process was killed") };
        assert_eq!(answer.unwrap_err().code, "missing_object");
        assert!(harness.world().with(|state| !state.objects.contains_key(&deleted)), "{deleted}");
        harness.pass(60);
    }
}

/// Runs a tick of `calls_max` calls, and replaces the token after `calls` of them.
fn tick_whose_token_is_replaced_after(calls: u32, calls_max: u32) -> Harness {
    let mut settings = Settings { audit_limit_max: 3, ..unlimited(Settings::organization()) };
    let old = settings.tokens[0].clone();
    settings.tokens.push(Token { text: "xoxp-another".to_owned(), ..old.clone() });
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.rows(Log::Audit, 30, 60);
    let process = Process::start(harness.world());
    let mut tick = process.begin(Some(calls_max), ResourceLimits::default());
    let mut end = None;
    while end.is_none() {
        if harness.calls() >= calls {
            harness.world().with(|state| {
                state.slack.revoke(&old.text);
                let source = state.sources.keys().next().unwrap().clone();
                state.credentials.insert(source, (2, Some(r#"{"token":"xoxp-another"}"#.to_owned())));
            });
        }
        end = tick.step();
    }
    harness
}

#[test]
fn token_replaced_during_tick_costs_no_extra_call() {
    for calls_max in 1..5 {
        let mut harness = tick_whose_token_is_replaced_after(calls_max - 1, calls_max);
        assert_eq!(harness.world().with(|state| state.broken.clone()), None);
        harness.settle();
        harness.assert_complete();
    }
}

#[test]
fn token_replaced_during_tick_is_used_in_same_tick() {
    assert_eq!(tick_whose_token_is_replaced_after(2, 25).missing(), None);
}

#[test]
fn rejection_with_long_unfinished_row_does_not_block_later_long_rows() {
    let mut settings = unlimited(Settings::organization());
    let old = settings.tokens[0].clone();
    settings.tokens.push(Token { text: "xoxp-another".to_owned(), ..old.clone() });
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    let long = |start: &str| format!("{start}{}", "x".repeat(300 << 10));
    harness.rows(Log::Audit, 1, 0);
    let rejection = long(r#"{"error":"invalid_auth","entries":[{"a":""#);
    harness.fault(Fault::nth(1, CallMatcher::log(Log::Audit), FaultKind::Status(401, rejection)));
    let page = long(r#"{"entries":[{"id":"long","date_create":1795356000,"action":""#) + r#""}]}"#;
    harness.fault(Fault::nth(2, CallMatcher::log(Log::Audit), FaultKind::Status(200, page)));
    let process = Process::start(harness.world());
    let mut tick = process.begin(None, ResourceLimits::default());
    let ended = (0..1_000).any(|_| {
        if harness.calls() == 1 {
            harness.world().with(|state| {
                let source = state.sources.keys().next().unwrap().clone();
                state.credentials.insert(source, (2, Some(r#"{"token":"xoxp-another"}"#.to_owned())));
            });
        }
        tick.step().is_some()
    });
    assert!(ended, "the tick waits for a lock that it holds");
}

/// Adds an access row of now in a workspace, with the user agent of the desktop app. With `team_id`, Slack may not return such rows.
fn desktop_row(harness: &mut Harness, user: &str, workspace: &str) {
    let now = harness.now();
    harness.add(Row::small_access(now, now, user, "203.0.113.7", "Slack_SSB/4 x").in_workspace(workspace));
}

#[test]
fn single_missing_argument_hides_no_access_row() {
    for first in [true, false] {
        let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Access]);
        if !first {
            harness.settle_within(2);
        }
        desktop_row(&mut harness, "u0", "T1");
        harness.fault(Fault::next(CallMatcher::log(Log::Access), FaultKind::not_ok("missing_argument")));
        let outcome = harness.tick().remove(0);
        assert_eq!((outcome.state, outcome.code()), (State::Waiting, Some("missing_argument")));
        for n in 1..5 {
            harness.pass(60);
            desktop_row(&mut harness, &format!("u{n}"), "T1");
            harness.tick();
        }
        assert_eq!(harness.stored_lines(), 5);
        harness.assert_complete();
    }
}

#[test]
fn row_stored_before_slack_requires_team_id_is_not_stored_again() {
    let scenario = |fault_at: Option<u32>| {
        let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Access]);
        desktop_row(&mut harness, "first", "T1");
        harness.settle_within(2);
        harness.restart();
        for n in 0..4 {
            desktop_row(&mut harness, &format!("u{n}"), ["T1", "T2"][n % 2]);
        }
        let Some(create) = fault_at else { return (harness.operations_of_tick(), harness) };
        harness.fault_at(create, ProcessFault::KilledAfter);
        assert!(matches!(harness.try_tick(), End::Killed));
        (Vec::new(), harness)
    };
    let create = scenario(None).0.iter().position(|operation| operation.starts_with("create")).unwrap();
    let mut harness = scenario(Some(create as u32)).1;
    assert_eq!(harness.stored_lines(), 5, "the object was created, but not the cursor that would name it");
    harness.restart();
    harness.settings(|settings| settings.access_team = AccessTeam::Required);
    for _ in 0..5 {
        harness.pass(60);
        drop(harness.try_tick());
    }
    assert_eq!(harness.stored_lines(), 5);
}

#[test]
fn failed_workspace_list_does_not_restart_access_history() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Access]);
    desktop_row(&mut harness, "first", "T1");
    harness.settle_within(2);
    harness.settings(|settings| settings.access_team = AccessTeam::Required);
    let list = CallMatcher::path("auth.teams.list");
    harness.fault(Fault::next(list, FaultKind::Status(500, String::new())));
    for _ in 0..4 {
        harness.pass(60);
        drop(harness.try_tick());
    }
    harness.tamper_with_cursors(|cursor| {
        let workspaces = cursor["workspaces"].as_object().unwrap();
        assert_eq!(workspaces.len(), 2);
        assert!(workspaces.values().all(|state| state.get("missing_since").is_none()), "{cursor}");
    });
}

#[test]
fn long_access_walk_advances_while_local_clock_is_slow() {
    let settings = Settings { access_fill: Fill::UpTo(3), ..unlimited(Settings::organization()) };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    harness.calls_max = None;
    harness.clock_ahead(-3_600);
    harness.rows(Log::Access, 60, 3_600);
    for _ in 0..20 {
        let outcome = harness.tick().remove(0);
        assert_ne!(outcome.code(), Some("corrupt_cursor"));
        harness.pass(60);
    }
    harness.clock_ahead(0);
    harness.tick();
    harness.assert_complete();
}

#[test]
fn slow_clock_of_directory_stores_no_access_row_twice() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Access]);
    harness.clock_ahead(-3_600);
    harness.world().with(|state| state.bucket_ahead = state.clock_ahead);
    for _ in 0..90 {
        harness.rows(Log::Access, 1, 0);
        harness.tick();
        harness.pass(60);
        harness.restart();
    }
    assert!(harness.stored_lines() >= 30, "{}", harness.stored_lines());
    harness.pass(3_600);
    harness.settle();
    harness.assert_complete();
}

#[test]
fn access_row_of_future_is_stored_once_when_its_time_comes() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Access]);
    for n in 0..12 {
        let (now, time) = (harness.now(), harness.now().saturating_add(jiff::SignedDuration::from_hours(24)).unwrap());
        let row = Row::small_access(time, time, &format!("future{n}"), "203.0.113.7", "x");
        harness.add(row.visible_from(now));
        harness.tick();
        harness.pass(60);
        harness.restart();
        harness.tick();
    }
    for _ in 0..30 {
        harness.pass(3_600);
        harness.tick();
    }
    assert_eq!(harness.stored_lines(), 12);
    harness.assert_complete();
}

#[test]
fn deleted_day_is_collected_again_after_a_page_of_it_broke_off() {
    let mut harness = Harness::new(unlimited(Settings::organization()), &[LogType::Audit]);
    harness.late_row(Log::Audit, 2 * 86_400);
    harness.late_row(Log::Audit, 2 * 86_400 + 60);
    harness.settle_within(2);
    let day = Second::of(harness.now()).plus(-2 * 86_400).day();
    let rows: Vec<String> =
        harness.world().with(|state| state.slack.rows(Log::Audit).iter().map(|row| row.json.to_string()).collect());
    let broken_off = format!(r#"{{"entries":[{}"#, rows.join(","));
    assert_eq!(harness.backfill_deleted_day(LogType::Audit, day), Backfill::Started);
    harness.fault(Fault::nth(2, CallMatcher::log(Log::Audit), FaultKind::Status(200, broken_off)));
    assert_eq!(harness.tick()[0].code(), Some("incomplete_response"));
    harness.delete_day(LogType::Audit, day);
    harness.backfill_deleted_day(LogType::Audit, day);
    harness.pass(60);
    harness.settle_within(5);
    assert_eq!(harness.stored_lines(), 2);
    harness.assert_complete();
}
