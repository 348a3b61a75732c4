//! Tests the whole user journey in a real browser: connect a source, collect records, revoke the token, read `status`, reconnect, collect
//! the records of the outage, and run `verify`.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::browser::{Browser, Scheme, screenshots};
use slacktrail_tests::connecting::Connecting;
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment};

use crate::binary::{Ran, Slacktrail};
use crate::wizard::connect;

/// Opens the link, and clicks the button that redirects to the simulated Slack. Chromium applies `form-action` to the redirect.
async fn continue_to_slack(browser: &Browser, link: &str, picture: &Path) {
    browser.goto(link).await;
    let text = browser.text("main").await;
    assert!(text.contains("Continue to Slack") && text.contains("Acme <b>GmbH</b>"), "{text}");
    browser.screenshot(&picture.with_extension("link.png")).await;
    browser.click("button").await;
    let errors = browser.console_errors().await;
    assert!(!errors.iter().any(|error| error.contains("form-action") || error.starts_with("https:")), "{errors:?}");
}

/// Opens the link, consents on the simulated Slack's page, and returns the text of slacktrail's page.
async fn consent(browser: &Browser, link: &str, to: &str, picture: &Path) -> String {
    continue_to_slack(browser, link, picture).await;
    assert!(browser.page_text().await.contains("Simulated Slack"), "{}", browser.page_text().await);
    browser.screenshot(&picture.with_extension("slack.png")).await;
    browser.select("select[name=install]", to).await;
    browser.click("#allow").await;
    let text = browser.text("main").await;
    browser.screenshot(picture).await;
    let errors = browser.console_errors().await;
    assert!(
        !errors.iter().any(|error| error.starts_with("https:")),
        "slacktrail's page loads no resources: {errors:?}"
    );
    text
}

fn states(ran: &Ran) -> Vec<String> {
    let entries = ran.json();
    entries.as_array().unwrap().iter().map(|entry| entry["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn new_user_connects_in_browser_and_loses_nothing_after_revocation() {
    let settings = Settings { apps: vec![App::organization("https://127.0.0.1")], ..Settings::organization() };
    let Some(deployment) = LocalDeployment::start(settings.clone()).await else { return };
    let Some(light) = Browser::start(Scheme::Light).await else { return };
    let connecting = Connecting::start(&deployment).await;
    let redirect_url = format!("{}/oauth/callback", connecting.api.url());
    let app = App::organization(&redirect_url);
    deployment.slack().settings_mut().apps = vec![app.clone()];
    let mut activity = ActivityGenerator::new(&mut deployment.slack(), 20, 120);
    let slacktrail = Slacktrail::alone().with_all(deployment.command_environment());
    let slacktrail = slacktrail.with("SLACKTRAIL_URL", &connecting.api.url());

    // Connect the source.
    let new = ["connect", "acme", "--name", "Acme <b>GmbH</b>", "--plan", "enterprise", "--no-browser"];
    let (child, link, _) = connect(&slacktrail, &app, &new).await;
    let text = consent(&light, &link, "E1", &screenshots().join("connected-light.png")).await;
    for part in ["Acme <b>GmbH</b>", "Organization E1", "auditlogs:read"] {
        assert!(text.contains(part), "{text}");
    }
    let ran = slacktrail.end(child).await.exits(0);
    let connected = Timestamp::now().as_second();
    assert!(ran.stdout.contains("Organization E1"), "{}", ran.stdout);

    // Collect records.
    let poller = deployment.poller();
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    assert_eq!(states(&slacktrail.run(&["status", "--json"]).await.exits(0)), ["ok"; 3]);

    // The used link is no longer valid.
    light.goto(&link).await;
    assert!(light.page_text().await.contains("already used"), "{}", light.page_text().await);
    light.screenshot(&screenshots().join("used-light.png")).await;

    // An error in the second of the connection counts as older than the connection, and all of the above can take less than a second.
    while Timestamp::now().as_second() == connected {
        slacktrail.run(&["sources"]).await.exits(0);
    }

    // After the token is revoked, `status` shows the state and a hint.
    let token = deployment.slack().live_tokens(Timestamp::now())[0].clone();
    deployment.slack().revoke(&token);
    activity.add_recent_rows(&mut deployment.slack(), 30);
    deployment.invoke().await;
    deployment.invoke().await; // a second tick, because rate limits can keep the first from confirming the revocation with `auth.test`
    let status = slacktrail.run(&["status", "--json"]).await;
    assert_eq!(states(&status), ["reauthorize"; 3], "{}", status.stdout);
    let table = slacktrail.run(&["status"]).await.stdout;
    let words: Vec<&str> = table.split_whitespace().collect();
    assert!(words.join(" ").contains("connect the source again"), "{table}");
    poller.wrote("\"StreamsRequiringAction\":3").await; // the alarm's metric

    // Reconnect in a dark browser. Every record of the outage is collected.
    deployment.slack().restore(&token);
    let dark = Browser::start(Scheme::Dark).await.unwrap();
    let (child, link, _) = connect(&slacktrail, &app, &["connect", "acme", "--no-browser"]).await;
    let text = consent(&dark, &link, "E1", &screenshots().join("connected-dark.png")).await;
    assert!(text.contains("Organization E1"), "{text}");
    slacktrail.end(child).await.exits(0);
    activity.add_recent_rows(&mut deployment.slack(), 30);
    deployment.drain().await;
    deployment.archive().await.assert_exactly(&deployment.slack(), "acme", &Log::ALL);
    assert_eq!(states(&slacktrail.run(&["status", "--json"]).await.exits(0)), ["ok"; 3]);

    // `verify` finds no difference.
    let yesterday = (Timestamp::now() - SignedDuration::from_hours(10)).to_string()[..10].to_owned();
    slacktrail.run(&["verify", "acme", "--log", "audit", "--day", &yesterday]).await.exits(0);

    dark.evaluate("console.error('seen')").await;
    assert!(!dark.console_errors().await.is_empty(), "the checks of the console see its errors");

    // Decline the installation, for a screenshot.
    let (child, link, _) = connect(&slacktrail, &app, &["connect", "acme", "--no-browser"]).await;
    let picture = screenshots().join("denied-dark.png");
    continue_to_slack(&dark, &link, &picture).await;
    dark.click("#deny").await;
    let text = dark.text("main").await; // waits for slacktrail's page, because Slack's page has no `main` element
    assert!(text.contains("declined"), "{text}");
    dark.screenshot(&picture).await;
    slacktrail.end(child).await.exits(1);

    let mut lines = poller.kill().await;
    lines.extend(connecting.function.kill().await);
    for secret in [token.as_str(), &app.client_secret] {
        deployment.assert_nowhere(secret, &lines).await;
    }
}
