//! What connects sources in a deployment on loopback: the compiled oauth function behind an emulated API.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::oauth::Consent;

use crate::deployment::LocalDeployment;
use crate::function::{Function, oauth_binary};
use crate::http_api::{HttpApi, Settings, event};
use crate::lambda_runtime_api::{Answer, Emulator};

/// The routes of the template's API.
const ROUTES: [&str; 3] = ["GET /oauth/start", "POST /oauth/start", "GET /oauth/callback"];
/// Time of an invocation of the oauth function, as in the template.
const DEADLINE: Duration = Duration::from_secs(29);

/// The oauth function and its API. Both end with this value.
pub struct Connecting {
    /// The API.
    pub api: HttpApi,
    /// The function.
    pub function: Function,
}

impl Connecting {
    /// Starts both for a deployment.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(deployment: &LocalDeployment) -> Connecting {
        let lambda = Arc::new(Emulator::start().await);
        let binary = oauth_binary().unwrap_or_else(|why| panic!("{why}"));
        let function = lambda.spawn(&binary, deployment.oauth_environment());
        let api = HttpApi::start(lambda, Settings::new(&ROUTES)).await;
        Connecting { api, function }
    }
}

/// Does with events alone what a browser does that opens a link to the function of `lambda`: its user presses the button, is led to
/// Slack, where the organization's owner consents, and back.
///
/// # Panics
/// When that ends anywhere but in a connected source.
pub async fn visit(deployment: &LocalDeployment, lambda: &Emulator, link: &str) {
    let grant = link.split_once('?').expect("a link has a query").1;
    let offered = answered(lambda, event("GET", "/oauth/start", grant, &[], &[]), 200).await;
    let cookie = cookie(&offered);
    let started = answered(lambda, event("POST", "/oauth/start", grant, &[], &[&cookie]), 303).await;
    let consent = Consent::organization();
    let back = deployment.slack().consent(Timestamp::now(), location(&started), &consent).expect("Slack takes consent");
    let query = back.split_once('?').expect("the way back has a query").1;
    answered(lambda, event("GET", "/oauth/callback", query, &[], &[&cookie]), 200).await;
}

async fn answered(lambda: &Emulator, event: Value, status: u16) -> Value {
    match lambda.invoke(event, DEADLINE).await {
        Answer::Response(answer) if answer["statusCode"] == status => answer,
        other => panic!("the oauth function did not answer {status}: {other:?}"),
    }
}

fn cookie(answer: &Value) -> String {
    let cookie = answer["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next());
    cookie.expect("a cookie is set").to_owned()
}

fn location(answer: &Value) -> &str {
    let mut headers = answer["headers"].as_object().into_iter().flatten();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("the answer leads nowhere: {answer}"))
}
