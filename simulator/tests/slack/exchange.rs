use slacktrail_simulator::oauth::{App, Consent, User};
use slacktrail_simulator::tenant::Role;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Method, Outcome, Request, Settings, World};

use crate::install::{REDIRECT_URL, access, asking_for, calling, code_of, exchanging, organization, parameter, text};
use crate::walk::{at, error, error_code, json, response};

/// Returns a code for the scope `admin` on the organization.
fn code(world: &mut World, app: &App) -> String {
    code_of(&world.consent(at(0), &asking_for(app, "admin"), &Consent::organization()).expect("a redirect"))
}

#[test]
fn organization_install_returns_user_token_that_reads_audit_logs() {
    let (app, mut world) = organization();
    let redirect = world.consent(at(0), &asking_for(&app, "auditlogs:read,admin"), &Consent::organization());
    let redirect = redirect.expect("a redirect");
    assert!(redirect.starts_with("https://collector.example/callback?code="), "{redirect}");
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("s+1"));
    let given = json(&mut world, 1, &exchanging(&app, &code_of(&redirect)));
    let token = text(&given, "/authed_user/access_token").to_owned();
    let expected = serde_json::json!({
        "ok": true,
        "app_id": "A0ORGANISED",
        "authed_user": {
            "id": "W0OWNER", "scope": "auditlogs:read,admin", "access_token": token, "token_type": "user"
        },
        "team": null,
        "enterprise": {"id": "E1", "name": "Organization E1"},
        "is_enterprise_install": true,
    });
    assert_eq!(given, expected);
    assert!(token.starts_with("xoxp-"));
    assert_eq!(response(&mut world, 2, &Request::for_log(Log::Audit).bearer(&token)).status, 200);
    assert_eq!(json(&mut world, 2, &Request::for_log(Log::Access).bearer(&token))["ok"], true);
}

#[test]
fn requested_bot_scopes_return_bot_token_at_top_level() {
    let (app, mut world) = organization();
    let asked = format!("{}&scope=team:read", asking_for(&app, "auditlogs:read"));
    let redirect = world.consent(at(0), &asked, &Consent::organization()).expect("a redirect");
    let given = json(&mut world, 0, &exchanging(&app, &code_of(&redirect)));
    assert!(text(&given, "/access_token").starts_with("xoxb-"));
    assert_eq!((&given["token_type"], &given["scope"]), (&"bot".into(), &"team:read".into()));
    assert_eq!(given["bot_user_id"], "U0BOTORGANISED");
    assert!(text(&given, "/authed_user/access_token").starts_with("xoxp-"));
    let bot = text(&given, "/access_token");
    assert_eq!(error_code(&mut world, 0, &calling("team.accessLogs", bot)), "not_allowed_token_type");
    assert_eq!(response(&mut world, 0, &Request::for_log(Log::Audit).bearer(bot)).status, 401);

    let alone = format!("client_id={}&scope=team:read", app.client_id);
    let redirect = world.consent(at(0), &alone, &Consent::organization()).expect("a redirect");
    let given = json(&mut world, 0, &access(&app).with("code", code_of(&redirect)));
    assert_eq!(given["authed_user"], serde_json::json!({"id": "W0OWNER"}));
}

#[test]
fn workspace_install_in_organization_names_both_and_reads_no_audit() {
    let (app, mut world) = organization();
    let given = world.install(at(0), &app, "auditlogs:read,admin", &Consent::workspace("T2"));
    assert_eq!(given["team"], serde_json::json!({"id": "T2", "name": "Workspace T2"}));
    assert_eq!(given["enterprise"]["id"], "E1");
    assert_eq!(given["is_enterprise_install"], false);
    let asked = Request::for_log(Log::Audit).bearer(text(&given, "/authed_user/access_token"));
    assert_eq!(error(&mut world, 0, &asked), (403, "team_not_authorized".to_owned()));
}

