//! Injects every fault at every operation of a link and of a callback. The stored state stays consistent, pages and log lines are correct, and a
//! retry works.

use std::collections::BTreeSet;

use slacktrail_connect::{AuthorizationState, BEGIN_MAX, NOTIFY_MAX, OneTimeToken, WORK_MAX};
use slacktrail_simulation::{Fault, FaultKind};
use slacktrail_simulator::oauth::{App, Consent};
use tracing::Level;

use crate::browser::{Answer, Browser, grant};
use crate::site::{REDIRECT_URL, Site, run};

/// An upper limit for the number of operations of a callback.
const OPERATIONS_MAX: u32 = 60;

/// Returns a fault of this kind at this operation of the next request.
fn fault(operation: u32, kind: FaultKind) -> Fault {
    Fault { process: 0, operation, kind }
}

fn rotating() -> Site {
    Site::with(vec![App::organization(REDIRECT_URL).rotating()])
}

/// Opens the callback with an injected fault. Returns `None` if the callback has fewer operations, and `Some(None)` if its process was killed.
fn callback_with_fault(site: &Site, browser: &Browser, query: &str, fault: Fault) -> Option<Option<Answer>> {
    site.inject_fault(fault);
    let answer = run(browser.get_async(site, "/oauth/callback", query));
    let struck = site.world.with(|state| std::mem::take(&mut state.struck));
    site.world.with(|state| state.faults.clear());
    struck.then_some(answer)
}

