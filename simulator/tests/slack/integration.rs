use slacktrail_simulator::settings::Direction;
use slacktrail_simulator::tenant::{Plan, Role, Tenant, Token};
use slacktrail_simulator::{Log, Request, Row, Settings, World};

use crate::walk::{asking, at, column, error, json};

fn world(settings: Settings) -> World {
    let mut world = World::new(settings);
    for (second, app) in [(10, "A1"), (20, "A2"), (20, "A2"), (30, "A3")] {
        world.add(Row::small_integration(at(second), app).in_workspace("T1"));
    }
    world
}

fn asking_t1() -> Request {
    asking(Log::Integration).with("team_id", "T1")
}

#[test]
fn either_order_is_possible_and_equal_rows_are_both_returned() {
    let newest = json(&mut world(Settings::default()), 100, &asking_t1());
    assert_eq!(column(&newest, "app_id"), ["A3", "A2", "A2", "A1"]);
    let settings = Settings { integration_order: Direction::OldestFirst, ..Settings::default() };
    let oldest = json(&mut world(settings), 100, &asking_t1());
    assert_eq!(column(&oldest, "app_id"), ["A1", "A2", "A2", "A3"]);
}

#[test]
fn integration_pages_are_numbered_and_counted() {
    let mut world = world(Settings::default());
    let page = json(&mut world, 100, &asking_t1().with("count", 3).with("page", 2));
    assert_eq!(column(&page, "app_id"), ["A1"]);
    assert_eq!(page["paging"].to_string(), r#"{"count":3,"page":2,"pages":2,"total":4}"#);
    assert_eq!(error(&mut world, 100, &asking_t1().with("page", 101)).1, "over_pagination_limit");
    world.settings_mut().integration_count_max = 2;
    let cut = json(&mut world, 100, &asking_t1().with("count", 1_000));
    assert_eq!((column(&cut, "app_id").len(), &cut["paging"]["count"]), (2, &2.into()));
}

#[test]
fn organization_token_needs_team_that_it_can_access() {
    let mut settings = Settings { tenant: Tenant::organization("E1", &["T1", "T2", "T3"]), ..Settings::default() };
    if let Tenant::Organization { workspaces, .. } = &mut settings.tenant {
        workspaces[1].app_added = false;
        workspaces[2].owner_belongs = false;
    }
    let mut world = world(settings);
    let mut code = |team: &str| error(&mut world, 100, &asking(Log::Integration).with("team_id", team)).1;
    assert_eq!(code(""), "missing_argument");
    assert_eq!(code("T2"), "team_access_not_granted");
    assert_eq!(code("T3"), "invalid_auth");
    assert_eq!(code("T9"), "invalid_auth");
}

#[test]
fn scope_role_and_plan_are_checked() {
    let mut world = world(Settings::default());
    world.settings_mut().tokens[0].scopes.pop();
    let rejected = json(&mut world, 100, &asking_t1());
    assert_eq!((&rejected["error"], &rejected["needed"]), (&"missing_scope".into(), &"admin".into()));
    assert_eq!(rejected["provided"], "auditlogs:read");
    world.settings_mut().tokens[0].scopes.push("admin".to_owned());
    world.settings_mut().tokens[0].rights = Role::Member;
    assert_eq!(error(&mut world, 100, &asking_t1()).1, "no_permission");
    world.settings_mut().tokens[0].rights = Role::Owner;
    world.settings_mut().plan = Plan::Free;
    assert_eq!(error(&mut world, 100, &asking_t1()).1, "paid_only");
    assert_eq!(error(&mut world, 100, &asking(Log::Access)).1, "paid_only");
}

#[test]
fn workspace_token_in_organization_sees_only_its_workspace() {
    let mut world = world(Settings::default());
    world.settings_mut().tokens.push(Token::workspace("two", "T2"));
    world.add(Row::small_integration(at(40), "A9").in_workspace("T2"));
    let request = Request::for_log(Log::Integration).bearer("two").with("team_id", "T1");
    assert_eq!(column(&json(&mut world, 100, &request), "app_id"), ["A9"]);
}
