//! Tests of installations that belong to another tenant, source or browser, or that finish after a faster one.

use slacktrail_connect::{Authorization, ConnectedTenant};
use slacktrail_core::source::{Source, Tenant};
use slacktrail_ports::credentials::{App as StoredApp, Credentials};
use slacktrail_ports::secret::ClientSecret;
use slacktrail_simulator::oauth::Consent;

use crate::browser::Browser;
use crate::rejections::{consented, rejected};
use crate::site::{Site, source, workspace_source};

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
