//! Tests of the emulated API Gateway, with closures as functions.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HOST, SET_COOKIE};
use serde_json::{Value, json};
use slacktrail_tests::http_api::{HttpApi, ScriptedFunction, Settings};
use slacktrail_tests::lambda_runtime_api::Emulator;
use tokio::net::TcpStream;

const ROUTES: [&str; 3] = ["GET /oauth/start", "GET /oauth/callback", "POST /oauth/start"];

/// An API in front of one function.
struct TestApi {
    api: HttpApi,
    client: reqwest::Client,
    events: Receiver<Value>,
    _function: ScriptedFunction,
}

impl TestApi {
    async fn of(answer: Result<Value, Value>) -> TestApi {
        let lambda = Arc::new(Emulator::start().await);
        let (sender, events) = channel();
        let function = ScriptedFunction::start(&lambda, move |event| {
            sender.send(event).unwrap();
            answer.clone()
        });
        let api = HttpApi::start(lambda, Settings::new(&ROUTES)).await;
        TestApi { client: api.client(), api, events, _function: function }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.api.url())).send().await.unwrap()
    }
}

async fn assert_message(response: reqwest::Response, status: StatusCode, message: &str) {
    assert_eq!((response.status(), &response.headers()[CONTENT_TYPE]), (status, &"application/json".parse().unwrap()));
    assert_eq!(response.text().await.unwrap(), json!({ "message": message }).to_string());
}

#[tokio::test]
async fn request_becomes_event_of_payload_format_2() {
    let test = TestApi::of(Ok(json!({ "statusCode": 204 }))).await;

    let url = format!("{}/oauth/callback?code=1%2F2&scope=a&scope=b", test.api.url());
    let request = test.client.get(url).header("User-Agent", "test").header("X-Word", "a").header("X-Word", "b");
    let response = request.header("Cookie", "__Host-x=1; y=2").header("Cookie", "z=3").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);

    let event = test.events.recv().unwrap();
    assert_eq!((&event["version"], &event["routeKey"]), (&json!("2.0"), &json!("GET /oauth/callback")));
    assert_eq!(event["rawPath"], "/oauth/callback");
    assert_eq!(event["rawQueryString"], "code=1%2F2&scope=a&scope=b");
    assert_eq!(event["queryStringParameters"], json!({ "code": "1/2", "scope": "a,b" }));
    assert_eq!(event["cookies"], json!(["__Host-x=1", "y=2", "z=3"]));
    assert_eq!((&event["headers"]["x-word"], event["headers"].get("cookie")), (&json!("a,b"), None));
    let context = &event["requestContext"];
    let http = json!({ "method": "GET", "path": "/oauth/callback", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test" });
    assert_eq!((&context["http"], &context["stage"]), (&http, &json!("$default")));
    assert_eq!(response.headers()["apigw-requestid"], context["requestId"].as_str().unwrap());
}

#[tokio::test]
async fn body_reaches_function_and_form_is_base64_as_on_aws() {
    let test = TestApi::of(Ok(json!("ok"))).await;
    let url = format!("{}/oauth/start", test.api.url());

    for (content_type, body, is_base64) in
        [("application/json", "{}", false), ("application/x-www-form-urlencoded", "YT0x", true)]
    {
        let sent = if is_base64 { "a=1" } else { body };
        test.client.post(&url).header(CONTENT_TYPE, content_type).body(sent).send().await.unwrap();
        let event = test.events.recv().unwrap();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(body), &json!(is_base64)));
    }
}

#[tokio::test]
async fn api_keeps_its_domain_name_despite_forged_host() {
    let test = TestApi::of(Ok(json!("ok"))).await;

    let request = test.client.get(format!("{}/oauth/start", test.api.url()));
    request.header(HOST, "evil.example").send().await.unwrap();

    let event = test.events.recv().unwrap();
    assert_eq!(event["headers"]["host"], "evil.example");
    assert_eq!(event["requestContext"]["domainName"], test.api.address().to_string());
}

#[tokio::test]
async fn domain_name_can_be_set() {
    let lambda = Arc::new(Emulator::start().await);
    let _function = ScriptedFunction::start(&lambda, |event| Ok(event["requestContext"].clone()));
    let settings = Settings { domain_name: Some("logs.example.com".into()), ..Settings::new(&ROUTES) };
    let api = HttpApi::start(lambda, settings).await;

    let response = api.client().get(format!("{}/oauth/start", api.url())).send().await.unwrap();

    let context: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!("logs.example.com"), &json!("logs")));
}

#[tokio::test]
async fn unknown_route_is_not_found_and_invokes_no_function() {
    let test = TestApi::of(Ok(json!("ok"))).await;

    for path in ["/", "/oauth", "/oauth/start/", "/oauth/Start", "//oauth/start"] {
        assert_message(test.get(path).await, StatusCode::NOT_FOUND, "Not Found").await;
    }
    let post = test.client.post(format!("{}/oauth/callback", test.api.url())).send().await.unwrap();
    assert_message(post, StatusCode::NOT_FOUND, "Not Found").await;

    assert!(test.events.try_recv().is_err());
}

