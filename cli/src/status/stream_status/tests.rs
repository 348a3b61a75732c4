//! Tests of a stream's status, and sample statuses for the tests of the report.

use slacktrail_core::health::Health;
use slacktrail_core::source::Plan;
use slacktrail_core::walk::Walk;
use slacktrail_ports::Version;

use super::*;

/// Returns a stream that catches up, with a value in every column of the table.
pub(crate) fn status_of(source: &str) -> StreamStatus {
    let gap = GapEntry { kind: GapKind::Backlog, oldest: Second::EPOCH, latest: Second::EPOCH.plus(900_000) };
    StreamStatus {
        since: Some(Second::EPOCH),
        last_success: Some(Second::EPOCH),
        last_record: Some(Second::EPOCH),
        lag_seconds: Some(90_061),
        gaps: vec![gap; 16],
        ..StreamStatus::new(&source.parse().unwrap(), Some(LogType::Integration), State::CatchingUp)
    }
}

/// Returns a stream in `state` with a code, an error and a hint.
pub(crate) fn failing(state: State, code: &str, error: &str, hint: &str) -> StreamStatus {
    StreamStatus {
        code: Some(code.to_owned()),
        error: Some(error.to_owned()),
        hint: Some(hint.to_owned()),
        since: Some(Second::EPOCH),
        ..StreamStatus::new(&"acme".parse().unwrap(), Some(LogType::Audit), state)
    }
}

fn source() -> Source {
    Source {
        logs: vec![LogType::Audit],
        organization: true,
        ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
    }
}

fn single_status(deployment: &Deployment, place: Place, now: i64) -> StreamStatus {
    let statuses = statuses(deployment, place, Second::EPOCH.plus(now));
    assert_eq!(statuses.len(), 1);
    statuses[0].clone()
}

fn deployment(source: Source, cursor: Option<Cursor>) -> Deployment {
    let mut deployment = Deployment::default();
    if let Some(cursor) = cursor {
        let stream = StreamId { source: source.id.clone(), log: LogType::Audit };
        deployment.cursors.insert(stream, (Version(1), Ok(cursor)));
    }
    deployment.sources.insert(source.id.clone(), Ok(source));
    deployment
}

fn cursor(now: i64) -> Cursor {
    Cursor::first(&source(), LogType::Audit, Second::EPOCH.plus(now))
}

fn rejected(since: i64) -> Cursor {
    let mut cursor = cursor(since);
    cursor.health = Health {
        state: State::Reauthorize,
        code: Some("token_revoked".to_owned()),
        since: Some(Second::EPOCH.plus(since)),
        ..Health::default()
    };
    cursor
}

#[test]
fn stream_without_cursor_waits_for_first_tick() {
    let status = single_status(&deployment(source(), None), Place::Poller, 0);
    assert_eq!((status.state, status.lag_seconds), (State::Waiting, None));
    assert!(status.hint.unwrap().contains("first tick"));
}

#[test]
fn paused_source_is_paused_regardless_of_cursor() {
    let paused = Source { paused: true, ..source() };
    let status = single_status(&deployment(paused, Some(rejected(0))), Place::Poller, 999_999);
    assert_eq!((status.state, status.code, status.error, status.hint), (State::Paused, None, None, None));
}

#[test]
fn disconnected_source_has_no_status() {
    let deployment = deployment(Source { disconnected: true, ..source() }, Some(cursor(0)));
    assert_eq!(statuses(&deployment, Place::Poller, Second::EPOCH), []);
}

#[test]
fn stopped_poller_is_failing_and_stopped_pull_is_not() {
    let deployment = deployment(source(), Some(cursor(0)));
    let status = single_status(&deployment, Place::Poller, 7_200);
    assert_eq!((status.state, status.code.as_deref()), (State::Failing, Some("poller_not_running")));
    assert_eq!(status.error.as_deref(), Some("no tick has run since 1970-01-01T00:00:00Z"));
    assert!(!status.hint.unwrap().contains("no tick has run"), "the hint is the action only");
    assert_eq!(status.since, Some(Second::EPOCH));
    assert_eq!(single_status(&deployment, Place::Pull, 7_200).state, State::Ok);
    assert_eq!(single_status(&deployment, Place::Poller, 900).state, State::Ok);
}

#[test]
fn stream_that_slack_told_to_wait_an_hour_is_waiting_and_not_failing() {
    let mut throttled = cursor(0);
    throttled.not_before = Some(Second::EPOCH.plus(3_600));
    throttled.health = Health { state: State::Waiting, code: Some("ratelimited".to_owned()), ..Health::default() };
    let deployment = deployment(source(), Some(throttled));
    for (now, state) in [(1_801, State::Waiting), (3_660, State::Waiting), (3_600 + 1_800, State::Failing)] {
        assert_eq!(single_status(&deployment, Place::Poller, now).state, state, "{now}");
    }
}

