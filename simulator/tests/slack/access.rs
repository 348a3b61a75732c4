use slacktrail_simulator::settings::{AccessColumn, AccessTeam, Fill, Paging, WORKSPACE_TOKEN};
use slacktrail_simulator::{Log, Request, Row, Settings, World};

use crate::walk::{asking, at, column, epoch, error, json, next, walk};

/// Creates a world with users a to d. Their first accesses are at 10, 20, 30, 40, and their last ones at 90, 25, 35, 45.
fn world(settings: Settings) -> World {
    let mut world = World::new(settings);
    for (user, first, last) in [("a", 10, 90), ("b", 20, 25), ("c", 30, 35), ("d", 40, 45)] {
        world.add(Row::small_access(at(first), at(last), user, "203.0.113.7", "SlackWeb/0 x"));
    }
    world
}

fn users(world: &mut World, request: &Request) -> Vec<String> {
    column(&json(world, 1_000, request), "user_id")
}

#[test]
fn rows_are_sorted_by_either_date() {
    let request = asking(Log::Access).with("limit", 10);
    assert_eq!(users(&mut world(Settings::default()), &request), ["d", "c", "b", "a"]);
    let by_last = Settings { access_order: AccessColumn::Last, ..Settings::default() };
    assert_eq!(users(&mut world(by_last), &request), ["a", "d", "c", "b"]);
}

#[test]
fn before_is_inclusive_and_compares_either_date() {
    let columns = [AccessColumn::First, AccessColumn::Last];
    for access_order in columns {
        for before_column in columns {
            let mut world = world(Settings { access_order, before_column, ..Settings::default() });
            let request = asking(Log::Access).with("limit", 10).with("before", epoch(35));
            let mut seen = users(&mut world, &request);
            seen.sort();
            let expected = if before_column == AccessColumn::First { vec!["a", "b", "c"] } else { vec!["b", "c"] };
            assert_eq!(seen, expected, "{access_order:?} {before_column:?}");
            let pages = walk(&mut world, 1_000, &request.clone().with("limit", 1), "user_id").concat();
            assert_eq!(pages.len(), expected.len());
        }
    }
    assert_eq!(users(&mut world(Settings::default()), &asking(Log::Access).with("before", "now")).len(), 4);
}

#[test]
fn returning_user_moves_only_own_access_row() {
    let mut world = world(Settings { access_order: AccessColumn::Last, ..Settings::default() });
    let before = world.rows(Log::Access)[1].clone();
    world.touch_access(1, at(200));
    let after = world.rows(Log::Access)[1].clone();
    assert_eq!(before.identity(), after.identity());
    assert_eq!(after.field("date_last"), Some(epoch(200).to_string()));
    assert_eq!(after.field("count").as_deref(), Some("2"));
    assert_eq!(users(&mut world, &asking(Log::Access).with("limit", 10)), ["b", "a", "d", "c"]);
}

#[test]
fn new_first_row_shifts_nothing_with_keyset_paging() {
    let mut world = world(Settings::default());
    let request = asking(Log::Access).with("limit", 2);
    let cursor = next(&json(&mut world, 100, &request)).expect("a second page");
    world.add(Row::small_access(at(101), at(101), "e", "203.0.113.7", "x"));
    assert_eq!(users(&mut world, &request.with("cursor", cursor)), ["b", "a"]);
}

#[test]
fn new_first_row_shifts_later_pages_with_offset_paging() {
    let mut world = world(Settings { access_paging: Paging::Offset, ..Settings::default() });
    let request = asking(Log::Access).with("limit", 2);
    let cursor = next(&json(&mut world, 100, &request)).expect("a second page");
    world.add(Row::small_access(at(101), at(101), "e", "203.0.113.7", "x"));
    assert_eq!(users(&mut world, &request.with("cursor", cursor)), ["c", "b"]);
}

#[test]
fn short_cursor_pages_return_every_row_once() {
    for access_paging in [Paging::Keyset, Paging::Offset] {
        for access_fill in [Fill::Varying, Fill::UpTo(1)] {
            let mut world = world(Settings { access_paging, access_fill, ..Settings::default() });
            let pages = walk(&mut world, 1_000, &asking(Log::Access).with("limit", 3), "user_id");
            assert_eq!(pages.concat(), ["d", "c", "b", "a"]);
            assert!(pages.len() > 2);
        }
    }
}

#[test]
fn classic_pages_are_numbered_and_end_at_100() {
    let mut world = world(Settings::default());
    let page = json(&mut world, 100, &asking(Log::Access).with("count", 3).with("page", 2));
    assert_eq!(column(&page, "user_id"), ["a"]);
    assert_eq!(page["paging"].to_string(), r#"{"count":3,"page":2,"pages":2,"total":4}"#);
    let last = asking(Log::Access).with("page", 100);
    assert_eq!(users(&mut world, &last).len(), 0);
    let over = (200, "over_pagination_limit".to_owned());
    assert_eq!(error(&mut world, 100, &asking(Log::Access).with("page", 101)), over);
    assert_eq!(error(&mut world, 100, &asking(Log::Access).with("count", 1_001)), over);
}

#[test]
fn invalid_limit_or_cursor_is_rejected() {
    let mut world = world(Settings::default());
    for limit in ["1001", "-1", "many"] {
        let request = asking(Log::Access).with("limit", limit);
        assert_eq!(error(&mut world, 100, &request), (200, "invalid_limit".to_owned()));
    }
    let request = asking(Log::Access).with("limit", 1).with("cursor", "x");
    assert_eq!(error(&mut world, 100, &request), (200, "invalid_cursor".to_owned()));
}

/// Creates a world with one browser row and one app row in each of two workspaces.
fn organization(access_team: AccessTeam) -> World {
    let mut world = World::new(Settings { access_team, ..Settings::default() });
    for team in ["T1", "T2"] {
        for agent in ["SlackWeb/0 x", "ApiApp/A1 x"] {
            let row = Row::small_access(at(10), at(10), team, "203.0.113.7", agent);
            world.add(row.in_workspace(team));
        }
    }
    world
}

#[test]
fn organization_token_sees_all_rows_without_team_and_few_with_it() {
    let mut world = organization(AccessTeam::Narrows);
    assert_eq!(users(&mut world, &asking(Log::Access)).len(), 4);
    let one = json(&mut world, 100, &asking(Log::Access).with("team_id", "T2"));
    assert_eq!(column(&one, "user_agent"), ["ApiApp/A1 x"]);
}

#[test]
fn workspace_token_ignores_team() {
    let mut world = World::new(Settings::workspace());
    world.add(Row::small_access(at(10), at(10), "a", "203.0.113.7", "x"));
    let request = Request::for_log(Log::Access).bearer(WORKSPACE_TOKEN).with("team_id", "T9");
    assert_eq!(users(&mut world, &request), ["a"]);
}

#[test]
fn malformed_team_has_own_error() {
    let mut world = organization(AccessTeam::Narrows);
    assert_eq!(error(&mut world, 100, &asking(Log::Access).with("team_id", "acme")).1, "invalid_team_id");
}
