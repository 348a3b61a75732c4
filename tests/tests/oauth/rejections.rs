//! Tests of rejected installations and of Slack's errors. Each has its own error page, and the function stores no source and no token.

use slacktrail_connect::{Authorization, AuthorizationState, ConnectedTenant};
use slacktrail_core::source::{Source, Tenant};
use slacktrail_ports::credentials::{App as StoredApp, Credentials};
use slacktrail_ports::secret::ClientSecret;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::tenant::{Plan, Role};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Outcome, Request};
use tracing::Level;

use crate::browser::{Answer, Browser, query_of};
use crate::site::{REDIRECT_URL, Site, source, workspace_source};

/// Opens the callback with `query`. Asserts that it is rejected and stores nothing except the error in the authorization, where the command reads it.
fn rejected(site: &Site, browser: &Browser, query: &str, status: u64, kind: &str) -> Answer {
    let before = site.stored();
    let answer = browser.callback(site, query);
    answer.assert_rejected(site, status, kind);
    assert_eq!(site.stored(), before, "nothing is stored");
    answer
}

/// Returns a browser that has consented to all scopes, and the query string of its callback.
fn consented(site: &Site) -> (Browser, String) {
    let browser = Browser::new();
    let query = browser.consent(site, &site.issue_link(&source("acme", site.now()), 0), &Consent::organization());
    (browser, query)
}

#[test]
fn declining_user_and_command_are_informed() {
    let site = Site::new();
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    let started = browser.start(&site, &link_token);
    let back = site.slack(|slack| slack.decline(started.location())).unwrap();
    let answer = rejected(&site, &browser, &query_of(&back), 403, "denied");
    assert!(answer.body.contains("<code>slacktrail connect acme</code>"), "{}", answer.body);
    assert!(answer.for_user().contains("You declined on Slack"), "{}", answer.body);
    assert_eq!(site.line().field("reference"), link_token.id.reference());
    assert_eq!(site.line().level, Level::WARN);
    let AuthorizationState::Failed(connect_error) = site.authorization(&link_token.id).state else {
        panic!("the command did not receive the error")
    };
    assert_eq!(connect_error.message, "access was declined in Slack");
    assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
    rejected(&site, &browser, &query_of(&back), 410, "used");
}

#[test]
fn error_from_slack_is_shown_only_if_known() {
    for (error, kind, shown) in [
        ("invalid_scope", "slack_refused", "<code>invalid_scope</code>"),
        ("bad_redirect_uri", "wrong_app", "<code>bad_redirect_uri</code>"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "slack_refused", "an unknown error of 25 characters"),
        (&"7a".repeat(32), "slack_refused", "an unknown error of 64 characters"),
        ("never_heard_of", "slack_refused", "an unknown error of 14 characters"),
    ] {
        let site = Site::new();
        let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
        let started = browser.start(&site, &link_token);
        let back = site.slack(|slack| slack.decline(started.location())).unwrap();
        let query = query_of(&back).replace("access_denied", error);
        let status = if kind == "wrong_app" { 409 } else { 502 };
        let answer = rejected(&site, &browser, &query, status, kind);
        assert!(answer.body.contains(shown), "{error}: {}", answer.body);
        for echo in ["script", "7a7a", "heard"] {
            assert!(!format!("{}{:?}", answer.body, site.line()).contains(echo), "{}", answer.body);
        }
    }
}

#[test]
fn workspace_is_rejected_where_organization_is_needed() {
    let site = Site::new();
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
    let answer = rejected(&site, &browser, &query, 409, "not_organization");
    assert_eq!(answer.heading(), "Audit logs require the whole organization");
    assert_eq!(site.line().field("source"), "acme");
    assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
    assert!(answer.body.contains("<code>Workspace T2</code> (T2)"), "{}", answer.body);
    assert!(answer.for_user().contains("You installed the app on the workspace Workspace T2."), "{}", answer.body);
}

