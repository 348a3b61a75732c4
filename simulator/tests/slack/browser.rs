use std::sync::{Arc, Mutex};

use reqwest::Client;
use reqwest::redirect::Policy;
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Family, Fault, FaultKind, Method, Request, Server, World};

use crate::install::{REDIRECT_URL, asking_for, code_of, organization, parameter, world_of};
use crate::walk::{at, response};

const SCRIPT: &str = "<script>alert(1)</script>";

fn page(world: &mut World, asked: &str) -> (u16, String) {
    let response = response(world, 0, &Request::authorize(asked));
    assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
    (response.status, String::from_utf8(response.body).expect("UTF-8"))
}

/// Returns the form of the consent page for [`asking_for`], with these answers.
fn form(app: &App, answers: &[(&str, &str)]) -> Request {
    let asked = Request::authorize(&asking_for(app, "auditlogs:read,admin"));
    let posted = Request { family: Family::Browser, method: Method::Post, path: "consent".to_owned(), ..asked };
    answers.iter().fold(posted, |posted, (name, value)| posted.with(name, value))
}

fn location(world: &mut World, request: &Request) -> String {
    let response = response(world, 0, request);
    assert_eq!(response.status, 302, "{}", String::from_utf8_lossy(&response.body));
    response.header("Location").expect("a redirect URL").to_owned()
}

#[test]
fn consent_page_says_it_is_simulated_and_lists_request() {
    let (app, mut world) = organization();
    let (status, html) = page(&mut world, &format!("{}&scope=team:read", asking_for(&app, "auditlogs:read,admin")));
    assert_eq!(status, 200);
    for part in [
        "<title>Simulated Slack: install slacktrail?</title>",
        "Simulated Slack: nothing here is real",
        "<b id=\"user\">Olga Owner</b>",
        "<form method=\"post\" action=\"/oauth/v2/consent\">",
        "<select name=\"install\">",
        "<option value=\"E1\">Organization E1 (the whole organization)</option>",
        "<option value=\"T2\">Workspace T2</option>",
        "<li>auditlogs:read</li>",
        "<li>team:read</li>",
        "<button id=\"allow\" name=\"decision\" value=\"allow\">",
        "<button id=\"deny\" name=\"decision\" value=\"deny\">",
        "<input type=\"hidden\" name=\"state\" value=\"s 1\">",
    ] {
        assert!(html.contains(part), "missing `{part}` in\n{html}");
    }
    assert!(!html.contains("checkbox") && !html.contains("<script"));
}

#[test]
fn names_and_parameters_are_escaped() {
    let app = App { name: SCRIPT.to_owned(), ..App::organization(REDIRECT_URL) };
    let mut world = world_of(&app);
    world.settings_mut().users[0].name = "\"><b onclick='x'>&".to_owned();
    if let Tenant::Organization { name, workspaces, .. } = &mut world.settings_mut().tenant {
        *name = SCRIPT.to_owned();
        workspaces[0].name = SCRIPT.to_owned();
        workspaces[1].id = "\"><i>".to_owned();
    }
    let (_, html) = page(&mut world, &asking_for(&app, "admin").replace("s%201", "\"'><i>"));
    assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b onclick"), "{html}");
    assert_eq!(html.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count(), 4, "{html}");
    assert!(html.contains("<b id=\"user\">&quot;&gt;&lt;b onclick=&#39;x&#39;&gt;&amp;</b>"), "{html}");
    let (status, html) = page(&mut world, "client_id=<script>");
    assert_eq!((status, html.contains("<script")), (400, false));
}

#[test]
fn invalid_consent_request_shows_code_without_redirect() {
    let (app, mut world) = organization();
    let asked = format!("client_id={}&user_scope=admin&redirect_uri=https://evil.example/", app.client_id);
    let (status, html) = page(&mut world, &asked);
    assert_eq!(status, 400);
    assert!(html.contains("<code id=\"error\">bad_redirect_uri</code>"));
    let mut elsewhere = form(&app, &[("decision", "deny")]);
    elsewhere.query.retain(|(name, _)| name != "redirect_uri");
    let elsewhere = elsewhere.with("redirect_uri", "https://evil.example/");
    assert_eq!(response(&mut world, 0, &elsewhere).status, 400);
    assert_eq!(response(&mut world, 0, &form(&app, &[])).status, 400);
    assert_eq!(response(&mut world, 0, &Request::get(Family::Browser, "consent")).status, 404);
}

#[test]
fn only_optional_scopes_are_checkboxes() {
    let app = App { user_optional: vec!["admin".to_owned()], ..App::organization(REDIRECT_URL) };
    let mut world = world_of(&app);
    let (_, html) = page(&mut world, &asking_for(&app, "auditlogs:read,admin"));
    assert!(html.contains("<input type=\"checkbox\" name=\"optional\" value=\"admin\" checked>"), "{html}");
    assert_eq!(html.matches("checkbox").count(), 1);
    let allow = [("decision", "allow"), ("install", "E1")];
    for (checked, scopes) in [(None, "auditlogs:read"), (Some("admin"), "auditlogs:read,admin")] {
        let request = checked.iter().fold(form(&app, &allow), |form, value| form.with("optional", value));
        let code = code_of(&location(&mut world, &request));
        let given = crate::walk::json(&mut world, 0, &crate::install::exchanging(&app, &code));
        assert_eq!(given["authed_user"]["scope"], scopes);
    }
}

#[test]
fn browser_pages_are_subject_to_faults() {
    let (app, mut world) = organization();
    world.fault(Fault::next(CallMatcher::path("authorize"), FaultKind::Html(502)));
    let asked = asking_for(&app, "admin");
    assert_eq!((page(&mut world, &asked).0, page(&mut world, &asked).0), (502, 200));
    assert_eq!(world.calls().of("authorize"), 2);
}

#[tokio::test]
async fn app_is_installed_over_http() {
    let (app, world) = organization();
    let world = Arc::new(Mutex::new(world));
    let server = Server::start(world, Arc::new(|| at(0))).await.expect("a free port");
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let asked = asking_for(&app, "auditlogs:read");
    let shown = client.get(format!("{}?{asked}", server.authorize_url())).send().await.expect("a page");
    assert!(shown.text().await.expect("HTML").contains("Olga Owner"));

    let form = |decision: &str| {
        let request = client.post(server.authorize_url().replace("authorize", "consent"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("{asked}&install=E1&decision={decision}")).send()
    };
    let denied = form("deny").await.expect("a response");
    assert_eq!(denied.headers()["location"], "https://collector.example/callback?error=access_denied&state=s+1");
    let allowed = form("allow").await.expect("a response");
    assert_eq!(allowed.status(), 302);
    let redirect = allowed.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("s+1"));

    let exchange = client.post(format!("{}oauth.v2.access", server.api_url()));
    let exchange = exchange.basic_auth(&app.client_id, Some(&app.client_secret));
    let exchange = exchange.header("content-type", "application/x-www-form-urlencoded");
    let given = exchange
        .body(format!("code={}&redirect_uri={REDIRECT_URL}", code_of(&redirect)))
        .send()
        .await
        .expect("a response");
    let given: serde_json::Value = serde_json::from_slice(&given.bytes().await.expect("a body")).expect("JSON");
    let token = given["authed_user"]["access_token"].as_str().expect("a token");
    let logs = client.get(format!("{}logs", server.audit_url())).bearer_auth(token).send().await.expect("a response");
    assert_eq!(logs.status(), 200);
    server.stop().await;
}
