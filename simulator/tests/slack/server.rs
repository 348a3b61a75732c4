use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Server, Settings, World};

use crate::walk::{at, column, epoch};

/// Serves a world with one row in each log over HTTP. The time is 100 seconds after the start.
async fn served() -> (Server, Arc<Mutex<World>>) {
    let mut world = World::new(Settings::default());
    world.add(Row::small_audit(at(10), "a"));
    world.add(Row::small_access(at(10), at(20), "b", "203.0.113.7", "x"));
    world.add(Row::small_integration(at(10), "A1").in_workspace("T1"));
    let world = Arc::new(Mutex::new(world));
    let server = Server::start(world.clone(), Arc::new(|| at(100))).await.expect("a free port");
    (server, world)
}

async fn get(url: String) -> Response {
    Client::new().get(url).bearer_auth(ORGANIZATION_TOKEN).send().await.expect("a response")
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

#[tokio::test]
async fn every_endpoint_responds_over_http() {
    let (server, _) = served().await;
    let (api, audit) = (server.api_url(), server.audit_url());
    let response = get(format!("{audit}logs?oldest={}&latest={}&limit=9", epoch(10), epoch(10))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["date"], "Thu, 28 May 2026 20:28:20 GMT", "the date is Slack's, not this machine's");
    assert_eq!(column(&json(response).await, "id"), ["a"]);
    assert_eq!(column(&json(get(format!("{api}team.accessLogs?limit=1")).await).await, "user_id"), ["b"]);
    let page = json(get(format!("{api}team.integrationLogs?team_id=T1")).await).await;
    assert_eq!(column(&page, "app_id"), ["A1"]);
    assert_eq!(json(get(format!("{api}auth.test")).await).await["team_id"], "E1");
    assert_eq!(json(get(format!("{api}auth.teams.list?limit=1")).await).await["teams"][0]["id"], "T1");
    assert_eq!(json(get(format!("{api}no.such")).await).await["error"], "unknown_method");
    assert_eq!(get(api.replace("/api/", "/elsewhere")).await.status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn token_may_be_header_query_or_form_field() {
    let (server, _) = served().await;
    let url = format!("{}auth.test", server.api_url());
    let client = Client::new();
    let form = client.post(&url).header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(format!("token={ORGANIZATION_TOKEN}")).send().await.expect("a response");
    assert_eq!(json(form).await["ok"], true);
    let query = client.get(format!("{url}?token={ORGANIZATION_TOKEN}")).send().await.expect("a response");
    assert_eq!(json(query).await["ok"], true);
    let lower = client.get(&url).header("authorization", format!("bearer {ORGANIZATION_TOKEN}"));
    assert_eq!(json(lower.send().await.expect("a response")).await["error"], "not_authed");
    server.stop().await;
}

#[tokio::test]
async fn request_parameters_are_decoded() {
    let (server, world) = served().await;
    let page = json(get(format!("{}team.accessLogs?limit=1", server.api_url())).await).await;
    assert_eq!(column(&page, "user_id"), ["b"]);
    world.lock().expect("the world").add(Row::small_access(at(30), at(30), "c", "203.0.113.7", "x"));
    let first = json(get(format!("{}team.accessLogs?limit=1", server.api_url())).await).await;
    let cursor = first["response_metadata"]["next_cursor"].as_str().expect("a cursor").replace('=', "%3D");
    let second = get(format!("{}team.accessLogs?limit=1&cursor={cursor}", server.api_url())).await;
    assert_eq!(column(&json(second).await, "user_id"), ["b"]);
    server.stop().await;
}

#[tokio::test]
async fn hangup_is_transport_error_and_next_call_succeeds() {
    let (server, world) = served().await;
    world.lock().expect("the world").fault(Fault::next(CallMatcher::any(), FaultKind::Hangup));
    let url = format!("{}logs", server.audit_url());
    let client = Client::new();
    let request = || client.get(&url).bearer_auth(ORGANIZATION_TOKEN).send();
    assert!(request().await.is_err());
    assert_eq!(request().await.expect("a response").status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn response_can_omit_date() {
    let (server, world) = served().await;
    world.lock().expect("the world").fault(Fault::next(CallMatcher::log(Log::Audit), FaultKind::NoDate));
    let response = get(format!("{}logs", server.audit_url())).await;
    assert!(!response.headers().contains_key("date"));
    server.stop().await;
}

#[tokio::test]
async fn delayed_response_outlasts_client_timeout_and_does_not_block_stop() {
    let (server, world) = served().await;
    let hour = Duration::from_secs(3_600);
    world.lock().expect("the world").fault(Fault::every(CallMatcher::any(), FaultKind::Delay(hour)));
    let client = Client::builder().timeout(Duration::from_millis(50)).build().expect("a client");
    let error = client.get(format!("{}logs", server.audit_url())).send().await.expect_err("a timeout");
    assert!(error.is_timeout());
    server.stop().await;
}

#[tokio::test]
async fn truncated_response_is_transport_error_after_first_bytes() {
    let (server, world) = served().await;
    world.lock().expect("no panic").settings_mut().response_bytes_max = Some(20);
    let response = get(format!("{}logs", server.audit_url())).await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    server.stop().await;
}
