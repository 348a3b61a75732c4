//! Tests of attacks on the `state` parameter: replayed, stolen, swapped, expired and concurrent. A rejected callback exchanges and stores nothing.

use futures_util::future::join;
use slacktrail_connect::LINK_TTL_SECONDS;
use slacktrail_simulator::oauth::Consent;

use crate::browser::{Answer, Browser, query_of};
use crate::rejections::{self, consented};
use crate::site::{Site, run};

/// Opens the callback with `query`. Asserts that it is rejected, changes nothing and does not call Slack.
fn rejected_state(site: &Site, browser: &Browser, query: &str, status: u64, kind: &str) -> Answer {
    let (authorizations, exchanges) = (site.world.with(|state| state.authorizations.clone()), exchanges(site));
    let answer = rejections::rejected(site, browser, query, status, kind);
    assert_eq!(site.world.with(|state| state.authorizations.clone()), authorizations, "no authorization is changed");
    assert_eq!(self::exchanges(site), exchanges, "Slack is not called");
    answer
}

fn exchanges(site: &Site) -> u32 {
    site.slack(|slack| slack.calls().of("oauth.v2.access"))
}

#[test]
fn state_is_single_use() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let with_cookie = browser.clone();
    assert_eq!(browser.callback(&site, &query).status, 200);
    for again in [&browser, &with_cookie] {
        let answer = rejected_state(&site, again, &query, 410, "used");
        assert!(!answer.body.contains("Acme") && !answer.body.contains("E1"), "{}", answer.body);
        assert!(answer.for_user().contains("Slack was connected."), "{}", answer.body);
    }
}

#[test]
fn state_in_other_browser_is_rejected_and_stays_valid_in_its_own() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    rejected_state(&site, &Browser::new(), &query, 403, "wrong_browser");
    let other = browser.clone();
    for value in other.cookies.borrow_mut().values_mut() {
        *value = "3c".repeat(32);
    }
    rejected_state(&site, &other, &query, 403, "wrong_browser");
    assert!(!other.cookies.borrow().is_empty(), "a rejected browser keeps its cookie");
    assert_eq!(browser.callback(&site, &query).status, 200);
}

#[test]
fn cookie_of_one_authorization_is_invalid_for_other() {
    let site = Site::new();
    let (mine, theirs) = (consented(&site), consented(&site));
    rejected_state(&site, &mine.0, &theirs.1, 403, "wrong_browser");
    // The ID of one with the secret of the other, in both directions.
    let swapped = |name: &str, secret: &str| {
        let (code, state) = name.split_once("&state=").unwrap();
        format!("{code}&state={}.{}", state.split_once('.').unwrap().0, secret.rsplit_once('.').unwrap().1)
    };
    rejected_state(&site, &mine.0, &swapped(&mine.1, &theirs.1), 404, "unknown");
    rejected_state(&site, &mine.0, &swapped(&theirs.1, &mine.1), 404, "unknown");
    assert_eq!(mine.0.callback(&site, &mine.1).status, 200);
}

#[test]
fn state_expires_after_exactly_ten_minutes() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    site.world.pass(LINK_TTL_SECONDS);
    rejected_state(&site, &browser, &query, 410, "expired");
    assert!(browser.cookies.borrow().is_empty(), "the cookie is deleted");
}

#[test]
fn state_expires_ten_minutes_after_link_was_used() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    site.world.pass(LINK_TTL_SECONDS - 1);
    let started = browser.start(&site, &link_token);
    site.world.pass(LINK_TTL_SECONDS - 1);
    let query = crate::browser::consented(&site, started.location(), &Consent::organization());
    assert_eq!(browser.callback(&site, &query).status, 200);
}

#[test]
fn exactly_one_of_two_concurrent_callbacks_connects() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let other_window = browser.clone();
    let both = join(
        browser.get_async(&site, "/oauth/callback", &query),
        other_window.get_async(&site, "/oauth/callback", &query),
    );
    let (one, other) = run(both).unwrap();
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(exchanges(&site), 1, "the code is exchanged once");
}

#[test]
fn altered_state_is_unknown() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let (code, state) = query.split_once("&state=").unwrap();
    for (at, kind) in (0..state.len()).step_by(7).chain([32, 96]).map(|at| (at, if at < 32 { "ID" } else { "secret" }))
    {
        let mut letters: Vec<char> = state.chars().collect();
        letters[at] = if letters[at] == '0' { '1' } else { '0' };
        let changed: String = letters.into_iter().collect();
        let answer = rejected_state(&site, &browser, &format!("{code}&state={changed}"), 404, "unknown");
        assert_eq!(answer.heading(), "Unknown link", "{kind} {at}");
    }
    for state in [&state[..96], &format!("{state}0"), &state.to_uppercase(), &state.replace('.', "%2e0"), "x", "."] {
        rejected_state(&site, &browser, &format!("{code}&state={state}"), 404, "unknown");
    }
}

#[test]
fn callback_without_state_is_rejected_even_with_valid_code() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let now = site.world.now();
    let back = site.slack(|slack| {
        slack.install_from_slack(now, &slack.settings().apps[0].client_id.clone(), &Consent::organization())
    });
    let from_slack = query_of(&back.unwrap());
    assert!(!from_slack.contains("state"));
    for query in [from_slack.as_str(), &format!("{from_slack}&state="), "error=access_denied", ""] {
        let answer = rejected_state(&site, &browser, query, 400, "missing_state");
        assert!(answer.body.contains("start with the link"), "{}", answer.body);
    }
    assert_eq!(browser.callback(&site, &query).status, 200);
}

#[test]
fn callback_without_code_and_error_is_malformed_and_uses_no_state() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    let (_, state) = query.split_once('&').unwrap();
    for missing in [state.to_owned(), format!("code=&{state}"), format!("error=&{state}")] {
        rejected_state(&site, &browser, &missing, 400, "malformed");
    }
    assert_eq!(browser.callback(&site, &query).status, 200);
}

#[test]
fn repeated_or_overlong_parameter_is_malformed() {
    let site = Site::new();
    let (browser, query) = consented(&site);
    for extra in [
        "state=x",
        "code=x",
        "c%6Fde=x",
        &query,
        "error=x&error=y",
        &format!("grant={}", "x".repeat(513)),
        &format!("padding={}", "x".repeat(8192)),
    ] {
        rejected_state(&site, &browser, &format!("{query}&{extra}"), 400, "malformed");
    }
    for (name, length) in [("state", 8192), ("code", 8192), ("error", 8192), ("state", 513)] {
        rejected_state(&site, &browser, &format!("{name}={}", "x".repeat(length)), 400, "malformed");
    }
    assert_eq!(browser.callback(&site, &format!("{query}&utm_source=a&utm_source=b")).status, 200);
}
