//! Slack: each call is one operation of the simulated Slack.

use futures_util::stream;
use slacktrail_core::error::Error;
use slacktrail_core::slack::{Family, Request, Response};
use slacktrail_core::source::Source;
use slacktrail_core::time::parse_http_date;
use slacktrail_ports::{Body, CallAuth, Slack};
use slacktrail_simulator as simulator;

use super::SimulatedPorts;
use crate::mutant::Mutant;
use crate::oracle;
use crate::simulated_world::Part;

impl SimulatedPorts {
    /// Returns a response body that arrives in the configured chunks.
    fn body(&self, bytes: Vec<u8>, breaks_off: bool) -> Body {
        let length = self.world.with(|state| state.chunk_bytes);
        if length.is_none() && !breaks_off {
            return Body::whole(bytes);
        }
        let chunks = bytes.chunks(length.unwrap_or(usize::MAX)).map(|chunk| Ok(chunk.to_vec()));
        let end = breaks_off.then(|| {
            let message = "calling Slack: the response is incomplete";
            Err(Error::slack("incomplete_response", message))
        });
        Body::chunks(stream::iter(chunks.chain(end).collect::<Vec<_>>()))
    }
}

impl Slack for SimulatedPorts {
    async fn call(&self, source: &Source, request: &Request, auth: CallAuth<'_>) -> Result<Response<Body>, Error> {
        if let Some(invariant) = self.id.record(|facts| facts.count_call(source, request.method)) {
            self.world.with(|state| state.broken = state.broken.take().or(Some(invariant)));
        }
        let outcome = self
            .operate(
                Part::Slack,
                || format!("slack {request:?}"),
                |state| {
                    let mut simulated = simulated_request(request, auth);
                    Mutant::alter_request(state.mutant, &mut simulated);
                    let outcome = state.slack.answer(state.now, &simulated);
                    if request.method == simulator::Log::Access.path() {
                        state.book.record_shown(state.slack.visible_rows(simulator::Log::Access, state.now));
                    }
                    outcome
                },
            )
            .await;
        match outcome {
            Ok(simulator::Outcome::Response(response)) => {
                self.world.trace_result(|| describe(&response));
                let breaks_off = response.breaks_off;
                self.world.with(|state| {
                    self.id.record(|facts| oracle::record_response(state, facts, source, request, &response));
                });
                let mut response = Response {
                    status: response.status,
                    retry_after: response.header("Retry-After").map(str::to_owned),
                    date: response.header("Date").and_then(parse_http_date),
                    scopes: response.header("x-oauth-scopes").map(str::to_owned),
                    body: response.body,
                };
                if let Some(mutant) = self.world.with(|state| state.mutant) {
                    mutant.alter_response(&mut response.body);
                }
                let Response { status, retry_after, date, scopes, body } = response;
                Ok(Response { status, retry_after, date, scopes, body: self.body(body, breaks_off) })
            }
            Ok(simulator::Outcome::Hangup) | Err(_) => Err(Error::slack("unreachable", "Slack is unreachable")),
        }
    }
}

/// Formats a response for the trace.
fn describe(response: &simulator::Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    if body.contains("xox") {
        return format!("{} (contains a token)", response.status);
    }
    let short: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
    format!("{} {short}", response.status)
}

fn simulated_request(request: &Request, auth: CallAuth<'_>) -> simulator::Request {
    let family = match request.family {
        Family::Audit => simulator::Family::Audit,
        Family::Web => simulator::Family::Web,
    };
    let simulated = simulator::Request::get(family, request.method);
    let mut simulated = match auth {
        CallAuth::User(token) => simulated.bearer(token.reveal()),
        CallAuth::App(app) => simulated.basic(&app.client_id, app.client_secret.reveal()),
    };
    if request.post {
        simulated.method = simulator::Method::Post;
    }
    for (name, value) in &request.arguments {
        simulated = simulated.with(name, value);
    }
    simulated
}
