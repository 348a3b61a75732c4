//! Tests of attacks on a link: reuse, concurrent use, expired, guessed and altered links, and forms of other websites. Also tests requests that do
//! not use a link, such as previews and other methods.

use std::collections::BTreeMap;

use futures_util::future::join;
use serde_json::json;
use slacktrail_connect::{AuthorizationId, AuthorizationState, LINK_TTL_SECONDS, OneTimeToken};
use slacktrail_core::source::Source;
use slacktrail_simulation::Part;
use slacktrail_simulator::oauth::Consent;
use slacktrail_tests::http_api::event;
use tracing::Level;

use crate::browser::{Answer, Browser, grant};
use crate::site::{Site, run, source};

/// Opens the link page with `query` and presses the button. Asserts that both requests are rejected and change no authorization.
fn rejected_link(site: &Site, query: &str, status: u64, kind: &str) -> Answer {
    let authorizations = authorizations(site);
    let browser = Browser::new();
    let opened = browser.get(site, "/oauth/start", query);
    opened.assert_rejected(site, status, kind);
    let pressed = run(browser.press_async(site, query)).unwrap();
    pressed.assert_rejected(site, status, kind);
    assert_eq!(self::authorizations(site), authorizations, "no authorization is changed");
    assert_eq!(opened.body, pressed.body);
    assert!(opened.cookies.is_empty() && pressed.cookies.is_empty(), "{:?}", pressed.cookies);
    pressed
}

fn authorizations(site: &Site) -> BTreeMap<AuthorizationId, (u64, String)> {
    site.world.with(|state| state.authorizations.clone())
}

#[test]
fn opening_link_repeatedly_changes_nothing() {
    let site = Site::new();
    let link_token = site.link();
    let before = authorizations(&site);
    for _ in 0..3 {
        let page = Browser::new().open(&site, &link_token);
        assert_eq!((page.status, page.heading()), (200, "Connect <bdi>Acme</bdi> to slacktrail?"));
        assert!(page.body.contains("<form method=\"post\">") && page.body.contains("Org Owner"), "{}", page.body);
        assert!(
            !page.body.contains(link_token.reveal().split_once('.').unwrap().1),
            "the page does not contain the link"
        );
        assert_eq!((site.line().field("outcome"), site.line().level), ("offered", Level::INFO));
        assert_eq!(authorizations(&site), before);
    }
    assert_eq!(Browser::new().start(&site, &link_token).status, 303);
}

#[test]
fn pressing_button_twice_redirects_to_slack_with_same_state() {
    let site = Site::new();
    let link_token = site.link();
    let (browser, query) = (Browser::new(), grant(&link_token));
    browser.open(&site, &link_token);
    let both = join(browser.press_async(&site, &query), browser.press_async(&site, &query));
    let (one, other) = run(both).unwrap();
    let again = browser.start(&site, &link_token);
    for answer in [&one, &other, &again] {
        assert_eq!((answer.status, answer.location()), (303, one.location()), "{}", answer.body);
    }
    let back = crate::browser::consented(&site, one.location(), &Consent::organization());
    assert_eq!(browser.callback(&site, &back).status, 200);
    assert_eq!(browser.open(&site, &link_token).status, 410, "the link is used now");
}

#[test]
fn form_of_other_website_does_not_use_link() {
    let site = Site::new();
    let link_token = site.link();
    for from in ["cross-site", "same-site"] {
        let request = event("POST", "/oauth/start", &grant(&link_token), &[("sec-fetch-site", from)], &[]);
        let answer = run(site.request(request)).unwrap();
        answer.assert_rejected(&site, 400, "malformed");
        assert_eq!(answer.heading(), "Request from another website");
        assert!(answer.body.contains("Another website sent this request"), "{}", answer.body);
    }
    let own = event("POST", "/oauth/start", &grant(&link_token), &[("sec-fetch-site", "same-origin")], &[]);
    assert_eq!(run(site.request(own)).unwrap().status, 303);
}

