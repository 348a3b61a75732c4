//! Tests of the sample events in `events/`, which also work with `sam local invoke`.

use serde_json::Value;
use slacktrail_connect::{
    Authorization, AuthorizationId, AuthorizationState, AuthorizationStore, OneTimeToken, SecretHash, Visit,
};
use slacktrail_simulator::oauth::Consent;

use crate::browser::{Answer, Browser};
use crate::site::{REDIRECT_URL, Site, run, source};

const NAME: [u8; 16] = [0x8f, 0x14, 0xe4, 0x5f, 0xce, 0xea, 0x16, 0x7a, 0x5a, 0x36, 0xde, 0xdd, 0x4b, 0xea, 0x25, 0x43];

/// Returns a site with a link whose authorization has the ID of the sample events.
fn site() -> Site {
    let site = Site::new();
    site.link(); // stores the app's credentials
    let client_id = site.app(0).client_id;
    let (granted, _) = Authorization::new(NAME, [0x5e; 32], source("acme", site.now()), &client_id, site.now());
    run(async { site.ports().replace_authorization(None, &granted).await.unwrap() });
    site
}

/// Marks the authorization as started, with the state and the browser secret of the sample callbacks.
fn start(site: &Site) {
    let id = AuthorizationId::of(NAME);
    let state = OneTimeToken::new(id.clone(), [0x7a; 32]).hash();
    let visit = Visit { state, browser: SecretHash::of(&"3c".repeat(32)), redirect_url: REDIRECT_URL.to_owned() };
    site.change(&id, |authorization| Authorization {
        visit: Some(visit.clone()),
        ..authorization.with_state(AuthorizationState::Started)
    });
}

fn started() -> Site {
    let site = site();
    start(&site);
    site
}

fn ask(site: &Site, event: &str) -> Answer {
    run(site.request(serde_json::from_str::<Value>(event).unwrap())).unwrap()
}

#[test]
fn sample_of_link_shows_page() {
    let site = site();
    let offered = ask(&site, include_str!("../../../events/oauth-start.json"));
    assert_eq!((offered.status, site.line().field("outcome")), (200, "offered"), "{}", offered.body);
}

#[test]
fn sample_of_button_redirects_to_slack() {
    let site = site();
    let answer = ask(&site, include_str!("../../../events/oauth-start-button.json"));
    assert_eq!(answer.status, 303, "{}", answer.body);
    crate::browser::consented(&site, answer.location(), &Consent::organization());
}

#[test]
fn sample_of_callback_connects_with_valid_code() {
    let site = site();
    let link = ask(&site, include_str!("../../../events/oauth-start-button.json"));
    let query = crate::browser::consented(&site, link.location(), &Consent::organization());
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap();

    let sample = include_str!("../../../events/oauth-callback.json");
    let event: Value = serde_json::from_str(sample).unwrap();
    let samples_code = event["queryStringParameters"]["code"].as_str().unwrap();
    start(&site); // with the sample's state and browser
    let answer = ask(&site, &sample.replace(samples_code, code));
    assert_eq!((answer.status, answer.heading()), (200, "<bdi>Acme</bdi> is connected"), "{}", answer.body);
}

#[test]
fn sample_of_denied_callback_is_denied() {
    let site = started();
    ask(&site, include_str!("../../../events/oauth-callback-denied.json")).assert_rejected(&site, 403, "denied");
}

#[test]
fn sample_of_bad_state_is_unknown() {
    let site = started();
    ask(&site, include_str!("../../../events/oauth-callback-bad-state.json")).assert_rejected(&site, 404, "unknown");
    assert!(matches!(site.authorization(&AuthorizationId::of(NAME)).state, AuthorizationState::Started));
}

#[test]
fn every_response_has_privacy_headers() {
    let site = site();
    let answers = [
        ask(&site, include_str!("../../../events/oauth-start.json")),
        ask(&site, include_str!("../../../events/oauth-start-button.json")),
        ask(&site, include_str!("../../../events/oauth-callback-bad-state.json")),
        Browser::new().get(&site, "/", ""),
        run(site.request(slacktrail_tests::http_api::event("HEAD", "/oauth/start", "", &[], &[]))).unwrap(),
        Browser::new().connect(&site, &site.issue_link(&source("other", site.now()), 0), &Consent::organization()),
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 303, 404, 404, 405, 200]);
    for (number, answer) in answers.into_iter().enumerate() {
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], value);
        }
        let policy = &answer.headers["content-security-policy"];
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let forms = if number == 0 { "'self' https://slack.com https://*.slack.com" } else { "'none'" };
        let end = format!("'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'");
        assert!(policy.ends_with(&end), "{policy}");
    }
}
