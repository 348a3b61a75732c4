//! A loopback proxy in front of the emulated AWS. It records calls, and can replace, hold, delay and randomly fail them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::{Method, Response, StatusCode, Uri};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Client;
use tokio::sync::Notify;

use crate::locked;
use crate::loopback::{Closed, Server, client, forward, serve_http};

/// On average, one in this many calls starts a burst of random faults.
const CALLS_PER_BURST: u32 = 24;
/// The largest number of calls in a burst. It exceeds the SDK's attempts, so that some errors reach the poller.
const BURST_CALLS_MAX: u32 = 6;

/// A proxy in front of one endpoint. Dropping this value stops it.
pub struct AwsProxy {
    server: Server,
    context: Arc<Context>,
}

struct Context {
    upstream: Upstream,
    state: Mutex<State>,
    held: Notify,
}

#[derive(Default)]
struct State {
    calls: Vec<AwsCall>,
    /// The scripts, oldest first. The newest script that returns a response wins.
    scripts: Vec<Script>,
    trap: Option<Trap>,
    delay: Duration,
    faults: Option<RandomFaults>,
    fault_counts: FaultCounts,
}

/// Returns the response to a call, or `None` to leave it to older scripts and finally to the account.
type Script = Arc<dyn Fn(AwsCall) -> BoxFuture<'static, Option<CannedResponse>> + Send + Sync>;

/// A point in the processing of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Before the proxy sends the call to AWS.
    Unsent,
    /// After AWS has processed the call. The caller gets no response.
    Unanswered,
}

/// The call to hold.
struct Trap {
    moment: Moment,
    call: String,
    /// The number of matching calls up to and including the call to hold.
    left: usize,
}

/// A source of faults. The order of the calls determines which call gets which fault.
struct RandomFaults {
    rng: StdRng,
    burst: Option<(Fault, u32)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// The proxy responds with status 503, and does not send the call to AWS.
    Rejected,
    /// The proxy closes the connection at this point.
    Closed(Moment),
}

/// The number of calls, and of random faults by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultCounts {
    /// All calls, including those without a fault.
    pub calls: u32,
    /// Calls that got status 503 and did not reach AWS.
    pub rejected: u32,
    /// Calls whose connection was closed before they reached AWS.
    pub unsent: u32,
    /// Calls whose connection was closed after AWS had processed them.
    pub unanswered: u32,
}

/// A call to AWS.
#[derive(Clone, Debug)]
pub struct AwsCall {
    /// The action, such as `PutItem`. For S3, the HTTP method.
    pub action: String,
    /// The HTTP method.
    pub method: Method,
    /// The path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. A recorded call keeps it only if it has a [`AwsCall::target`].
    pub body: Bytes,
    /// The time at which the proxy received the call.
    pub at: Instant,
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

impl AwsProxy {
    /// Starts the proxy on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str) -> AwsProxy {
        let upstream = Upstream { client: client(), endpoint: upstream.to_owned() };
        let context = Arc::new(Context { upstream, state: Mutex::default(), held: Notify::new() });
        let shared = Arc::clone(&context);
        let server = Server::start(move |socket| {
            let context = Arc::clone(&shared);
            serve_http(http1::Builder::new(), socket, move |head, body| answer(Arc::clone(&context), head, body))
        });
        AwsProxy { server: server.await, context }
    }

    /// Returns the endpoint of the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Returns the names of the calls since the previous call of this method or [`AwsProxy::take`], in order.
    ///
    /// The name is the action for DynamoDB and Secrets Manager (`PutItem`), otherwise the method and path (`PUT /logs/audit/...`).
    pub fn take_calls(&self) -> Vec<String> {
        self.take().iter().map(AwsCall::name).collect()
    }

    /// Returns the same calls as [`AwsProxy::take_calls`], with all recorded details.
    pub fn take(&self) -> Vec<AwsCall> {
        std::mem::take(&mut locked(&self.context.state).calls)
    }

