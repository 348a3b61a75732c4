//! Tests of successful authorizations: which credentials and sources are stored, and what the page shows.

use slacktrail_connect::AuthorizationState;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::{LogType, Source, StreamId, Tenant};
use slacktrail_simulation::StoredCursor;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::settings::AccessTeam;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};
use tracing::Level;

use crate::browser::Browser;
use crate::site::{REDIRECT_URL, Site, workspace_source};

#[test]
fn link_redirects_browser_to_slack_with_scopes_and_binds_it() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let answer = browser.start(&site, &link_token);
    assert_eq!((answer.status, answer.body.as_str()), (303, ""));
    let (page, query) = answer.location().split_once('?').unwrap();
    assert_eq!(page, "https://slack.com/oauth/v2/authorize");
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["client_id", "user_scope", "scope", "redirect_uri", "state"]);
    let values: Vec<&str> = query[..4].iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, [&site.app(0).client_id, "auditlogs:read,admin", "team:read", REDIRECT_URL]);
    let state = &query[4].1;
    assert!(
        state.starts_with(&format!("{}.", link_token.id)) && state.len() == 97 && *state != link_token.reveal(),
        "{state}"
    );

    let [cookie] = &answer.cookies[..] else { panic!("one cookie: {:?}", answer.cookies) };
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!((name, value.len()), (format!("__Host-slacktrail-{}", link_token.id).as_str(), 64));
    assert_eq!((site.line().level, site.line().field("source")), (Level::INFO, "acme"));
}

#[test]
fn organization_app_connects_all_three_logs() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let answer = browser.connect(&site, &link_token, &Consent::organization());
    assert_eq!((answer.status, answer.heading()), (200, "<bdi>Acme</bdi> is connected"));
    for text in [
        "read each of these logs of <bdi>Organization E1</bdi>.",
        "<dt>Organization</dt><dd><code>E1</code></dd>",
        "<code>W0OWNER</code>",
        "<code>auditlogs:read</code> <code>admin</code>",
        "<dt>Audit logs</dt><dd>readable, newest record <time datetime=\"2026-11-22T14:00:00Z\">22 November 2026, 14:00 UTC</time></dd>",
        "<dt>Access logs</dt><dd>readable, no record yet</dd>",
        "<dt>Integration logs</dt><dd>readable, no record yet</dd>",
        "You have nothing else to do.",
        "within about a minute",
        "close this window",
        "<code>slacktrail status</code>",
        &format!("<code>{}</code>", link_token.id.reference()),
    ] {
        assert!(answer.body.contains(text), "{text}: {}", answer.body);
    }
    for technical in ["<code>", "E1<", "W0OWNER", "auditlogs", "slacktrail status"] {
        let text = answer.for_user();
        let text = text.replace("Organization E1<", "");
        assert!(!text.contains(technical), "{technical}: {text}");
    }

    let stored = site.source("acme").unwrap();
    let tenant = Tenant { id: "E1".to_owned(), name: "Organization E1".to_owned() };
    assert_eq!(stored.tenant, Some(tenant));
    assert!(stored.organization && stored.connected_at == site.now() && stored.logs == LogType::ALL);
    let credentials = site.credentials("acme");
    assert_eq!(credentials.app.unwrap().client_id, site.app(0).client_id);
    let grant = credentials.grant.unwrap();
    assert!(grant.token.reveal().starts_with("xoxp-") && grant.token_refresh.is_none());
    assert!(site.is_valid(&grant.token), "the token is valid at Slack");
    let AuthorizationState::Connected(report) = site.authorization(&link_token.id).state else {
        panic!("the command did not receive the report")
    };
    assert_eq!((report.user.as_str(), report.rotates, report.logs.len()), ("W0OWNER", false, 3));
    let line = site.line();
    assert_eq!((line.level, line.field("outcome"), line.field("status")), (Level::INFO, "connected", "200"));
    assert_eq!((line.field("path"), line.field("source")), ("/oauth/callback", "acme"));
    assert_eq!(line.field("authorization"), link_token.id.to_string());
    assert_eq!(line.field("reference"), link_token.id.reference());
    assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
}

#[test]
fn workspace_app_connects_its_two_logs() {
    let site = Site::new();
    let (browser, link_token) = (Browser::new(), site.issue_link(&workspace_source("team", site.now()), 1));
    let started = browser.start(&site, &link_token);
    assert!(started.location().contains("user_scope=admin&scope=&"), "{}", started.location());
    let query = crate::browser::consented(&site, started.location(), &Consent::workspace("T1").by(crate::site::ADMIN));
    let answer = browser.callback(&site, &query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("these logs of <bdi>Workspace T1</bdi>."), "{}", answer.body);
    assert!(answer.body.contains("<dt>Workspace</dt><dd><code>T1</code></dd>"), "{}", answer.body);
    assert!(!answer.body.to_lowercase().contains("audit"), "{}", answer.body);
    let stored = site.source("team").unwrap();
    assert_eq!((stored.tenant.unwrap().id.as_str(), stored.organization), ("T1", false));
    assert_eq!(stored.logs, [LogType::Access, LogType::Integration]);
}

