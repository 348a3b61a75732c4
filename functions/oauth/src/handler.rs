//! One request: what is asked, what comes of it, the log line, the answer.

use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use slacktrail_shared::connection::{Callback, CallbackEdges, Connected, Failure, Refusal, Started, callback, start};
use slacktrail_shared::ports::{ConnectionStore, CredentialStore, DeploymentStore, Slack};
use slacktrail_shared::random;
use slacktrail_shared::time::Second;

use crate::query::Parameters;
use crate::request::{Address, Request};
use crate::{answer, line};

/// What the function works with.
#[derive(Debug)]
pub struct Oauth<S, C, K> {
    edges: CallbackEdges<S, C, K>,
    /// Slack's page of consent.
    authorize_url: String,
}

/// What came of a request.
pub(crate) enum Outcome {
    /// The browser goes on to Slack.
    Started(Started),
    /// A source is connected.
    Connected(Box<Connected>),
    /// It came to nothing.
    Refused(Box<Failure>),
    /// There is no such page.
    NotFound,
    /// The page is there for `GET` only.
    MethodNotAllowed,
}

impl<S, C, K> Oauth<S, C, K> {
    /// The function over these ports, with the address of Slack's page of consent.
    pub fn new(edges: CallbackEdges<S, C, K>, authorize_url: impl Into<String>) -> Oauth<S, C, K> {
        Oauth { edges, authorize_url: authorize_url.into() }
    }
}

/// Answers a request and logs one line about it. There is an answer to everything: what fails on our side is a page too.
pub async fn handle<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    oauth: &Oauth<S, C, K>,
    event: &ApiGatewayV2httpRequest,
    now: Second,
) -> ApiGatewayV2httpResponse {
    let request = Request::of(event);
    let outcome = outcome(oauth, &request, now).await;
    line::log(request.address, &outcome);
    answer::answer(&outcome)
}

async fn outcome<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    oauth: &Oauth<S, C, K>,
    request: &Request<'_>,
    now: Second,
) -> Outcome {
    if request.address == Address::Other {
        return Outcome::NotFound;
    }
    // `HEAD` too: whoever only looks at a link, as chats do for a preview, must not use it up.
    if !request.is_get {
        return Outcome::MethodNotAllowed;
    }
    let parameters = match Parameters::read(request.query) {
        Ok(parameters) => parameters,
        Err(refusal) => return Outcome::Refused(Box::new(refusal.into())),
    };
    let done = match request.address {
        Address::Start => begin(oauth, request, &parameters, now).await.map(Outcome::Started),
        _ => finish(oauth, request, &parameters, now).await.map(|connected| Outcome::Connected(Box::new(connected))),
    };
    done.unwrap_or_else(|failure| Outcome::Refused(Box::new(failure)))
}

async fn begin<S, C: ConnectionStore, K>(
    oauth: &Oauth<S, C, K>,
    request: &Request<'_>,
    parameters: &Parameters,
    now: Second,
) -> Result<Started, Failure> {
    let Some(grant) = &parameters.grant else { return Err(Refusal::malformed("its `grant` is missing").into()) };
    let redirect_url = request.redirect_url()?;
    let bits = (random::bytes()?, random::bytes()?);
    start(&oauth.edges.table, grant, (&oauth.authorize_url, &redirect_url), bits, now).await
}

async fn finish<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    oauth: &Oauth<S, C, K>,
    request: &Request<'_>,
    parameters: &Parameters,
    now: Second,
) -> Result<Connected, Failure> {
    let came = Callback {
        state: parameters.state.as_deref(),
        code: parameters.code.as_deref(),
        error: parameters.error.as_deref(),
    };
    callback(&oauth.edges, came, |name| request.cookie(name), now).await
}
