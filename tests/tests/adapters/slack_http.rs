//! Tests of the HTTP client for Slack with a local server: what it sends, what it reads, and that its errors contain no secret.

use std::error::Error as _;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response as HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::codes::Place;
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::slack::{Request, Response};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, Slack};
use slacktrail_tests::conformance::source;
use slacktrail_tests::loopback::{bind, reserve, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "xoxp-1-hidden";
const PAGE_CURSOR: &str = "dXNlcjpV+hidden/==";

/// The requests that a server received.
type Requests = Arc<Mutex<Vec<(Method, String, HeaderMap, String)>>>;

/// Starts a server that returns this response to every request. Returns its base URL and its requests.
async fn answering(answer: impl Fn() -> HttpResponse + Clone + Send + Sync + 'static) -> (String, Requests) {
    let requests = Requests::default();
    let record = move |State(requests): State<Requests>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        requests.lock().unwrap().push((method, uri.to_string(), headers, String::from_utf8_lossy(&body).into_owned()));
        let answer = answer();
        async move { answer }
    };
    let router = Router::new().fallback(record).with_state(requests.clone());
    (format!("http://{}", serve(router).await), requests)
}

async fn call(base: &str, request: &Request) -> Result<Response, Error> {
    let slack = SlackHttp::new(&format!("{base}/api/"), &format!("{base}/audit/v1")).unwrap();
    slack.call_whole(&source("acme"), request, CallAuth::User(&Token::new(TOKEN).unwrap())).await
}

/// Starts a server that handles each connection with `converse`, until the test ends. Returns its base URL.
async fn serve_raw<F>(converse: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = bind().await;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(converse(connection));
        }
    });
    format!("http://{address}")
}

/// Starts a server that accepts connections and never responds. Returns its base URL.
async fn silent() -> String {
    serve_raw(|connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await
}

async fn read_head(connection: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = connection.read_u8().await else { return };
        request.push(byte);
    }
}

#[tokio::test]
async fn call_ends_with_its_tick_regardless_of_timeout() {
    let base = silent().await;
    let slack = SlackHttp::with_timeout(&format!("{base}/api/"), &base, Duration::from_secs(3_600)).unwrap();
    slack.finish_by(Instant::now());
    let token = Token::new(TOKEN).unwrap();
    let (source, request) = (source("acme"), audit_logs());
    let called = slack.call(&source, &request, CallAuth::User(&token));
    let outcome =
        tokio::time::timeout(Duration::from_secs(60), called).await.expect("the call does not wait for an hour");
    assert_retryable(&outcome.unwrap_err(), "unreachable", &base);
}

fn audit_logs() -> Request {
    Request::audit_logs(Second::MARCH_2018, Second::MARCH_2018.plus(60), 1000, Some(PAGE_CURSOR))
}

/// Asserts that this is Slack's error of kind `Retry`, and that its text and its causes contain neither the token nor the page cursor.
fn assert_retryable(error: &Error, code: &str, base: &str) {
    assert_eq!((error.origin, error.kind, error.code.as_str()), (Origin::Slack, ErrorKind::Retry, code), "{error:?}");
    let mut text = format!("{error:?} {error} {}", error.hint(Place::Poller, None));
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error} {error:?}");
        cause = error.source();
    }
    for hidden in ["hidden", "xoxp", "oldest", base] {
        assert!(!text.contains(hidden), "{text}");
    }
    assert!(error.message.contains("`logs`") && error.message.contains("`127.0.0.1`"), "{error}");
}

