//! Tests of responses that PHP code and proxies may produce, endless logs, and the visibility of rows.

use std::collections::BTreeSet;

use serde_json::Value;
use slacktrail_simulator::settings::{AccessTeam, Envelope, Fill, Limits, WORKSPACE_TOKEN};
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind, Log, Request, Row, Settings, World};

use crate::walk::{asking, at, audit_world, column, error, json, next, response};

const ROWS: [(i64, &str); 4] = [(10, "a"), (20, "b"), (30, "c"), (40, "d")];

fn access_world(settings: Settings) -> World {
    let mut world = World::new(settings);
    for user in ["a", "b", "c"] {
        world.add(Row::small_access(at(10), at(10), user, "203.0.113.7", "x").in_workspace("T1"));
    }
    world
}

/// Returns the response as text, with invalid UTF-8 replaced.
fn text(world: &mut World, request: &Request) -> String {
    String::from_utf8_lossy(&response(world, 100, request).body).into_owned()
}

#[test]
fn endless_cursor_returns_empty_pages_or_old_rows() {
    let kinds = [(Endless::SameCursor, 0), (Endless::FreshCursor, 0), (Endless::OldRows, 2)];
    for (log, field) in [(Log::Audit, "id"), (Log::Access, "user_id")] {
        for (endless, rows) in kinds {
            let mut world = if log == Log::Audit {
                audit_world(Settings::default(), &ROWS)
            } else {
                access_world(Settings::default())
            };
            world.fault(Fault::every(CallMatcher::log(log), FaultKind::Endless(endless)));
            let mut cursors = Vec::new();
            for _ in 0..4 {
                let asked = asking(log).with("limit", 2);
                let asked = cursors.iter().last().map_or(asked.clone(), |cursor| asked.with("cursor", cursor));
                let page = json(&mut world, 100, &asked);
                assert_eq!(column(&page, field).len(), rows, "{endless:?}");
                cursors.push(next(&page).expect("a next page"));
            }
            let different: BTreeSet<&String> = cursors.iter().collect();
            assert_eq!(different.len(), if endless == Endless::FreshCursor { 4 } else { 1 });
        }
    }
}

#[test]
fn numbered_pages_can_claim_missing_rows() {
    let mut world = World::new(Settings { integration_page_max: None, ..Settings::default() });
    world.add(Row::small_integration(at(10), "A1").in_workspace("T1"));
    world.fault(Fault::every(CallMatcher::log(Log::Integration), FaultKind::Claims(1_000_000)));
    let ask = |page: u32| asking(Log::Integration).with("team_id", "T1").with("count", 1_000).with("page", page);
    for (page, rows) in [(1, 1), (2, 0), (1_000, 0)] {
        let page = json(&mut world, 100, &ask(page));
        assert_eq!((column(&page, "app_id").len(), &page["paging"]["pages"]), (rows, &1_000.into()));
    }
}

#[test]
fn php_envelope_keeps_every_row_and_varies_rest() {
    let mut world =
        audit_world(Settings { envelope: Envelope::Php, limits: Limits::OFF, ..Settings::default() }, &ROWS);
    let mut texts = BTreeSet::new();
    for _ in 0..600 {
        let page = text(&mut world, &asking(Log::Audit).with("limit", 4));
        for row in world.rows(Log::Audit) {
            assert!(page.contains(&*row.json), "{page}");
        }
        serde_json::from_str::<Value>(&page).expect("JSON after replacement of invalid UTF-8");
        texts.insert(page);
    }
    for form in [
        r#""response_metadata":[]"#,
        r#""response_metadata":false"#,
        r#"{"next_cursor":false}"#,
        r#"{"next_cursor":null}"#,
        r#""entries":{"0":{"#,
        r#","2":{"#,
        "caf\u{fffd}",
    ] {
        assert!(texts.iter().any(|page| page.contains(form)), "{form}");
    }
}

