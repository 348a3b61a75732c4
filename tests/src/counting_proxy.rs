//! A proxy on loopback in front of the emulated AWS. It counts what is asked. It can refuse calls, and it can hold one for good:
//! whoever made that call waits until it is killed.

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

/// A longer body is refused: the largest is an object of a few MiB.
const BODY_BYTES_MAX: usize = 64 << 20;

/// When a call is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Before AWS hears of it.
    Unsent,
    /// After AWS has done it; the caller gets no answer.
    Unanswered,
}

/// A proxy in front of one endpoint. It ends with this value.
pub struct CountingProxy {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

struct Desk {
    upstream: String,
    client: Client,
    calls: Mutex<Vec<Call>>,
    trap: Mutex<Option<Trap>>,
    refusal: Mutex<Option<Refusal>>,
    held: Notify,
    /// How much later each answer comes.
    delay: Mutex<Duration>,
}

/// What AWS answers in place of doing a call, so often.
struct Refusal {
    call: String,
    left: usize,
    response: String,
}

/// What was asked of AWS.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The action of a service that names it in a header, such as `DynamoDB_20120810.PutItem`.
    pub target: Option<String>,
    /// What such a service was sent; empty for any other.
    pub body: Bytes,
    /// When it was asked.
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
    /// Matching calls until the one that is held, itself included.
    left: usize,
}

impl CountingProxy {
    /// Starts it on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str) -> CountingProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be made");
        let desk = Arc::new(Desk {
            upstream: upstream.to_owned(),
            client,
            calls: Mutex::default(),
            trap: Mutex::default(),
            refusal: Mutex::default(),
            held: Notify::new(),
            delay: Mutex::default(),
        });
        let routes = Router::new().fallback(pass_on).with_state(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("a bound listener can be served");
        });
        CountingProxy { address, desk, server }
    }

    /// Its own endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked since the last time that this was called, in order: an action of DynamoDB or Secrets Manager by its
    /// name (`PutItem`), anything of S3 by method and path (`PUT /logs/audit/...`).
    pub fn take_calls(&self) -> Vec<String> {
        self.take().iter().map(Call::name).collect()
    }

    /// The same, with all that AWS needs to know before it allows a call.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *locked(&self.desk.calls))
    }

    /// Holds the `nth` call from now on, counting from 1, whose name in [`CountingProxy::take_calls`] begins with `call`.
    pub fn hold(&self, moment: Moment, call: &str, nth: usize) {
        *locked(&self.desk.trap) = Some(Trap { moment, call: call.to_owned(), left: nth });
    }

    /// Refuses the next `times` calls of this action of DynamoDB or Secrets Manager, with an exception and its message.
    pub fn refuse(&self, call: &str, times: usize, exception: &str, message: &str) {
        let response = format!(r#"{{"__type":"{exception}","Message":"{message}"}}"#);
        *locked(&self.desk.refusal) = Some(Refusal { call: call.to_owned(), left: times, response });
    }

    /// From now on each answer comes so much later, so that calls that are made side by side are answered side by side.
    pub fn slow_down(&self, delay: Duration) {
        *locked(&self.desk.delay) = delay;
    }

    /// Returns once a call is held.
    pub async fn held(&self) {
        self.desk.held.notified().await;
    }
}

impl Drop for CountingProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Desk {
    /// What AWS answers in place of doing a call, if it is to be refused.
    fn refusal(&self, call: &Call) -> Option<String> {
        let mut refusal = locked(&self.refusal);
        let refusal = refusal.as_mut().filter(|refusal| refusal.left > 0 && call.name() == refusal.call)?;
        refusal.left -= 1;
        Some(refusal.response.clone())
    }

    /// Notes a call, and says when it is to be held.
    fn note(&self, call: Call) -> Option<Moment> {
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
        std::future::pending().await // the caller hangs up when it is killed, which drops this
    }
}

async fn pass_on(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST.into_response(); // the caller was killed while it sent
    };
    let call = Call::of(&head.method, &head.uri, &head.headers, &body);
    let refusal = desk.refusal(&call);
    let held = desk.note(call);
    if let Some(response) = refusal {
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/x-amz-json-1.1")], response).into_response();
    }
    if held == Some(Moment::Unsent) {
        desk.hold().await;
    }
    let url = format!("{}{}", desk.upstream, head.uri);
    let sent = desk.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await;
    let Ok(response) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let Ok(body) = response.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let delay = *locked(&desk.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if held == Some(Moment::Unanswered) {
        desk.hold().await;
    }
    (status, headers, body).into_response()
}

/// Without the headers that belong to one connection. `Host` stays: callers have signed it.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}