#[test]
fn other_tenant_than_before_is_rejected() {
    let site = Site::new();
    let browser = Browser::new();
    let was = Tenant { id: "E9".to_owned(), name: "Elsewhere".to_owned() };
    let known = Source { tenant: Some(was), ..source("acme", site.now()) };
    let query = browser.consent(&site, &site.issue_link(&known, 0), &Consent::organization());
    let answer = rejected(&site, &browser, &query, 409, "wrong_tenant");
    assert!(answer.body.contains("<code>Elsewhere</code> (E9)"), "{}", answer.body);
    assert!(answer.body.contains("<code>Organization E1</code> (E1)"), "{}", answer.body);
    let names = "This link is for Elsewhere, but you chose Organization E1 in Slack.";
    assert!(answer.for_user().contains(names), "{}", answer.body);
}

/// Returns a site, and the query string of the callback of a link for `new` while the source `acme` collects from `tenant`.
fn consented_beside(tenant: &str, new: &Source, consent: &Consent, force: bool) -> (Site, Browser, String) {
    let site = Site::new();
    let tenant = Some(Tenant { id: tenant.to_owned(), name: "Acme".to_owned() });
    let others = ConnectedTenant::of_others([&Source { tenant, ..source("acme", site.now()) }], &new.id);
    let browser = Browser::new();
    let link_token = site.issue_link_with(new, 0, |authorization| Authorization {
        others,
        allows_second_source: force,
        ..authorization
    });
    let query = browser.consent(&site, &link_token, consent);
    (site, browser, query)
}

#[test]
fn tenant_of_other_source_is_rejected_unrevoked_unless_forced() {
    let new = source("beta", Site::new().now());
    let (site, browser, query) = consented_beside("E1", &new, &Consent::organization(), false);
    let answer = rejected(&site, &browser, &query, 409, "already_connected");
    assert_eq!(answer.heading(), "Already connected");
    assert!(answer.body.contains("is already connected as source <code>acme</code>"), "{}", answer.body);
    assert_eq!(
        site.line().field("token"),
        "may_be_in_use",
        "Slack may have issued the token of the other source again"
    );

    let (site, browser, query) = consented_beside("E1", &new, &Consent::organization(), true);
    assert_eq!(browser.callback(&site, &query).status, 200);
}

#[test]
fn concurrent_connects_to_different_tenants_do_not_mix() {
    let site = Site::new();
    let (first, second) = (Browser::new(), Browser::new());
    let new = Source { logs: workspace_source("acme", site.now()).logs, ..source("acme", site.now()) };
    let to_workspace = first.consent(&site, &site.issue_link(&new, 0), &Consent::workspace("T1"));
    let to_another = second.consent(&site, &site.issue_link(&new, 0), &Consent::workspace("T2"));
    assert_eq!(first.callback(&site, &to_workspace).status, 200);
    rejected(&site, &second, &to_another, 409, "wrong_tenant");
}

#[test]
fn missing_scope_is_named() {
    let app = App { user_optional: vec!["auditlogs:read".to_owned()], ..App::organization(REDIRECT_URL) };
    let site = Site::with(vec![app]);
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    let query = browser.consent(&site, &link_token, &Consent::organization().without("auditlogs:read"));
    let answer = rejected(&site, &browser, &query, 409, "missing_scope");
    assert!(answer.body.contains("<code>auditlogs:read</code>"), "{}", answer.body);
    assert!(answer.for_user().contains("the permission to read audit logs."), "{}", answer.body);
}

#[test]
fn plan_without_audit_logs_is_reported() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.settings(|settings| settings.plan = Plan::Paid);
    let answer = rejected(&site, &browser, &query, 409, "not_on_plan");
    assert!(answer.body.contains("<code>feature_not_enabled</code>"), "{}", answer.body);
    assert!(answer.for_user().contains("Your Slack plan does not include audit logs."), "{}", answer.body);
}

