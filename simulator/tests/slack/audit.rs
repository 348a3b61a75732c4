use slacktrail_simulator::settings::{End, Fill, Layout, SecondOrder, Seconds};
use slacktrail_simulator::{Log, Row, Settings};

use crate::walk::{asking, at, audit_world, column, epoch, error, json, next, response, walk};

const ROWS: [(i64, &str); 6] = [(10, "a"), (20, "b"), (20, "c"), (20, "d"), (30, "e"), (40, "f")];

#[test]
fn both_bounds_are_inclusive_and_newest_row_is_first() {
    let mut world = audit_world(Settings::default(), &ROWS);
    let range = asking(Log::Audit).with("oldest", epoch(20)).with("latest", epoch(30));
    assert_eq!(column(&json(&mut world, 100, &range), "id"), ["e", "d", "c", "b"]);
}

#[test]
fn page_exceeds_limit_rather_than_split_second() {
    let mut world = audit_world(Settings::default(), &ROWS);
    let pages = walk(&mut world, 100, &asking(Log::Audit).with("limit", 3), "id");
    assert_eq!(pages, [vec!["f", "e", "d", "c", "b"], vec!["a"]]);
}

#[test]
fn slack_that_splits_seconds_keeps_its_position() {
    let settings = Settings { audit_seconds: Seconds::Split, ..Settings::default() };
    let pages = walk(&mut audit_world(settings, &ROWS), 100, &asking(Log::Audit).with("limit", 1), "id");
    assert_eq!(pages.concat(), ["f", "e", "d", "c", "b", "a"]);
    assert_eq!(pages.len(), 6);
}

#[test]
fn cursor_drops_filters() {
    let mut world = audit_world(Settings::default(), &ROWS);
    let range = asking(Log::Audit).with("limit", 1).with("oldest", epoch(30));
    let cursor = next(&json(&mut world, 100, &range)).expect("a second page");
    let forgetful = asking(Log::Audit).with("cursor", &cursor);
    assert_eq!(column(&json(&mut world, 100, &forgetful), "id"), ["e", "d", "c", "b", "a"]);

    world.settings_mut().audit_cursor_forgets = false;
    let cursor = next(&json(&mut world, 100, &range)).expect("a second page");
    let kept = asking(Log::Audit).with("cursor", &cursor);
    assert_eq!(column(&json(&mut world, 100, &kept), "id"), ["e"]);
}

