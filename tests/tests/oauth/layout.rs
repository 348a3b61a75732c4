//! Tests every page in a real browser, on the screen of a phone and of a desktop, in light and dark colors. Writes screenshots to
//! `<target>/screenshots`, for people to review.

use serde_json::Value;
use slacktrail_connect::{AuthorizationId, AuthorizationState, LINK_TTL_SECONDS, OneTimeToken, WORK_MAX};
use slacktrail_core::source::{Source, Tenant};
use slacktrail_simulation::Part;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::tenant::{Plan, Role};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};
use slacktrail_tests::browser::{Browser as Chromium, Scheme, screenshots};
use slacktrail_tests::http_api::event;

use crate::browser::{Answer, Browser, grant, query_of};
use crate::site::{REDIRECT_URL, Site, run, source, workspace_source};

/// The sizes of a phone and of a desktop, in CSS pixels.
const SCREENS: [(u32, u32); 2] = [(390, 844), (1280, 800)];
/// What each page must fulfill. Returns an empty text, or what is wrong.
const CHECK: &str = "
    const wrong = [];
    if (document.documentElement.scrollWidth > window.innerWidth) wrong.push('it scrolls sideways');
    for (const part of document.querySelectorAll('time, dd code, form button'))
        if (part.getClientRects().length !== 1) wrong.push('`' + part.textContent + '` breaks');
    if (document.documentElement.lang !== 'en' || !document.title.endsWith(' · slacktrail')) wrong.push('language or title');
    const levels = [...document.querySelectorAll('h1, h2, h3')].map(heading => heading.tagName);
    if (levels[0] !== 'H1' || levels.slice(1).some(level => level !== 'H2')) wrong.push('headings ' + levels);
    return wrong.join(', ') + '';
";

/// A site with a link, and the browser of the user who received it.
struct Visit {
    site: Site,
    browser: Browser,
    link_token: OneTimeToken,
}

impl Visit {
    fn new() -> Visit {
        Visit::of(Site::new(), |source| source)
    }

    fn of(site: Site, change: impl Fn(Source) -> Source) -> Visit {
        let link_token = site.issue_link(&change(source("acme", site.now())), 0);
        Visit { site, browser: Browser::new(), link_token }
    }

    fn consent(&self, consent: &Consent) -> String {
        self.browser.consent(&self.site, &self.link_token, consent)
    }

    fn finish(&self, query: &str) -> Answer {
        self.browser.callback(&self.site, query)
    }

    /// Consents, changes the site, and opens the callback.
    fn after(&self, change: impl Fn(&Site)) -> Answer {
        let query = self.consent(&Consent::organization());
        change(&self.site);
        self.finish(&query)
    }
}

/// A change of the site between the consent and the callback.
type Change<'a> = &'a dyn Fn(&Site);

/// Makes the next call of a path fail.
fn failing(path: &'static str, kind: FaultKind) -> impl Fn(&Site) {
    move |site| site.slack(|slack| slack.fault(Fault::next(CallMatcher::path(path), kind.clone())))
}

