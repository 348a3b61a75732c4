//! A loopback proxy in front of the emulated AWS, for features that the emulator lacks. A test scripts the responses to some calls. The
//! emulated account handles the other calls.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The largest body that the proxy accepts.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A proxy in front of one endpoint. Dropping this value stops it.
pub struct ScriptedAws {
    address: SocketAddr,
    context: Arc<Context>,
    server: JoinHandle<()>,
}

struct Context {
    upstream: String,
    client: Client,
    /// The scripts, oldest first. The newest script that returns a response wins.
    scripts: Mutex<Vec<Script>>,
}

/// Returns the response to a call, or `None` to leave it to older scripts and finally to the account.
type Script = Arc<dyn Fn(AwsCall) -> BoxFuture<'static, Option<CannedResponse>> + Send + Sync>;

/// A call to AWS.
#[derive(Clone, Debug)]
pub struct AwsCall {
    /// The action, such as `PutItem`. For S3, the HTTP method.
    pub action: String,
    /// The path, such as `/bucket/key`.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    method: Method,
    uri: Uri,
    upstream: Upstream,
}

/// The connection to the emulated account.
#[derive(Clone, Debug)]
struct Upstream {
    client: Client,
    endpoint: String,
}

/// A response of AWS.
#[derive(Clone, Debug)]
pub struct CannedResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl ScriptedAws {
    /// Starts the proxy on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str) -> ScriptedAws {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be created");
        let context = Arc::new(Context { upstream: upstream.to_owned(), client, scripts: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&context));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("a bound listener can be served");
        });
        ScriptedAws { address, context, server }
    }

    /// Returns the endpoint of the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a script, which takes precedence over earlier scripts. Returns the number of earlier scripts.
    pub fn script(
        &self,
        script: impl Fn(AwsCall) -> BoxFuture<'static, Option<CannedResponse>> + Send + Sync + 'static,
    ) -> usize {
        let mut scripts = locked(&self.context.scripts);
        scripts.push(Arc::new(script));
        scripts.len() - 1
    }

    /// Removes all scripts except for the `kept` oldest.
    pub fn keep(&self, kept: usize) {
        locked(&self.context.scripts).truncate(kept);
    }
}

impl Drop for ScriptedAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl AwsCall {
    /// Sends this call to the emulated account, and returns the response.
    ///
    /// # Panics
    /// Panics if the account does not respond.
    pub async fn pass_on(self) -> CannedResponse {
        let Upstream { client, endpoint } = self.upstream;
        let url = format!("{endpoint}{}", self.uri);
        let sent = client.request(self.method, url).headers(end_to_end(self.headers)).body(self.body).send().await;
        let response = sent.expect("the emulated account responds");
        let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
        CannedResponse {
            status,
            headers,
            body: response.bytes().await.expect("the emulated account completes its response"),
        }
    }

    /// Returns the object key of an S3 call.
    pub fn key(&self) -> &str {
        self.path.splitn(3, '/').nth(2).unwrap_or_default()
    }

    /// Returns the query.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl CannedResponse {
    /// Creates a response with this body.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> CannedResponse {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        let status = StatusCode::from_u16(status).expect("a status has three digits");
        CannedResponse { status, headers, body: body.into() }
    }

    /// Creates a response of a service with a JSON protocol.
    pub fn json(status: u16, body: impl Into<Bytes>) -> CannedResponse {
        CannedResponse::new(status, "application/x-amz-json-1.1", body)
    }

    /// Creates an S3 error response.
    pub fn s3_error(status: u16, code: &str, message: &str) -> CannedResponse {
        CannedResponse::new(
            status,
            "application/xml",
            format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        )
    }

    /// Replaces `from` with `to` in the body.
    ///
    /// # Panics
    /// Panics if the body does not contain `from`.
    #[must_use]
    pub fn replace(self, from: &str, to: &str) -> CannedResponse {
        let text = String::from_utf8_lossy(&self.body);
        assert!(text.contains(from), "no `{from}` in {text}");
        let body = text.replace(from, to).into();
        CannedResponse { body, ..self }
    }
}

impl IntoResponse for CannedResponse {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

async fn answer(State(context): State<Arc<Context>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST.into_response(); // the caller closed the connection while sending
    };
    let call = AwsCall {
        action: action(&head.method, &head.uri, &head.headers, &body),
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
        method: head.method,
        uri: head.uri,
        upstream: Upstream { client: context.client.clone(), endpoint: context.upstream.clone() },
    };
    let scripts = locked(&context.scripts).clone();
    for script in scripts.iter().rev() {
        if let Some(response) = script(call.clone()).await {
            return response.into_response();
        }
    }
    call.pass_on().await.into_response()
}

/// Returns the action of a call. Its position depends on the AWS protocol.
fn action(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some((_, action)) = header("x-amz-target").rsplit_once('.') {
        return action.to_owned();
    }
    if let Some((_, action)) = uri.path().split_once("/operation/") {
        return action.to_owned();
    }
    if uri.path().starts_with("/2015-03-31/functions/") {
        let is_invocation = uri.path().ends_with("/invocations");
        return if is_invocation { "Invoke" } else { "GetFunctionConfiguration" }.to_owned();
    }
    if header("content-type").starts_with("application/x-www-form-urlencoded") {
        let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action");
        return action.map(|(_, action)| action.into_owned()).unwrap_or_default();
    }
    method.to_string()
}

/// Removes the headers that apply to one connection or body only, and `Host`.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("the lock is not poisoned")
}
