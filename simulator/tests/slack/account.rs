use slacktrail_simulator::settings::{ORGANIZATION_TOKEN, WORKSPACE_TOKEN};
use slacktrail_simulator::tenant::{Install, Plan, Role, Tenant, Token};
use slacktrail_simulator::{Family, Log, Method, Request, Settings, World};

use crate::walk::{asking, error, json, next, response};

fn asking_web(path: &str, token: &str) -> Request {
    Request::get(Family::Web, path).bearer(token)
}

#[test]
fn organization_token_reports_organization_as_team() {
    let mut world = World::new(Settings::default());
    let request = asking_web("auth.test", ORGANIZATION_TOKEN);
    let who = json(&mut world, 0, &request);
    assert_eq!(who["team_id"], "E1");
    assert_eq!(who["enterprise_id"], "E1");
    assert_eq!(who["is_enterprise_install"], true);
    assert_eq!(response(&mut world, 0, &request).header("X-OAuth-Scopes"), Some("auditlogs:read,admin"));
}

#[test]
fn workspace_token_reports_its_workspace() {
    let mut world = World::new(Settings::workspace());
    let who = json(&mut world, 0, &asking_web("auth.test", WORKSPACE_TOKEN));
    assert_eq!(who["team_id"], "T1");
    assert_eq!(who["is_enterprise_install"], false);
    assert!(who.get("enterprise_id").is_none());

    let mut settings = Settings::default();
    settings.tokens.push(Token::workspace("one", "T1"));
    let who = json(&mut World::new(settings), 0, &asking_web("auth.test", "one"));
    assert_eq!((&who["team_id"], &who["enterprise_id"]), (&"T1".into(), &"E1".into()));
}

#[test]
fn workspaces_are_listed_in_pages_without_those_that_lack_app() {
    let mut settings =
        Settings { tenant: Tenant::organization("E1", &["T1", "T2", "T3", "T4"]), ..Settings::default() };
    if let Tenant::Organization { workspaces, .. } = &mut settings.tenant {
        workspaces[1].app_added = false;
    }
    let mut world = World::new(settings);
    let request = asking_web("auth.teams.list", ORGANIZATION_TOKEN).with("limit", 2);
    let first = json(&mut world, 0, &request);
    assert_eq!(first["teams"].to_string(), r#"[{"id":"T1","name":"Workspace T1"},{"id":"T3","name":"Workspace T3"}]"#);
    let second = request.with("cursor", next(&first).expect("a second page"));
    let second = json(&mut world, 0, &second);
    assert_eq!((&second["teams"][0]["id"], next(&second)), (&"T4".into(), None));
    let request = asking_web("auth.teams.list", ORGANIZATION_TOKEN);
    assert_eq!(error(&mut world, 0, &request.clone().with("limit", 0)).1, "invalid_limit");
    assert_eq!(error(&mut world, 0, &request.with("cursor", "x")).1, "invalid_cursor");
}

#[test]
fn tokens_fail_with_codes_of_web_api() {
    let mut world = World::new(Settings::default());
    assert_eq!(error(&mut world, 0, &Request::get(Family::Web, "auth.test")).1, "not_authed");
    assert_eq!(error(&mut world, 0, &asking_web("auth.test", "other")).1, "invalid_auth");
    world.revoke(ORGANIZATION_TOKEN);
    assert_eq!(error(&mut world, 0, &asking_web("auth.test", ORGANIZATION_TOKEN)).1, "token_revoked");
    world.invalidate(ORGANIZATION_TOKEN, "account_inactive");
    assert_eq!(error(&mut world, 0, &asking(Log::Access)).1, "account_inactive");
    assert_eq!(error(&mut world, 0, &asking_web("no.such", ORGANIZATION_TOKEN)).1, "unknown_method");
}

#[test]
fn token_may_be_form_field() {
    let mut world = World::new(Settings::default());
    let request = Request::get(Family::Web, "auth.test").with("token", ORGANIZATION_TOKEN);
    assert_eq!(json(&mut world, 0, &request)["ok"], true);
    let audit = Request::for_log(Log::Audit).with("token", ORGANIZATION_TOKEN);
    assert_eq!(error(&mut world, 0, &audit).1, "missing_authentication");
}

#[test]
fn audit_logs_need_plan_organization_owner_and_scope() {
    let mut world = World::new(Settings::default());
    world.settings_mut().plan = Plan::Paid;
    assert_eq!(error(&mut world, 0, &asking(Log::Audit)), (403, "feature_not_enabled".to_owned()));
    world.settings_mut().plan = Plan::Enterprise;
    world.settings_mut().tokens[0].install = Install::Workspace("T1".to_owned());
    assert_eq!(error(&mut world, 0, &asking(Log::Audit)), (403, "team_not_authorized".to_owned()));
    world.settings_mut().tokens[0].install = Install::Organization;
    world.settings_mut().tokens[0].rights = Role::Admin;
    assert_eq!(error(&mut world, 0, &asking(Log::Audit)), (403, "user_not_authorized".to_owned()));
    world.settings_mut().tokens[0].rights = Role::Owner;
    world.settings_mut().tokens[0].scopes.remove(0);
    assert_eq!(response(&mut world, 0, &asking(Log::Audit)).status, 401);
}

#[test]
fn audit_api_has_one_path_and_one_method() {
    let mut world = World::new(Settings::default());
    let elsewhere = Request::get(Family::Audit, "log").bearer(ORGANIZATION_TOKEN);
    assert_eq!(error(&mut world, 0, &elsewhere), (404, "bad_endpoint".to_owned()));
    let posted = Request { method: Method::Post, ..asking(Log::Audit) };
    assert_eq!(error(&mut world, 0, &posted), (405, "method_not_allowed".to_owned()));
}
