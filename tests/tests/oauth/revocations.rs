//! Tests of the tokens of rejected installations: they are revoked, unless they may be in use.

use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::tenant::Plan;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};
use tracing::Level;

use crate::browser::Browser;
use crate::rejections::{consented, rejected};
use crate::site::{REDIRECT_URL, Site};

#[test]
fn rejected_installation_leaves_no_valid_token() {
    let optional = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL) };
    for (app, consent, kind) in [
        (App::organization(REDIRECT_URL), Consent::workspace("T2"), "not_organization"),
        (optional, Consent::organization().without("admin"), "missing_scope"),
    ] {
        for (app, end) in [(app.clone(), "revoked"), (app.rotating(), "refresh_token_may_be_valid")] {
            let site = Site::with(vec![app]);
            let (browser, link_token) = site.visitor();
            let query = browser.consent(&site, &link_token, &consent);
            rejected(&site, &browser, &query, 409, kind);
            assert_eq!((site.valid_tokens().len(), site.line().field("token")), (0, end), "{kind}");
        }
    }
    // A later rejection, because a log is not readable, also leaves no valid token.
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.settings(|settings| settings.plan = Plan::Paid);
    rejected(&site, &browser, &query, 409, "not_on_plan");
    assert_eq!((site.valid_tokens().len(), site.line().field("token")), (0, "revoked"));
}

#[test]
fn rejected_installation_of_rotating_app_mentions_refresh_token() {
    const REFRESH_TOKEN: &str = "refresh token may still be valid";
    for (app, rotates) in [(App::organization(REDIRECT_URL), false), (App::organization(REDIRECT_URL).rotating(), true)]
    {
        let site = Site::with(vec![app]);
        let (browser, link_token) = site.visitor();
        let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
        let answer = rejected(&site, &browser, &query, 409, "not_organization");
        let connect_error = site.reported_error(&link_token.id);
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
    assert_eq!(browser.connect(&site, &site.link(), &all).status, 200);
    let token = site.credentials("acme").grant.unwrap().token;
    let connected = site.source("acme").unwrap();
    let query = browser.consent(&site, &site.issue_link(&connected, 0), &all);
    site.settings(|settings| settings.plan = Plan::Paid);
    rejected(&site, &browser, &query, 409, "not_on_plan");
    assert_eq!(site.line().field("token"), "may_be_in_use");
    assert!(site.is_valid(&token), "the token stays valid, because Slack returned the stored one again");
}

#[test]
fn failed_token_revocation_is_reported() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
    for _ in 0..2 {
        site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("auth.revoke"), FaultKind::Html(503))));
    }
    let answer = rejected(&site, &browser, &query, 409, "not_organization");
    assert!(answer.body.contains("its token may still be valid"), "{}", answer.body);
    let connect_error = site.reported_error(&link_token.id);
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
        let (browser, link_token) = site.visitor();
        let query = browser.consent(&site, &link_token, &Consent::workspace("T2"));
        site.slack(|slack| slack.fault(Fault::every(CallMatcher::path("auth.revoke"), kind.clone())));
        rejected(&site, &browser, &query, 409, "not_organization");
        assert_eq!(site.line().field("token"), end, "{kind:?}");
    }
}
