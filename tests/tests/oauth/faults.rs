//! Every fault at every operation of a link and of a callback: what is stored is whole, what is told is true, and doing it again works.

use std::collections::BTreeSet;

use slacktrail_connect::{BEGIN_MAX, TELL_MAX, WORK_MAX};
use slacktrail_core::authorization::{AuthorizationState, OneTimeToken};
use slacktrail_simulation::{Fault, FaultKind};
use slacktrail_simulator::oauth::{App, Consent};
use tracing::Level;

use crate::browser::{Answer, Browser, grant};
use crate::site::{REDIRECT_URL, Site, run, source};

/// A callback has fewer operations.
const OPERATIONS_MAX: u32 = 60;

/// The fault of this kind at the next request's operation of this number.
fn fault(operation: u32, kind: FaultKind) -> Fault {
    Fault { process: 0, operation, kind }
}

fn rotating() -> Site {
    Site::with(vec![App::organization(REDIRECT_URL).rotating()])
}

/// A callback that a fault strikes; no answer when its process was killed, nothing when it has not so many operations.
fn struck(site: &Site, browser: &Browser, query: &str, fault: Fault) -> Option<Option<Answer>> {
    site.strike_next(fault);
    let answer = run(browser.getting(site, "/oauth/callback", query));
    let struck = site.world.with(|state| std::mem::take(&mut state.struck));
    site.world.with(|state| state.faults.clear());
    struck.then_some(answer)
}