#[test]
fn plan_without_access_logs_is_reported() {
    let site = Site::new();
    let browser = Browser::new();
    let query =
        browser.consent(&site, &site.issue_link(&workspace_source("team", site.now()), 1), &Consent::workspace("T1"));
    site.settings(|settings| settings.plan = Plan::Free);
    rejected(&site, &browser, &query, 409, "not_on_plan");
}

#[test]
fn user_who_is_not_org_owner_is_informed() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.settings(|settings| settings.users[0].rights = Role::Admin);
    let answer = rejected(&site, &browser, &query, 409, "insufficient_role");
    assert!(answer.for_user().contains("Then let an Org Owner open it."), "{}", answer.body);
}

#[test]
fn app_with_changed_secret_is_reported() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.settings(|settings| settings.apps[0].client_secret = "another".to_owned());
    rejected(&site, &browser, &query, 409, "wrong_app");
    assert_eq!(site.line().field("code"), "bad_client_secret");
}

#[test]
fn code_of_other_app_is_rejected_by_slack() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let now = site.world.now();
    let other = site.app(1).client_id;
    let back = site.slack(|slack| slack.install_from_slack(now, &other, &Consent::workspace("T1"))).unwrap();
    let code = query_of(&back);
    let (_, state) = query.split_once('&').unwrap();
    rejected(&site, &browser, &format!("{code}&{state}"), 502, "slack_refused");
    assert_eq!(site.line().field("code"), "invalid_code");
}

#[test]
fn slack_failure_during_exchange_is_not_internal_error() {
    for kind in [FaultKind::Hangup, FaultKind::HangupAfter, FaultKind::throttled("30"), FaultKind::Html(503)] {
        let site = Site::new();
        let (browser, query) = consented(&site);
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), kind.clone())));
        let answer = rejected(&site, &browser, &query, 502, "slack_unreachable");
        assert_eq!(answer.heading(), "Slack is temporarily unavailable", "{kind:?}");
        let line = site.line();
        assert!(line.level == Level::WARN && !line.field("hint").is_empty(), "{kind:?} {line:?}");
        rejected(&site, &browser, &query, 410, "used");
    }
}

#[test]
fn malformed_tokens_are_reported_without_being_echoed() {
    for body in [
        "<html>xoxp-leaked</html>",
        r#"{"ok":true,"authed_user":"xoxp-leaked"}"#,
        r#"{"ok":true,"team":{"id":"T1","name":"One"},"authed_user":{"id":"U1","access_token":{"xoxp-leaked":1}}}"#,
        r#"{"ok":true,"authed_user":{"id":"U1","access_token":"xoxp-1","refresh_token":{"xoxe-leaked":1}}}"#,
        r#"{"xoxp-leaked":"#,
        "",
    ] {
        let site = Site::new();
        let (browser, query) = consented(&site);
        let garbage = FaultKind::Status(200, body.to_owned());
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), garbage)));
        let answer = rejected(&site, &browser, &query, 502, "slack_unreachable");
        assert!(!answer.body.contains("leaked") && !format!("{:?}", site.line()).contains("leaked"), "{body}");
        assert!(!format!("{:?}", site.authorization(&authorization_id(&query))).contains("leaked"), "{body}");
    }
}

#[test]
fn tokens_without_user_or_tenant_are_rejected() {
    for (body, status, kind, token) in [
        (
            r#"{"ok":true,"authed_user":{"id":"U1"},"enterprise":{"id":"E1","name":"O"},"is_enterprise_install":true}"#,
            409,
            "missing_scope",
            "",
        ),
        (
            r#"{"ok":true,"authed_user":{"id":"U1","scope":"admin","access_token":"xoxp-1"},"team":null}"#,
            502,
            "slack_refused",
            "may_be_valid", // Slack does not know this token, so it confirms nothing
        ),
        (
            r#"{"ok":true,"authed_user":{"id":"U1","scope":"auditlogs:read,admin","access_token":"xoxp bad"},"enterprise":{"id":"E1","name":"O"},"is_enterprise_install":true}"#,
            409,
            "missing_scope",
            "may_exist",
        ),
    ] {
        let site = Site::new();
        let (browser, query) = consented(&site);
        let response = FaultKind::Status(200, body.to_owned());
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), response)));
        rejected(&site, &browser, &query, status, kind);
        assert_eq!(site.line().field("token"), token, "{body}");
    }
}