#[test]
fn auth_test_returns_tenant_user_and_app_of_issued_token() {
    let (app, mut world) = organization();
    let given = world.install(at(0), &app, "admin", &Consent::organization());
    let who = json(&mut world, 0, &calling("auth.test", text(&given, "/authed_user/access_token")));
    let fields =
        ["team_id", "team", "user_id", "user", "app_id", "app_name"].map(|name| text(&who, &format!("/{name}")));
    assert_eq!(fields, ["E1", "Organization E1", "W0OWNER", "Olga Owner", "A0ORGANISED", "slacktrail"]);
    assert_eq!(who["is_enterprise_install"], true);
    assert!(who.get("expires_in").is_none());
}

#[test]
fn code_expires_after_ten_minutes_and_is_single_use() {
    let (app, mut world) = organization();
    let (first, second) = (code(&mut world, &app), code(&mut world, &app));
    assert_ne!(first, second);
    assert_eq!(error_code(&mut world, 600, &exchanging(&app, &first)), "invalid_code");
    assert_eq!(json(&mut world, 599, &exchanging(&app, &second))["ok"], true);
    assert_eq!(error_code(&mut world, 599, &exchanging(&app, &second)), "invalid_code");
    assert_eq!(error_code(&mut world, 599, &exchanging(&app, "nonsense")), "invalid_code");
    assert_eq!(error_code(&mut world, 599, &access(&app)), "invalid_code");
}

#[test]
fn code_belongs_to_one_app() {
    let (app, mut world) = organization();
    let other = App::workspace(REDIRECT_URL, "T1");
    world.settings_mut().apps.push(other.clone());
    let code = code(&mut world, &app);
    assert_eq!(error_code(&mut world, 0, &exchanging(&other, &code)), "invalid_code");
    assert_eq!(json(&mut world, 0, &exchanging(&app, &code))["ok"], true);
}

#[test]
fn redirect_uri_must_be_repeated_in_exchange() {
    let (app, mut world) = organization();
    let code = code(&mut world, &app);
    let without = access(&app).with("code", &code);
    assert_eq!(error_code(&mut world, 0, &without), "bad_redirect_uri");
    assert_eq!(
        error_code(&mut world, 0, &without.clone().with("redirect_uri", format!("{REDIRECT_URL}/"))),
        "bad_redirect_uri"
    );
    assert_eq!(json(&mut world, 0, &without.with("redirect_uri", REDIRECT_URL))["ok"], true);

    let unsent = format!("client_id={}&user_scope=admin", app.client_id);
    let redirect = world.consent(at(0), &unsent, &Consent::organization()).expect("a redirect");
    let other = access(&app).with("code", code_of(&redirect)).with("redirect_uri", "https://other.example");
    assert_eq!(error_code(&mut world, 0, &other), "bad_redirect_uri");
    assert_eq!(json(&mut world, 0, &access(&app).with("code", code_of(&redirect)))["ok"], true);
}

#[test]
fn client_authenticates_with_basic_header_or_fields() {
    let (app, mut world) = organization();
    let code = code(&mut world, &app);
    let plain = Request::post("oauth.v2.access").with("code", &code).with("redirect_uri", REDIRECT_URL);
    let id = plain.clone().with("client_id", &app.client_id);
    assert_eq!(error_code(&mut world, 0, &plain), "invalid_client_id");
    assert_eq!(error_code(&mut world, 0, &plain.clone().basic("1.2", &app.client_secret)), "invalid_client_id");
    assert_eq!(error_code(&mut world, 0, &plain.clone().basic(&app.client_id, "x")), "bad_client_secret");
    assert_eq!(error_code(&mut world, 0, &id), "bad_client_secret");
    assert_eq!(json(&mut world, 0, &id.with("client_secret", &app.client_secret))["ok"], true);
}