#[test]
fn unknown_id_and_wrong_secret_get_same_response_at_every_step() {
    let site = Site::new();
    let unknown_token = OneTimeToken::new(AuthorizationId::of([0x11; 16]), [0x22; 32]);
    let unknown = rejected_link(&site, &grant(&unknown_token), 404, "unknown");
    let back = format!("code=1.2.3&state={}", unknown_token.reveal());
    let unknown_state = Browser::new().callback(&site, &back);
    let browser = Browser::new();
    let link_token = site.link();
    let wrong = OneTimeToken::new(link_token.id.clone(), [0x22; 32]);
    let assert_same = |what: &str| {
        assert_eq!(rejected_link(&site, &grant(&wrong), 404, "unknown").body, unknown.body, "{what}");
        let answer = browser.callback(&site, &format!("code=1.2.3&state={}", wrong.reveal()));
        answer.assert_rejected(&site, 404, "unknown");
        assert_eq!(
            (answer.body, answer.cookies),
            (unknown_state.body.clone(), unknown_state.cookies.clone()),
            "{what}"
        );
        assert!(!format!("{:?}", site.line()).contains(&wrong.id.to_string()), "{what}");
    };
    assert_same("granted");
    let query = browser.consent(&site, &link_token, &Consent::organization());
    assert_same("started");
    site.set_state(&link_token.id, AuthorizationState::Verifying);
    assert_same("verifying");
    site.set_state(&link_token.id, AuthorizationState::Started);
    assert_eq!(browser.callback(&site, &query).status, 200);
    assert_same("connected");
    site.set_state(&link_token.id, AuthorizationState::Canceled);
    assert_same("canceled");
    site.world.pass(LINK_TTL_SECONDS);
    assert_same("expired");
}

#[test]
fn forged_link_id_never_appears_in_error_line() {
    let site = Site::new();
    let link_token = site.link();
    site.world.with(|state| state.down = vec![Part::Table]);
    for path in ["/oauth/start", "/oauth/callback"] {
        let query = format!("grant={0}&state={0}&code=concealed&error=concealed", link_token.reveal());
        let answer = Browser::new().get(&site, path, &query);
        answer.assert_rejected(&site, 503, "internal");
        assert_eq!(site.line().level, Level::ERROR);
        assert!(
            answer.for_user().contains(site.line().field("reference")),
            "the operator finds the line: {}",
            answer.body
        );
        let line = format!("{:?}{}", site.line(), answer.body);
        assert!(!line.contains(link_token.id.reference()) && !line.contains("concealed"), "{line}");
    }
}

#[test]
fn link_is_single_use() {
    let site = Site::new();
    let link_token = site.link();
    assert_eq!(Browser::new().start(&site, &link_token).status, 303);
    let answer = rejected_link(&site, &format!("grant={}", link_token.reveal()), 410, "used");
    assert_eq!(answer.heading(), "This link was already used");
}

#[test]
fn exactly_one_of_two_concurrent_users_of_link_continues() {
    let site = Site::new();
    let query = grant(&site.link());
    let (one, other) = (Browser::new(), Browser::new());
    for browser in [&one, &other] {
        assert_eq!(browser.get(&site, "/oauth/start", &query).status, 200);
    }
    let (first, second) = run(join(one.press_async(&site, &query), other.press_async(&site, &query))).unwrap();
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410]);
}

#[test]
fn link_expires_after_exactly_ten_minutes() {
    let site = Site::new();
    let [late, last] = [0, 1].map(|_| site.link());
    site.world.pass(LINK_TTL_SECONDS - 1);
    assert_eq!(Browser::new().start(&site, &last).status, 303);
    site.world.pass(1);
    rejected_link(&site, &format!("grant={}", late.reveal()), 410, "expired");
}

#[test]
fn altered_link_is_unknown_and_original_stays_valid() {
    let site = Site::new();
    let link_token = site.link();
    let text = link_token.reveal();
    for at in (0..text.len()).step_by(5).chain([32, 96]) {
        let mut letters: Vec<char> = text.chars().collect();
        letters[at] = if letters[at] == '0' { '1' } else { '0' };
        rejected_link(&site, &format!("grant={}", letters.into_iter().collect::<String>()), 404, "unknown");
    }
    for other in [&text[..96], &format!("{text}a"), &text.to_uppercase(), &text.replace('.', "%00"), "%3Cscript%3E"] {
        let answer = rejected_link(&site, &format!("grant={other}"), 404, "unknown");
        assert!(!answer.body.contains("script"), "{}", answer.body);
        assert_eq!(site.line().level, Level::INFO, "anyone on the internet can send this");
    }
    assert_eq!(Browser::new().start(&site, &link_token).status, 303);
}

