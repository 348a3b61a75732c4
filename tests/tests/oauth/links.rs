//! Attacks on the link: used twice, twice at once, late, guessed, looked at; and requests that are no use of it at all.

use futures_util::future::join;
use serde_json::json;
use slacktrail_shared::connection::{LIFE_SECONDS, Step};
use slacktrail_shared::source::Source;
use slacktrail_tests::http_api::event;
use tracing::Level;

use crate::browser::{Answer, Browser};
use crate::site::{Site, run, source};

/// Opens with this query, is refused, and nothing was changed.
fn refused(site: &Site, query: &str, status: u64, kind: &str) -> Answer {
    let connections = site.stage.with(|state| state.connections.clone());
    let answer = Browser::new().get(site, "/oauth/start", query);
    answer.assert_refused(site, status, kind);
    assert_eq!(site.stage.with(|state| state.connections.clone()), connections, "no connection is touched");
    assert!(answer.cookies.is_empty(), "{:?}", answer.cookies);
    answer
}

#[test]
fn a_link_is_good_once() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    assert_eq!(Browser::new().start(&site, &ticket).status, 302);
    let answer = refused(&site, &format!("grant={}", ticket.reveal()), 410, "used");
    assert_eq!(answer.heading(), "This link was used before");
}

#[test]
fn of_two_who_open_a_link_at_once_exactly_one_goes_on() {
    let site = Site::new();
    let query = format!("grant={}", site.grant(&source("acme", site.now()), 0).reveal());
    let (one, other) = (Browser::new(), Browser::new());
    let both = join(one.getting(&site, "/oauth/start", &query), other.getting(&site, "/oauth/start", &query));
    let (first, second) = run(both).unwrap();
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 410]);
    assert_eq!(one.cookies.borrow().len() + other.cookies.borrow().len(), 1, "one browser is bound");
}

#[test]
fn a_link_lives_ten_minutes_to_the_second() {
    let site = Site::new();
    let [late, last] = [0, 1].map(|_| site.grant(&source("acme", site.now()), 0));
    site.stage.pass(LIFE_SECONDS - 1);
    assert_eq!(Browser::new().start(&site, &last).status, 302);
    site.stage.pass(1);
    refused(&site, &format!("grant={}", late.reveal()), 410, "expired");
}

#[test]
fn a_link_with_any_part_changed_is_unknown_and_stays_good() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    let text = ticket.reveal();
    for at in (0..text.len()).step_by(5).chain([32, 96]) {
        let mut letters: Vec<char> = text.chars().collect();
        letters[at] = if letters[at] == '0' { '1' } else { '0' };
        refused(&site, &format!("grant={}", letters.into_iter().collect::<String>()), 404, "unknown");
    }
    for other in [&text[..96], &format!("{text}a"), &text.to_uppercase(), &text.replace('.', "%00"), "%3Cscript%3E"] {
        let answer = refused(&site, &format!("grant={other}"), 404, "unknown");
        assert!(!answer.body.contains("script"), "{}", answer.body);
        assert_eq!(site.line().level, Level::INFO, "anybody on the internet can do that");
    }
    assert_eq!(Browser::new().start(&site, &ticket).status, 302);
}

#[test]
fn a_link_of_a_cancelled_connection_is_no_longer_good() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    site.set_step(&ticket.id, Step::Cancelled);
    refused(&site, &format!("grant={}", ticket.reveal()), 410, "expired");
}

#[test]
fn a_link_without_its_grant_or_with_two_is_malformed() {
    let site = Site::new();
    let grant = format!("grant={}", site.grant(&source("acme", site.now()), 0).reveal());
    for query in ["", "grant=", "gran=x", &format!("{grant}&{grant}"), &format!("{grant},x&grant=")] {
        refused(&site, query, 400, "malformed");
    }
    for query in [format!("grant={}", "x".repeat(8192)), format!("{grant}&padding={}", "x".repeat(8192))] {
        refused(&site, &query, 400, "malformed");
    }
}