/// The text of the page and the hint if Slack may have issued a token that slacktrail did not receive.
const MAY_EXIST: &str = "Slack may have issued a token that slacktrail did not receive";

#[test]
fn lost_exchange_response_is_reported_as_possible_token() {
    let garbage = || FaultKind::Status(200, "<html>sign in</html>".to_owned());
    for (kind, token) in [
        (FaultKind::Hangup, "may_exist"),
        (FaultKind::HangupAfter, "may_exist"),
        (FaultKind::Html(503), "may_exist"),
        (garbage(), "may_exist"),
        (FaultKind::not_ok("fatal_error"), "may_exist"),
        (FaultKind::not_ok("invalid_code"), "may_exist"),
        (FaultKind::throttled("30"), ""),
        (FaultKind::not_ok("user_email_unverified"), ""),
    ] {
        let site = Site::new();
        let (browser, query) = consented(&site);
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), kind.clone())));
        let answer = browser.callback(&site, &query);
        assert_eq!((answer.status, site.line().field("token")), (502, token), "{kind:?}");
        let AuthorizationState::Failed(connect_error) = site.authorization(&authorization_id(&query)).state else {
            panic!("the command did not receive the error")
        };
        let may_exist = token == "may_exist";
        assert_eq!(
            (answer.body.contains(MAY_EXIST), connect_error.hint.contains(MAY_EXIST)),
            (may_exist, may_exist),
            "{kind:?}"
        );
        assert_eq!(site.line().field("message").contains("may have issued a token"), may_exist, "{:?}", site.line());
        assert!(may_exist || live(&site) == 0, "{kind:?}");
    }
}

/// Returns a token that Slack has issued for a workspace.
fn issued_token(site: &Site) -> String {
    let (now, app) = (site.world.now(), site.app(1));
    let back = site.slack(|slack| slack.install_from_slack(now, &app.client_id, &Consent::workspace("T1"))).unwrap();
    let code = back.split_once("code=").unwrap().1.split('&').next().unwrap();
    let exchange = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret).with("code", code);
    let Outcome::Response(response) = site.slack(|slack| slack.answer(now, &exchange)) else { panic!("a response") };
    let granted: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    granted["authed_user"]["access_token"].as_str().unwrap_or_else(|| panic!("{granted}")).to_owned()
}

#[test]
fn token_in_broken_exchange_response_is_revoked() {
    for (body, token) in [
        (r#"{"ok":true,"authed_user":{"id":"U1","access_token":"TOKEN","refresh_token":["x"]}}"#, "revoked"),
        (r#"{"ok":true,"authed_user":"TOKEN"}"#, "revoked"),
        (r#"{"ok":false,"error":"fatal_error","authed_user":{"access_token":"TOKEN"}}"#, "revoked"),
        (r#"{"ok":false,"error":"invalid_code","authed_user":{"access_token":"TOKEN"}}"#, "revoked"),
        (r#"{"ok":true,"authed_user":{"id":"U1","access_token":"TOKEN","scope":"adm"#, "may_exist"),
    ] {
        let site = Site::new();
        let (browser, query) = consented(&site);
        let issued = issued_token(&site);
        assert_eq!(live(&site), 1);
        let broken = FaultKind::Status(200, body.replace("TOKEN", &issued));
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), broken)));
        let answer = browser.callback(&site, &query);
        assert_eq!((answer.status, site.line().field("token"), live(&site)), (502, token, 0), "{body}");
        assert_eq!(answer.body.contains(MAY_EXIST), token == "may_exist", "{body}");
        assert!(!format!("{} {:?}", answer.body, site.line()).contains("xoxp-"), "{body}");
    }
}

#[test]
fn truncated_exchange_revokes_tokens_that_arrived() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), FaultKind::Truncated)));
    rejected(&site, &browser, &query, 502, "slack_unreachable");
    assert_eq!(site.line().field("token"), "may_exist");
    assert!(
        site.slack(|slack| slack.calls().of("auth.revoke")) > 0,
        "the received half of the response contains a token"
    );
}

