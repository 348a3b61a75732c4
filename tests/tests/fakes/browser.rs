//! Tests of the browser, with pages of a local server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::get;
use serde_json::{Value, json};
use slacktrail_tests::browser::{Browser, Scheme};
use slacktrail_tests::deployment::until;
use slacktrail_tests::http_api::{HttpApi, ScriptedFunction, Settings};
use slacktrail_tests::lambda_runtime_api::Emulator;
use slacktrail_tests::loopback::serve;

const PAGE: &str = r#"<!doctype html><link rel="icon" href="data:,"><title>page</title>
<style>
  body { background: white }
  #dark { display: none }
  @media (prefers-color-scheme: dark) { body { background: black } #dark { display: block } #light { display: none } }
</style>
<p id="light">light</p><p id="dark">dark</p><p hidden>hidden</p>
<select onchange="chosen.textContent = this.value"><option value="a">A</option><option value="b">B</option></select>
<p id="chosen">none</p>
<a href="/other">other</a><button onclick="console.error('a fault')">fail</button>"#;

const COOKIE: &str = "__Host-x=1; Secure; HttpOnly; SameSite=Lax; Path=/";

async fn page() -> String {
    let other = "<!doctype html><link rel=icon href=data:,><p>the other page";
    let routes =
        Router::new().route("/", get(|| async { Html(PAGE) })).route("/other", get(move || async move { Html(other) }));
    format!("http://{}/", serve(routes).await)
}

#[tokio::test]
async fn page_gets_requested_color_scheme() {
    let url = page().await;
    for (scheme, shown, background) in
        [(Scheme::Light, "light", "rgba(255, 255, 255, 1)"), (Scheme::Dark, "dark", "rgba(0, 0, 0, 1)")]
    {
        let Some(browser) = Browser::start(scheme).await else { return };
        browser.goto(&url).await;
        let text = browser.page_text().await;
        assert_eq!(text.lines().next(), Some(shown));
        assert_eq!(browser.style("body", "background-color").await, background);
        browser.goto(&url.replace("127.0.0.1", "localhost")).await; // another site, which Chromium renders in another process
        assert_eq!(browser.page_text().await, text);
        browser.stop().await;
    }
}

#[tokio::test]
async fn browser_performs_actions_and_reads_page() {
    let Some(browser) = Browser::start(Scheme::Light).await else { return };
    let url = page().await;
    browser.goto(&url).await;

    browser.select("select", "b").await;
    assert_eq!(browser.text("#chosen").await, "b");
    assert!(!browser.page_text().await.contains("hidden"));
    assert!(browser.source().await.contains("hidden"));

    assert!(browser.console_errors().await.is_empty());
    browser.click("button").await;
    let errors = browser.console_errors().await;
    assert!(errors.len() == 1 && errors[0].contains("a fault"), "{errors:?}");
    assert!(browser.console_errors().await.is_empty());

    browser.click("a").await;
    assert_eq!(browser.page_text().await, "the other page");
    assert_eq!(browser.current_url().await.path(), "/other");
}

#[tokio::test]
async fn screenshot_is_png_of_window() {
    let Some(browser) = Browser::start(Scheme::Dark).await else { return };
    browser.goto(&page().await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.png");

    browser.screenshot(&file).await;

    let png = std::fs::read(&file).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let width = u32::from_be_bytes(png[16..20].try_into().unwrap());
    assert_eq!(width, 900);
}

#[tokio::test]
async fn browser_reaches_only_loopback() {
    let Some(browser) = Browser::start(Scheme::Light).await else { return };
    let away = r#"<!doctype html><link rel="icon" href="data:,"><img src="https://slack.com/a.png">"#;
    let address = serve(Router::new().route("/", get(move || async move { Html(away) }))).await;

    browser.goto(&format!("http://{address}/")).await;

    let errors = browser.console_errors().await;
    assert!(errors.len() == 1 && errors[0].contains("ERR_NAME_NOT_RESOLVED"), "{errors:?}");
}

/// As in OAuth, the API sets a cookie and redirects the browser to another site, which redirects it back.
#[tokio::test]
async fn host_cookie_set_over_https_survives_redirect_of_other_site() {
    let Some(browser) = Browser::start(Scheme::Light).await else { return };
    let lambda = Arc::new(Emulator::start().await);
    let routes = ["GET /oauth/start", "POST /oauth/start", "GET /oauth/callback"];
    let api = HttpApi::start(Arc::clone(&lambda), Settings::new(&routes)).await;
    let callback = format!("{}/oauth/callback?code=1", api.url());
    let leave = Html(r#"<!doctype html><link rel="icon" href="data:,"><a href="/allow">Allow</a>"#);
    let provider = Router::new()
        .route("/authorize", get(move || async move { leave }))
        .route("/allow", get(move || async move { Redirect::to(&callback) }));
    let authorize = format!("http://localhost:{}/authorize", serve(provider).await.port());
    let (sender, events) = channel();
    let _function = ScriptedFunction::start(&lambda, move |event| {
        sender.send(event.clone()).unwrap();
        Ok(answer(&event, &authorize))
    });

    browser.goto(&format!("{}/oauth/start", api.url())).await;
    assert!(browser.cookies().await.is_empty(), "another site sees no cookie");
    browser.click("a").await;
    assert_eq!(browser.page_text().await, "connected");

    assert_eq!(events.recv().unwrap().get("cookies"), None);
    assert_eq!(events.recv().unwrap()["cookies"], json!(["__Host-x=1"]));
    let cookies = browser.cookies().await;
    assert_eq!((cookies[0].name_value(), cookies.len()), (("__Host-x", "1"), 1));
    assert_eq!((cookies[0].http_only(), cookies[0].secure()), (Some(true), Some(true)));
}

fn answer(event: &Value, authorize: &str) -> Value {
    match event["rawPath"].as_str() {
        Some("/oauth/start") => json!({ "statusCode": 302, "headers": { "location": authorize }, "cookies": [COOKIE] }),
        _ => {
            let page = "<!doctype html><link rel=icon href=data:,><p>connected";
            json!({ "statusCode": 200, "headers": { "content-type": "text/html; charset=utf-8" }, "body": page })
        }
    }
}

/// Shows why the page with the button allows Slack's hosts in `form-action`: Chromium also checks the target of a redirect after a form.
#[tokio::test]
async fn form_redirects_only_to_hosts_in_form_action() {
    let Some(browser) = Browser::start(Scheme::Light).await else { return };
    let arrived = Html("<!doctype html><link rel=icon href=data:,><p id=arrived>arrived");
    let other = serve(Router::new().route("/", get(move || async move { arrived }))).await;
    let target = format!("http://localhost:{}", other.port());
    for (policy, passes) in [(format!("form-action 'self' {target}"), true), ("form-action 'self'".to_owned(), false)] {
        let location = format!("{target}/");
        let form = "<!doctype html><link rel=icon href=data:,><form method=post><button>go</button></form>";
        let page = move || async move { ([("content-security-policy", policy)], Html(form)) };
        let routes = Router::new().route("/", get(page).post(move || async move { Redirect::to(&location) }));
        browser.goto(&format!("http://{}/?grant=1", serve(routes).await)).await;
        browser.click("button").await;
        if passes {
            assert_eq!(browser.text("#arrived").await, "arrived");
        }
        let errors = browser.console_errors().await;
        let is_blocked = errors.iter().any(|error| error.contains("form-action"));
        assert_eq!(is_blocked, !passes, "{errors:?}");
    }
}

#[tokio::test]
async fn browser_leaves_no_process_or_file_when_test_panics() {
    let Some(browser) = Browser::start(Scheme::Light).await else { return };
    let folder = browser.folder().to_owned();
    assert!(folder.is_dir() && processes_of(&folder).len() > 2, "chromedriver and Chromium are running");

    let test = tokio::spawn(async move {
        let _browser = browser;
        panic!("simulates a failing test");
    });
    assert!(test.await.unwrap_err().is_panic());

    assert!(!folder.exists());
    until("every process has ended", || processes_of(&folder).is_empty()).await;
}

/// Returns the command lines of the processes with this folder in their arguments or environment.
fn processes_of(folder: &Path) -> Vec<String> {
    let read = |file: PathBuf| std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).ok();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let known = processes.filter_map(|process| Some((read(process.join("cmdline"))?, read(process.join("environ"))?)));
    let folder = folder.to_str().unwrap();
    known.filter(|known| known.0.contains(folder) || known.1.contains(folder)).map(|(command, _)| command).collect()
}
