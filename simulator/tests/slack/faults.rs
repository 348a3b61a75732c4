use std::time::Duration;

use slacktrail_simulator::settings::Paging;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Settings, World};

use crate::walk::{asking, at, audit_world, column, error, json, next, response, walk};

const ROWS: [(i64, &str); 4] = [(10, "a"), (20, "b"), (30, "c"), (40, "d")];

fn faulty(log: Log, kind: FaultKind) -> World {
    let mut world = audit_world(Settings::default(), &ROWS);
    for user in ["a", "b", "c"] {
        world.add(Row::small_access(at(10), at(10), user, "203.0.113.7", "x"));
    }
    world.fault(Fault::next(CallMatcher::log(log), kind));
    world
}

#[test]
fn fault_hits_only_nth_matching_call() {
    let mut world = audit_world(Settings::default(), &ROWS);
    world.fault(Fault::nth(2, CallMatcher::log(Log::Audit), FaultKind::Status(500, String::new())));
    let mut status = |log| response(&mut world, 100, &asking(log)).status;
    assert_eq!([status(Log::Audit), status(Log::Access), status(Log::Audit), status(Log::Audit)], [200, 200, 500, 200]);
}

#[test]
fn fault_lasts_for_given_time_or_until_cleared() {
    let mut world = audit_world(Settings::default(), &ROWS);
    world.fault(Fault::during(at(10), at(20), CallMatcher::any(), FaultKind::Status(503, String::new())));
    let status = |world: &mut World, now| response(world, now, &asking(Log::Audit)).status;
    let seen = [9, 10, 20, 21].map(|now| status(&mut world, now));
    assert_eq!(seen, [200, 503, 503, 200]);
    world.fault(Fault::every(CallMatcher::any(), FaultKind::Html(502)));
    assert_eq!([status(&mut world, 30), status(&mut world, 31)], [502, 502]);
    world.clear_faults();
    assert_eq!(status(&mut world, 32), 200);
}

#[test]
fn fault_can_target_one_workspace_or_later_pages() {
    let mut world = audit_world(Settings::default(), &ROWS);
    world.fault(Fault::every(CallMatcher::any().team("T1"), FaultKind::not_ok("invalid_auth")));
    world.fault(Fault::every(CallMatcher::log(Log::Audit).later_pages(), FaultKind::Status(500, String::new())));
    assert_eq!(error(&mut world, 100, &asking(Log::Integration).with("team_id", "T1")).1, "invalid_auth");
    assert_eq!(json(&mut world, 100, &asking(Log::Integration).with("team_id", "T2"))["ok"], true);
    let page = json(&mut world, 100, &asking(Log::Audit).with("limit", 1));
    let later = asking(Log::Audit).with("cursor", next(&page).expect("a second page"));
    assert_eq!(response(&mut world, 100, &later).status, 500);
}

#[test]
fn status_html_and_empty_401_faults_are_returned() {
    let kinds = [
        (FaultKind::Status(500, "oops".to_owned()), 500, "text/plain; charset=utf-8", "oops"),
        (FaultKind::Html(502), 502, "text/html; charset=utf-8", "<!DOCTYPE"),
        (FaultKind::Html(200), 200, "text/html; charset=utf-8", "<!DOCTYPE"),
    ];
    for (kind, status, content_type, start) in kinds {
        let response = response(&mut faulty(Log::Audit, kind), 100, &asking(Log::Audit));
        assert_eq!((response.status, response.header("content-type")), (status, Some(content_type)));
        assert!(response.body.starts_with(start.as_bytes()));
    }
    let response = response(&mut faulty(Log::Audit, FaultKind::EmptyUnauthorized), 100, &asking(Log::Audit));
    assert_eq!((response.status, response.body.len()), (401, 0));
}

