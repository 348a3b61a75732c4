use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Family, Log, Request, Settings, World};

use crate::install::{asking_for, calling, code_of, exchanging, organization, refreshing, rotating, state, text};
use crate::walk::{at, error, json, response};

/// Installs the app with a bot, and returns the access tokens of the user and the bot.
fn install_both(world: &mut World, app: &App) -> (String, String) {
    let asked = format!("{}&scope=team:read", asking_for(app, "auditlogs:read,admin"));
    let redirect = world.consent(at(0), &asked, &Consent::organization()).expect("a redirect");
    let given = json(world, 0, &exchanging(app, &code_of(&redirect)));
    (text(&given, "/authed_user/access_token").to_owned(), text(&given, "/access_token").to_owned())
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
fn revocation_without_rotation_ends_authorization_and_its_scopes() {
    let (app, mut world) = organization();
    let before = world.install(at(0), &app, "auditlogs:read", &Consent::organization());
    let token = text(&before, "/authed_user/access_token");
    json(&mut world, 1, &calling("auth.revoke", token));
    let after = world.install(at(2), &app, "admin", &Consent::organization());
    assert_eq!(after["authed_user"]["scope"], "admin");
    assert_ne!(text(&after, "/authed_user/access_token"), token);
}

#[test]
fn revocation_with_rotation_ends_only_that_token() {
    let (app, mut world) = rotating();
    let given = world.install(at(0), &app, "admin", &Consent::organization());
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
