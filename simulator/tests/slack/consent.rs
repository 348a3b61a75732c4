use slacktrail_simulator::World;
use slacktrail_simulator::oauth::{App, Consent, Redirects};
use slacktrail_simulator::tenant::Role;

use crate::install::{
    REDIRECT_URL, access, asking_for, code_of, exchanging, organization, owner_becomes, parameter, world_of,
};
use crate::walk::{at, error_code, json};

#[test]
fn declining_redirects_with_access_denied() {
    let (app, world) = organization();
    let redirect = world.decline(&asking_for(&app, "admin"));
    assert_eq!(redirect.as_deref(), Ok("https://collector.example/callback?error=access_denied&state=s+1"));
    let stateless = format!("client_id={}&user_scope=admin", app.client_id);
    assert_eq!(world.decline(&stateless).as_deref(), Ok("https://collector.example/callback?error=access_denied"));
}

#[test]
fn install_from_slack_page_has_code_and_no_state() {
    let (app, mut world) = organization();
    let redirect = world.install_from_slack(at(0), &app.client_id, &Consent::organization()).expect("a redirect");
    assert_eq!(parameter(&redirect, "state"), None);
    let given = json(&mut world, 0, &access(&app).with("code", code_of(&redirect)));
    assert_eq!(given["authed_user"]["scope"], "auditlogs:read,admin");
}

#[test]
fn invalid_consent_request_returns_its_code() {
    let (app, mut world) = organization();
    let id = &app.client_id;
    for (asked, code) in [
        ("user_scope=admin".to_owned(), "invalid_client_id"),
        ("client_id=1.2&user_scope=admin".to_owned(), "invalid_client_id"),
        (format!("client_id={id}&user_scope=admin&redirect_uri=https://evil.example/callback"), "bad_redirect_uri"),
        (format!("client_id={id}&user_scope=admin&redirect_uri=https://collector.example/"), "bad_redirect_uri"),
        (format!("client_id={id}&user_scope=admin&redirect_uri={REDIRECT_URL}%23x"), "bad_redirect_uri"),
        (format!("client_id={id}&user_scope=admin,chat:write"), "invalid_scope"),
        (format!("client_id={id}&scope=admin"), "invalid_scope"),
        (format!("client_id={id}"), "invalid_scope"),
    ] {
        assert_eq!(world.consent(at(0), &asked, &Consent::organization()), Err(code), "{asked}");
    }
    let below =
        format!("https://slack.example/oauth?client_id={id}&user_scope=admin&redirect_uri={REDIRECT_URL}/acme?a=1");
    let redirect = world.consent(at(0), &below, &Consent::organization()).expect("a redirect");
    assert!(redirect.starts_with("https://collector.example/callback/acme?a=1&code="), "{redirect}");
}

#[test]
fn app_that_accepts_any_valid_redirect_url_requires_one() {
    let app = App { redirects: Redirects::Any, ..App::organization("") };
    let mut world = world_of(&app);
    let asked = |redirect: &str| format!("client_id={}&user_scope=admin&redirect_uri={redirect}", app.client_id);
    let mut consent = |asked: String| world.consent(at(0), &asked, &Consent::organization()).map(|_| ());
    assert_eq!(consent(asked("http://127.0.0.1:8765/callback")), Ok(()));
    assert_eq!(consent(asked("https://anywhere.example/")), Ok(()));
    assert_eq!(consent(asked("http://anywhere.example/")), Err("bad_redirect_uri"));
    assert_eq!(consent(asked("")), Err("bad_redirect_uri"));
}

#[test]
fn organization_is_offered_only_to_owner_of_app_with_bot() {
    let (app, mut world) = organization();
    let asked = asking_for(&app, "admin");
    let to_organization = |world: &mut World| world.consent(at(0), &asked, &Consent::organization()).map(|_| ());
    assert_eq!(to_organization(&mut world), Ok(()));
    owner_becomes(&mut world, Role::Admin);
    assert_eq!(to_organization(&mut world), Err("not_offered"));
    owner_becomes(&mut world, Role::Owner);
    world.settings_mut().apps[0].bot_scopes.clear();
    assert_eq!(to_organization(&mut world), Err("not_offered"));
    assert_eq!(world.consent(at(0), &asked, &Consent::workspace("T9")), Err("not_offered"));
    assert_eq!(world.consent(at(0), &asked, &Consent::workspace("T1").by("W9")), Err("not_offered"));
}

#[test]
fn installation_without_scopes_grants_nothing() {
    let app = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL) };
    let mut world = world_of(&app);
    let redirect = world.consent(at(0), &asking_for(&app, "admin"), &Consent::organization().without("admin"));
    assert_eq!(error_code(&mut world, 0, &exchanging(&app, &code_of(&redirect.expect("a redirect")))), "no_scopes");
}

#[test]
fn undistributed_app_stays_on_its_own_workspace() {
    let app = App { home: Some("T1".to_owned()), ..App::organization(REDIRECT_URL) };
    let mut world = world_of(&app);
    let asked = asking_for(&app, "admin");
    let elsewhere = Err("invalid_team_for_non_distributed_app".to_owned());
    let mut to = |asked: &str, consent| world.consent(at(0), asked, &consent).map(|_| ()).map_err(str::to_owned);
    assert_eq!(to(&asked, Consent::workspace("T1")), Ok(()));
    assert_eq!(to(&asked, Consent::workspace("T2")), elsewhere);
    assert_eq!(to(&asked, Consent::organization()), elsewhere);
}