/// A source is stored only with credentials that work, and a page that says so only when both are.
fn assert_whole(site: &Site, link_token: &OneTimeToken, answer: Option<&Answer>, what: &str) {
    let granted = site.credentials("acme").grant.is_some();
    let saved = site.source("acme").is_some_and(|source| !source.disconnected);
    assert!(granted || !saved, "{what}: a source without a token");
    if let Some(answer) = answer {
        let connected = answer.status == 200;
        assert!(!connected || saved, "{what}: the page says what is not so");
        assert!([200, 404, 409, 410, 502, 503].contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
        assert_eq!(answer.status == 503, site.line().level == Level::ERROR, "{what}: {:?}", site.line());
    }
    if let AuthorizationState::Connected(_) = site.authorization(&link_token.id).state {
        assert!(saved, "{what}: the command is told what is not so");
    }
}

#[test]
fn no_callback_fault_leaves_partial_state_and_retry_connects() {
    for kind in FaultKind::ALL {
        let mut operations = 0;
        for operation in 0..OPERATIONS_MAX {
            let site = rotating();
            let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
            let query = browser.consent(&site, &link_token, &Consent::organization());
            let what = format!("{kind:?} at operation {operation}");
            let Some(answer) = struck(&site, &browser, &query, fault(operation, kind)) else { break };
            operations += 1;
            assert_whole(&site, &link_token, answer.as_ref(), &what);
            let is_unseen = site.credentials("acme").grant.is_none() && !live(&site).is_empty();
            if is_unseen && answer.is_some() {
                assert!(
                    ["may_exist", "may_be_valid"].contains(&site.line().field("token")),
                    "{what}: {:?}",
                    site.line()
                );
            }

            // The same callback again must not exchange the code twice, whatever else it comes to.
            let again = browser.callback(&site, &query);
            assert_whole(&site, &link_token, Some(&again), &what);
            let exchanges = site.slack(|slack| slack.calls().of("oauth.v2.access"));
            assert!(exchanges <= if kind == FaultKind::Twice { 2 } else { 1 }, "{what}: {exchanges} exchanges");

            let anew =
                browser.connect(&site, &site.issue_link(&source("acme", site.now()), 0), &Consent::organization());
            assert_eq!(anew.status, 200, "{what}: {}", anew.body);
            let grant = site.credentials("acme").grant.unwrap();
            let now = site.world.now();
            let live = site.slack(|slack| slack.live_tokens(now));
            assert!(live.iter().any(|token| token.token.text == grant.token.reveal()), "{what}: the token is dead");
        }
        assert!(operations > 8, "{kind:?}: {operations} operations");
    }
}

#[test]
fn no_link_fault_allows_second_use() {
    for kind in FaultKind::ALL {
        for operation in 0.. {
            let site = Site::new();
            let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
            site.strike_next(fault(operation, kind));
            let first = run(browser.pressing(&site, &grant(&link_token)));
            if !site.world.with(|state| std::mem::take(&mut state.struck)) {
                assert_eq!(operation, 2, "a link is read and used up");
                break;
            }
            site.world.with(|state| state.faults.clear());
            let second = Browser::new().start(&site, &link_token);
            let started = [first.as_ref(), Some(&second)].into_iter().flatten().filter(|answer| answer.status == 303);
            assert!(started.count() <= 1, "{kind:?} at operation {operation}");
        }
    }
}

/// Which operation of a callback that goes well has this in its trace.
fn operation_of(what: &str) -> u32 {
    let site = rotating();
    let browser = Browser::new();
    let query = browser.consent(&site, &site.issue_link(&source("acme", site.now()), 0), &Consent::organization());
    let before = site.world.with(|state| state.trace.len());
    assert_eq!(browser.callback(&site, &query).status, 200);
    let at = site.world.with(|state| state.trace[before..].iter().position(|line| line.contains(what)));
    u32::try_from(at.expect("it is done")).unwrap()
}

/// The tokens that Slack honours.
fn live(site: &Site) -> Vec<String> {
    let now = site.world.now();
    site.slack(|slack| slack.live_tokens(now).into_iter().map(|live| live.token.text).collect())
}

#[test]
fn failed_write_after_exchange_is_reported_and_leaves_no_valid_token() {
    for what in ["replace source", "replace credentials"] {
        let operation = operation_of(what);
        let site = rotating();
        let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
        let query = browser.consent(&site, &link_token, &Consent::organization());
        let answer = struck(&site, &browser, &query, fault(operation, FaultKind::Refused)).unwrap().unwrap();
        answer.assert_refused(&site, 503, "internal");
        assert!(site.credentials("acme").grant.is_none(), "{what}: no token is stored");
        assert!(site.source("acme").is_none_or(|source| source.disconnected), "{what}: nothing is collected");
        assert_eq!((live(&site), site.line().field("token")), (vec![], "refresh_token_may_be_valid"), "{what}");
        assert_eq!((site.line().level, site.line().field("code")), (Level::ERROR, "no_response"), "{what}");
        let AuthorizationState::Failed(connect_error) = site.authorization(&link_token.id).state else {
            panic!("the command is told")
        };
        assert_eq!(connect_error.kind.name(), "internal");
    }
}

#[test]
fn failed_reconnect_keeps_active_token() {
    for what in ["replace source", "replace credentials"] {
        for kind in [FaultKind::Refused, FaultKind::ResponseLost] {
            let site = Site::new();
            let browser = Browser::new();
            browser.connect(&site, &site.issue_link(&source("acme", site.now()), 0), &Consent::organization());
            let connected = site.source("acme").unwrap();
            let query = browser.consent(&site, &site.issue_link(&connected, 0), &Consent::organization());
            let before = site.world.with(|state| state.trace.len());
            let fork = site.world.fork();
            assert_eq!(browser.clone().callback(&site, &query).status, 200);
            let trace = site.world.with(|state| state.trace[before..].to_vec());
            let operation = u32::try_from(trace.iter().position(|line| line.contains(what)).unwrap()).unwrap();
            let site = site.on(fork);
            let answer = struck(&site, &browser, &query, fault(operation, kind)).unwrap().unwrap();
            answer.assert_refused(&site, 503, "internal");
            assert_eq!(site.line().field("token"), "may_be_in_use", "{what}");
            let token = site.credentials("acme").grant.unwrap().token;
            assert!(live(&site).contains(&token.reveal().to_owned()), "{what}: the stored token is alive");
        }
    }
}

#[test]
fn timed_out_function_informs_user_and_command() {
    let mut told = BTreeSet::new();
    for polls in 0.. {
        let site = rotating();
        let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
        let query = browser.consent(&site, &link_token, &Consent::organization());
        site.patience.let_be_late(WORK_MAX, polls);
        let answer = browser.callback(&site, &query);
        if answer.status == 200 {
            break;
        }
        answer.assert_refused(&site, 504, "deadline_reached");
        assert_eq!((site.line().level, site.line().field("code")), (Level::WARN, "deadline_reached"));
        assert!(answer.body.contains("<code>slacktrail sources</code>"), "{}", answer.body);
        let AuthorizationState::Failed(connect_error) = site.authorization(&link_token.id).state else {
            panic!("the command is told")
        };
        assert_eq!(connect_error.kind.name(), "deadline_reached");
        let is_active = site.source("acme").is_some_and(|source| !source.disconnected);
        assert_eq!(site.line().field("token") == "may_be_in_use", is_active, "after {polls} polls");
        let is_told = site.line().field("token") == "may_exist";
        assert_eq!(
            connect_error.hint.contains("may have issued a token"),
            is_told,
            "after {polls} polls: {connect_error:?}"
        );
        assert!(is_active || is_told || live(&site).is_empty(), "after {polls} polls: {:?}", site.line());
        told.insert(site.line().field("token").to_owned());
    }
    for end in ["", "may_exist", "refresh_token_may_be_valid"] {
        assert!(told.contains(end), "{end:?}: {told:?}");
    }
}

#[test]
fn slow_step_before_or_after_work_is_reported() {
    let site = rotating();
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    for path in ["/oauth/start", "/oauth/callback"] {
        site.patience.let_be_late(BEGIN_MAX, 1);
        let query = format!("{0}&state={1}&code=1", grant(&link_token), link_token.reveal());
        browser.get(&site, path, &query).assert_refused(&site, 504, "deadline_reached");
    }
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.patience.let_be_late(TELL_MAX, 0);
    assert_eq!(browser.callback(&site, &query).status, 200, "the page tells what is true");
    assert_eq!((site.line().level, site.line().field("code")), (Level::WARN, "deadline_reached"));
}

#[test]
fn error_that_command_does_not_receive_is_logged_with_reason() {
    let site = Site::new();
    let (browser, link_token) = (Browser::new(), site.issue_link(&source("acme", site.now()), 0));
    let query = browser.consent(&site, &link_token, &Consent::organization());
    site.world.with(|state| state.credentials.insert("acme".parse().unwrap(), (99, None)));
    site.patience.let_be_late(TELL_MAX, 0);
    browser.callback(&site, &query).assert_refused(&site, 409, "conflict");
    assert_eq!(site.line().field("code"), "deadline_reached");
}
