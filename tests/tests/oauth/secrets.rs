//! Runs all paths and collects every secret. Asserts that no page, header, log line, table item, error or `Debug` output contains one.

use std::collections::BTreeSet;

use serde_json::Value;
use slacktrail_connect::{Authorization, OneTimeToken};
use slacktrail_core::source::Source;
use slacktrail_simulation::{Fault as SimulatedFault, FaultKind as SimulatedFaultKind};
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};

use crate::browser::{Answer, Browser, query_of};
use crate::site::{REDIRECT_URL, Site, run, source};

/// The token in Slack's malformed responses.
const MARK: &str = "xoxp-marked-0123456789";

/// A site, with all secrets and outcomes of its requests.
struct SecretTracker {
    site: Site,
    secrets: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl SecretTracker {
    fn new() -> SecretTracker {
        let organization =
            App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL).rotating() };
        let site = Site::with(vec![organization, App::workspace(REDIRECT_URL, "T1")]);
        let secrets = [0, 1].map(|index| site.app(index).client_secret).into_iter().chain([MARK.to_owned()]).collect();
        SecretTracker { site, secrets, kinds: BTreeSet::new() }
    }

    fn issue_link(&mut self, source: &Source) -> OneTimeToken {
        let link_token = self.site.issue_link(source, 0);
        self.secrets.insert(link_token.reveal().split_once('.').unwrap().1.to_owned());
        link_token
    }

    /// Records the outcome of a response, and the secrets that exist now.
    fn record(&mut self, answer: &Answer) {
        self.kinds.insert(self.site.line().field("outcome").to_owned());
        for cookie in &answer.cookies {
            let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
            self.secrets.extend((!value.is_empty()).then(|| value.to_owned()));
        }
        self.secrets.extend(self.site.valid_tokens());
        if let Some((_, Some(text))) =
            self.site.world.with(|state| state.credentials.get(&"acme".parse().unwrap()).cloned())
        {
            let secret: Value = serde_json::from_str(&text).unwrap();
            let fields =
                ["token", "refresh_token", "client_secret"].into_iter().filter_map(|name| secret[name].as_str());
            self.secrets.extend(fields.map(str::to_owned));
        }
    }

    /// Opens a new link and consents or declines in Slack. Returns the browser and the query string of its callback.
    fn go(&mut self, source: &Source, consent: Option<&Consent>) -> (Browser, String) {
        let (browser, link_token) = (Browser::new(), self.issue_link(source));
        let opened = browser.open(&self.site, &link_token);
        self.record(&opened);
        let started = browser.press(&self.site, &link_token);
        self.record(&started);
        let (_, state) = started.location().split_once("&state=").unwrap();
        self.secrets.insert(state.split('&').next().unwrap().split_once('.').unwrap().1.to_owned());
        let now = self.site.world.now();
        let back = match consent {
            Some(consent) => self.site.slack(|slack| slack.consent(now, started.location(), consent)),
            None => self.site.slack(|slack| slack.decline(started.location())),
        };
        let query = query_of(&back.unwrap());
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        self.secrets.extend(code.map(|(_, code)| code.into_owned()));
        (browser, query)
    }

    fn back(&mut self, browser: &Browser, query: &str) -> u64 {
        let answer = browser.callback(&self.site, query);
        self.record(&answer);
        answer.status
    }

    /// Returns every readable text, except the secret store, the cookies of a link page, and the redirect to Slack with its cookies.
    fn readable(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.site.spy.lines().iter().map(|line| format!("{line:?}")).collect();
        for answer in self.site.answers.borrow().iter() {
            let mut answer: Value = serde_json::from_str(answer).unwrap();
            if answer["statusCode"] == 303 {
                answer["cookies"].take();
                answer["headers"].as_object_mut().unwrap().remove("location").expect("a redirect has a location");
            }
            if answer["body"].as_str().is_some_and(|body| body.contains("<form")) {
                answer["cookies"].take(); // the cookie that the browser sends when the user presses the button
            }
            texts.push(answer.to_string());
        }
        self.site.world.with(|state| {
            texts.extend(state.authorizations.values().map(|(_, text)| text.clone()));
            let authorizations =
                state.authorizations.values().map(|(_, text)| serde_json::from_str::<Authorization>(text));
            texts.extend(authorizations.map(|authorization| format!("{:?}", authorization.unwrap())));
            texts.extend(state.sources.values().map(|source| serde_json::to_string(source).unwrap()));
            texts.extend(state.sources.values().map(|source| format!("{source:?}")));
            texts.extend(state.trace.iter().cloned()); // contains the `Debug` output of every request to Slack
        });
        texts.push(format!("{:?}", self.site.credentials("acme")));
        texts
    }
}

