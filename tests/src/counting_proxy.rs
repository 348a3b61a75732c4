//! A loopback proxy in front of the emulated AWS that records calls. It can also reject calls, delay responses, and hold one call until
//! the caller is killed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The largest body that the proxy accepts. The largest object has a few MiB.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The point at which a call is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Before the proxy sends it to AWS.
    Unsent,
    /// After AWS has processed it. The caller gets no response.
    Unanswered,
}

/// A proxy in front of one endpoint. Dropping this value stops it.
pub struct CountingProxy {
    address: SocketAddr,
    context: Arc<Context>,
    server: JoinHandle<()>,
}

struct Context {
    upstream: String,
    client: Client,
    calls: Mutex<Vec<Call>>,
    trap: Mutex<Option<Trap>>,
    rejection: Mutex<Option<Rejection>>,
    held: Notify,
    /// The delay of each response.
    delay: Mutex<Duration>,
}

/// A response that replaces the next calls of an action.
struct Rejection {
    call: String,
    left: usize,
    response: String,
}

/// A recorded call to AWS.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path and query.
    pub uri: String,
    /// The value of the `x-amz-target` header, such as `DynamoDB_20120810.PutItem`. S3 and Lambda do not use this header.
    pub target: Option<String>,
    /// The body of a call with a `target`. Empty for other calls.
    pub body: Bytes,
    /// The time at which the proxy received the call.
    pub at: Instant,
}

impl Call {
    fn of(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Call {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).map(str::to_owned);
        let body = if target.is_some() { body.clone() } else { Bytes::new() };
        Call { method: method.to_string(), uri: uri.to_string(), target, body, at: Instant::now() }
    }

    fn name(&self) -> String {
        let action = self.target.as_deref().and_then(|target| target.split('.').next_back());
        action.map_or_else(|| format!("{} {}", self.method, self.uri), str::to_owned)
    }
}

struct Trap {
    moment: Moment,
    call: String,
    /// The number of matching calls up to and including the call to hold.
    left: usize,
}

impl CountingProxy {
    /// Starts the proxy on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str) -> CountingProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be created");
        let context = Arc::new(Context {
            upstream: upstream.to_owned(),
            client,
            calls: Mutex::default(),
            trap: Mutex::default(),
            rejection: Mutex::default(),
            held: Notify::new(),
            delay: Mutex::default(),
        });
        let routes = Router::new().fallback(forward).with_state(Arc::clone(&context));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("a bound listener can be served");
        });
        CountingProxy { address, context, server }
    }

    /// Returns the endpoint of the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the names of the calls since the previous call of this method or [`CountingProxy::take`], in order.
    ///
    /// The name is the action for DynamoDB and Secrets Manager (`PutItem`), otherwise the method and path (`PUT /logs/audit/...`).
    pub fn take_calls(&self) -> Vec<String> {
        self.take().iter().map(Call::name).collect()
    }

    /// Returns the same calls as [`CountingProxy::take_calls`], with all recorded details.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *locked(&self.context.calls))
    }

    /// Holds the `nth` call from now on (starting at 1) whose name in [`CountingProxy::take_calls`] starts with `call`.
    pub fn hold(&self, moment: Moment, call: &str, nth: usize) {
        *locked(&self.context.trap) = Some(Trap { moment, call: call.to_owned(), left: nth });
    }

    /// Rejects the next `times` calls of an action of DynamoDB or Secrets Manager with an exception and a message.
    pub fn refuse(&self, call: &str, times: usize, exception: &str, message: &str) {
        let response = format!(r#"{{"__type":"{exception}","Message":"{message}"}}"#);
        *locked(&self.context.rejection) = Some(Rejection { call: call.to_owned(), left: times, response });
    }

    /// Delays each response from now on, so that concurrent calls get concurrent responses.
    pub fn slow_down(&self, delay: Duration) {
        *locked(&self.context.delay) = delay;
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        self.context.held.notified().await;
    }
}

impl Drop for CountingProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Context {
    /// Returns the response that rejects a call, or `None` if the proxy forwards it.
    fn rejection(&self, call: &Call) -> Option<String> {
        let mut rejection = locked(&self.rejection);
        let rejection = rejection.as_mut().filter(|rejection| rejection.left > 0 && call.name() == rejection.call)?;
        rejection.left -= 1;
        Some(rejection.response.clone())
    }

    /// Records a call. Returns the point at which to hold it, or `None` if it is not held.
    fn record(&self, call: Call) -> Option<Moment> {
        let mut trap = locked(&self.trap);
        let matching = trap.as_mut().filter(|trap| call.name().starts_with(&trap.call));
        locked(&self.calls).push(call);
        let matching = matching?;
        matching.left -= 1;
        if matching.left > 0 {
            return None;
        }
        trap.take().map(|trap| trap.moment)
    }

    async fn hold(&self) {
        self.held.notify_one();
        std::future::pending().await // the connection closes when the caller is killed, which drops this future
    }
}

async fn forward(State(context): State<Arc<Context>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST.into_response(); // the caller was killed while sending
    };
    let call = Call::of(&head.method, &head.uri, &head.headers, &body);
    let rejection = context.rejection(&call);
    let held = context.record(call);
    if let Some(response) = rejection {
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/x-amz-json-1.1")], response).into_response();
    }
    if held == Some(Moment::Unsent) {
        context.hold().await;
    }
    let url = format!("{}{}", context.upstream, head.uri);
    let sent = context.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await;
    let Ok(response) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let Ok(body) = response.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let delay = *locked(&context.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if held == Some(Moment::Unanswered) {
        context.hold().await;
    }
    (status, headers, body).into_response()
}

/// Removes the headers that apply to one connection only. `Host` stays, because it is part of the caller's signature.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("the lock is not poisoned")
}
