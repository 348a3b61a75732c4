//! The workspaces of an organization: they join, leave, return and fail, and their integration logs are collected completely.

use jiff::{SignedDuration, Timestamp};
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::FaultKind;
use slacktrail_simulation::harness::Harness;
use slacktrail_simulator::tenant::{Tenant, Workspace};
use slacktrail_simulator::{CallMatcher, Fault as SlackFault, FaultKind as SlackFaultKind, Log, Row, Settings};

use crate::minutes::small_pages;

const INTEGRATION: [LogType; 1] = [LogType::Integration];
const DAY: i64 = 86_400;

fn workspace<'a>(settings: &'a mut Settings, id: &str) -> &'a mut Workspace {
    settings.tenant.workspace_mut(id).unwrap()
}

/// Adds a row of a workspace, `age` seconds old, that Slack shows from now on.
fn row(harness: &mut Harness, id: &str, age: i64, name: &str) {
    let now = harness.now();
    let time = now.saturating_sub(SignedDuration::from_secs(age)).unwrap();
    harness.add(Row::small_integration(time, name).in_workspace(id).visible_from(now));
}

/// Returns an organization with `count` workspaces: `T0001`, `T0002` and so on.
fn with_workspaces(count: u32) -> Harness {
    let ids: Vec<String> = (1..=count).map(|number| format!("T{number:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    Harness::new(Settings { tenant: Tenant::organization("E1", &ids), ..small_pages() }, &INTEGRATION)
}

/// Returns an organization whose workspace T2 has just joined with rows that are days old. The next tick finds it.
fn with_one_that_joins() -> Harness {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.settings(|settings| workspace(settings, "T2").app_added = false);
    for n in 0..5 {
        row(&mut harness, "T1", 600 + n * 60, &format!("one{n}"));
        row(&mut harness, "T2", 5 * DAY + n * 60, &format!("two{n}"));
    }
    harness.tick();
    harness.pass(60);
    harness.tick();
    harness.settings(|settings| workspace(settings, "T2").app_added = true);
    harness.pass(3_600); // the workspace list is due
    harness
}

#[test]
fn uncollected_time_of_workspace_survives_failed_write() {
    for kind in [FaultKind::Rejected, FaultKind::ResponseLost] {
        let mut faults = 0;
        for operation in 0.. {
            let mut harness = with_one_that_joins();
            harness.fault_at(operation, kind);
            drop(harness.try_tick());
            if !harness.world().with(|state| std::mem::take(&mut state.struck)) {
                break;
            }
            faults += 1;
            harness.world().with(|state| state.faults.clear());
            for _ in 0..40 {
                harness.pass(1_800);
                harness.tick();
            }
            harness.assert_complete();
        }
        assert!(faults > 10, "{faults} operations are too few for a tick that finds a new workspace");
    }
}

#[test]
fn workspace_that_leaves_before_its_backlog_is_collected_on_return() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.calls_max = Some(4);
    for n in 0..15 {
        row(&mut harness, "T1", 4 * DAY + n * 60, &format!("one{n}"));
        row(&mut harness, "T2", 5 * DAY + n * 60, &format!("two{n}"));
    }
    harness.tick();
    assert_eq!(harness.gaps(LogType::Integration).len(), 1);
    harness.settings(|settings| workspace(settings, "T2").app_added = false);
    harness.restart();
    harness.settle_within(30);
    harness.settings(|settings| workspace(settings, "T2").app_added = true);
    harness.calls_max = Some(10);
    harness.restart();
    harness.settle_within(30);
    harness.assert_complete();
}

#[test]
fn workspace_that_leaves_during_backfill_is_collected_on_return() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.tick();
    harness.pass(60);
    harness.calls_max = Some(4);
    for n in 0..15 {
        row(&mut harness, "T1", 10 * DAY + n * 60, &format!("one{n}"));
        row(&mut harness, "T2", 11 * DAY + n * 60, &format!("two{n}"));
    }
    harness.backfill(LogType::Integration, 12 * DAY, 9 * DAY);
    harness.tick();
    assert!(harness.stored_lines() < 15, "the backfill is in progress");
    harness.settings(|settings| workspace(settings, "T2").app_added = false);
    harness.restart();
    harness.settle_within(30);
    assert_eq!(harness.stored_lines(), 15);
    harness.settings(|settings| workspace(settings, "T2").app_added = true);
    harness.calls_max = Some(10);
    harness.restart();
    harness.settle_within(30);
    assert_eq!(harness.stored_lines(), 30);
}

