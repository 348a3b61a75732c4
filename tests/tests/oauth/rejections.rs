//! Tests of rejected installations and of Slack's errors. Each has its own error page, and the function stores no source and no token.

use slacktrail_core::source::Source;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::tenant::{Plan, Role};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Settings};
use tracing::Level;

use crate::browser::{Answer, Browser, query_of};
use crate::site::{REDIRECT_URL, Site, source, workspace_source};

/// Opens the callback with `query`. Asserts that it is rejected and stores nothing except the error in the authorization, where the command reads it.
pub(crate) fn rejected(site: &Site, browser: &Browser, query: &str, status: u64, kind: &str) -> Answer {
    let before = site.stored();
    let answer = browser.callback(site, query);
    answer.assert_rejected(site, status, kind);
    assert_eq!(site.stored(), before, "nothing is stored");
    answer
}

/// Returns a browser that has consented to all scopes, and the query string of its callback.
pub(crate) fn consented(site: &Site) -> (Browser, String) {
    let browser = Browser::new();
    let query = browser.consent(site, &site.link(), &Consent::organization());
    (browser, query)
}

#[test]
fn declining_user_and_command_are_informed() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let started = browser.start(&site, &link_token);
    let back = site.slack(|slack| slack.decline(started.location())).unwrap();
    let answer = rejected(&site, &browser, &query_of(&back), 403, "denied");
    assert!(answer.body.contains("<code>slacktrail connect acme</code>"), "{}", answer.body);
    assert!(answer.for_user().contains("You declined on Slack"), "{}", answer.body);
    assert_eq!(site.line().field("reference"), link_token.id.reference());
    assert_eq!(site.line().level, Level::WARN);
    let connect_error = site.reported_error(&link_token.id);
    assert_eq!(connect_error.message, "access was declined in Slack");
    assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
    rejected(&site, &browser, &query_of(&back), 410, "used");
}

#[test]
fn error_from_slack_is_shown_only_if_known() {
    for (error, kind, shown) in [
        ("invalid_scope", "slack_rejected", "<code>invalid_scope</code>"),
        ("bad_redirect_uri", "wrong_app", "<code>bad_redirect_uri</code>"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "slack_rejected", "an unknown error of 25 characters"),
        (&"7a".repeat(32), "slack_rejected", "an unknown error of 64 characters"),
        ("never_heard_of", "slack_rejected", "an unknown error of 14 characters"),
    ] {
        let site = Site::new();
        let (browser, link_token) = site.visitor();
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
fn installation_that_source_cannot_use_is_rejected_with_its_reason() {
    let app = || App::organization(REDIRECT_URL);
    let optional = App { user_optional: vec!["auditlogs:read".to_owned()], ..app() };
    let all = Consent::organization;
    let unchanged: fn(&mut Settings) = |_| ();
    for (app, consent, change, kind, shown, for_user) in [
        (
            app(),
            Consent::workspace("T2"),
            unchanged,
            "not_organization",
            "<code>Workspace T2</code> (T2)",
            "You installed the app on the workspace Workspace T2.",
        ),
        (
            optional,
            all().without("auditlogs:read"),
            unchanged,
            "missing_scope",
            "<code>auditlogs:read</code>",
            "the permission to read audit logs.",
        ),
        (
            app(),
            all(),
            |settings| settings.plan = Plan::Paid,
            "not_on_plan",
            "<code>feature_not_enabled</code>",
            "Your Slack plan does not include audit logs.",
        ),
        (
            app(),
            all(),
            |settings| settings.users[0].rights = Role::Admin,
            "insufficient_role",
            "",
            "Then let an Org Owner open it.",
        ),
        (
            app(),
            all(),
            |settings| settings.apps[0].client_secret = "another".to_owned(),
            "wrong_app",
            "bad_client_secret",
            "",
        ),
    ] {
        let site = Site::with(vec![app]);
        let (browser, link_token) = site.visitor();
        let query = browser.consent(&site, &link_token, &consent);
        site.settings(change);
        let answer = rejected(&site, &browser, &query, 409, kind);
        assert!(answer.body.contains(shown) && answer.for_user().contains(for_user), "{kind}: {}", answer.body);
        assert_eq!(site.line().field("source"), "acme");
        assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
    }
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
fn code_of_other_app_is_rejected_by_slack() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let now = site.world.now();
    let other = site.app(1).client_id;
    let back = site.slack(|slack| slack.install_from_slack(now, &other, &Consent::workspace("T1"))).unwrap();
    let code = query_of(&back);
    let (_, state) = query.split_once('&').unwrap();
    rejected(&site, &browser, &format!("{code}&{state}"), 502, "slack_rejected");
    assert_eq!(site.line().field("code"), "invalid_code");
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
            "slack_rejected",
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

#[test]
fn only_access_logs_of_organization_are_probed_per_workspace() {
    for (app, path, code, status, kind) in [
        (0, "logs", "missing_argument", 502, "slack_rejected"),
        (0, "team.accessLogs", "no_permission", 409, "insufficient_role"),
        (1, "team.accessLogs", "missing_argument", 502, "slack_rejected"),
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
    wrong.assert_rejected(&site, 502, "slack_rejected");
    for answer in [connected, wrong] {
        for hostile in ["<script", "\u{202e}", "\u{2066}", "\u{7}"] {
            assert!(!answer.body.contains(hostile), "{hostile:?} in {}", answer.body);
        }
    }
}
