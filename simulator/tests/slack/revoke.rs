use slacktrail_simulator::oauth::{App, Consent, User};
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::tenant::{Install, Role};
use slacktrail_simulator::{Family, Log, Request, Settings, World};

use crate::install::{
    REDIRECT_URL, asking_for, calling, code_of, exchanging, install, organization, owner_becomes, refreshing, rotating,
    state, text,
};
use crate::walk::{at, error, json, response};

/// Installs the app with a bot, and returns the access tokens of the user and the bot.
fn install_both(world: &mut World, app: &App) -> (String, String) {
    let asked = format!("{}&scope=team:read", asking_for(app, "auditlogs:read,admin"));
    let redirect = world.consent(at(0), &asked, &Consent::organization()).expect("a redirect");
    let given = json(world, 0, &exchanging(app, &code_of(&redirect)));
    (text(&given, "/authed_user/access_token").to_owned(), text(&given, "/access_token").to_owned())
}

fn uninstalling(app: &App, token: &str) -> Request {
    let request = calling("apps.uninstall", token);
    request.with("client_id", &app.client_id).with("client_secret", &app.client_secret)
}

#[test]
fn revoked_token_is_invalid_in_both_apis() {
    let (app, mut world) = organization();
    let (token, bot) = install_both(&mut world, &app);
    let revoke = Request::get(Family::Web, "auth.revoke").bearer(&token);
    assert_eq!(json(&mut world, 1, &revoke), serde_json::json!({"ok": true, "revoked": true}));
    assert_eq!(state(&mut world, 2, &token), "token_revoked");
    let audit = response(&mut world, 2, &Request::for_log(Log::Audit).bearer(&token));
    assert_eq!((audit.status, audit.body.len()), (401, 0));
    assert_eq!(error(&mut world, 2, &revoke).1, "token_revoked");
    assert_eq!(state(&mut world, 2, &bot), "ok");
}

#[test]
fn dry_run_revokes_nothing() {
    let (app, mut world) = organization();
    let (token, _) = install_both(&mut world, &app);
    let body = json(&mut world, 1, &calling("auth.revoke", &token).with("test", 1));
    assert_eq!(body, serde_json::json!({"ok": true, "revoked": false}));
    assert_eq!(state(&mut world, 2, &token), "ok");
}

#[test]
fn revocation_without_rotation_ends_authorization_and_its_scopes() {
    let (app, mut world) = organization();
    let before = install(&mut world, 0, &app, "auditlogs:read", &Consent::organization());
    let token = text(&before, "/authed_user/access_token");
    json(&mut world, 1, &calling("auth.revoke", token));
    assert_eq!(world.grants()[0].ended, Some(at(1)));
    let after = install(&mut world, 2, &app, "admin", &Consent::organization());
    assert_eq!(after["authed_user"]["scope"], "admin");
    assert_ne!(text(&after, "/authed_user/access_token"), token);
}

#[test]
fn revocation_with_rotation_ends_only_that_token() {
    let (app, mut world) = rotating();
    let given = install(&mut world, 0, &app, "admin", &Consent::organization());
    let first = text(&given, "/authed_user/access_token");
    let refresh_token = text(&given, "/authed_user/refresh_token");
    let second = json(&mut world, 10, &refreshing(&app, refresh_token));
    json(&mut world, 20, &calling("auth.revoke", first));
    assert_eq!(state(&mut world, 21, first), "token_revoked");
    assert_eq!(state(&mut world, 21, text(&second, "/access_token")), "ok");
    assert_eq!(json(&mut world, 22, &refreshing(&app, text(&second, "/refresh_token")))["ok"], true);
    assert_eq!(world.live_tokens(at(22)).len(), 2, "a revoked token does not count");
}

#[test]
fn configured_token_can_be_revoked_and_restored() {
    let mut world = World::new(Settings::default());
    json(&mut world, 0, &calling("auth.revoke", ORGANIZATION_TOKEN));
    assert_eq!(state(&mut world, 0, ORGANIZATION_TOKEN), "token_revoked");
    world.restore(ORGANIZATION_TOKEN);
    assert_eq!(state(&mut world, 0, ORGANIZATION_TOKEN), "ok");
    assert_eq!(error(&mut world, 0, &Request::post("auth.revoke")).1, "not_authed");
}

#[test]
fn issued_token_can_be_invalidated() {
    let (app, mut world) = organization();
    let (token, bot) = install_both(&mut world, &app);
    world.revoke(&token);
    world.invalidate(&bot, "account_inactive");
    assert_eq!(
        (state(&mut world, 0, &token), state(&mut world, 0, &bot)),
        ("token_revoked".into(), "account_inactive".into())
    );
    assert!(world.live_tokens(at(0)).is_empty());
    world.restore(&token);
    assert_eq!(state(&mut world, 0, &token), "ok");
}

#[test]
fn uninstalling_revokes_every_token_of_app_in_that_tenant() {
    let (app, mut world) = organization();
    world.settings_mut().users.push(User::new("W2", "Ada", Role::Owner));
    let (token, bot) = install_both(&mut world, &app);
    let other = install(&mut world, 0, &app, "admin", &Consent::organization().by("W2"));
    assert_eq!(json(&mut world, 1, &uninstalling(&app, &token)), serde_json::json!({"ok": true}));
    assert_eq!(state(&mut world, 1, &token), "token_revoked");
    assert_eq!(state(&mut world, 1, &bot), "account_inactive");
    assert_eq!(state(&mut world, 1, text(&other, "/authed_user/access_token")), "token_revoked");
    assert!(world.live_tokens(at(1)).is_empty());
}

#[test]
fn uninstalling_needs_app_secret_and_admin() {
    let (app, mut world) = organization();
    let other_app = App::workspace(REDIRECT_URL, "T1");
    world.settings_mut().apps.push(other_app.clone());
    let (token, _) = install_both(&mut world, &app);
    let rejected = |world: &mut World, request: Request| error(world, 0, &request).1;
    assert_eq!(rejected(&mut world, uninstalling(&other_app, &token)), "client_id_token_mismatch");
    assert_eq!(rejected(&mut world, uninstalling(&app, ORGANIZATION_TOKEN)), "client_id_token_mismatch");
    let guessed = App { client_secret: "x".to_owned(), ..app.clone() };
    assert_eq!(rejected(&mut world, uninstalling(&guessed, &token)), "bad_client_secret");
    assert_eq!(rejected(&mut world, calling("apps.uninstall", &token)), "invalid_client_id");
    owner_becomes(&mut world, Role::Member);
    assert_eq!(rejected(&mut world, uninstalling(&app, &token)), "no_permission");
    assert_eq!(state(&mut world, 0, &token), "ok");
}

#[test]
fn removal_by_admin_invalidates_refresh_tokens() {
    let (app, mut world) = rotating();
    let given = install(&mut world, 0, &app, "admin", &Consent::organization());
    world.uninstall(at(1), &app.client_id, &Install::Workspace("T1".to_owned()));
    assert_eq!(world.live_tokens(at(1)).len(), 1, "an uninstall from another target revokes nothing");
    world.uninstall(at(1), &app.client_id, &Install::Organization);
    assert_eq!(state(&mut world, 1, text(&given, "/authed_user/access_token")), "token_revoked");
    let refresh = refreshing(&app, text(&given, "/authed_user/refresh_token"));
    assert_eq!(error(&mut world, 1, &refresh).1, "invalid_refresh_token");
}
