//! Handles one request: processes it, logs one line and builds the response.

use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::Method;
use slacktrail_adapters::random;
use slacktrail_connect::{
    AuthorizationId, AuthorizationStore, BEGIN_MAX, Callback, CallbackError, CallbackPorts, ConnectError,
    ConnectErrorKind, Connected, Offer, Started, Timer, callback, offer, start,
};
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DeploymentStore, Slack};

use crate::query::Parameters;
use crate::request::{Address, Request};
use crate::{line, response};

/// The OAuth function's ports and settings.
#[derive(Debug)]
pub struct Oauth<S, C, K, W> {
    /// The ports of a callback.
    pub ports: CallbackPorts<S, C, K, W>,
    /// The URL of Slack's consent page.
    pub authorize_url: String,
}

/// The outcome of a request.
pub(crate) enum Outcome {
    /// Shows the page with the button.
    Offered(Box<Offer>),
    /// Redirects the browser to Slack.
    Started(Started),
    Connected(Box<Connected>),
    Failed(Box<CallbackError>),
    NotFound,
    /// The request's method is not one of the allowed methods, which this variant holds.
    MethodNotAllowed(&'static str),
}

/// Responds to a request, and logs one line about it. Every request gets a page, even after an internal error.
pub async fn handle<S: Slack, C: AuthorizationStore + DeploymentStore, K: CredentialStore, W: Timer>(
    oauth: &Oauth<S, C, K, W>,
    event: &ApiGatewayV2httpRequest,
    now: Second,
) -> ApiGatewayV2httpResponse {
    let request = Request::of(event);
    let outcome = outcome(oauth, &request, now).await;
    let reference = reference(&outcome);
    line::log(request.address, &outcome, reference.as_deref());
    response::of(&outcome, reference.as_deref())
}

/// Returns the reference on the page and in the log line, by which the operator finds the line. If the line of an error has no authorization, but
/// the operator needs the line, the reference is random.
fn reference(outcome: &Outcome) -> Option<String> {
    let is_in_log = |kind| matches!(kind, ConnectErrorKind::Internal | ConnectErrorKind::DeadlineReached);
    match (line::ids(outcome).0, outcome) {
        (Some(authorization), _) => Some(authorization.reference().to_owned()),
        (None, Outcome::Failed(callback_error)) if is_in_log(callback_error.connect_error.kind) => {
            random::bytes().ok().map(|bits| AuthorizationId::of(bits).reference().to_owned())
        }
        _ => None,
    }
}

async fn outcome<S: Slack, C: AuthorizationStore + DeploymentStore, K: CredentialStore, W: Timer>(
    oauth: &Oauth<S, C, K, W>,
    request: &Request<'_>,
    now: Second,
) -> Outcome {
    let methods = match request.address {
        Address::Other => return Outcome::NotFound,
        Address::Start => "GET, POST",
        Address::Callback => "GET",
    };
    if !methods.split(", ").any(|method| method == request.method.as_str()) {
        return Outcome::MethodNotAllowed(methods);
    }
    let parameters = match Parameters::read(request.query) {
        Ok(parameters) => parameters,
        Err(connect_error) => return Outcome::Failed(Box::new(connect_error.into())),
    };
    let done = match (request.address, &request.method) {
        (Address::Start, &Method::POST) => begin(oauth, request, &parameters, now).await.map(Outcome::Started),
        (Address::Start, _) => show(oauth, request, &parameters, now).await.map(|it| Outcome::Offered(Box::new(it))),
        _ => finish(oauth, request, &parameters, now).await.map(|it| Outcome::Connected(Box::new(it))),
    };
    done.unwrap_or_else(|callback_error| Outcome::Failed(Box::new(callback_error)))
}

/// Shows what a link connects. This changes nothing, because chats, mail scanners and browsers open links before a user clicks them.
async fn show<S, C: AuthorizationStore, K, W: Timer>(
    oauth: &Oauth<S, C, K, W>,
    request: &Request<'_>,
    parameters: &Parameters,
    now: Second,
) -> Result<Offer, CallbackError> {
    let grant = parameters.grant()?;
    let table = &oauth.ports.table;
    let shown = offer(table, grant, &oauth.authorize_url, |name| request.cookie(name), random::bytes()?, now);
    oauth.in_time(shown).await
}

/// Consumes a link after the user pressed the button.
async fn begin<S, C: AuthorizationStore, K, W: Timer>(
    oauth: &Oauth<S, C, K, W>,
    request: &Request<'_>,
    parameters: &Parameters,
    now: Second,
) -> Result<Started, CallbackError> {
    if request.is_cross_site() {
        return Err(ConnectError::cross_site().into());
    }
    let grant = parameters.grant()?;
    let (table, redirect_url) = (&oauth.ports.table, request.redirect_url()?);
    let urls = (oauth.authorize_url.as_str(), redirect_url.as_str());
    oauth.in_time(start(table, grant, urls, |name| request.cookie(name), random::bytes()?, now)).await
}

async fn finish<S: Slack, C: AuthorizationStore + DeploymentStore, K: CredentialStore, W: Timer>(
    oauth: &Oauth<S, C, K, W>,
    request: &Request<'_>,
    parameters: &Parameters,
    now: Second,
) -> Result<Connected, CallbackError> {
    let params = Callback {
        state: parameters.state.as_deref(),
        code: parameters.code.as_deref(),
        error: parameters.error.as_deref(),
    };
    callback(&oauth.ports, params, |name| request.cookie(name), now).await
}

impl<S, C, K, W: Timer> Oauth<S, C, K, W> {
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, CallbackError>>) -> Result<T, CallbackError> {
        let done = self.ports.timer.within(BEGIN_MAX, work).await;
        done.ok_or_else(|| CallbackError::deadline_reached(None, BEGIN_MAX))?
    }
}