#[test]
fn broken_exchange_of_connected_source_revokes_only_foreign_token() {
    for (tenant, token, kept) in [("E1", "may_be_in_use", 1), ("E2", "revoked", 0)] {
        let site = Site::new();
        let browser = Browser::new();
        let all = Consent::organization();
        assert_eq!(browser.connect(&site, &site.issue_link(&source("acme", site.now()), 0), &all).status, 200);
        let query = browser.consent(&site, &site.issue_link(&site.source("acme").unwrap(), 0), &all);
        let issued = issued_token(&site);
        let before = live(&site);
        let body = r#"{"ok":true,"enterprise":{"id":"TENANT"},"is_enterprise_install":true,
            "authed_user":{"id":"U1","access_token":"TOKEN","refresh_token":["x"]}}"#;
        let broken = FaultKind::Status(200, body.replace("TENANT", tenant).replace("TOKEN", &issued));
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), broken)));
        rejected(&site, &browser, &query, 502, "slack_unreachable");
        assert_eq!((site.line().field("token"), before - live(&site)), (token, 1 - kept), "{tenant}");
    }
}

/// Returns the number of tokens that are valid at Slack.
fn live(site: &Site) -> usize {
    let now = site.world.now();
    site.slack(|slack| slack.live_tokens(now).len())
}

#[test]
fn rejected_installation_leaves_no_valid_token() {
    let optional = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL) };
    for (app, consent, kind) in [
        (App::organization(REDIRECT_URL), Consent::workspace("T2"), "not_organization"),
        (optional, Consent::organization().without("admin"), "missing_scope"),
    ] {
        for (app, end) in [(app.clone(), "revoked"), (app.rotating(), "refresh_token_may_be_valid")] {
            let site = Site::with(vec![app]);
            let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
            let query = browser.consent(&site, &link_token, &consent);
            rejected(&site, &browser, &query, 409, kind);
            assert_eq!((live(&site), site.line().field("token")), (0, end), "{kind}");
        }
    }
    // A later rejection, because a log is not readable, also leaves no valid token.
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.settings(|settings| settings.plan = Plan::Paid);
    rejected(&site, &browser, &query, 409, "not_on_plan");
    assert_eq!((live(&site), site.line().field("token")), (0, "revoked"));
}

#[test]
fn rejected_installation_of_rotating_app_mentions_refresh_token() {
    const REFRESH_TOKEN: &str = "refresh token may still be valid";
    for (app, rotates) in [(App::organization(REDIRECT_URL), false), (App::organization(REDIRECT_URL).rotating(), true)]
    {
        let site = Site::with(vec![app]);
        let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
        let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
        let answer = rejected(&site, &browser, &query, 409, "not_organization");
        let AuthorizationState::Failed(connect_error) = site.authorization(&link_token.id).state else {
            panic!("the command did not receive the error")
        };
        let line = site.line();
        for text in [&answer.body, &connect_error.hint, line.field("message")] {
            assert_eq!(text.contains(REFRESH_TOKEN), rotates, "{text}");
        }
        for text in [&answer.body, &connect_error.hint] {
            assert_eq!(text.contains("remove the app from it in Slack"), rotates, "{text}");
        }
        assert_eq!(answer.for_user().contains("remove the app in Slack"), rotates, "{}", answer.body);
        assert_eq!(line.level, Level::WARN);
    }
}