#[test]
fn link_with_missing_or_repeated_grant_is_malformed() {
    let site = Site::new();
    let grant = format!("grant={}", site.link().reveal());
    for query in ["", "%%%", "grant=", "gran=x", &format!("{grant}&{grant}"), &format!("{grant},x&grant=")] {
        rejected_link(&site, query, 400, "malformed");
    }
    for query in [format!("grant={}", "x".repeat(8192)), format!("{grant}&padding={}", "x".repeat(8192))] {
        rejected_link(&site, &query, 400, "malformed");
    }
}

#[test]
fn other_methods_do_not_use_link() {
    let site = Site::new();
    let link_token = site.link();
    let query = grant(&link_token);
    for (path, allowed) in [("/oauth/start", "GET, POST"), ("/oauth/callback", "GET")] {
        for method in ["HEAD", "OPTIONS", "PUT", "DELETE"] {
            let answer = run(site.request(event(method, path, &query, &[], &[]))).unwrap();
            assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allowed), "{method}");
            assert_eq!(site.line().field("outcome"), "method_not_allowed");
        }
    }
    let answer = run(site.request(event("POST", "/oauth/callback", &query, &[], &[]))).unwrap();
    assert_eq!(answer.status, 405);
    assert_eq!(Browser::new().start(&site, &link_token).status, 303);
}

#[test]
fn other_paths_are_not_found_and_not_logged() {
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
        assert_eq!((answer.status, answer.heading()), (404, "Page not found"), "{path}");
        let line = site.line();
        assert_eq!((line.field("path"), line.level), ("other", Level::INFO));
        assert!(!format!("{line:?}{}", answer.body).contains("concealed"), "{line:?}");
    }
}

#[test]
fn forged_host_header_is_ignored() {
    let site = Site::new();
    for host in ["evil.example", "evil example", "evil.example:99999", "\"><script>", "é", ""] {
        let link_token = site.link();
        let headers = [
            ("host", host),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "1 gopher"),
            ("forwarded", "host=evil.example"),
            ("user-agent", "\u{202e}é"),
        ];
        let request = event("POST", "/oauth/start", &grant(&link_token), &headers, &[]);
        let answer = run(site.request(request)).unwrap();
        assert_eq!(answer.status, 303, "{host}: {}", answer.body);
        assert!(!answer.location().contains("evil"), "{}", answer.location());
        let redirect = "&redirect_uri=https%3A%2F%2Fabcde12345.execute-api.us-east-1.amazonaws.com%2Foauth%2Fcallback&";
        assert!(answer.location().contains(redirect), "{}", answer.location());
    }
}

#[test]
fn stage_is_part_of_redirect_url() {
    let site = Site::new();
    let link_token = site.link();
    let mut request = event("POST", "/dev/oauth/start", &grant(&link_token), &[], &[]);
    request["requestContext"]["stage"] = json!("dev");
    let answer = run(site.request(request)).unwrap();
    assert!(answer.location().contains("amazonaws.com%2Fdev%2Foauth%2Fcallback&"), "{}", answer.location());
}

#[test]
fn govslack_source_is_sent_to_govslack_page() {
    let site = Site::new();
    let link_token = site.issue_link(&Source { gov: true, ..source("acme", site.now()) }, 0);
    let browser = Browser::new();
    let policy = browser.open(&site, &link_token).headers["content-security-policy"].clone();
    assert!(policy.contains("form-action 'self' https://slack-gov.com https://*.slack-gov.com;"), "{policy}");
    let answer = browser.press(&site, &link_token);
    assert!(answer.location().starts_with("https://slack-gov.com/oauth/v2/authorize?"), "{}", answer.location());
}
