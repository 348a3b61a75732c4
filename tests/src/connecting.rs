//! The part of a local deployment that connects sources: the compiled oauth function behind an emulated HTTP API.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::oauth::Consent;

use crate::deployment::LocalDeployment;
use crate::function::{Function, oauth_binary};
use crate::http_api::{HttpApi, Settings, event};
use crate::lambda_runtime_api::{Answer, Emulator};

/// The routes of the template's HTTP API.
const ROUTES: [&str; 3] = ["GET /oauth/start", "POST /oauth/start", "GET /oauth/callback"];
/// The timeout of the oauth function in the template.
const DEADLINE: Duration = Duration::from_secs(29);

/// The oauth function and its HTTP API. Dropping this value stops both.
pub struct Connecting {
    /// The emulated HTTP API.
    pub api: HttpApi,
    /// The process of the oauth function.
    pub function: Function,
}

impl Connecting {
    /// Starts the function and the API for a deployment.
    ///
    /// # Panics
    /// Panics if the function or the API does not start.
    pub async fn start(deployment: &LocalDeployment) -> Connecting {
        let lambda = Arc::new(Emulator::start().await);
        let binary = oauth_binary().unwrap_or_else(|error| panic!("{error}"));
        let function = lambda.spawn(&binary, deployment.oauth_environment());
        let api = HttpApi::start(lambda, Settings::new(&ROUTES)).await;
        Connecting { api, function }
    }
}

/// Opens a link and completes the authorization without a browser, by sending events to the function of `lambda`.
///
/// The simulated user clicks the button, grants access at Slack as an Org Owner, and returns to the callback.
///
/// # Panics
/// Panics if the source is not connected at the end.
pub async fn visit(deployment: &LocalDeployment, lambda: &Emulator, link: &str) {
    let grant = link.split_once('?').expect("a link has a query").1;
    let opened = answered(lambda, event("GET", "/oauth/start", grant, &[], &[]), 200).await;
    let cookie = cookie(&opened);
    let started = answered(lambda, event("POST", "/oauth/start", grant, &[], &[&cookie]), 303).await;
    let consent = Consent::organization();
    let redirect =
        deployment.slack().consent(Timestamp::now(), location(&started), &consent).expect("Slack accepts the consent");
    let query = redirect.split_once('?').expect("the redirect URL has a query").1;
    answered(lambda, event("GET", "/oauth/callback", query, &[], &[&cookie]), 200).await;
}

async fn answered(lambda: &Emulator, event: Value, status: u16) -> Value {
    match lambda.invoke(event, DEADLINE).await {
        Answer::Response(answer) if answer["statusCode"] == status => answer,
        other => panic!("the oauth function did not respond with status {status}: {other:?}"),
    }
}

fn cookie(answer: &Value) -> String {
    let cookie = answer["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next());
    cookie.expect("the response sets a cookie").to_owned()
}

fn location(answer: &Value) -> &str {
    let mut headers = answer["headers"].as_object().into_iter().flatten();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    found
        .and_then(|(_, value)| value.as_str())
        .unwrap_or_else(|| panic!("the response has no `Location` header: {answer}"))
}
