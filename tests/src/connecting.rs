//! The part of a local deployment that connects sources: the compiled oauth function behind an emulated HTTP API.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_connect::{Authorization, AuthorizationStore, OneTimeToken};
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{self, App};
use slacktrail_ports::secret::ClientSecret;
use slacktrail_ports::{CredentialStore, ReplaceOutcome};
use slacktrail_simulator::oauth::{self, Consent};

use crate::deployment::LocalDeployment;
use crate::function::{Function, oauth_binary};
use crate::http_api::{HttpApi, event};
use crate::lambda_runtime_api::{Answer, Emulator};

/// The timeout of the oauth function in the template.
pub const DEADLINE: Duration = Duration::from_secs(29);

/// The oauth function and its HTTP API. Dropping this value stops both.
pub struct Connecting {
    /// The emulated HTTP API.
    pub api: HttpApi,
    /// The process of the oauth function.
    pub function: Function,
}

impl Connecting {
    /// Starts the function and the API for a deployment.
    pub async fn start(deployment: &LocalDeployment) -> Connecting {
        let lambda = Arc::new(Emulator::start().await);
        let function = lambda.spawn(&oauth_binary(), deployment.oauth_environment());
        let api = HttpApi::start(lambda).await;
        Connecting { api, function }
    }
}

/// Opens a link and completes the authorization without a browser, by sending events to the function of `lambda`.
pub async fn visit(deployment: &LocalDeployment, lambda: &Emulator, link: &str) {
    let grant = link.split_once('?').expect("a link has a query").1;
    response(authorize(deployment, lambda, grant).await, 200);
}

/// Stores the app's credentials and issues a link, as `slacktrail connect` does.
pub async fn issue_link(deployment: &LocalDeployment, number: u8, source: &Source) -> OneTimeToken {
    let app = deployment.slack().settings().apps[0].clone();
    let now = Second::of(Timestamp::now());
    let (authorization, link_token) =
        Authorization::new([number; 16], [number ^ 0x55; 32], source.clone(), &app.client_id, now);
    let ports = deployment.ports();
    store_authorization(&ports.deployment, &ports.credentials, &app, &authorization).await;
    link_token
}

/// Stores the app's credentials and an authorization, as `slacktrail connect` does.
pub async fn store_authorization<A: AuthorizationStore, C: CredentialStore>(
    authorizations: &A,
    credentials: &C,
    app: &oauth::App,
    authorization: &Authorization,
) {
    let client_secret = ClientSecret::new(&app.client_secret).expect("a valid client secret");
    let app = App { client_id: app.client_id.clone(), client_secret };
    let update = credentials::update(credentials, &authorization.source.id, |known| Some(known.with_app(app.clone())));
    update.await.expect("the secret is written");
    let replaced = authorizations.replace_authorization(None, authorization).await;
    assert_ne!(replaced.expect("the authorization is written"), ReplaceOutcome::Conflict, "its ID is random");
}

/// Opens the link with this query, clicks the button, grants access at the simulated Slack as an Org Owner, and returns the event of the
/// callback.
pub async fn consent(deployment: &LocalDeployment, lambda: &Emulator, grant: &str) -> Value {
    let opened = response(lambda.invoke(event("GET", "/oauth/start", grant, &[], &[]), DEADLINE).await, 200);
    let cookie = cookie(&opened);
    let started = lambda.invoke(event("POST", "/oauth/start", grant, &[], &[&cookie]), DEADLINE).await;
    let consent = Consent::organization();
    let redirect = deployment.slack().consent(Timestamp::now(), location(&response(started, 303)), &consent);
    let redirect = redirect.expect("Slack accepts the consent");
    let query = redirect.split_once('?').expect("the redirect URL has a query").1;
    event("GET", "/oauth/callback", query, &[], &[&cookie])
}

/// Returns the response of the callback after [`consent`].
pub async fn authorize(deployment: &LocalDeployment, lambda: &Emulator, grant: &str) -> Answer {
    lambda.invoke(consent(deployment, lambda, grant).await, DEADLINE).await
}

fn response(answer: Answer, status: u16) -> Value {
    match answer {
        Answer::Response(response) if response["statusCode"] == status => response,
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