#[test]
fn end_has_one_of_three_forms() {
    let forms = [
        (End::EmptyString, r#"{"entries":[],"response_metadata":{"next_cursor":""}}"#),
        (End::EmptyObject, r#"{"entries":[],"response_metadata":{}}"#),
        (End::MissingKey, r#"{"entries":[]}"#),
    ];
    for (audit_end, body) in forms {
        let mut world = audit_world(Settings { audit_end, ..Settings::default() }, &[]);
        assert_eq!(response(&mut world, 0, &asking(Log::Audit)).body, body.as_bytes());
    }
}

#[test]
fn full_last_page_may_still_name_cursor() {
    let settings = Settings { trailing_empty_page: true, ..Settings::default() };
    let pages = walk(&mut audit_world(settings, &ROWS[..1]), 100, &asking(Log::Audit).with("limit", 1), "id");
    assert_eq!(pages, [vec!["a"], vec![]]);
}

#[test]
fn pages_of_any_length_return_every_row_once() {
    let settings = Settings { audit_fill: Fill::Varying, ..Settings::default() };
    let pages = walk(&mut audit_world(settings, &ROWS), 100, &asking(Log::Audit).with("limit", 2), "id");
    assert_eq!(pages.concat(), ["f", "e", "d", "c", "b", "a"]);
    let settings = Settings { audit_fill: Fill::UpTo(1), ..Settings::default() };
    let pages = walk(&mut audit_world(settings, &ROWS), 100, &asking(Log::Audit).with("limit", 9), "id");
    assert_eq!(pages, [vec!["f"], vec!["e"], vec!["d", "c", "b"], vec!["a"]]);
}

#[test]
fn expired_or_foreign_cursor_is_rejected() {
    let cursor_ttl = jiff::SignedDuration::from_secs(60);
    let mut world = audit_world(Settings { cursor_ttl: Some(cursor_ttl), ..Settings::default() }, &ROWS);
    let first = asking(Log::Audit).with("limit", 1);
    let cursor = next(&json(&mut world, 100, &first)).expect("a second page");
    let second = first.clone().with("cursor", &cursor);
    assert_eq!(column(&json(&mut world, 160, &second), "id"), ["e"]);
    assert_eq!(error(&mut world, 161, &second), (400, "invalid_cursor".to_owned()));
    let foreign = first.with("cursor", "bm90IG91cnM=");
    assert_eq!(error(&mut world, 100, &foreign), (400, "invalid_cursor".to_owned()));
}

#[test]
fn late_row_appears_in_order_once_it_is_visible() {
    let mut world = audit_world(Settings::default(), &ROWS);
    world.add(Row::small_audit(at(25), "late").visible_from(at(500)));
    assert!(!column(&json(&mut world, 499, &asking(Log::Audit)), "id").contains(&"late".to_owned()));
    assert_eq!(world.visible_rows(Log::Audit, at(499)).count(), 6);
    assert_eq!(column(&json(&mut world, 500, &asking(Log::Audit)), "id")[2], "late");
    assert_eq!(world.visible_rows(Log::Audit, at(500)).count(), 7);
}

#[test]
fn rows_of_one_second_may_change_order_at_every_call() {
    let rows: Vec<(i64, String)> = (0..20).map(|n| (10, n.to_string())).collect();
    let rows: Vec<(i64, &str)> = rows.iter().map(|(second, id)| (*second, id.as_str())).collect();
    let settings = Settings { audit_second_order: SecondOrder::Shuffled, ..Settings::default() };
    let mut world = audit_world(settings, &rows);
    let mut twin = world.clone();
    let first = column(&json(&mut world, 100, &asking(Log::Audit)), "id");
    let mut second = column(&json(&mut world, 100, &asking(Log::Audit)), "id");
    assert_ne!(first, second);
    assert_eq!(first, column(&json(&mut twin, 100, &asking(Log::Audit)), "id"), "the seed determines the order");
    let mut sorted = first;
    sorted.sort();
    second.sort();
    assert_eq!(sorted, second);
}

#[test]
fn range_outside_log_is_rejected() {
    let mut world = audit_world(Settings::default(), &ROWS);
    let rejected = [
        asking(Log::Audit).with("oldest", epoch(20)).with("latest", epoch(19)),
        asking(Log::Audit).with("oldest", epoch(101)),
        asking(Log::Audit).with("latest", 1_519_862_399), // before March 2018
        asking(Log::Audit).with("oldest", "1.78e9"),
    ];
    for request in &rejected {
        assert_eq!(error(&mut world, 100, request), (400, "invalid_range".to_owned()), "{request:?}");
    }
    let partly = asking(Log::Audit).with("oldest", 0).with("latest", epoch(101));
    assert_eq!(column(&json(&mut world, 100, &partly), "id").len(), 6);
    world.settings_mut().audit_range_strict = true;
    assert_eq!(error(&mut world, 100, &partly).1, "invalid_range");
}

#[test]
fn row_is_returned_byte_for_byte_unless_pretty_printed() {
    let odd = "{\"id\":\"x\",\"d\":{\"a\":1,\"a\":1.50e3},\"t\":\"\\u2028 \u{2028} \\/\"}";
    let mut world = audit_world(Settings::default(), &[]);
    world.add(Row::audit(at(0), odd));
    let body = response(&mut world, 1, &asking(Log::Audit)).body;
    assert!(String::from_utf8_lossy(&body).contains(odd));
    world.settings_mut().layout = Layout::Pretty;
    let body = response(&mut world, 1, &asking(Log::Audit)).body;
    assert!(String::from_utf8_lossy(&body).contains("\n      \"id\": \"x\",\n"), "{}", String::from_utf8_lossy(&body));
}