/// Returns each page by the outcome in its log line.
fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut add = |name: &str, visit: &Visit, answer: Answer| {
        let outcome = visit.site.line().field("outcome").to_owned();
        assert!(name.starts_with(&outcome), "{name} has the outcome {outcome}");
        pages.push((name.to_owned(), answer.body));
    };
    let all = Consent::organization();
    let named = |name: &str| Tenant { id: "E9".to_owned(), name: name.to_owned() };

    let visit = Visit::of(Site::new(), |source| Source { tenant: Some(named("Acme Corporation")), ..source });
    add("offered", &visit, visit.browser.open(&visit.site, &visit.link_token));
    let visit = Visit::of(Site::new(), |source| workspace_source("team", source.connected_at));
    add("offered_workspace", &visit, visit.browser.open(&visit.site, &visit.link_token));

    let visit = Visit::new();
    add("connected", &visit, visit.after(|_| ()));
    add("used_connected", &visit, visit.browser.open(&visit.site, &visit.link_token));
    let visit = Visit::of(Site::with(vec![App::organization(REDIRECT_URL).rotating()]), |source| Source {
        paused: true,
        label: "Acme Deutschland Verwaltungsgesellschaft".to_owned(),
        ..source
    });
    let no_workspaces = r#"{"ok":true,"teams":[],"response_metadata":{"next_cursor":""}}"#;
    let notes = visit.after(|site| {
        failing("logs", FaultKind::Html(502))(site);
        failing("auth.teams.list", FaultKind::Status(200, no_workspaces.to_owned()))(site);
    });
    add("connected_notes", &visit, notes);

    let visit = Visit::new();
    let started = visit.browser.start(&visit.site, &visit.link_token);
    let back = query_of(&visit.site.slack(|slack| slack.decline(started.location())).unwrap());
    add("denied", &visit, visit.finish(&back));
    add("used_failed", &visit, visit.browser.open(&visit.site, &visit.link_token));
    let visit = Visit::new();
    let query = visit.consent(&all);
    add("wrong_browser", &visit, Browser::new().callback(&visit.site, &query));
    add("used", &visit, Browser::new().open(&visit.site, &visit.link_token));
    add("slack_rejected_page", &visit, visit.finish(&query.replace("code=", "error=")));
    let visit = Visit::new();
    visit.site.world.pass(LINK_TTL_SECONDS);
    add("expired", &visit, visit.browser.open(&visit.site, &visit.link_token));
    let visit = Visit::new();
    visit.site.set_state(&visit.link_token.id, AuthorizationState::Canceled);
    add("expired_canceled", &visit, visit.browser.open(&visit.site, &visit.link_token));

    let visit = Visit::of(Site::new(), |source| Source { tenant: Some(named("Acme Corporation")), ..source });
    add("wrong_tenant", &visit, visit.after(|_| ()));
    let visit = Visit::new();
    let query = visit.consent(&Consent::workspace("T2"));
    add("not_organization", &visit, visit.finish(&query));
    let optional = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL).rotating() };
    let visit = Visit::of(Site::with(vec![optional]), |source| source);
    let query = visit.consent(&all.clone().without("admin"));
    add("missing_scope", &visit, visit.finish(&query));
    let deleted =
        |site: &Site| drop(site.world.with(|state| state.credentials.insert("acme".parse().unwrap(), (99, None))));
    let changes: [(&str, Change<'_>); 7] = [
        ("not_on_plan", &|site| site.settings(|settings| settings.plan = Plan::Paid)),
        ("insufficient_role", &|site| site.settings(|settings| settings.users[0].rights = Role::Admin)),
        ("wrong_app", &|site| site.settings(|settings| settings.apps[0].client_secret = "another".to_owned())),
        ("conflict", &deleted),
        ("slack_rejected", &failing("oauth.v2.access", FaultKind::not_ok("invalid_code"))),
        ("slack_unreachable", &failing("oauth.v2.access", FaultKind::Hangup)),
        ("deadline_reached", &|site| site.timer.expire_next(WORK_MAX, 3)),
    ];
    for (name, change) in changes {
        let visit = Visit::new();
        add(name, &visit, visit.after(change));
    }
    let visit = Visit::new();
    visit.site.world.with(|state| state.down = vec![Part::Table]);
    add("internal", &visit, visit.browser.open(&visit.site, &visit.link_token));

    let visit = Visit::new();
    add("malformed", &visit, visit.browser.get(&visit.site, "/oauth/start", "gran=x"));
    let elsewhere = event("POST", "/oauth/start", &grant(&visit.link_token), &[("sec-fetch-site", "cross-site")], &[]);
    add("malformed_cross_site", &visit, run(visit.site.request(elsewhere)).unwrap());
    let unknown = OneTimeToken::new(AuthorizationId::of([0x11; 16]), [0x22; 32]);
    add("unknown", &visit, visit.browser.open(&visit.site, &unknown));
    add("missing_state", &visit, visit.finish("code=1.2.3"));
    add("not_found", &visit, visit.browser.get(&visit.site, "/", ""));
    let put = run(visit.site.request(event("PUT", "/oauth/start", "", &[], &[]))).unwrap();
    add("method_not_allowed", &visit, put);
    pages
}

#[tokio::test]
async fn every_page_fits_phone_and_desktop_in_light_and_dark() {
    let pages = pages();
    let mut wrong = Vec::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        let Some(browser) = Chromium::start(scheme).await else { return };
        let file = browser.folder().join("page.html");
        for (name, body) in &pages {
            std::fs::write(&file, body).unwrap();
            for (width, height) in SCREENS {
                browser.set_viewport(width, height).await;
                browser.goto(&format!("file://{}", file.display())).await;
                let found = browser.evaluate(CHECK).await;
                if found != "" {
                    wrong.push(format!("{name} at {width} pixels, {scheme:?}: {found}"));
                }
                let length = browser.evaluate("return document.documentElement.scrollHeight").await;
                let length = length.as_u64().and_then(|length| u32::try_from(length).ok()).unwrap();
                browser.set_viewport(width, length.max(height)).await;
                let picture = format!("oauth-{name}-{width}-{scheme:?}.png").to_lowercase();
                browser.screenshot(&screenshots().join(picture)).await;
            }
        }
        let is_dark = browser.evaluate("return matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(is_dark, Value::from(scheme == Scheme::Dark), "scripts run, so the checks did");
        browser.stop().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
