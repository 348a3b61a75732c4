use super::*;
use crate::health::State;
use crate::slack::PageError;
use crate::source::Plan;
use crate::walk::Walk;
use crate::workspaces::{WorkspacePosition, WorkspaceState};

fn second(seconds: i64) -> Second {
    Second::MARCH_2018.plus(seconds)
}

fn source() -> Source {
    Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(-3_600))
}

/// Returns the cursor of a stream that has collected everything up to second 0.
fn settled(log: LogType) -> Cursor {
    let mut cursor = Cursor::first(&source(), log, second(0));
    cursor.gaps.clear();
    (cursor.health.since, cursor.health.last_success) = (Some(second(0)), Some(second(0)));
    cursor
}

fn slack_error(code: &str) -> Error {
    Error::slack(code, "Slack refused")
}

/// Reads one page after which the walk is in this position.
fn page(tick: &mut StreamTick<'_>, active: &mut ActiveGap, read: Result<PageRead, Error>) -> Result<NextStep, Error> {
    let (request, page_rows) = tick.request(active);
    if let Ok(PageRead::Page { .. }) = read {
        tick.counts().pages += 1;
    }
    tick.after_page(active, (&request, page_rows), read)
}

/// Starts a tick at `now`, and passes it and its live gap to `then`.
fn with_live_gap<R>(log: LogType, now: i64, stored: &Cursor, then: impl FnOnce(StreamTick<'_>, ActiveGap) -> R) -> R {
    let (source, mut cache) = (source(), WalkCache::new(log));
    let mut tick = StreamTick::new(&source, log, second(now), None, Some(stored.clone()), &mut cache);
    tick.open_gaps();
    let active = tick.next_gap().unwrap();
    then(tick, active)
}

/// Runs a tick at `now` whose live gap gets one answer, and returns its outcome and the cursor that it would store.
fn tick(stored: &Cursor, now: i64, read: Result<PageRead, Error>) -> (StreamOutcome, Option<Cursor>) {
    with_live_gap(LogType::Audit, now, stored, |mut tick, mut active| {
        let result = page(&mut tick, &mut active, read);
        tick.pause_walk(&mut active, result.is_err());
        tick.commit(active, result.is_err());
        tick.finish(result.err(), None);
        let saved = tick.cursor_to_save(std::iter::empty()).cloned();
        (tick.into_outcome(None), saved)
    })
}

const END: PageRead = PageRead::Page { is_end: true };

#[test]
fn quiet_tick_is_saved_only_every_15_minutes() {
    let (outcome, saved) = tick(&settled(LogType::Audit), 60, Ok(END));
    assert_eq!((outcome.state, outcome.gaps, outcome.lag_seconds, saved), (State::Ok, 0, 0, None));
    let (_, saved) = tick(&settled(LogType::Audit), HEARTBEAT_SECONDS, Ok(END));
    let saved = saved.unwrap();
    assert_eq!((saved.watermark, saved.saved_at, saved.health.last_success), {
        let now = second(HEARTBEAT_SECONDS);
        (now, now, Some(now))
    });
}

#[test]
fn new_stream_collects_from_since_and_must_be_saved() {
    let (source, mut cache) = (source(), WalkCache::new(LogType::Audit));
    let mut tick = StreamTick::new(&source, LogType::Audit, second(0), None, None, &mut cache);
    tick.open_gaps();
    let active = tick.next_gap().unwrap();
    assert_eq!((active.gap.kind, active.gap.oldest, active.gap.latest), (GapKind::Backlog, source.since, second(0)));
    assert!(tick.cursor_to_save(std::iter::empty()).is_some());
    tick.cursor_saved();
    assert!(tick.cursor_to_save(std::iter::empty()).is_none());
}

#[test]
fn failed_tick_without_page_keeps_gap_open_and_counts_lag() {
    let (outcome, saved) = tick(&settled(LogType::Audit), 60, Err(slack_error("http_500")));
    assert_eq!((outcome.state, outcome.code(), outcome.lag_seconds), (State::Waiting, Some("http_500"), 60));
    let saved = saved.unwrap();
    assert_eq!((saved.gaps.len(), saved.gaps[0].latest), (1, second(60)));
    // The same error in the next tick changes nothing but the end of the live gap.
    let (outcome, saved) = tick(&saved, 120, Err(slack_error("http_500")));
    assert_eq!((outcome.lag_seconds, saved.unwrap().gaps[0].latest), (120, second(120)));
}

#[test]
fn tick_that_slack_only_refuses_is_no_success() {
    let stale =
        tick(&settled(LogType::Audit), 60, Ok(PageRead::Refused { error: PageError::StalePageCursor, date: None })).0;
    assert_eq!((stale.state, stale.code()), (State::Waiting, Some("no_page")));
}

#[test]
fn too_large_page_is_requested_smaller_now_and_broken_one_next_tick() {
    with_live_gap(LogType::Audit, 60, &settled(LogType::Audit), |mut tick, mut active| {
        let too_large = slack_error("response_too_large");
        assert_eq!(page(&mut tick, &mut active, Err(too_large)).unwrap(), NextStep::ReadPage);
        assert_eq!(tick.request(&active).1, 250);
        let broken = slack_error("incomplete_response");
        assert_eq!(page(&mut tick, &mut active, Err(broken)).unwrap_err().code, "incomplete_response");
        assert_eq!(tick.request(&active).1, 62);
    });
}

#[test]
fn access_logs_of_organization_are_read_by_workspace_if_slack_demands() {
    let source = Source { organization: true, ..source() };
    let mut cache = WalkCache::new(LogType::Access);
    let mut stored = settled(LogType::Access);
    stored.health.code = Some("missing_argument".to_owned());
    let mut tick = StreamTick::new(&source, LogType::Access, second(60), None, Some(stored), &mut cache);
    assert!(!tick.needs_workspaces());
    tick.open_gaps();
    let mut active = tick.next_gap().unwrap();
    let error = slack_error("missing_argument");
    let refused = PageRead::Refused { error: PageError::Error(error), date: None };
    assert_eq!(page(&mut tick, &mut active, Ok(refused)).unwrap(), NextStep::ListWorkspaces);
    assert!(tick.needs_workspaces());
    tick.update_workspaces(WorkspaceList { ids: vec!["T1".to_owned(), "T2".to_owned()], without_id: 0 });
    assert_eq!(tick.begin_round(&mut active), NextStep::ReadPage);
    let workspace = |active: &ActiveGap| active.gap.workspace_id().map(str::to_owned);
    assert_eq!(workspace(&active).as_deref(), Some("T1"));
    assert_eq!(page(&mut tick, &mut active, Ok(END)).unwrap(), NextStep::ReadPage);
    assert_eq!(workspace(&active).as_deref(), Some("T2"));
    assert_eq!(page(&mut tick, &mut active, Ok(END)).unwrap(), NextStep::Done);
}

#[test]
fn range_in_future_of_slack_ends_at_slack_time() {
    with_live_gap(LogType::Audit, 600, &settled(LogType::Audit), |mut tick, mut active| {
        let invalid_range = || PageError::Error(slack_error("invalid_range"));
        let refused = PageRead::Refused { error: invalid_range(), date: Some(second(60)) };
        assert_eq!(page(&mut tick, &mut active, Ok(refused)).unwrap(), NextStep::ReadPage);
        assert_eq!(active.gap.latest, second(60));
        let refused = PageRead::Refused { error: invalid_range(), date: Some(second(90)) };
        assert_eq!(page(&mut tick, &mut active, Ok(refused)).unwrap_err().code, "invalid_range");
    });
}

#[test]
fn error_that_requires_action_is_confirmed_unless_repeated() {
    let confirmation = |stored: Cursor, error: &Error| {
        let (source, mut cache) = (source(), WalkCache::new(LogType::Audit));
        StreamTick::new(&source, LogType::Audit, second(60), None, Some(stored), &mut cache).confirmation(error)
    };
    let revoked = slack_error("token_revoked");
    let forbidden = slack_error("missing_scope");
    let hiccup = slack_error("http_500");
    let errors = [&revoked, &forbidden, &hiccup];
    let first = errors.map(|error| confirmation(settled(LogType::Audit), error));
    assert_eq!(first, [Confirmation::AuthTest, Confirmation::NextTick, Confirmation::None]);
    for error in errors {
        let mut stored = settled(LogType::Audit);
        stored.health.code = Some(error.code.clone());
        assert_eq!(confirmation(stored, error), Confirmation::None, "{error}");
    }
}

#[test]
fn cursor_from_future_is_discarded_and_reported() {
    let mut stored = settled(LogType::Audit);
    stored.watermark = second(4_000_000);
    let (outcome, saved) = tick(&stored, 60, Ok(END));
    assert_eq!((outcome.state, outcome.code(), outcome.recovered), (State::Failing, Some("corrupt_cursor"), true));
    assert_eq!(saved.unwrap().watermark, second(60));
    let refused = tick(&stored, 60, Err(slack_error("missing_scope"))).0;
    assert_eq!((refused.code(), refused.recovered), (Some("missing_scope"), false));
}

#[test]
fn live_record_of_time_read_before_is_late_unless_gap_covers_it() {
    let mut stored = settled(LogType::Audit);
    stored.gaps.push(Gap::unwalked(LogType::Audit, GapKind::Backlog, second(-100), second(-90)));
    with_live_gap(LogType::Audit, 60, &stored, |tick, ActiveGap { gap, .. }| {
        let late = |gap: &Gap| [-101, -95, -1, 0, 30].map(|time| tick.is_late(gap, second(time)));
        assert_eq!(late(&gap), [true, false, true, false, false]);
        assert_eq!(late(&Gap { kind: GapKind::Backlog, ..gap }), [false; 5]);
    });
}

#[test]
fn record_from_time_in_which_workspace_was_not_read_is_not_late() {
    // The workspace failed before the walk entered it, or in the walk of another gap since.
    for (at_entry, now) in [(Some(-50), None), (None, Some(-50))] {
        let mut stored = settled(LogType::Integration);
        let failing = WorkspaceState { missing_since: now.map(second), ..WorkspaceState::default() };
        stored.workspaces.0.insert("T1".to_owned(), failing);
        let late = with_live_gap(LogType::Integration, 60, &stored, |tick, ActiveGap { gap, .. }| {
            let workspace = WorkspacePosition { id: "T1".to_owned(), missing_since: at_entry.map(second) };
            let gap = Gap { workspace: Some(workspace), ..gap };
            [-60, -50, -1].map(|time| tick.is_late(&gap, second(time)))
        });
        assert_eq!(late, [true, false, false], "{at_entry:?}");
    }
}

#[test]
fn endless_page_cursor_ends_walk_with_no_progress() {
    with_live_gap(LogType::Audit, 60, &settled(LogType::Audit), |mut tick, mut active| {
        let steps: Vec<_> = (0..5)
            .map(|_| page(&mut tick, &mut active, Ok(PageRead::Page { is_end: false })).map_err(|e| e.code))
            .collect();
        assert_eq!(steps[..4], vec![Ok(NextStep::ReadPage); 4]);
        assert_eq!(steps[4], Err("no_progress".to_owned()));
    });
}

#[test]
fn overlap_counts_pages_of_all_batches() {
    // Walks back over the whole live gap in batches of this many pages, and returns the next overlap.
    let overlap_after = |log: LogType, batches: &[u32]| {
        let (source, mut cache) = (source(), WalkCache::new(log));
        let mut tick = StreamTick::new(&source, log, second(60), Some(25), Some(settled(log)), &mut cache);
        tick.open_gaps();
        let pages_max: u32 = batches.iter().sum();
        let mut pages = 0;
        for batch in batches {
            let mut active = tick.next_gap().unwrap();
            for _ in 0..*batch {
                pages += 1;
                match &mut active.gap.walk {
                    Walk::Audit(walk) => {
                        (walk.page_cursor, walk.asked_latest) = (Some("next".to_owned()), Some(second(60)));
                        active.gap.latest = second(60 - 360 * i64::from(pages) / i64::from(pages_max));
                    }
                    Walk::Access(walk) => walk.pages = pages,
                    Walk::Integration(_) => {}
                }
                active.context.progress.record_is_new();
                page(&mut tick, &mut active, Ok(PageRead::Page { is_end: pages == pages_max })).unwrap();
            }
            tick.pause_walk(&mut active, false);
            tick.commit(active, false);
        }
        cache.overlap.seconds
    };
    for log in [LogType::Audit, LogType::Access] {
        let overlaps = [&[50][..], &[46, 4], &[49, 1], &[20, 20, 10]].map(|batches| overlap_after(log, batches));
        assert_eq!(overlaps, [120; 4], "{log}");
    }
}

#[test]
fn server_error_moves_no_watermark_and_other_responses_do() {
    let watermark = |status: u16| {
        let response = Response::<()> { status, date: Some(second(-7_200).instant()), ..Response::default() };
        with_live_gap(LogType::Audit, 60, &settled(LogType::Audit), |mut tick, _| {
            tick.apply_server_clock(&response);
            tick.cursor.watermark
        })
    };
    assert_eq!([200, 400, 502].map(watermark), [second(-7_200), second(-7_200), second(60)]);
}