#[test]
fn app_with_rotation_stores_refresh_token() {
    let site = Site::with(vec![App::organization(REDIRECT_URL).rotating()]);
    let (browser, link_token) = site.visitor();
    let answer = browser.connect(&site, &link_token, &Consent::organization());
    assert!(answer.body.contains("expires and is refreshed automatically"), "{}", answer.body);
    let grant = site.credentials("acme").grant.unwrap();
    assert!(grant.token.reveal().starts_with("xoxe.xoxp-"));
    let token_refresh = grant.token_refresh.unwrap();
    assert!(token_refresh.refresh_token.reveal().starts_with("xoxe-1-"));
    assert_eq!(token_refresh.expires_at, site.now().plus(43_200));
}

#[test]
fn reconnected_source_keeps_cursors_app_and_pause() {
    let site = Site::with(vec![App::organization(REDIRECT_URL).rotating()]);
    let browser = Browser::new();
    browser.connect(&site, &site.link(), &Consent::organization());
    let before = site.credentials("acme");
    let paused = Source { paused: true, ..site.source("acme").unwrap() };
    let stream = StreamId { source: paused.id.clone(), log: LogType::Audit };
    let cursor = StoredCursor { version: 7, text: Cursor::first(&paused, LogType::Audit, site.now()).encode() };
    site.world.with(|state| {
        state.sources.insert(paused.id.clone(), paused.clone());
        state.cursors.insert(stream.clone(), cursor.clone());
    });

    site.world.pass(3600);
    let link_token = site.issue_link(&paused, 0);
    let started = browser.start(&site, &link_token);
    assert!(started.location().ends_with("&team=E1"), "Slack preselects the same organization: {}", started.location());
    let query = crate::browser::consented(&site, started.location(), &Consent::organization());
    let answer = browser.callback(&site, &query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("<code>slacktrail resume acme</code>"), "{}", answer.body);
    let after = site.credentials("acme");
    assert_eq!(after.app, before.app);
    assert_ne!(after.grant, before.grant, "the new token is stored");
    let stored = site.source("acme").unwrap();
    assert_eq!(stored, Source { connected_at: site.now(), ..paused });
    site.world.with(|state| {
        let kept = &state.cursors[&stream];
        assert_eq!((kept.version, &kept.text), (cursor.version, &cursor.text));
    });
}

#[test]
fn source_paused_while_connecting_stays_paused() {
    let site = Site::new();
    let browser = Browser::new();
    browser.connect(&site, &site.link(), &Consent::organization());
    let running = site.source("acme").unwrap();
    let query = browser.consent(&site, &site.issue_link(&running, 0), &Consent::organization());
    let paused = Source { paused: true, ..running };
    site.world.with(|state| state.sources.insert(paused.id.clone(), paused.clone()));
    assert_eq!(browser.callback(&site, &query).status, 200);
    assert!(site.source("acme").unwrap().paused);
}

#[test]
fn new_app_takes_over_with_its_own_grant() {
    let second = App { client_id: "3000000000.3000000003".to_owned(), ..App::organization(REDIRECT_URL) };
    let site = Site::with(vec![App::organization(REDIRECT_URL), second]);
    let browser = Browser::new();
    browser.connect(&site, &site.link(), &Consent::organization());
    let link_token = site.issue_link(&site.source("acme").unwrap(), 1);
    assert_eq!(
        site.credentials("acme").app.unwrap().client_id,
        site.app(0).client_id,
        "the new app is not active before its grant"
    );
    assert_eq!(browser.connect(&site, &link_token, &Consent::organization()).status, 200);
    let credentials = site.credentials("acme");
    assert_eq!((credentials.app.unwrap().client_id, credentials.pending_app), (site.app(1).client_id, None));
}

#[test]
fn log_that_is_temporarily_unreadable_is_noted_and_blocks_nothing() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.slack(|slack| {
        slack.fault(Fault::next(CallMatcher::path("logs"), FaultKind::Html(502)));
        slack.fault(Fault::next(CallMatcher::path("auth.teams.list"), FaultKind::Hangup));
    });
    let answer = browser.callback(&site, &query);
    assert_eq!(answer.status, 200);
    let notes = answer.body.matches("not verified yet").count();
    assert_eq!(notes, 2, "{}", answer.body);
    assert_eq!(answer.for_user().matches("not checked yet. slacktrail keeps trying.").count(), 2, "{}", answer.body);
    assert!(site.source("acme").is_some());
}