#[test]
fn organization_without_workspace_is_reported() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    row(&mut harness, "T1", 5, "one");
    for id in ["T1", "T2"] {
        harness.settings(|settings| workspace(settings, id).app_added = false);
    }
    for state in [State::Waiting, State::Reconfigure] {
        let stream = harness.tick().remove(0);
        assert_eq!((stream.state, stream.code(), stream.gaps), (state, Some("no_workspace"), 1));
        harness.pass(60);
    }
    harness.settings(|settings| workspace(settings, "T1").app_added = true);
    harness.pass(900);
    harness.tick();
    assert_eq!(harness.stored_lines(), 1);
}

#[test]
fn backlog_of_any_number_of_workspaces_drains_alongside_live_records() {
    for count in [5, 6, 7, 8, 9, 10, 11] {
        let mut harness = with_workspaces(count);
        harness.calls_max = None;
        for n in 0..60 {
            row(&mut harness, "T0001", 4 * DAY + n * 60, &format!("one{n}"));
            row(&mut harness, "T0002", 5 * DAY + n / 4 * 60, "two"); // groups of equal rows at every page boundary
        }
        for _ in 0..4 * 60 {
            harness.tick();
            harness.pass(60);
        }
        harness.assert_complete();
    }
}

#[test]
fn round_that_read_nothing_reaches_up_to_now_in_next_tick() {
    for kind in
        [SlackFaultKind::Hangup, SlackFaultKind::Status(500, String::new()), SlackFaultKind::not_ok("token_revoked")]
    {
        let mut harness = Harness::new(small_pages(), &INTEGRATION);
        harness.tick();
        harness.pass(60);
        harness.fault(SlackFault::next(CallMatcher::log(Log::Integration), kind));
        assert!(harness.tick()[0].code().is_some());
        harness.pass(60);
        harness.connect_again(); // a rejected token is retried at once
        for id in ["T1", "T2"] {
            row(&mut harness, id, 5, id);
        }
        harness.tick();
        assert_eq!(harness.stored_lines(), 2);
    }
}

#[test]
fn workspace_that_fails_for_15_minutes_no_longer_blocks_others() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.tick();
    let on = CallMatcher::log(Log::Integration).team("T1");
    harness.fault(SlackFault::every(on, SlackFaultKind::Status(500, String::new())));
    let tick = |harness: &mut Harness, n: u32| {
        harness.pass(60);
        row(harness, "T1", 7, &format!("one{n}"));
        row(harness, "T2", 5, &format!("two{n}"));
        harness.tick().remove(0)
    };
    for n in 0..17 {
        assert_eq!(tick(&mut harness, n).code(), Some("http_500"));
    }
    tick(&mut harness, 17); // finishes the interrupted round
    let mut reported = Vec::new();
    for n in 18..60 {
        let stream = tick(&mut harness, n);
        assert_eq!(stream.workspaces_failing, 1);
        reported.push((n, stream.state, stream.code().map(str::to_owned)));
        harness.assert_workspace_stored(Log::Integration, "T2");
    }
    let persistent = |n| (n, State::Failing, Some("workspaces_unreadable".to_owned()));
    assert_eq!(
        reported,
        (18..60).map(persistent).collect::<Vec<_>>(),
        "the error remains while the workspace is retried every quarter of an hour"
    );
    harness.heal();
    harness.settle();
    harness.assert_complete();
}