#[test]
fn php_paging_has_numbers_as_text_or_total_of_minus_one() {
    let paging = |seed| {
        let mut world = World::new(Settings { envelope: Envelope::Php, seed, ..Settings::default() });
        (0..3).for_each(|n| {
            world.add(Row::small_integration(at(n), "A1").in_workspace("T1"));
        });
        let page = text(&mut world, &asking(Log::Integration).with("team_id", "T1").with("count", 2));
        serde_json::from_str::<Value>(&page).expect("JSON")["paging"].clone()
    };
    assert_eq!(paging(2), serde_json::json!({"count": "2", "total": "3", "page": "1", "pages": "2"}));
    assert_eq!((&paging(3)["total"], &paging(3)["pages"]), (&(-1).into(), &2.into()));
}

#[test]
fn damaged_row_is_returned_with_invalid_utf8() {
    let mut world = World::new(Settings::default());
    world.add(Row::small_audit(at(10), "caf\u{fffd}").damaged());
    world.add(Row::small_audit(at(20), "caf\u{fffd}"));
    let body = response(&mut world, 100, &asking(Log::Audit)).body;
    assert!(String::from_utf8(body.clone()).is_err());
    assert_eq!(body.iter().filter(|byte| **byte == 0xff).count(), 1, "only the damaged row has invalid UTF-8");
    let read = String::from_utf8_lossy(&body).into_owned();
    assert!(world.rows(Log::Audit).iter().all(|row| read.contains(&*row.json)), "{read}");
}

#[test]
fn classic_access_logs_ignore_limit_and_cursor() {
    let settings = Settings { access_classic: true, access_fill: Fill::UpTo(2), ..Settings::default() };
    let mut world = access_world(settings);
    let page = |world: &mut World, request: Request| {
        let page = json(world, 100, &request.with("limit", 999));
        (column(&page, "user_id"), page["paging"]["pages"].clone(), next(&page))
    };
    let first = (vec!["c".to_owned(), "b".to_owned()], 2.into(), None);
    assert_eq!(page(&mut world, asking(Log::Access)), first);
    assert_eq!(page(&mut world, asking(Log::Access).with("cursor", "x")), first);
    assert_eq!(page(&mut world, asking(Log::Access).with("page", 2)).0, ["a"]);
}

#[test]
fn access_by_workspace_rejects_organization_without_team() {
    let mut world = access_world(Settings { access_team: AccessTeam::Required, ..Settings::default() });
    assert_eq!(error(&mut world, 100, &asking(Log::Access)), (200, "missing_argument".to_owned()));
    let page = json(&mut world, 100, &asking(Log::Access).with("team_id", "T1"));
    assert_eq!(column(&page, "user_id"), ["c", "b", "a"]);
    let mut workspace = access_world(Settings { access_team: AccessTeam::Required, ..Settings::workspace() });
    let request = Request::for_log(Log::Access).bearer(WORKSPACE_TOKEN);
    assert_eq!(column(&json(&mut workspace, 100, &request), "user_id").len(), 3, "a workspace's token needs no team");
}

#[test]
fn long_responses_are_truncated_and_short_ones_are_not() {
    let mut world = audit_world(Settings { response_bytes_max: Some(240), ..Settings::default() }, &ROWS);
    let long = response(&mut world, 100, &asking(Log::Audit));
    assert_eq!((long.body.len(), long.breaks_off, long.shown.map(|shown| shown.whole)), (240, true, Some(false)));
    let short = response(&mut world, 100, &asking(Log::Audit).with("limit", 1));
    assert!(short.body.len() < 240 && !short.breaks_off && short.shown.is_some_and(|shown| shown.whole));
}

#[test]
fn response_lists_rows_it_contains() {
    let mut world = audit_world(Settings::default(), &ROWS);
    let request = asking(Log::Audit).with("limit", 2);
    let shown = response(&mut world, 100, &request).shown.expect("a page");
    assert_eq!(shown.rows.iter().filter_map(Row::id).collect::<Vec<_>>(), ["d", "c"]);
    assert!(shown.next.is_some() && shown.whole);
    world.fault(Fault::next(CallMatcher::any(), FaultKind::Html(200)));
    assert_eq!(response(&mut world, 100, &request).shown, None);
}