#[test]
fn token_that_may_be_in_use_is_not_revoked() {
    let app = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL) };
    let site = Site::with(vec![app]);
    let browser = Browser::new();
    let all = Consent::organization();
    assert_eq!(browser.connect(&site, &site.issue_link(&source("acme", site.now()), 0), &all).status, 200);
    let token = site.credentials("acme").grant.unwrap().token;
    let connected = site.source("acme").unwrap();
    let query = browser.consent(&site, &site.issue_link(&connected, 0), &all);
    site.settings(|settings| settings.plan = Plan::Paid);
    rejected(&site, &browser, &query, 409, "not_on_plan");
    assert_eq!(site.line().field("token"), "may_be_in_use");
    let now = site.world.now();
    let live = site.slack(|slack| slack.live_tokens(now));
    assert!(
        live.iter().any(|live| live.token.text == token.reveal()),
        "the token stays valid, because Slack returned the stored one again"
    );
}

#[test]
fn failed_token_revocation_is_reported() {
    let site = Site::new();
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
    for _ in 0..2 {
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("auth.revoke"), FaultKind::Html(503))));
    }
    let answer = rejected(&site, &browser, &query, 409, "not_organization");
    assert!(answer.body.contains("its token may still be valid"), "{}", answer.body);
    let AuthorizationState::Failed(connect_error) = site.authorization(&link_token.id).state else {
        panic!("the command did not receive the error")
    };
    assert!(connect_error.hint.ends_with("its token may still be valid"), "{}", connect_error.hint);
    assert_eq!(site.line().field("token"), "may_be_valid");
}

#[test]
fn token_of_rejected_install_counts_as_revoked_only_if_confirmed() {
    let answer = |body: &str| FaultKind::Status(200, body.to_owned());
    for (kind, end) in [
        (answer(r#"{"ok":true,"revoked":false}"#), "may_be_valid"),
        (answer(r#"{"ok":true,"revoked":true}"#), "revoked"),
        (FaultKind::not_ok("token_revoked"), "revoked"),
        (FaultKind::not_ok("account_inactive"), "revoked"),
        (FaultKind::not_ok("invalid_auth"), "may_be_valid"),
    ] {
        let site = Site::new();
        let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
        let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
        site.slack(|slack| slack.fault(Fault::every(CallMatcher::path("auth.revoke"), kind.clone())));
        rejected(&site, &browser, &query, 409, "not_organization");
        assert_eq!(site.line().field("token"), end, "{kind:?}");
    }
}

#[test]
fn only_access_logs_of_organization_are_probed_per_workspace() {
    for (app, path, code, status, kind) in [
        (0, "logs", "missing_argument", 502, "slack_refused"),
        (0, "team.accessLogs", "no_permission", 409, "insufficient_role"),
        (1, "team.accessLogs", "missing_argument", 502, "slack_refused"),
    ] {
        let site = Site::new();
        let (requested, consent) = match app {
            0 => (source("acme", site.now()), Consent::organization()),
            _ => (workspace_source("team", site.now()), Consent::workspace("T1")),
        };
        let browser = Browser::new();
        let query = browser.consent(&site, &site.issue_link(&requested, app), &consent);
        site.slack(|slack| slack.fault(Fault::every(CallMatcher::path(path), FaultKind::not_ok(code))));
        rejected(&site, &browser, &query, status, kind);
    }
}

#[test]
fn probe_error_is_shown_only_if_known() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let body = r#"{"ok":false,"error":"0123456789abcdef","needed":"concealed:read"}"#;
    for path in ["logs", "team.accessLogs"] {
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path(path), FaultKind::Status(200, body.to_owned()))));
    }
    let answer = browser.callback(&site, &query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("an unknown error of 16 characters"), "{}", answer.body);
    assert!(!answer.body.contains("concealed") && !answer.body.contains("0123456789abcdef"), "{}", answer.body);
}