#[test]
fn secrets_appear_only_where_they_belong() {
    let mut tracker = SecretTracker::new();
    let organization = Consent::organization();
    let acme = source("acme", tracker.site.now());

    // A missing scope. This comes first, because Slack keeps scopes that were granted before.
    let (browser, query) = tracker.go(&acme, Some(&organization.clone().without("admin")));
    assert_eq!(tracker.back(&browser, &query), 409);

    // A successful callback, and invalid callbacks after it.
    let (browser, query) = tracker.go(&acme, Some(&organization));
    assert_eq!(tracker.back(&browser, &query), 200);
    assert_eq!(tracker.back(&browser, &query), 410);
    let connected = tracker.site.source("acme").unwrap();
    let (browser, query) = tracker.go(&connected, Some(&organization));
    assert_eq!(tracker.back(&Browser::new(), &query), 403);
    assert_eq!(tracker.back(&browser, &format!("{query}&{query}")), 400);
    assert_eq!(tracker.back(&browser, &query.replace("code=", "error=")), 502);
    assert_eq!(tracker.back(&browser, &query.replace("state=", "stat=")), 400);

    // The user declines.
    let (browser, query) = tracker.go(&connected, None);
    assert_eq!(tracker.back(&browser, &query), 403);

    // Slack fails.
    for garbage in [
        FaultKind::Hangup,
        FaultKind::Status(200, format!("{{\"ok\":true,\"authed_user\":\"{MARK}\"}}")),
        FaultKind::Status(200, format!("{{\"ok\":true,\"team\":{{\"id\":1,\"name\":\"{MARK}\"}}}}")),
        FaultKind::Status(500, MARK.to_owned()),
        FaultKind::not_ok("invalid_code"),
        FaultKind::Truncated,
    ] {
        let (browser, query) = tracker.go(&connected, Some(&organization));
        tracker.site.slack(|slack| slack.fault(Fault::next(CallMatcher::path("oauth.v2.access"), garbage)));
        assert_eq!(tracker.back(&browser, &query), 502);
    }

    // An operation of the deployment fails.
    for operation in 0..12 {
        let (browser, query) = tracker.go(&connected, Some(&organization));
        tracker.site.inject_fault(SimulatedFault { process: 0, operation, kind: SimulatedFaultKind::Rejected });
        let answer = run(browser.get_async(&tracker.site, "/oauth/callback", &query)).unwrap();
        tracker.site.world.with(|state| state.faults.clear());
        tracker.record(&answer);
    }

    // The link and the state expire.
    let (browser, query) = tracker.go(&connected, Some(&organization));
    let unused = tracker.issue_link(&connected);
    tracker.site.world.pass(600);
    assert_eq!(tracker.back(&browser, &query), 410);
    let late = browser.start(&tracker.site, &unused);
    tracker.record(&late);

    for kind in [
        "connected",
        "offered",
        "started",
        "used",
        "expired",
        "wrong_browser",
        "malformed",
        "missing_state",
        "denied",
        "missing_scope",
        "slack_rejected",
        "slack_unreachable",
        "internal",
    ] {
        assert!(tracker.kinds.contains(kind), "no request had the outcome {kind}: {:?}", tracker.kinds);
    }
    assert!(tracker.secrets.len() > 60, "{}", tracker.secrets.len());
    let readable = tracker.readable();
    assert!(readable.len() > 200, "{}", readable.len());
    for secret in &tracker.secrets {
        assert!(secret.len() >= 20, "a shorter secret could appear in a text by chance");
        for text in &readable {
            assert!(!text.contains(secret.as_str()), "{secret} is in {text}");
        }
    }
}
