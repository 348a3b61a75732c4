use serde_json::Value;
use slacktrail_simulator::oauth::{App, Consent, GraceReuse};
use slacktrail_simulator::{Log, Request, World};

use crate::install::{
    access, asking_for, calling, code_of, exchanging, organization, refreshing, rotating, state, text,
};
use crate::walk::{at, error, json, response};

const TTL: i64 = 43_200;

/// Installs an app with rotation, and returns it with its first access token and refresh token.
fn installed() -> (App, World, String, String) {
    let (app, mut world) = rotating();
    let given = world.install(at(0), &app, "auditlogs:read,admin", &Consent::organization());
    let pair = ["access_token", "refresh_token"].map(|name| text(&given, &format!("/authed_user/{name}")).to_owned());
    let [access_token, refresh_token] = pair;
    (app, world, access_token, refresh_token)
}

fn refresh(world: &mut World, now: i64, app: &App, refresh_token: &str) -> (String, String) {
    let given = json(world, now, &refreshing(app, refresh_token));
    (text(&given, "/access_token").to_owned(), text(&given, "/refresh_token").to_owned())
}

fn error_code(world: &mut World, now: i64, app: &App, refresh_token: &str) -> String {
    error(world, now, &refreshing(app, refresh_token)).1
}

fn live(world: &World, now: i64) -> Vec<String> {
    world.live_tokens(at(now))
}

#[test]
fn rotating_tokens_have_own_prefixes_and_expire_after_12_hours() {
    let (app, mut world) = rotating();
    let asked = format!("{}&scope=team:read", asking_for(&app, "admin"));
    let redirect = world.consent(at(0), &asked, &Consent::organization()).expect("a redirect");
    let given = json(&mut world, 0, &exchanging(&app, &code_of(&redirect)));
    assert!(text(&given, "/authed_user/access_token").starts_with("xoxe.xoxp-1-"));
    assert!(text(&given, "/access_token").starts_with("xoxe.xoxb-1-"));
    for refresh_token in ["/authed_user/refresh_token", "/refresh_token"] {
        assert!(text(&given, refresh_token).starts_with("xoxe-1-"));
    }
    assert_eq!((&given["expires_in"], &given["authed_user"]["expires_in"]), (&TTL.into(), &TTL.into()));
}

#[test]
fn access_token_is_valid_until_just_before_expiry() {
    let (_, mut world, token, _) = installed();
    let audit = Request::for_log(Log::Audit).bearer(&token);
    assert_eq!(json(&mut world, 60, &calling("auth.test", &token))["expires_in"], TTL - 60);
    assert_eq!(state(&mut world, TTL - 1, &token), "ok");
    assert_eq!(response(&mut world, TTL - 1, &audit).status, 200);
    assert_eq!(state(&mut world, TTL, &token), "token_expired");
    let unauthorized = response(&mut world, TTL, &audit);
    assert_eq!((unauthorized.status, unauthorized.body.len()), (401, 0));
    assert!(live(&world, TTL).is_empty());
}

#[test]
fn refreshed_user_token_is_at_top_level() {
    let (app, mut world, old, refresh_token) = installed();
    let given = json(&mut world, 100, &refreshing(&app, &refresh_token));
    let expected = serde_json::json!({
        "ok": true,
        "app_id": "A0ORGANISED",
        "access_token": given["access_token"],
        "token_type": "user",
        "expires_in": TTL,
        "refresh_token": given["refresh_token"],
        "scope": "auditlogs:read,admin",
        "user_id": "W0OWNER",
        "team": null,
        "enterprise": {"id": "E1", "name": "Organization E1"},
        "is_enterprise_install": true,
    });
    assert_eq!(given, expected);
    let new = text(&given, "/access_token");
    assert!(new.starts_with("xoxe.xoxp-1-") && new != old);
    assert_eq!(response(&mut world, 101, &Request::for_log(Log::Audit).bearer(new)).status, 200);
    assert_eq!(live(&world, 101), [old.as_str(), new], "the old token is valid until its own expiry");
    assert_eq!(live(&world, TTL), [new]);
}

#[test]
fn refreshed_bot_token_has_bot_type() {
    let (app, mut world) = rotating();
    let asked = format!("{}&scope=team:read", asking_for(&app, "admin"));
    let redirect = world.consent(at(0), &asked, &Consent::organization()).expect("a redirect");
    let given = json(&mut world, 0, &exchanging(&app, &code_of(&redirect)));
    let given = json(&mut world, 1, &refreshing(&app, text(&given, "/refresh_token")));
    assert_eq!((&given["token_type"], &given["bot_user_id"]), (&"bot".into(), &"U0BOTORGANISED".into()));
    assert_eq!((&given["scope"], given.get("user_id")), (&"team:read".into(), None));
}