#[test]
fn workspace_with_one_hour_retry_after_waits_and_blocks_no_other() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.tick();
    let on = CallMatcher::log(Log::Integration).team("T1");
    let body = r#"{"ok":false,"error":"team_added_to_org"}"#.to_owned();
    let kind = SlackFaultKind::Throttled { retry_after: Some("3600".to_owned()), body: Some(body) };
    harness.fault(SlackFault::every(on, kind));
    let mut reported = 0;
    for n in 0..50 {
        harness.pass(60);
        row(&mut harness, "T2", 5, &format!("two{n}"));
        reported += u32::from(harness.tick()[0].code().is_some());
    }
    assert_eq!(
        (harness.stored_lines(), reported),
        (50, 36),
        "records are stored at once, and the error is reported after a quarter of an hour"
    );
}

#[test]
fn workspace_that_moves_or_rejects_request_blocks_no_other() {
    for code in ["invalid_team_id", "team_added_to_org", "org_login_required"] {
        let mut harness = Harness::new(small_pages(), &INTEGRATION);
        harness.tick();
        let on = CallMatcher::log(Log::Integration).team("T1");
        harness.fault(SlackFault::every(on, SlackFaultKind::not_ok(code)));
        for n in 0..3 {
            harness.pass(60);
            row(&mut harness, "T2", 5, &format!("two{n}"));
            harness.tick();
        }
        assert_eq!(harness.stored_lines(), 3, "{code}");
    }
}

#[test]
fn listed_workspace_without_id_is_counted_and_blocks_no_other() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    let list = r#"{"ok":true,"teams":[{"id":"T1"},{"name":"x"},null,{"id":"T2","name":[]}]}"#.to_owned();
    harness.fault(SlackFault::every(CallMatcher::path("auth.teams.list"), SlackFaultKind::Status(200, list)));
    for n in 0..3 {
        row(&mut harness, "T1", 5, &format!("one{n}"));
        row(&mut harness, "T2", 5, &format!("two{n}"));
        let stream = harness.tick().remove(0);
        assert_eq!((stream.code(), stream.workspaces_failing), (None, 2), "{stream:?}");
        harness.pass(60);
    }
    assert_eq!(harness.stored_lines(), 6);
    harness.heal();
    harness.pass(3_600);
    assert_eq!(harness.tick()[0].workspaces_failing, 0);
}

#[test]
fn endless_pages_of_one_workspace_do_not_block_next_one() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.calls_max = None;
    harness.settings(|settings| settings.integration_page_max = None);
    harness.tick();
    let of_t1 = CallMatcher::log(Log::Integration).team("T1");
    harness.fault(SlackFault::every(of_t1, SlackFaultKind::Claims(1_000_000)));
    for minute in 0..60 {
        harness.pass(60);
        row(&mut harness, "T2", 10, &format!("two{minute}"));
        let summary = harness.tick().remove(0);
        assert!(summary.code().is_some(), "{minute}: {summary:?}");
        assert_eq!(summary.state == State::Failing, minute > 15, "{minute}: {summary:?}");
    }
    harness.assert_workspace_stored(Log::Integration, "T2");
}

/// Returns an organization in which `id` has been failing for a minute.
fn with_one_failing(id: &str) -> Harness {
    let settings = Settings { tenant: Tenant::organization("E1", &["T1", "T2", "T3"]), ..small_pages() };
    let mut harness = Harness::new(settings, &INTEGRATION);
    harness.tick();
    harness.pass(60);
    let on = CallMatcher::log(Log::Integration).team(id);
    harness.fault(SlackFault::every(on, SlackFaultKind::not_ok("invalid_auth")));
    assert_eq!(harness.tick()[0].workspaces_failing, 1);
    harness
}

#[test]
fn backfill_reaches_workspace_that_was_unreadable_during_it() {
    for id in ["T1", "T2", "T3"] {
        let mut harness = with_one_failing(id);
        row(&mut harness, id, 10 * DAY, "old");
        harness.pass(60);
        harness.backfill(LogType::Integration, 11 * DAY, 9 * DAY);
        harness.settle_within(5);
        assert!(harness.gaps(LogType::Integration).is_empty());
        harness.heal();
        harness.settle();
        assert_eq!(harness.stored_lines(), 1, "{id}");
    }
}

