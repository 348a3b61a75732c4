//! A hostile Slack on loopback, for the compiled functions.
//!
//! It runs in front of the simulated Slack. A test provides one script per caller. A script responds to a call, or leaves it to the
//! simulated Slack. Bodies are generated while they are sent, so a response of any length needs little memory in the test.

mod canned_response;
mod connecting;
mod pages;
mod scripts;
mod siege;

pub use canned_response::CannedResponse;
pub use pages::AuditLog;
pub use scripts::{
    Input, Outcome, access_inputs, all_inputs, audit_inputs, integration_inputs, oauth_inputs, ordinary_backlog,
    page_of_entries,
};
pub use siege::{DATA_MAX, Siege};

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::deployment::LocalDeployment;
use crate::loopback::accept;
use canned_response::{Body, HungUp};

/// The environment variables with the base URLs of Slack's two API families, and the base paths.
const FAMILIES: [(&str, &str); 2] = [("SLACK_API_URL", "/api/"), ("SLACK_AUDIT_URL", "/audit/v1/")];
/// The largest request body. No method that the functions call needs more.
const BODY_BYTES_MAX: usize = 64 << 10;

/// A call that the hostile Slack received.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method, such as `logs` or `team.accessLogs`.
    pub method: String,
    /// The arguments in the query and in the form.
    pub arguments: BTreeMap<String, String>,
    /// The user token. Calls of the app itself (`oauth.v2.access`) have none.
    pub token: Option<String>,
    /// The number of earlier calls of this method by this caller, since [`HostileSlack::take_asked`] was last called.
    pub number: usize,
}

impl Asked {
    /// Returns a numeric argument.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.arguments.get(name)?.parse().ok()
    }
}

/// Returns the response to a call, or `None` to leave the call to the simulated Slack.
pub type Script = Arc<dyn Fn(&Asked) -> Option<CannedResponse> + Send + Sync>;

/// A hostile Slack. Dropping this value stops it.
pub struct HostileSlack {
    address: SocketAddr,
    context: Arc<Context>,
    server: JoinHandle<()>,
}

struct Context {
    client: Client,
    /// The simulated Slack's base URL for each of the [`FAMILIES`].
    upstream: [String; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scripts: HashMap<Option<String>, Script>,
    asked: Vec<Asked>,
}

impl HostileSlack {
    /// Starts a hostile Slack on a free port, in front of the simulated Slack of `deployment`.
    ///
    /// # Panics
    /// Panics if the server does not start.
    pub async fn before(deployment: &LocalDeployment) -> HostileSlack {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let environment: HashMap<String, String> = deployment.environment().into_iter().collect();
        let upstream = FAMILIES.map(|(name, _)| environment[name].clone());
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be created");
        let context = Arc::new(Context { client, upstream, state: Mutex::default() });
        let server = tokio::spawn(accept(listener, {
            let context = Arc::clone(&context);
            move |socket| converse(socket, Arc::clone(&context))
        }));
        HostileSlack { address, context, server }
    }

    /// Sets the script for calls with this token, and replaces the previous one. `None` sets the script for all other callers.
    pub fn script(
        &self,
        token: Option<&str>,
        script: impl Fn(&Asked) -> Option<CannedResponse> + Send + Sync + 'static,
    ) {
        locked(&self.context.state).scripts.insert(token.map(str::to_owned), Arc::new(script));
    }

    /// Removes the script for this token, so that the simulated Slack responds to its calls.
    pub fn calm_down(&self, token: Option<&str>) {
        locked(&self.context.state).scripts.remove(&token.map(str::to_owned));
    }

    /// Returns the calls since the previous call of this method, in order.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut locked(&self.context.state).asked)
    }

    /// Returns the environment variables with which a function calls this server.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        FAMILIES.map(|(name, path)| (name, format!("http://{}{path}", self.address)))
    }
}

impl Drop for HostileSlack {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn converse(socket: TcpStream, context: Arc<Context>) {
    let service = service_fn(move |request| answer(Arc::clone(&context), request));
    // An error means that the caller closed the connection, or that this server closed it on purpose.
    let _ = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(context: Arc<Context>, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| HungUp)?.to_bytes();
    let path = head.uri.path();
    let found = FAMILIES.iter().enumerate().find_map(|(family, (_, base))| Some((family, path.strip_prefix(base)?)));
    let Some((family, method)) = found else { return CannedResponse::text("not found").status(404).into_response() };
    let query = head.uri.query().unwrap_or_default();
    let (asked, script) = record(&context, method, query, &body, &head.headers);
    if let Some(response) = script.and_then(|script| script(&asked)) {
        return response.into_response();
    }
    let url = format!("{}{method}?{query}", context.upstream[family]);
    let sent = context.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await;
    let response = sent.map_err(|_| HungUp)?;
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let body = response.bytes().await.map_err(|_| HungUp)?;
    let mut response = CannedResponse::of([body]).into_response()?;
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// Records a call, and returns it with the script of its caller.
fn record(context: &Context, method: &str, query: &str, body: &Bytes, headers: &HeaderMap) -> (Asked, Option<Script>) {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|text| text.strip_prefix("Bearer ")).map(str::to_owned);
    let arguments = [query.as_bytes(), body].into_iter().flat_map(|text| form_urlencoded::parse(text).into_owned());
    let arguments = arguments.collect();
    let mut state = locked(&context.state);
    let number = state.asked.iter().filter(|other| other.method == method && other.token == token).count();
    let asked = Asked { method: method.to_owned(), arguments, token, number };
    state.asked.push(asked.clone());
    let script = state.scripts.get(&asked.token).or_else(|| state.scripts.get(&None)).cloned();
    (asked, script)
}

/// Removes the headers that apply to one connection or body only, and `Host`.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner) // a panic of a script is reported elsewhere
}