    /// Adds a script, which takes precedence over earlier scripts. It returns the response to a call, or `None` to leave the call to
    /// earlier scripts and finally to the account. Returns the number of earlier scripts.
    pub fn script<F>(&self, script: impl Fn(AwsCall) -> F + Send + Sync + 'static) -> usize
    where
        F: Future<Output = Option<CannedResponse>> + Send + 'static,
    {
        let scripts = &mut locked(&self.context.state).scripts;
        scripts.push(Arc::new(move |call| script(call).boxed()));
        scripts.len() - 1
    }

    /// Adds a script like [`AwsProxy::script`], for responses that need no waiting.
    pub fn respond(&self, script: impl Fn(&AwsCall) -> Option<CannedResponse> + Send + Sync + 'static) -> usize {
        self.script(move |call| std::future::ready(script(&call)))
    }

    /// Removes all scripts except for the `kept` oldest.
    pub fn keep(&self, kept: usize) {
        locked(&self.context.state).scripts.truncate(kept);
    }

    /// Rejects the next `times` calls of an action of DynamoDB or Secrets Manager with an exception and a message.
    pub fn reject(&self, action: &'static str, times: usize, exception: &str, message: &str) {
        let (left, body) = (AtomicUsize::new(times), format!(r#"{{"__type":"{exception}","Message":"{message}"}}"#));
        self.respond(move |call| {
            let is_next =
                || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            (call.action == action && is_next()).then(|| CannedResponse::json(400, body.clone()))
        });
    }

    /// Holds the `nth` call from now on (starting at 1) whose name in [`AwsProxy::take_calls`] starts with `call`, until the caller is
    /// killed.
    pub fn hold(&self, moment: Moment, call: &str, nth: usize) {
        locked(&self.context.state).trap = Some(Trap { moment, call: call.to_owned(), left: nth });
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        self.context.held.notified().await;
    }

    /// Delays each response from now on, so that concurrent calls get concurrent responses.
    pub fn slow_down(&self, delay: Duration) {
        locked(&self.context.state).delay = delay;
    }

    /// Injects random faults from now on.
    pub fn inject_faults(&self, seed: u64) {
        locked(&self.context.state).faults = Some(RandomFaults { rng: StdRng::seed_from_u64(seed), burst: None });
    }

    /// Stops injecting random faults, and returns the counts since the proxy started.
    pub fn stop_faults(&self) -> FaultCounts {
        let mut state = locked(&self.context.state);
        state.faults = None;
        state.fault_counts
    }
}

impl State {
    /// Records a call. Returns the point at which to hold it, if any.
    fn record(&mut self, call: &AwsCall) -> Option<Moment> {
        let body = if call.target().is_some() { call.body.clone() } else { Bytes::new() };
        self.calls.push(AwsCall { body, ..call.clone() });
        let trap = self.trap.as_mut().filter(|trap| call.name().starts_with(&trap.call))?;
        trap.left -= 1;
        if trap.left > 0 {
            return None;
        }
        self.trap.take().map(|trap| trap.moment)
    }

    /// Returns the random fault of the next call, and counts it.
    fn next_fault(&mut self) -> Option<Fault> {
        let counts = &mut self.fault_counts;
        counts.calls += 1;
        let fault = self.faults.as_mut()?.next()?;
        *match fault {
            Fault::Rejected => &mut counts.rejected,
            Fault::Closed(Moment::Unsent) => &mut counts.unsent,
            Fault::Closed(Moment::Unanswered) => &mut counts.unanswered,
        } += 1;
        Some(fault)
    }
}

impl RandomFaults {
    fn next(&mut self) -> Option<Fault> {
        if self.burst.is_none() && self.rng.random_ratio(1, CALLS_PER_BURST) {
            let kinds = [Fault::Rejected, Fault::Closed(Moment::Unsent), Fault::Closed(Moment::Unanswered)];
            let kind = kinds[self.rng.random_range(0..kinds.len())];
            self.burst = Some((kind, self.rng.random_range(1..=BURST_CALLS_MAX)));
        }
        let (kind, left) = self.burst?;
        self.burst = Some((kind, left - 1)).filter(|(_, left)| *left > 0);
        Some(kind)
    }
}

impl Context {
    async fn hold(&self) {
        self.held.notify_one();
        std::future::pending().await // the connection closes when the caller is killed, which drops this future
    }
}

impl AwsCall {
    fn of(head: Parts, body: Bytes, upstream: Upstream) -> AwsCall {
        let Parts { method, uri, headers, .. } = head;
        let action = action(&method, &uri, &headers, &body);
        AwsCall { action, method, uri, headers, body, at: Instant::now(), upstream }
    }

    /// Creates a call that no proxy received.
    #[cfg(test)]
    pub(crate) fn new(method: &str, uri: &str, target: Option<&str>, body: &str) -> AwsCall {
        let mut request = hyper::Request::builder().method(method).uri(uri);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let (head, ()) = request.body(()).expect("a valid request").into_parts();
        AwsCall::of(head, body.to_owned().into(), Upstream { client: client(), endpoint: String::new() })
    }

    /// Sends this call to the emulated account, and returns the response, or status 502 if the account does not respond.
    pub async fn pass_on(self) -> CannedResponse {
        let url = format!("{}{}", self.upstream.endpoint, self.uri);
        match forward(&self.upstream.client, url, self.method, self.headers, self.body).await {
            Ok((status, headers, body)) => CannedResponse { status, headers, body },
            Err(error) => CannedResponse::new(502, "text/plain", error.to_string()),
        }
    }

    /// Returns the value of the `x-amz-target` header, such as `DynamoDB_20120810.PutItem`. S3 and Lambda do not use this header.
    pub fn target(&self) -> Option<&str> {
        self.headers.get("x-amz-target")?.to_str().ok()
    }

    /// Returns the path, such as `/bucket/key`.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the query.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Returns the object key of an S3 call.
    pub fn key(&self) -> &str {
        self.path().splitn(3, '/').nth(2).unwrap_or_default()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn name(&self) -> String {
        self.target().map_or_else(|| format!("{} {}", self.method, self.uri), |_| self.action.clone())
    }
}

impl CannedResponse {
    /// Creates a response with this body.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> CannedResponse {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let status = StatusCode::from_u16(status).expect("a status has three digits");
        CannedResponse { status, headers, body: body.into() }
    }

    /// Creates a response of a service with a JSON protocol.
    pub fn json(status: u16, body: impl Into<Bytes>) -> CannedResponse {
        CannedResponse::new(status, "application/x-amz-json-1.1", body)
    }

    /// Creates an S3 error response.
    pub fn s3_error(status: u16, code: &str, message: &str) -> CannedResponse {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        CannedResponse::new(status, "application/xml", body)
    }

    /// Replaces `from`, which the body must contain, with `to`.
    #[must_use]
    pub fn replace(self, from: &str, to: &str) -> CannedResponse {
        let text = String::from_utf8_lossy(&self.body);
        assert!(text.contains(from), "no `{from}` in {text}");
        let body = text.replace(from, to).into();
        CannedResponse { body, ..self }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        (*response.status_mut(), *response.headers_mut()) = (self.status, self.headers);
        response
    }
}

async fn answer(context: Arc<Context>, head: Parts, body: Bytes) -> Result<Response<Full<Bytes>>, Closed> {
    let call = AwsCall::of(head, body, context.upstream.clone());
    let (held, fault, scripts, delay) = {
        let mut state = locked(&context.state);
        (state.record(&call), state.next_fault(), state.scripts.clone(), state.delay)
    };
    match fault {
        Some(Fault::Rejected) => return Ok(CannedResponse::new(503, "text/plain", "").into_response()),
        Some(Fault::Closed(Moment::Unsent)) => return Err(Closed),
        Some(Fault::Closed(Moment::Unanswered)) | None => {}
    }
    if held == Some(Moment::Unsent) {
        context.hold().await;
    }
    let response = scripted(&scripts, call).await;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if held == Some(Moment::Unanswered) {
        context.hold().await;
    }
    if fault.is_some() {
        return Err(Closed);
    }
    Ok(response.into_response())
}

/// Returns the response of the newest script that has one, or else of the account.
async fn scripted(scripts: &[Script], call: AwsCall) -> CannedResponse {
    for script in scripts.iter().rev() {
        if let Some(response) = script(call.clone()).await {
            return response;
        }
    }
    call.pass_on().await
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