#[test]
fn rejection_before_reconnect_waits_for_next_tick() {
    let again = Source { connected_at: Second::EPOCH.plus(500), ..source() };
    let rejected_before = deployment(again.clone(), Some(rejected(200)));
    let status = single_status(&rejected_before, Place::Poller, 510);
    assert_eq!((status.state, &status.code, &status.error), (State::Waiting, &None, &None));
    assert_eq!(status.hint.as_deref(), Some("wait a minute: the source was reconnected, and the poller retries"));
    assert_eq!(status.since, Some(again.connected_at));
    assert_eq!(single_status(&rejected_before, Place::Pull, 510).state, State::Reauthorize);
    assert_eq!(
        single_status(&rejected_before, Place::Poller, 500 + 1_800).code.as_deref(),
        Some("poller_not_running"),
        "no tick has run"
    );
    let rejected_since = single_status(&deployment(again, Some(rejected(501))), Place::Poller, 510);
    assert_eq!((rejected_since.state, rejected_since.code.as_deref()), (State::Reauthorize, Some("token_revoked")));
}

#[test]
fn unsaved_tick_of_quiet_stream_counts_as_check() {
    let (saved_at, second) = (900, |seconds| Second::EPOCH.plus(seconds));
    let mut quiet = cursor(saved_at);
    quiet.gaps.clear();
    for (at, now, checked, lag) in [(600, 910, 900, 0), (1_800, 1_805, 1_800, 0), (1_800, 9_000, 1_800, 7_200)] {
        let mut status = single_status(&deployment(source(), Some(quiet.clone())), Place::Pull, now);
        status.apply_tick(&quiet, second(at), second(now));
        assert_eq!((status.last_success, status.lag_seconds), (Some(second(checked)), Some(lag)), "{at} {now}");
    }
    let gap = Gap {
        uncollected_since: Some(second(0)),
        ..Gap::unwalked(LogType::Audit, GapKind::Live, second(0), second(1))
    };
    let mut behind = quiet.clone();
    behind.gaps.push(gap);
    let mut status = single_status(&deployment(source(), Some(behind.clone())), Place::Pull, 1_805);
    status.apply_tick(&behind, second(1_800), second(1_805));
    assert_eq!(status.lag_seconds, Some(1_805), "the gap is not collected");
}

#[test]
fn backlog_is_shown_as_time() {
    let gap = |kind, hours: i64| GapEntry { kind, oldest: Second::EPOCH, latest: Second::EPOCH.plus(hours * 3_600) };
    let backlog = |gaps: Vec<GapEntry>| StreamStatus { gaps, ..status_of("acme") }.backlog();
    assert_eq!(backlog(Vec::new()), "-");
    assert_eq!(backlog(vec![gap(GapKind::Reread, 50)]), "re-read");
    assert_eq!(backlog(vec![gap(GapKind::Reread, 50), gap(GapKind::Backfill, 30)]), "1 d 6 h");
    assert_eq!(backlog(vec![gap(GapKind::Backfill, 0)]), "1 s", "both ends are inclusive");
    assert_eq!(backlog(vec![gap(GapKind::Backlog, 30), gap(GapKind::Backfill, 50)]), "2 d 2 h", "they overlap");
}

#[test]
fn backlog_is_whole_gap_until_walk_without_time_order_is_complete() {
    let (now, hour) = (Second::EPOCH.plus(1_000_000), 3_600);
    for (log, kind) in
        LogType::ALL.into_iter().flat_map(|log| [GapKind::Backlog, GapKind::Backfill].map(|kind| (log, kind)))
    {
        let mut gap = Gap::unwalked(log, kind, Second::EPOCH.plus(hour), Second::EPOCH.plus(3 * hour - 1));
        match &mut gap.walk {
            Walk::Audit(walk) => {
                walk.asked_latest = Some(gap.latest);
                gap.latest = gap.latest.plus(-hour);
            }
            // The first pass is complete. The second one reads the rows that moved during it, which is after the gap.
            Walk::Access(walk) => (walk.stop, walk.started, walk.pages) = (now.plus(-60), now, 3),
            Walk::Integration(walk) => walk.page = 7,
        }
        let entry = GapEntry::of(&gap);
        assert!(entry.oldest <= entry.latest, "{log} {kind:?}: {entry:?}");
        let expected = if log == LogType::Audit { "1 h" } else { "2 h" };
        assert_eq!(StreamStatus { gaps: vec![entry], ..status_of("acme") }.backlog(), expected, "{log} {kind:?}");
    }
}

#[test]
fn backlog_of_live_gap_excludes_overlap() {
    let second = |seconds| Second::EPOCH.plus(seconds);
    for (log, latest, expected) in
        [(LogType::Audit, 899, "10 min"), (LogType::Access, 899, "10 min"), (LogType::Audit, 200, "1 s")]
    {
        let gap = Gap {
            uncollected_since: Some(second(300)),
            latest: second(latest),
            ..Gap::unwalked(log, GapKind::Live, second(0), second(899))
        };
        let backlog = StreamStatus { gaps: vec![GapEntry::of(&gap)], ..status_of("acme") }.backlog();
        assert_eq!(backlog, expected, "{log} up to {latest}");
    }
}

#[test]
fn status_json_has_documented_keys_and_utc_times() {
    let status = single_status(&deployment(source(), Some(cursor(60))), Place::Pull, 65);
    let json = serde_json::to_string(&status).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"source":"acme","log":"audit","state":"ok","code":null,"error":null,"hint":null,"since":null,"#,
            r#""last_success":"1970-01-01T00:01:00Z","last_record":null,"#,
            r#""lag_seconds":0,"gaps":[{"kind":"backlog","oldest":"1970-01-01T00:00:00Z","latest":"1970-01-01T00:01:00Z"}]}"#
        )
    );
}