#[test]
fn error_codes_of_both_apis_are_returned() {
    let body = json(&mut faulty(Log::Access, FaultKind::not_ok("no_permission")), 100, &asking(Log::Access));
    assert_eq!(body.to_string(), r#"{"error":"no_permission","ok":false}"#);
    let kind = FaultKind::AuditError(403, "user_not_authorized".to_owned());
    assert_eq!(error(&mut faulty(Log::Audit, kind), 100, &asking(Log::Audit)), (403, "user_not_authorized".to_owned()));
}

#[test]
fn throttling_returns_any_retry_after_or_none() {
    for text in ["30", "soon", "-1", "Fri, 31 Dec 1999 23:59:59 GMT"] {
        let rejected = response(&mut faulty(Log::Access, FaultKind::throttled(text)), 100, &asking(Log::Access));
        assert_eq!((rejected.status, rejected.header("Retry-After")), (429, Some(text)));
        assert_eq!(rejected.body, br#"{"error":"ratelimited","ok":false}"#);
    }
    let kind = FaultKind::Throttled { retry_after: None, body: Some(String::new()) };
    let rejected = response(&mut faulty(Log::Audit, kind), 100, &asking(Log::Audit));
    assert_eq!((rejected.status, rejected.header("Retry-After"), rejected.body.len()), (429, None, 0));
}

#[test]
fn unavailable_proxy_names_date_and_sends_none() {
    let mut world = faulty(Log::Audit, FaultKind::Unavailable(90));
    let rejected = response(&mut world, 100, &asking(Log::Audit));
    assert_eq!((rejected.status, rejected.header("Date"), rejected.body.len()), (503, None, 0));
    let later = response(&mut world, 190, &asking(Log::Audit));
    assert_eq!(rejected.header("Retry-After"), later.header("Date"));
}

#[test]
fn truncated_body_ends_halfway() {
    let mut world = faulty(Log::Audit, FaultKind::Truncated);
    let broken = response(&mut world, 100, &asking(Log::Audit)).body;
    let whole = response(&mut world, 100, &asking(Log::Audit)).body;
    assert!(whole.starts_with(&broken) && broken.len() == whole.len() / 2);
}

#[test]
fn empty_page_continues_where_it_should_have_started() {
    for log in [Log::Audit, Log::Access] {
        let field = if log == Log::Audit { "id" } else { "user_id" };
        for nth in [1, 2] {
            let mut world = faulty(log, FaultKind::Delay(Duration::ZERO));
            world.fault(Fault::nth(nth, CallMatcher::log(log), FaultKind::EmptyPage));
            let pages = walk(&mut world, 100, &asking(log).with("limit", 1), field);
            assert_eq!(pages[nth as usize - 1].len(), 0);
            assert_eq!(pages.concat().len(), if log == Log::Audit { 4 } else { 3 });
        }
    }
    let mut empty = World::new(Settings::default());
    empty.fault(Fault::next(CallMatcher::any(), FaultKind::EmptyPage));
    assert!(next(&json(&mut empty, 100, &asking(Log::Audit))).is_some(), "an empty log also returns a cursor");
}

#[test]
fn page_can_exceed_requested_limit() {
    for (log, rows) in [(Log::Audit, 4), (Log::Access, 3)] {
        let mut world = faulty(log, FaultKind::Oversize(100));
        let page = json(&mut world, 100, &asking(log).with("limit", 1));
        assert_eq!(column(&page, "x").len(), rows);
    }
}

#[test]
fn shortened_page_is_complete_at_next_call() {
    for kind in [FaultKind::EmptyPage, FaultKind::Oversize(1)] {
        let mut world = World::new(Settings::default());
        for app in ["A1", "A2"] {
            world.add(Row::small_integration(at(10), app).in_workspace("T1"));
        }
        for nth in [1, 2] {
            world.fault(Fault::nth(nth, CallMatcher::log(Log::Integration), kind.clone()));
        }
        let rows = |world: &mut World| {
            column(&json(world, 100, &asking(Log::Integration).with("team_id", "T1")), "app_id").len()
        };
        assert_eq!((rows(&mut world) < 2, rows(&mut world)), (true, 2), "{kind:?}");
    }
}

#[test]
fn stale_cursor_fault_affects_only_later_pages() {
    for (log, status) in [(Log::Audit, 400), (Log::Access, 200)] {
        let mut world = faulty(log, FaultKind::StaleCursor);
        let first = asking(log).with("limit", 1);
        let cursor = next(&json(&mut world, 100, &first)).expect("a second page");
        let second = first.with("cursor", cursor);
        assert_eq!(error(&mut world, 100, &second), (status, "invalid_cursor".to_owned()));
        assert_eq!(column(&json(&mut world, 100, &second), "x").len(), 1);
    }
}

#[test]
fn row_can_be_inserted_first_between_two_pages() {
    let mut world = faulty(Log::Access, FaultKind::Delay(Duration::ZERO));
    world.settings_mut().access_paging = Paging::Offset;
    let row = Row::small_access(at(50), at(50), "new", "203.0.113.7", "x");
    world.fault(Fault::next(CallMatcher::log(Log::Access).later_pages(), FaultKind::Insert(vec![row])));
    let pages = walk(&mut world, 100, &asking(Log::Access).with("limit", 2), "user_id");
    assert_eq!(pages, [vec!["c", "b"], vec!["b", "a"]]);
    assert_eq!(world.visible_rows(Log::Access, at(100)).count(), 4);
}

#[test]
fn row_can_move_to_front_between_two_pages() {
    let mut world = faulty(Log::Access, FaultKind::Delay(Duration::ZERO));
    world.settings_mut().access_order = slacktrail_simulator::settings::AccessColumn::Last;
    world.fault(Fault::next(CallMatcher::log(Log::Access).later_pages(), FaultKind::Touch(0)));
    let pages = walk(&mut world, 100, &asking(Log::Access).with("limit", 2), "user_id");
    assert_eq!(pages, [vec!["c", "b"], vec![]]);
}