#[tokio::test]
async fn get_has_token_user_agent_and_encoded_arguments() {
    let (base, requests) = answering(|| "{}".into_response()).await;
    call(&base, &audit_logs()).await.unwrap();

    let (method, uri, headers, body) = requests.lock().unwrap().remove(0);
    assert_eq!((method, body.as_str()), (Method::GET, ""));
    assert_eq!(uri, "/audit/v1/logs?oldest=1519862400&latest=1519862460&limit=1000&cursor=dXNlcjpV%2Bhidden%2F%3D%3D");
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(headers["user-agent"], concat!("slacktrail/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers["accept-encoding"], "gzip");
}

#[tokio::test]
async fn post_has_arguments_as_form() {
    let (base, requests) = answering(|| "{}".into_response()).await;
    call(&base, &Request::workspaces(Some("a=&b c"))).await.unwrap();
    call(&base, &Request::auth_test()).await.unwrap();

    let (method, uri, headers, body) = requests.lock().unwrap().remove(0);
    assert_eq!((method, uri.as_str()), (Method::POST, "/api/auth.teams.list"));
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body, "limit=1000&cursor=a%3D%26b+c");
    let (_, uri, _, body) = requests.lock().unwrap().remove(0);
    assert_eq!((uri.as_str(), body.as_str()), ("/api/auth.test", ""));
}

#[tokio::test]
async fn response_has_status_body_and_relevant_headers() {
    let date = "Sun, 22 Nov 2026 07:33:41 GMT";
    let headers = [("retry-after", "30"), ("date", date)];
    let (base, _) = answering(move || (StatusCode::TOO_MANY_REQUESTS, headers, "{\"ok\":false}").into_response()).await;
    let response = call(&base, &audit_logs()).await.unwrap();
    assert_eq!((response.status, response.retry_after.as_deref()), (429, Some("30")));
    assert_eq!(response.date.map(Second::of), Second::new(1_795_332_821));
    assert_eq!(response.body, b"{\"ok\":false}");
}

#[tokio::test]
async fn compressed_body_is_decompressed() {
    let text = "{\"entries\":[]}".repeat(1000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let (base, _) = answering(move || ([("content-encoding", "gzip")], packed.clone()).into_response()).await;
    assert_eq!(call(&base, &audit_logs()).await.unwrap().body, text.as_bytes());
}

#[tokio::test]
async fn redirect_is_returned_and_not_followed() {
    let (elsewhere, requests_elsewhere) = answering(|| "{}".into_response()).await;
    let (base, _) = answering(move || (StatusCode::FOUND, [("location", elsewhere.clone())]).into_response()).await;
    assert_eq!(call(&base, &audit_logs()).await.unwrap().status, 302);
    assert!(requests_elsewhere.lock().unwrap().is_empty());
}

#[tokio::test]
async fn buffered_response_longer_than_1_mib_is_error() {
    let (base, _) = answering(|| vec![b' '; (1 << 20) + 1].into_response()).await;
    let error = call(&base, &audit_logs()).await.unwrap_err();
    assert_eq!((error.origin, error.code.as_str()), (Origin::Slack, "response_too_large"), "{error:?}");
}

#[tokio::test]
async fn unreachable_host_is_named_without_secrets() {
    let (_socket, address) = reserve();
    let base = format!("http://{address}");
    assert_retryable(&call(&base, &audit_logs()).await.unwrap_err(), "unreachable", &base);
}

#[tokio::test]
async fn host_that_never_responds_times_out() {
    let base = silent().await;
    let slack = SlackHttp::with_timeout(&base, &base, Duration::from_millis(50)).unwrap();
    let outcome = slack.call(&source("acme"), &audit_logs(), CallAuth::User(&Token::new(TOKEN).unwrap())).await;
    let error = outcome.unwrap_err();
    assert_retryable(&error, "unreachable", &base);
    assert!(error.message.ends_with("did not respond within 0.05 seconds"), "{error}");
}

#[tokio::test]
async fn response_that_trickles_times_out() {
    let base = serve_raw(|mut connection| async move {
        read_head(&mut connection).await;
        let mut text = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{\"entries\":[".as_bytes().to_vec();
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        while connection.write_all(&text).await.is_ok() {
            beat.tick().await;
            text = b"0,".to_vec();
        }
    })
    .await;
    // On a busy machine, even the start of the response may arrive later than the first timeout.
    for timeout in [300, 3_000, 30_000].map(Duration::from_millis) {
        let slack = SlackHttp::with_timeout(&base, &base, timeout).unwrap();
        let token = Token::new(TOKEN).unwrap();
        let error = slack.call_whole(&source("acme"), &audit_logs(), CallAuth::User(&token)).await.unwrap_err();
        if error.code != "unreachable" || timeout.as_secs() == 30 {
            return assert_retryable(&error, "incomplete_response", &base);
        }
    }
}

#[tokio::test]
async fn truncated_response_is_error() {
    for (sent, code) in
        [("", "unreachable"), ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"entries\":[", "incomplete_response")]
    {
        let base = serve_raw(move |mut connection| async move {
            read_head(&mut connection).await;
            connection.write_all(sent.as_bytes()).await.unwrap();
        })
        .await;
        assert_retryable(&call(&base, &audit_logs()).await.unwrap_err(), code, &base);
    }
}