#[test]
fn exchange_with_unexpected_fields_is_read() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let body = r#"{"ok":true,"team":"x","scope":[],"access_token":{},"enterprise":{"id":"E1","name":7},
        "is_enterprise_install":true,"authed_user":{"id":{},"scope":["admin"],"access_token":"TOKEN","expires_in":"43200"}}"#;
    let body = body.replace("TOKEN", "xoxp-1-unknown");
    site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), FaultKind::Status(200, body))));
    // The function reads the exchange, but Slack does not know the token and rejects the probes.
    let answer = rejected(&site, &browser, &query, 502, "slack_refused");
    assert!(answer.body.contains("log cannot be read"), "{}", answer.body);
}

#[test]
fn code_of_other_browser_is_stored_only_under_its_own_tenant() {
    let site = Site::new();
    let workspaces = workspace_source("acme", site.now()).logs;
    let known = Source {
        tenant: Some(Tenant { id: "T2".to_owned(), name: "Two".to_owned() }),
        logs: workspaces.clone(),
        ..source("acme", site.now())
    };
    let mine = Browser::new();
    let my_query = mine.consent(&site, &site.issue_link(&known, 0), &Consent::workspace("T2"));
    let theirs = Source { logs: workspaces, ..source("other", site.now()) };
    let their_query = Browser::new().consent(&site, &site.issue_link(&theirs, 0), &Consent::workspace("T1"));
    let code = |query: &str| query.split('&').find(|pair| pair.starts_with("code=")).unwrap().to_owned();
    let swapped = my_query.replace(&code(&my_query), &code(&their_query));
    rejected(&site, &mine, &swapped, 409, "wrong_tenant");
    assert_eq!(site.line().field("token"), "revoked");
}

#[test]
fn faster_concurrent_connect_is_not_undone() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let another = StoredApp { client_id: "9.9".to_owned(), client_secret: ClientSecret::new("else").unwrap() };
    let theirs = Credentials::default().with_app(another).encode();
    site.world.with(|state| state.credentials.insert("acme".parse().unwrap(), (99, Some(theirs))));
    rejected(&site, &browser, &query, 409, "conflict");

    let site = Site::new();
    let (browser, query) = consented(&site);
    site.world.with(|state| state.credentials.insert("acme".parse().unwrap(), (99, None)));
    rejected(&site, &browser, &query, 409, "conflict");
}

#[test]
fn names_are_escaped_whatever_they_contain() {
    let site = Site::new();
    let name = "<script>alert(1)</script>\u{202e}\"'&\u{2066}\u{7}";
    site.settings(|settings| {
        let slacktrail_simulator::tenant::Tenant::Organization { name: organization, workspaces, .. } =
            &mut settings.tenant
        else {
            panic!("an organization")
        };
        *organization = name.to_owned();
        workspaces[0].name = name.to_owned();
    });
    let labelled = Source { label: name.to_owned(), ..source("acme", site.now()) };
    let browser = Browser::new();
    let connected = browser.connect(&site, &site.issue_link(&labelled, 0), &Consent::organization());
    assert_eq!(connected.status, 200);
    let shown = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;";
    assert_eq!(connected.body.matches(&format!("<bdi>{shown}</bdi>")).count(), 2, "{}", connected.body);
    let wrong = browser.connect(
        &site,
        &site.issue_link(&Source { tenant: None, ..source("other", site.now()) }, 0),
        &Consent::workspace("T1"),
    );
    wrong.assert_rejected(&site, 502, "slack_refused");
    for answer in [connected, wrong] {
        for hostile in ["<script", "\u{202e}", "\u{2066}", "\u{7}"] {
            assert!(!answer.body.contains(hostile), "{hostile:?} in {}", answer.body);
        }
    }
}

fn authorization_id(query: &str) -> slacktrail_connect::AuthorizationId {
    let (_, state) = query.split_once("state=").unwrap();
    state.split('.').next().unwrap().parse().unwrap()
}