#[test]
fn third_access_token_revokes_oldest() {
    let (app, mut world, first, refresh_token) = installed();
    let (second, refresh_token) = refresh(&mut world, 1_000, &app, &refresh_token);
    let (third, _) = refresh(&mut world, 2_000, &app, &refresh_token);
    assert_eq!(live(&world, 2_000), [second.clone(), third.clone()]);
    assert_eq!(state(&mut world, 2_000, &first), "token_revoked");
    assert_eq!(state(&mut world, 2_000, &second), "ok");
    assert_eq!(state(&mut world, 2_000, &third), "ok");
}

#[test]
fn refresh_token_reused_in_grace_period_returns_same_pair() {
    let (app, mut world, _, refresh_token) = installed();
    let first = refresh(&mut world, 1_000, &app, &refresh_token);
    let again = json(&mut world, 1_119, &refreshing(&app, &refresh_token));
    assert_eq!((text(&again, "/access_token"), text(&again, "/refresh_token")), (&*first.0, &*first.1));
    assert_eq!(again["expires_in"], TTL - 119);
    assert_eq!(error_code(&mut world, 1_120, &app, &refresh_token), "invalid_refresh_token");
    assert_eq!(world.refreshes(), 2);
    assert_eq!(live(&world, 1_120).len(), 2, "no new token was issued");
}

#[test]
fn refresh_token_reused_in_grace_period_can_return_new_pair() {
    let (app, mut world, first, refresh_token) = installed();
    world.settings_mut().oauth.grace_reuse = GraceReuse::NewPair;
    let second = refresh(&mut world, 1_000, &app, &refresh_token);
    let third = refresh(&mut world, 1_060, &app, &refresh_token);
    assert_ne!(second, third);
    assert_eq!(live(&world, 1_060), [second.0, third.0]);
    assert_eq!(state(&mut world, 1_060, &first), "token_revoked");
    assert_eq!(
        error_code(&mut world, 1_120, &app, &refresh_token),
        "invalid_refresh_token",
        "the grace period starts at the first use"
    );
    refresh(&mut world, 1_120, &app, &second.1);
    refresh(&mut world, 1_120, &app, &third.1);
}

#[test]
fn refresh_token_is_single_use_without_grace_period() {
    let (app, mut world, _, refresh_token) = installed();
    world.settings_mut().oauth.refresh_grace = jiff::SignedDuration::ZERO;
    refresh(&mut world, 1_000, &app, &refresh_token);
    assert_eq!(error_code(&mut world, 1_000, &app, &refresh_token), "invalid_refresh_token");
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn refresh_token_belongs_to_its_app_and_is_not_access_token() {
    let (app, mut world, access_token, refresh_token) = installed();
    let other = App { client_id: "3.3".to_owned(), ..app.clone() };
    world.settings_mut().apps.push(other.clone());
    assert_eq!(error_code(&mut world, 1, &other, &refresh_token), "invalid_refresh_token");
    assert_eq!(error_code(&mut world, 1, &app, &access_token), "invalid_refresh_token");
    assert_eq!(error_code(&mut world, 1, &app, "xoxe-1-x"), "invalid_refresh_token");
    assert_eq!(error(&mut world, 1, &access(&app).with("grant_type", "refresh_token")).1, "invalid_refresh_token");
    assert_eq!(state(&mut world, 1, &refresh_token), "invalid_auth");
}

#[test]
fn app_without_rotation_has_nothing_to_refresh() {
    let (app, mut world) = organization();
    let given = world.install(at(0), &app, "admin", &Consent::organization());
    assert_eq!((given["authed_user"].get("refresh_token"), given["authed_user"].get("expires_in")), (None, None));
    let token = text(&given, "/authed_user/access_token");
    assert_eq!(error_code(&mut world, 0, &app, token), "invalid_refresh_token");
    assert_eq!(state(&mut world, 400 * 24 * 3_600, token), "ok");
}

#[test]
fn reinstall_returns_new_pair_and_replaces_refresh_token() {
    let (app, mut world, first, refresh_token) = installed();
    let given: Value = world.install(at(1_000), &app, "admin", &Consent::organization());
    let second = text(&given, "/authed_user/access_token").to_owned();
    assert_eq!(given["authed_user"]["scope"], "auditlogs:read,admin");
    assert_eq!(live(&world, 1_000), [first, second]);
    assert_eq!(error_code(&mut world, 1_120, &app, &refresh_token), "invalid_refresh_token");
    refresh(&mut world, 1_120, &app, text(&given, "/authed_user/refresh_token"));
}