/// Asserts that a source is stored only with a token, and that the page and the command report success only if both are stored.
fn assert_consistent(site: &Site, link_token: &OneTimeToken, answer: Option<&Answer>, what: &str) {
    let granted = site.credentials("acme").grant.is_some();
    let saved = site.source("acme").is_some_and(|source| !source.disconnected);
    assert!(granted || !saved, "{what}: a source without a token");
    if let Some(answer) = answer {
        let connected = answer.status == 200;
        assert!(!connected || saved, "{what}: the page reports a source that is not stored");
        assert!([200, 404, 409, 410, 502, 503].contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
        assert_eq!(answer.status == 503, site.line().level == Level::ERROR, "{what}: {:?}", site.line());
    }
    if let AuthorizationState::Connected(_) = site.authorization(&link_token.id).state {
        assert!(saved, "{what}: the command reports a source that is not stored");
    }
}

#[test]
fn no_callback_fault_leaves_partial_state_and_retry_connects() {
    for kind in FaultKind::ALL {
        let mut operations = 0;
        for operation in 0..OPERATIONS_MAX {
            let site = rotating();
            let (browser, link_token) = site.visitor();
            let query = browser.consent(&site, &link_token, &Consent::organization());
            let what = format!("{kind:?} at operation {operation}");
            let Some(answer) = callback_with_fault(&site, &browser, &query, fault(operation, kind)) else { break };
            operations += 1;
            assert_consistent(&site, &link_token, answer.as_ref(), &what);
            let is_token_unknown = site.credentials("acme").grant.is_none() && !site.valid_tokens().is_empty();
            if is_token_unknown && answer.is_some() {
                assert!(
                    ["may_exist", "may_be_valid"].contains(&site.line().field("token")),
                    "{what}: {:?}",
                    site.line()
                );
            }

            // Repeating the callback must not exchange the code again, whatever its outcome.
            let again = browser.callback(&site, &query);
            assert_consistent(&site, &link_token, Some(&again), &what);
            let exchanges = site.slack(|slack| slack.calls().of("oauth.v2.access"));
            assert!(exchanges <= if kind == FaultKind::Twice { 2 } else { 1 }, "{what}: {exchanges} exchanges");

            let retry = browser.connect(&site, &site.link(), &Consent::organization());
            assert_eq!(retry.status, 200, "{what}: {}", retry.body);
            let grant = site.credentials("acme").grant.unwrap();
            assert!(site.is_valid(&grant.token), "{what}: the token is invalid");
        }
        assert!(operations > 8, "{kind:?}: {operations} operations");
    }
}

#[test]
fn no_link_fault_allows_second_use() {
    for kind in FaultKind::ALL {
        for operation in 0.. {
            let site = Site::new();
            let (browser, link_token) = site.visitor();
            site.inject_fault(fault(operation, kind));
            let first = run(browser.press_async(&site, &grant(&link_token)));
            if !site.world.with(|state| std::mem::take(&mut state.struck)) {
                assert_eq!(operation, 2, "using a link takes two operations, a read and a write");
                break;
            }
            site.world.with(|state| state.faults.clear());
            let second = Browser::new().start(&site, &link_token);
            let started = [first.as_ref(), Some(&second)].into_iter().flatten().filter(|answer| answer.status == 303);
            assert!(started.count() <= 1, "{kind:?} at operation {operation}");
        }
    }
}

/// Returns the number of the operation whose trace line contains `what`, in a successful callback.
fn operation_of(what: &str) -> u32 {
    let site = rotating();
    let browser = Browser::new();
    let query = browser.consent(&site, &site.link(), &Consent::organization());
    let before = site.world.with(|state| state.trace.len());
    assert_eq!(browser.callback(&site, &query).status, 200);
    let at = site.world.with(|state| state.trace[before..].iter().position(|line| line.contains(what)));
    u32::try_from(at.expect("the callback performs the operation")).unwrap()
}

#[test]
fn failed_write_after_exchange_is_reported_and_leaves_no_valid_token() {
    for what in ["replace source", "replace credentials"] {
        let operation = operation_of(what);
        let site = rotating();
        let (browser, link_token) = site.visitor();
        let query = browser.consent(&site, &link_token, &Consent::organization());
        let answer = callback_with_fault(&site, &browser, &query, fault(operation, FaultKind::Rejected));
        let answer = answer.unwrap().unwrap();
        answer.assert_rejected(&site, 503, "internal");
        assert!(site.credentials("acme").grant.is_none(), "{what}: no token is stored");
        assert!(site.source("acme").is_none_or(|source| source.disconnected), "{what}: the source is not collected");
        assert_eq!((site.valid_tokens(), site.line().field("token")), (vec![], "refresh_token_may_be_valid"), "{what}");
        assert_eq!((site.line().level, site.line().field("code")), (Level::ERROR, "aws_unavailable"), "{what}");
        let connect_error = site.reported_error(&link_token.id);
        assert_eq!(connect_error.kind.name(), "internal");
    }
}

#[test]
fn failed_reconnect_keeps_active_token() {
    for what in ["replace source", "replace credentials"] {
        for kind in [FaultKind::Rejected, FaultKind::ResponseLost] {
            let site = Site::new();
            let browser = Browser::new();
            browser.connect(&site, &site.link(), &Consent::organization());
            let connected = site.source("acme").unwrap();
            let query = browser.consent(&site, &site.issue_link(&connected, 0), &Consent::organization());
            let before = site.world.with(|state| state.trace.len());
            let fork = site.world.fork();
            assert_eq!(browser.clone().callback(&site, &query).status, 200);
            let trace = site.world.with(|state| state.trace[before..].to_vec());
            let operation = u32::try_from(trace.iter().position(|line| line.contains(what)).unwrap()).unwrap();
            let site = site.on(fork);
            let answer = callback_with_fault(&site, &browser, &query, fault(operation, kind)).unwrap().unwrap();
            answer.assert_rejected(&site, 503, "internal");
            assert_eq!(site.line().field("token"), "may_be_in_use", "{what}");
            let grant = site.credentials("acme").grant.unwrap();
            assert!(site.is_valid(&grant.token), "{what}: the stored token is valid");
        }
    }
}

#[test]
fn timed_out_function_informs_user_and_command() {
    let mut token_outcomes = BTreeSet::new();
    for polls in 0.. {
        let site = rotating();
        let (browser, link_token) = site.visitor();
        let query = browser.consent(&site, &link_token, &Consent::organization());
        site.timer.expire_next(WORK_MAX, polls);
        let answer = browser.callback(&site, &query);
        if answer.status == 200 {
            break;
        }
        answer.assert_rejected(&site, 504, "deadline_reached");
        assert_eq!((site.line().level, site.line().field("code")), (Level::WARN, "deadline_reached"));
        assert!(answer.body.contains("<code>slacktrail sources</code>"), "{}", answer.body);
        let connect_error = site.reported_error(&link_token.id);
        assert_eq!(connect_error.kind.name(), "deadline_reached");
        let is_active = site.source("acme").is_some_and(|source| !source.disconnected);
        assert_eq!(site.line().field("token") == "may_be_in_use", is_active, "after {polls} polls");
        let may_exist = site.line().field("token") == "may_exist";
        assert_eq!(
            connect_error.hint.contains("may have issued a token"),
            may_exist,
            "after {polls} polls: {connect_error:?}"
        );
        assert!(is_active || may_exist || site.valid_tokens().is_empty(), "after {polls} polls: {:?}", site.line());
        token_outcomes.insert(site.line().field("token").to_owned());
    }
    for end in ["", "may_exist", "refresh_token_may_be_valid"] {
        assert!(token_outcomes.contains(end), "{end:?}: {token_outcomes:?}");
    }
}

#[test]
fn slow_step_before_or_after_work_is_reported() {
    let site = rotating();
    let (browser, link_token) = site.visitor();
    for path in ["/oauth/start", "/oauth/callback"] {
        site.timer.expire_next(BEGIN_MAX, 1);
        let query = format!("{0}&state={1}&code=1", grant(&link_token), link_token.reveal());
        browser.get(&site, path, &query).assert_rejected(&site, 504, "deadline_reached");
    }
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.timer.expire_next(NOTIFY_MAX, 0);
    assert_eq!(browser.callback(&site, &query).status, 200, "the page reports the connected source");
    assert_eq!((site.line().level, site.line().field("code")), (Level::WARN, "deadline_reached"));
}

#[test]
fn error_that_command_does_not_receive_is_logged_with_reason() {
    let site = Site::new();
    let (browser, link_token) = site.visitor();
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.world.with(|state| state.credentials.insert("acme".parse().unwrap(), (99, None)));
    site.timer.expire_next(NOTIFY_MAX, 0);
    browser.callback(&site, &query).assert_rejected(&site, 409, "conflict");
    assert_eq!(site.line().field("code"), "deadline_reached");
}
