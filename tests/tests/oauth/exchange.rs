//! Tests of responses to the exchange of a code: those that fail, break off or are malformed, and the tokens that they may contain.

use slacktrail_simulator::oauth::Consent;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};
use tracing::Level;

use crate::browser::Browser;
use crate::rejections::{consented, rejected};
use crate::site::Site;

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

/// The text of the page and the hint if Slack may have issued a token that slacktrail did not receive.
const MAY_EXIST: &str = "Slack may have issued a token that slacktrail did not receive";

#[test]
fn lost_exchange_response_is_reported_as_possible_token() {
    let garbage = || FaultKind::Status(200, "<html>sign in</html>".to_owned());
    for (kind, token) in [
        (FaultKind::Hangup, "may_exist"),
        (FaultKind::HangupAfter, "may_exist"),
        (FaultKind::Truncated, "may_exist"),
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
        assert!(
            site.line().level == Level::WARN && !site.line().field("hint").is_empty(),
            "{kind:?}: {:?}",
            site.line()
        );
        let connect_error = site.reported_error(&authorization_id(&query));
        let may_exist = token == "may_exist";
        assert_eq!(
            (answer.body.contains(MAY_EXIST), connect_error.hint.contains(MAY_EXIST)),
            (may_exist, may_exist),
            "{kind:?}"
        );
        assert_eq!(site.line().field("message").contains("may have issued a token"), may_exist, "{:?}", site.line());
        assert!(may_exist || site.valid_tokens().is_empty(), "{kind:?}");
        rejected(&site, &browser, &query, 410, "used");
    }
}

/// Returns a token that Slack has issued for a workspace.
fn issued_token(site: &Site) -> String {
    let (now, app) = (site.world.now(), site.app(1));
    let granted = site.slack(|slack| slack.install(now, &app, "admin", &Consent::workspace("T1")));
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
        assert_eq!(site.valid_tokens().len(), 1);
        let broken = FaultKind::Status(200, body.replace("TOKEN", &issued));
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), broken)));
        let answer = browser.callback(&site, &query);
        assert_eq!((answer.status, site.line().field("token"), site.valid_tokens().len()), (502, token, 0), "{body}");
        assert_eq!(answer.body.contains(MAY_EXIST), token == "may_exist", "{body}");
        assert!(!format!("{} {:?}", answer.body, site.line()).contains("xoxp-"), "{body}");
    }
}

#[test]
fn broken_exchange_of_connected_source_revokes_only_foreign_token() {
    for (tenant, token, kept) in [("E1", "may_be_in_use", 1), ("E2", "revoked", 0)] {
        let site = Site::new();
        let browser = Browser::new();
        let all = Consent::organization();
        assert_eq!(browser.connect(&site, &site.link(), &all).status, 200);
        let query = browser.consent(&site, &site.issue_link(&site.source("acme").unwrap(), 0), &all);
        let issued = issued_token(&site);
        let before = site.valid_tokens().len();
        let body = r#"{"ok":true,"enterprise":{"id":"TENANT"},"is_enterprise_install":true,
            "authed_user":{"id":"U1","access_token":"TOKEN","refresh_token":["x"]}}"#;
        let broken = FaultKind::Status(200, body.replace("TENANT", tenant).replace("TOKEN", &issued));
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), broken)));
        rejected(&site, &browser, &query, 502, "slack_unreachable");
        assert_eq!((site.line().field("token"), before - site.valid_tokens().len()), (token, 1 - kept), "{tenant}");
    }
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
    let answer = rejected(&site, &browser, &query, 502, "slack_rejected");
    assert!(answer.body.contains("log cannot be read"), "{}", answer.body);
}

fn authorization_id(query: &str) -> slacktrail_connect::AuthorizationId {
    let (_, state) = query.split_once("state=").unwrap();
    state.split('.').next().unwrap().to_owned().try_into().unwrap()
}