/// Connects an organization whose access logs require a workspace ID, after `change`. Returns the status and the page.
fn connected_per_workspace(change: impl Fn(&Site)) -> (u64, String) {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.settings(|settings| settings.access_team = AccessTeam::Required);
    change(&site);
    let answer = browser.callback(&site, &query);
    (answer.status, answer.body)
}

fn workspaces_listed(site: &Site, teams: &str) {
    let body = format!(r#"{{"ok":true,"teams":{teams},"response_metadata":{{"next_cursor":""}}}}"#);
    site.slack(|slack| {
        slack.fault(Fault::every(CallMatcher::path("auth.teams.list"), FaultKind::Status(200, body.clone())));
    });
}

#[test]
fn access_logs_that_need_team_id_are_probed_in_one_workspace() {
    let (status, body) = connected_per_workspace(|_| ());
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<dt>Access logs</dt><dd>readable, no record yet</dd>"), "{body}");
}

#[test]
fn workspace_that_rejects_access_logs_is_noted_and_blocks_nothing() {
    let (status, body) = connected_per_workspace(|site| {
        let of_one = CallMatcher::path("team.accessLogs").team("T1");
        site.slack(|slack| slack.fault(Fault::every(of_one, FaultKind::not_ok("invalid_auth"))));
    });
    assert_eq!((status, body.matches("not verified yet").count()), (200, 1), "{body}");
}

#[test]
fn organization_without_workspaces_is_connected_with_note() {
    for teams in ["[]", r#"[{"name":"x"},null]"#] {
        let (status, body) = connected_per_workspace(|site| workspaces_listed(site, teams));
        let (for_user, for_sender) = body.split_once("<section").unwrap();
        for part in [for_user, for_sender] {
            assert_eq!((status, part.matches("on no workspace").count()), (200, 2), "{teams}: {body}");
        }
        assert!(!for_user.contains("nothing else to do"), "the user adds the app to workspaces: {body}");
        assert!(body.contains("whose access logs you want"), "{teams}: {body}");
    }
}

#[test]
fn malformed_listed_workspace_is_skipped_by_probe() {
    let (status, body) = connected_per_workspace(|site| {
        workspaces_listed(site, r#"[null,{"name":"x"},{"id":7},{"id":""},{"id":"T2","name":[]}]"#);
    });
    assert_eq!((status, body.matches("readable, no record yet").count()), (200, 2), "{body}");
}

#[test]
fn clock_ahead_of_slack_does_not_prevent_connecting() {
    for seconds in [60, 600] {
        let site = Site::new();
        site.settings(|settings| settings.audit_range_strict = true);
        site.clock_ahead.set(seconds);
        let link_token = site.link();
        let answer = Browser::new().connect(&site, &link_token, &Consent::organization());
        assert_eq!(answer.status, 200, "{seconds}: {}", answer.body);
        assert!(answer.body.contains("<dt>Audit logs</dt><dd>readable, newest record"), "{seconds}: {}", answer.body);
    }
}

#[test]
fn connecting_repairs_corrupt_source() {
    let site = Site::new();
    let browser = Browser::new();
    browser.connect(&site, &site.link(), &Consent::organization());
    let query = browser.consent(&site, &site.link(), &Consent::organization());
    site.world.with(|state| state.garbled_sources.insert("acme".parse().unwrap(), "{".to_owned()));
    assert_eq!(browser.callback(&site, &query).status, 200);
    assert!(site.world.with(|state| state.garbled_sources.is_empty()), "the source is replaced");
    assert_eq!(site.source("acme").unwrap().tenant.unwrap().id, "E1");
}

#[test]
fn authorization_canceled_during_verification_stores_nothing() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let query = browser.consent(&site, &link_token, &Consent::organization());
    let before = site.stored();
    // Cancels the authorization as soon as the callback has exchanged the code, as Ctrl-C in `slacktrail connect` does.
    let id = link_token.id.clone();
    let canceled = async {
        while !site.world.with(|state| state.slack.calls().of("oauth.v2.access") > 0) {
            slacktrail_simulation::yield_once().await;
        }
        site.set_state(&id, AuthorizationState::Canceled);
    };
    let (answer, ()) =
        crate::site::run(futures_util::future::join(browser.get_async(&site, "/oauth/callback", &query), canceled))
            .unwrap();
    answer.assert_rejected(&site, 410, "expired");
    assert!(answer.body.contains("canceled this authorization"), "{}", answer.body);
    assert_eq!(site.stored(), before);
    assert_eq!(site.authorization(&link_token.id).state, AuthorizationState::Canceled);
}