#[test]
fn exchange_is_post_with_known_grant_type() {
    let (app, mut world) = organization();
    let code = code(&mut world, &app);
    let request = exchanging(&app, &code);
    assert_eq!(error_code(&mut world, 0, &request.clone().with("grant_type", "password")), "invalid_grant_type");
    let got = Request { method: Method::Get, ..request.clone() };
    assert_eq!(error_code(&mut world, 0, &got), "invalid_arguments");
    assert_eq!(json(&mut world, 0, &request.with("grant_type", "authorization_code"))["ok"], true);
}

#[test]
fn scopes_add_up_over_repeated_installs_and_token_stays() {
    let (app, mut world) = organization();
    let first = world.install(at(0), &app, "admin", &Consent::organization());
    let second = world.install(at(60), &app, "auditlogs:read", &Consent::organization());
    assert_eq!(second["authed_user"]["scope"], "admin,auditlogs:read");
    assert_eq!(first["authed_user"]["access_token"], second["authed_user"]["access_token"]);
    let token = text(&first, "/authed_user/access_token");
    assert_eq!(response(&mut world, 61, &Request::for_log(Log::Audit).bearer(token)).status, 200);
}

#[test]
fn scopes_are_separate_per_user_and_tenant() {
    let (app, mut world) = organization();
    world.settings_mut().users.push(User::new("W2", "Ada", Role::Admin));
    let scope = |given: &serde_json::Value| given["authed_user"]["scope"].as_str().expect("scopes").to_owned();
    world.install(at(0), &app, "auditlogs:read", &Consent::workspace("T1"));
    assert_eq!(scope(&world.install(at(0), &app, "admin", &Consent::workspace("T2"))), "admin");
    assert_eq!(scope(&world.install(at(0), &app, "admin", &Consent::workspace("T1").by("W2"))), "admin");
    assert_eq!(world.live_tokens(at(0)).len(), 3);
}

#[test]
fn organization_app_cannot_be_installed_on_workspace() {
    let (app, mut world) = organization();
    world.install(at(0), &app, "admin", &Consent::organization());
    let redirect = world.consent(at(0), &asking_for(&app, "admin"), &Consent::workspace("T1")).expect("a redirect");
    let request = exchanging(&app, &code_of(&redirect));
    assert_eq!(error_code(&mut world, 0, &request), "cannot_install_an_org_installed_app");
}

#[test]
fn lost_response_uses_up_code_and_failed_call_does_not() {
    let (app, mut world) = organization();
    let code = code(&mut world, &app);
    let request = exchanging(&app, &code);
    let on = || CallMatcher::path("oauth.v2.access");
    world.fault(Fault::next(on(), FaultKind::Hangup));
    world.fault(Fault::nth(2, on(), FaultKind::Status(500, String::new())));
    world.fault(Fault::nth(3, on(), FaultKind::throttled("7")));
    world.fault(Fault::nth(4, on(), FaultKind::not_ok("fatal_error")));
    world.fault(Fault::nth(5, on(), FaultKind::HangupAfter));
    assert_eq!(world.answer(at(1), &request), Outcome::Hangup);
    assert_eq!(response(&mut world, 2, &request).status, 500);
    assert_eq!(response(&mut world, 3, &request).header("Retry-After"), Some("7"));
    assert_eq!(error_code(&mut world, 4, &request), "fatal_error");
    assert!(world.live_tokens(at(4)).is_empty());
    assert_eq!(world.answer(at(5), &request), Outcome::Hangup);
    assert_eq!(world.live_tokens(at(5)).len(), 1);
    assert_eq!(error_code(&mut world, 6, &request), "invalid_code");
    assert_eq!(world.calls().of("oauth.v2.access"), 6);
}

#[test]
fn same_seed_makes_same_tokens() {
    let token = |seed| {
        let app = App::organization(REDIRECT_URL);
        let mut world = World::new(Settings { seed, apps: vec![app.clone()], ..Settings::organization() });
        text(&world.install(at(0), &app, "admin", &Consent::organization()), "/authed_user/access_token").to_owned()
    };
    assert_eq!(token(7), token(7));
    assert_ne!(token(7), token(8));
}
