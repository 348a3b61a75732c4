//! A hostile Slack on loopback, for the compiled functions.
//!
//! It runs in front of the simulated Slack. A test provides one script per caller. A script responds to a call, or leaves it to the
//! simulated Slack. Bodies are generated while they are sent, so a response of any length needs little memory in the test.

mod hostile_deployment;
mod pages;
mod scripts;
mod streamed_response;

pub use hostile_deployment::{DATA_MAX, HostileDeployment};
pub use scripts::{Input, Outcome, all_inputs, oauth_inputs, ordinary_backlog};
pub use streamed_response::StreamedResponse;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use reqwest::Client;

use crate::deployment::LocalDeployment;
use crate::locked;
use crate::loopback::{Closed, Server, client, forward, serve_http};
use streamed_response::Body;

/// The environment variables with the base URLs of Slack's two API families, and the base paths.
const FAMILIES: [(&str, &str); 2] = [("SLACK_API_URL", "/api/"), ("SLACK_AUDIT_URL", "/audit/v1/")];

/// A call that the hostile Slack received.
#[derive(Clone, Debug)]
pub struct SlackCall {
    /// The method, such as `logs` or `team.accessLogs`.
    method: String,
    /// The arguments in the query and in the form.
    arguments: BTreeMap<String, String>,
}

impl SlackCall {
    /// Returns a numeric argument.
    fn number(&self, name: &str) -> Option<i64> {
        self.arguments.get(name)?.parse().ok()
    }
}

/// Returns the response to a call, or `None` to leave the call to the simulated Slack.
pub type Script = Arc<dyn Fn(&SlackCall) -> Option<StreamedResponse> + Send + Sync>;

/// A hostile Slack. Dropping this value stops it.
pub struct HostileSlack {
    server: Server,
    context: Arc<Context>,
}

struct Context {
    client: Client,
    /// The simulated Slack's base URL for each of the [`FAMILIES`].
    upstream: [String; 2],
    /// The script for each user token, and the script for all other callers.
    scripts: Mutex<HashMap<Option<String>, Script>>,
}

impl HostileSlack {
    /// Starts a hostile Slack on a free port, in front of the simulated Slack of `deployment`.
    pub async fn before(deployment: &LocalDeployment) -> HostileSlack {
        let environment: HashMap<String, String> = deployment.environment().into_iter().collect();
        let upstream = FAMILIES.map(|(name, _)| environment[name].clone());
        let context = Arc::new(Context { client: client(), upstream, scripts: Mutex::default() });
        let shared = Arc::clone(&context);
        let server = Server::start(move |socket| {
            let (context, mut http) = (Arc::clone(&shared), http1::Builder::new());
            http.auto_date_header(false);
            serve_http(http, socket, move |head, body| answer(Arc::clone(&context), head, body))
        });
        HostileSlack { server: server.await, context }
    }

    /// Sets the script for calls with this token, and replaces the previous one. `None` sets the script for all other callers.
    pub fn script(&self, token: Option<&str>, script: &Script) {
        locked(&self.context.scripts).insert(token.map(str::to_owned), Arc::clone(script));
    }

    /// Removes all scripts, so that the simulated Slack responds to every call.
    pub fn clear_scripts(&self) {
        locked(&self.context.scripts).clear();
    }

    /// Returns the environment variables with which a function calls this server.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        FAMILIES.map(|(name, path)| (name, format!("http://{}{path}", self.server.address)))
    }
}

async fn answer(context: Arc<Context>, head: Parts, body: Bytes) -> Result<Response<Body>, Closed> {
    let path = head.uri.path();
    let found = FAMILIES.iter().enumerate().find_map(|(family, (_, base))| Some((family, path.strip_prefix(base)?)));
    let Some((family, method)) = found else { return StreamedResponse::text("not found").status(404).into_response() };
    let query = head.uri.query().unwrap_or_default();
    let arguments = [query.as_bytes(), &body].into_iter().flat_map(|text| form_urlencoded::parse(text).into_owned());
    let call = SlackCall { method: method.to_owned(), arguments: arguments.collect() };
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|text| text.strip_prefix("Bearer ")).map(str::to_owned);
    let script = {
        let scripts = locked(&context.scripts);
        scripts.get(&token).or_else(|| scripts.get(&None)).cloned()
    };
    if let Some(response) = script.and_then(|script| script(&call)) {
        return response.into_response();
    }
    let url = format!("{}{method}?{query}", context.upstream[family]);
    let forwarded = forward(&context.client, url, head.method, head.headers, body).await;
    let (status, headers, body) = forwarded.map_err(|_| Closed)?;
    let mut response = StreamedResponse::of([body]).into_response()?;
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}
