//! A simulated browser. It stores cookies, opens links, follows redirects, and responds to Slack's consent page.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use slacktrail_connect::OneTimeToken;
use slacktrail_simulator::oauth::Consent;
use slacktrail_tests::http_api::event;

use crate::site::{Site, run};

/// A simulated browser with its cookies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
}

/// A response of the function.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Browser {
        Browser::default()
    }

    /// Opens a link, which shows the page with the button.
    pub(crate) fn open(&self, site: &Site, link_token: &OneTimeToken) -> Answer {
        self.get(site, "/oauth/start", &grant(link_token))
    }

    /// Presses the button on the page of a link.
    pub(crate) fn press(&self, site: &Site, link_token: &OneTimeToken) -> Answer {
        run(self.press_async(site, &grant(link_token))).expect("the process was not killed")
    }

    /// Opens a link, and presses the button if there is one.
    pub(crate) fn start(&self, site: &Site, link_token: &OneTimeToken) -> Answer {
        let opened = self.open(site, link_token);
        if opened.status == 200 { self.press(site, link_token) } else { opened }
    }

    /// Opens the callback with `query`, as after a redirect from Slack.
    pub(crate) fn callback(&self, site: &Site, query: &str) -> Answer {
        self.get(site, "/oauth/callback", query)
    }

    /// Opens the link, consents, and returns the query string of Slack's redirect to the callback.
    pub(crate) fn consent(&self, site: &Site, link_token: &OneTimeToken, consent: &Consent) -> String {
        let started = self.start(site, link_token);
        assert_eq!(started.status, 303, "{}", started.body);
        consented(site, started.location(), consent)
    }

    /// Opens the link, consents, and opens the callback.
    pub(crate) fn connect(&self, site: &Site, link_token: &OneTimeToken, consent: &Consent) -> Answer {
        let query = self.consent(site, link_token, consent);
        self.callback(site, &query)
    }

    pub(crate) fn get(&self, site: &Site, path: &str, query: &str) -> Answer {
        run(self.get_async(site, path, query)).expect("the process was not killed")
    }

    pub(crate) async fn get_async(&self, site: &Site, path: &str, query: &str) -> Answer {
        self.send(site, self.event("GET", path, query)).await
    }

    pub(crate) async fn press_async(&self, site: &Site, query: &str) -> Answer {
        self.send(site, self.event("POST", "/oauth/start", query)).await
    }

    async fn send(&self, site: &Site, event: Value) -> Answer {
        let answer = site.request(event).await;
        for cookie in &answer.cookies {
            self.store_cookie(cookie);
        }
        answer
    }

    /// Returns the event of a request of this browser, with its cookies.
    pub(crate) fn event(&self, method: &str, path: &str, query: &str) -> Value {
        let cookies: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        event(method, path, query, &[], &cookies.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Stores or deletes a cookie. Asserts that browsers accept it: a `__Host-` cookie requires `Secure` and `Path=/`, and forbids `Domain`.
    fn store_cookie(&self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<&str> = parts.collect();
        assert!(name.starts_with("__Host-"), "{cookie}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&attribute), "{cookie}");
        }
        assert_eq!(attributes.len(), 5, "{cookie}");
        match attributes.contains(&"Max-Age=0") {
            true => drop(self.cookies.borrow_mut().remove(name)),
            false => drop(self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned())),
        }
    }
}

pub(crate) fn grant(link_token: &OneTimeToken) -> String {
    format!("grant={}", link_token.reveal())
}

/// Consents on Slack's page, and returns the query string of Slack's redirect to the callback.
pub(crate) fn consented(site: &Site, location: &str, consent: &Consent) -> String {
    let now = site.world.now();
    let back = site.slack(|slack| slack.consent(now, location, consent)).expect("Slack accepts the consent");
    query_of(&back)
}

pub(crate) fn query_of(url: &str) -> String {
    url.split_once('?').expect("the URL has a query string").1.to_owned()
}

impl Answer {
    pub(crate) fn of(answer: &Value) -> Answer {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = answer["headers"].as_object().unwrap();
        assert_eq!(answer["isBase64Encoded"], false);
        Answer {
            status: answer["statusCode"].as_u64().unwrap(),
            headers: headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect(),
            cookies: answer["cookies"].as_array().unwrap().iter().map(text).collect(),
            body: text(&answer["body"]),
        }
    }

    pub(crate) fn location(&self) -> &str {
        &self.headers["location"]
    }

    pub(crate) fn heading(&self) -> &str {
        let (_, rest) = self.body.split_once("<h1>").unwrap_or_else(|| panic!("no heading: {}", self.body));
        rest.split_once("</h1>").unwrap().0
    }

    /// Returns the part of the page that is for the user who opened the link.
    pub(crate) fn for_user(&self) -> &str {
        self.body.split_once("<section").unwrap_or_else(|| panic!("no section: {}", self.body)).0
    }

    /// Asserts that this is an error page with this status, that the log line has this outcome, and that both have the same reference, if any.
    pub(crate) fn assert_rejected(&self, site: &Site, status: u64, kind: &str) {
        assert_eq!((self.status, site.line().field("outcome")), (status, kind), "{:?}", site.line());
        let mark = match kind {
            "used" => "Nothing changed",
            "deadline_reached" => "Result unknown",
            _ => "Not connected",
        };
        assert!(self.body.contains(mark) && self.body.contains("What to do"), "{}", self.body);
        let text = self.for_user();
        assert!(!text.contains("slacktrail connect") && !text.contains("slacktrail sources"), "a command in {text}");
        let reference = site.line().field("reference").to_owned();
        let sent = text.split_once("Send them this reference: <code>").map(|(_, rest)| &rest[..8]);
        assert!(sent.is_none_or(|sent| sent == reference), "{sent:?} {reference}");
        let shown = self.body.contains(&format!("<dt>Reference</dt><dd><code>{reference}</code>"));
        assert_eq!(shown, !reference.is_empty(), "{}", self.body);
        assert!(!self.headers.contains_key("location"), "{:?}", self.headers);
    }
}