#[tokio::test]
async fn structured_response_becomes_status_headers_cookies_and_body() {
    let answer = json!({
        "statusCode": 302,
        "headers": { "Location": "https://slack.example/", "content-length": "999", "Content-Type": "text/html" },
        "multiValueHeaders": { "x-lost": ["1"] },
        "cookies": ["a=1; Path=/", "b=2; Path=/"],
        "body": "PGI+",
        "isBase64Encoded": true,
    });
    let test = TestApi::of(Ok(answer)).await;

    let response = test.get("/oauth/start").await;

    assert_eq!(
        (response.status(), &response.headers()["location"]),
        (StatusCode::FOUND, &"https://slack.example/".parse().unwrap())
    );
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Path=/", "b=2; Path=/"]);
    assert_eq!(
        (&response.headers()[CONTENT_TYPE], response.headers().get("x-lost")),
        (&"text/html".parse().unwrap(), None)
    );
    assert_eq!(response.text().await.unwrap(), "<b>");
}

#[tokio::test]
async fn response_without_type_is_text_and_without_status_is_json() {
    for (answer, content_type, body) in [
        (json!({ "statusCode": 200, "body": "<b>" }), "text/plain; charset=utf-8", "<b>"),
        (json!({ "body": "x" }), "application/json", r#"{"body":"x"}"#),
        (json!("hello"), "application/json", "hello"),
    ] {
        let test = TestApi::of(Ok(answer)).await;
        let response = test.get("/oauth/start").await;
        assert_eq!(
            (response.status(), &response.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &content_type.parse().unwrap())
        );
        assert_eq!(response.text().await.unwrap(), body);
    }
}

#[tokio::test]
async fn error_and_malformed_response_are_500_and_only_test_sees_reason() {
    for (answer, why) in [
        (
            Err(json!({ "errorMessage": "the secret is xoxp-1" })),
            "the function failed: {\"errorMessage\":\"the secret is xoxp-1\"}",
        ),
        (Ok(json!({ "statusCode": "200" })), "the function's response is malformed: "),
        (Ok(json!({ "statusCode": 99 })), "invalid response status 99"),
        (Ok(json!({ "statusCode": 200, "headers": { "x": "a\r\nb" } })), "\"a\\r\\nb\" is not a header value"),
        (Ok(json!({ "statusCode": 200, "body": "?", "isBase64Encoded": true })), "the body is not base64: "),
    ] {
        let test = TestApi::of(answer).await;
        let response = test.get("/oauth/start").await;
        assert_message(response, StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").await;
        let errors = test.api.errors();
        assert!(errors[0].starts_with(&format!("GET /oauth/start: {why}")), "{errors:?}");
    }
}

#[tokio::test]
async fn function_that_does_not_respond_in_time_is_500() {
    let lambda = Arc::new(Emulator::start().await);
    let next = format!("http://{}/2018-06-01/runtime/invocation/next", lambda.address());
    let settings = Settings { timeout: Duration::from_millis(20), ..Settings::new(&ROUTES) };
    let api = HttpApi::start(lambda, settings).await;
    let (client, url) = (api.client(), format!("{}/oauth/start", api.url()));

    // The function takes the event and never responds.
    let (response, _event) = tokio::join!(client.get(url).send(), reqwest::get(next));

    assert_message(response.unwrap(), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").await;
    assert_eq!(api.errors(), ["GET /oauth/start: the function did not respond in time"]);
}

#[tokio::test]
async fn two_concurrent_requests_reach_two_functions() {
    let lambda = Arc::new(Emulator::start().await);
    let runtime = format!("http://{}/2018-06-01/runtime/invocation", lambda.address());
    let api = HttpApi::start(lambda, Settings::new(&ROUTES)).await;
    let client = api.client();
    let get = async |query: &str| {
        let response = client.get(format!("{}/oauth/callback?{query}", api.url())).send().await.unwrap();
        response.text().await.unwrap()
    };
    let next = async || {
        let response = reqwest::get(format!("{runtime}/next")).await.unwrap();
        let id = response.headers()["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned();
        (id, serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap())
    };
    let respond = async |(id, event): (String, Value)| {
        let body = json!(format!("heard {}", event["rawQueryString"].as_str().unwrap())).to_string();
        reqwest::Client::new().post(format!("{runtime}/{id}/response")).body(body).send().await.unwrap();
    };
    let functions = async {
        let (one, other) = tokio::join!(next(), next()); // neither responds before the other has its event
        respond(other).await;
        respond(one).await;
    };

    let ((), one, other) = tokio::join!(functions, get("a"), get("b"));

    assert_eq!((one, other), ("heard a".to_owned(), "heard b".to_owned()));
}

#[tokio::test]
async fn header_and_body_beyond_quota_are_rejected() {
    let test = TestApi::of(Ok(json!("ok"))).await;
    let url = format!("{}/oauth/start", test.api.url());

    let head = test.client.get(&url).header("x-long", "x".repeat(10_240)).send().await.unwrap();
    assert_message(head, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large").await;

    let body = test.client.post(&url).body(vec![b'x'; 10 * 1024 * 1024 + 1]).send().await.unwrap();
    assert_message(body, StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large").await;

    assert!(test.events.try_recv().is_err());
}

#[tokio::test]
async fn api_certificate_is_trusted_and_server_stops_when_dropped() {
    let lambda = Arc::new(Emulator::start().await);
    let api = HttpApi::start(Arc::clone(&lambda), Settings::new(&[])).await;
    let other = HttpApi::start(lambda, Settings::new(&[])).await;
    let (address, client) = (api.address(), api.client());

    assert_eq!(client.get(api.url()).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(client.get(other.url()).send().await.is_err());

    drop(api);
    tokio::task::yield_now().await; // so that the server's task can end
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
#[should_panic(expected = "`ANY /oauth` is not a method and an exact path")]
fn route_that_is_not_emulated_is_rejected() {
    Settings::new(&["ANY /oauth"]);
}