#[test]
fn who_only_looks_at_a_link_does_not_use_it_up() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    let query = format!("grant={}", ticket.reveal());
    for method in ["HEAD", "OPTIONS", "POST", "PUT", "DELETE"] {
        let answer = run(site.request(event(method, "/oauth/start", &query, &[], &[]))).unwrap();
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET"), "{method}");
        assert_eq!(site.line().field("outcome"), "method_not_allowed");
    }
    assert_eq!(Browser::new().start(&site, &ticket).status, 302);
}

#[test]
fn there_is_nothing_anywhere_else_and_what_was_asked_for_is_not_logged() {
    let site = Site::new();
    for path in [
        "/",
        "/oauth",
        "/oauth/start/",
        "/oauth/Start",
        "/oauth/callback/code-concealed",
        "/favicon.ico",
        "/../oauth/start",
    ] {
        let answer = Browser::new().get(&site, path, "code=concealed");
        assert_eq!((answer.status, answer.heading()), (404, "There is nothing here"), "{path}");
        let line = site.line();
        assert_eq!((line.field("path"), line.level), ("other", Level::INFO));
        assert!(!format!("{line:?}{}", answer.body).contains("concealed"), "{line:?}");
    }
}

#[test]
fn a_host_header_that_lies_is_not_believed() {
    let site = Site::new();
    for host in ["evil.example", "evil example", "evil.example:99999", "\"><script>", ""] {
        let ticket = site.grant(&source("acme", site.now()), 0);
        let headers = [
            ("host", host),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "1 gopher"),
            ("forwarded", "host=evil.example"),
        ];
        let asked = event("GET", "/oauth/start", &format!("grant={}", ticket.reveal()), &headers, &[]);
        let answer = run(site.request(asked)).unwrap();
        assert_eq!(answer.status, 302, "{host}: {}", answer.body);
        assert!(!answer.location().contains("evil"), "{}", answer.location());
        let redirect = "&redirect_uri=https%3A%2F%2Fabcde12345.execute-api.us-east-1.amazonaws.com%2Foauth%2Fcallback&";
        assert!(answer.location().contains(redirect), "{}", answer.location());
    }
}

#[test]
fn a_stage_is_part_of_the_redirect_url() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    let mut asked = event("GET", "/dev/oauth/start", &format!("grant={}", ticket.reveal()), &[], &[]);
    asked["requestContext"]["stage"] = json!("dev");
    let answer = run(site.request(asked)).unwrap();
    assert!(answer.location().contains("amazonaws.com%2Fdev%2Foauth%2Fcallback&"), "{}", answer.location());
}

#[test]
fn a_source_on_govslack_is_sent_to_its_own_page() {
    let site = Site::new();
    let ticket = site.grant(&Source { gov: true, ..source("acme", site.now()) }, 0);
    let answer = Browser::new().start(&site, &ticket);
    assert!(answer.location().starts_with("https://slack-gov.com/oauth/v2/authorize?"), "{}", answer.location());
}

#[test]
fn an_event_that_is_not_of_api_gateway_is_our_own_trouble_and_uses_nothing_up() {
    let site = Site::new();
    let ticket = site.grant(&source("acme", site.now()), 0);
    let mut asked = event("GET", "/oauth/start", &format!("grant={}", ticket.reveal()), &[], &[]);
    asked["requestContext"]["domainName"] = json!(null);
    run(site.request(asked)).unwrap().assert_refused(&site, 503, "ours");
    assert_eq!((site.line().level, site.line().field("code")), (Level::ERROR, "no_domain_name"));
    assert_eq!(Browser::new().start(&site, &ticket).status, 302);
}

#[test]
fn a_query_that_is_no_uri_breaks_nothing() {
    let site = Site::new();
    for query in ["grant=\"<script>\" x", "grant=é\u{202e}", "%%%&&&===", "grant=%ff%fe", "\0"] {
        let answer = Browser::new().get(&site, "/oauth/start", query);
        assert!([400, 404].contains(&answer.status), "{query}: {}", answer.status);
        assert!(!answer.body.contains("script") && !answer.body.contains('\u{202e}'), "{}", answer.body);
    }
}