#[test]
fn rows_of_failing_workspace_are_collected_from_its_first_error() {
    for id in ["T1", "T2", "T3"] {
        let mut harness = with_one_failing(id);
        row(&mut harness, id, 1, "first");
        for _ in 0..4 * 24 * 6 {
            harness.pass(600); // it is retried in every second of these ticks
            harness.tick();
        }
        harness.heal();
        harness.settle();
        assert_eq!(harness.stored_lines(), 1, "{id}");
        assert_eq!(harness.tick()[0].workspaces_failing, 0, "{id}");
    }
}

#[test]
fn workspace_absent_for_days_is_collected_on_return() {
    let mut harness = Harness::new(small_pages(), &INTEGRATION);
    harness.tick();
    harness.settings(|settings| workspace(settings, "T2").app_added = false);
    for hour in 0..5 * 24 {
        harness.pass(3_600);
        if hour == 12 {
            row(&mut harness, "T2", 5, "two"); // the daily re-read after the return does not go back this far
        }
        harness.tick();
    }
    harness.settings(|settings| workspace(settings, "T2").app_added = true);
    harness.pass(3_600);
    harness.settle();
    assert_eq!(harness.stored_lines(), 1);
}

#[test]
fn workspace_list_is_read_over_several_pages() {
    let mut harness = with_workspaces(1_200);
    harness.calls_max = Some(2_000);
    for id in ["T0001", "T1200"] {
        row(&mut harness, id, 5, id);
    }
    assert_eq!(harness.tick()[0].code(), None);
    assert_eq!(harness.stored_lines(), 2);
}

#[test]
fn workspace_unreadable_for_15_minutes_is_reported_until_it_recovers() {
    for leaves in [false, true] {
        let mut harness = with_one_failing("T2");
        for minute in 1..40 {
            harness.pass(60);
            row(&mut harness, "T1", 5, &format!("one{minute}"));
            let stream = harness.tick().remove(0);
            let code = (minute >= 15).then_some("workspaces_unreadable");
            assert_eq!((stream.code(), stream.workspaces_failing), (code, 1), "{minute}");
            assert_eq!(stream.state, if minute < 15 { State::Ok } else { State::Failing }, "{minute}");
            harness.assert_workspace_stored(Log::Integration, "T1");
        }
        if leaves {
            harness.settings(|settings| workspace(settings, "T2").app_added = false);
            harness.pass(3_600);
        } else {
            harness.heal();
            harness.pass(900);
        }
        let stream = harness.tick().remove(0);
        assert_eq!((stream.state, stream.code(), stream.workspaces_failing), (State::Ok, None, 0), "{leaves}");
    }
}

#[test]
fn error_names_at_most_ten_unreadable_workspaces() {
    let mut harness = with_workspaces(14);
    harness.calls_max = Some(100);
    harness.tick();
    for number in 1..=12 {
        let on = CallMatcher::log(Log::Integration).team(&format!("T{number:04}"));
        harness.fault(SlackFault::every(on, SlackFaultKind::not_ok("no_permission")));
    }
    for _ in 0..2 {
        harness.pass(901);
        harness.tick();
    }
    let message = harness.tick()[0].error().map(|error| error.message.clone()).unwrap();
    assert!(message.contains("`T0001` (no_permission), `T0002` (no_permission)"), "{message}");
    assert!(message.ends_with("`T0010` (no_permission) and 2 more"), "{message}");
}

#[test]
fn late_records_of_workspaces_are_found_although_re_reads_take_hours() {
    let mut harness = with_workspaces(60);
    harness.calls_max = None;
    for _ in 0..3 * 24 * 6 {
        harness.tick();
        harness.pass(600); // so that a re-read of all workspaces takes longer than an hour
        if harness.now() == Timestamp::constant(1_795_356_000 + DAY, 0) {
            row(&mut harness, "T0060", 3 * 3_600, "late");
        }
    }
    assert_eq!(harness.stored_lines(), 1);
    harness.assert_complete();
}
