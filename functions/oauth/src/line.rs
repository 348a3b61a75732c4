//! The log line of a request: INFO when all is well or a stranger knocked, WARN when somebody was refused and has been told,
//! ERROR when a person must act.

use std::error::Error as StdError;

use lambda_http::tracing::{error, info, warn};
use slacktrail_shared::connection::{ConnectionId, RefusalKind, TokenEnd};
use slacktrail_shared::error::Error;
use slacktrail_shared::source::SourceId;

use crate::answer;
use crate::handler::Outcome;
use crate::request::Address;

/// Logs one line. It holds nothing that came with the request but the name of a connection whose secret came along; the name is no secret.
pub(crate) fn log(address: Address, outcome: &Outcome) {
    let (connection, source) = whose(outcome);
    let (connection, source) = (connection.map(ToString::to_string), source.map(SourceId::as_str));
    let error = to_error(outcome);
    let cause = error.and_then(causes);
    let token = token(outcome);
    macro_rules! line {
        ($level:ident, $text:literal) => {
            $level!(
                path = address.name(),
                status = answer::status(outcome),
                outcome = word(outcome),
                connection,
                source,
                code = error.map(|error| error.code.as_str()),
                error_message = error.map(|error| error.message.as_str()),
                hint = error.map(|error| error.hint.as_str()),
                token,
                cause,
                $text
            )
        };
    }
    match outcome {
        Outcome::Offered(_) => line!(info, "link shown, and not used up"),
        Outcome::Started(_) => line!(info, "connection started"),
        Outcome::Connected(connected) if connected.untold.is_none() => line!(info, "source connected"),
        Outcome::Connected(_) => line!(warn, "source connected, and the command that waits could not be told"),
        Outcome::NotFound | Outcome::MethodNotAllowed(_) => line!(info, "request refused"),
        Outcome::Refused(failure) => match failure.refusal.kind {
            RefusalKind::Ours => line!(error, "connecting needs a person"),
            // Anybody on the internet can have these.
            RefusalKind::Malformed | RefusalKind::Unknown | RefusalKind::WithoutState => line!(info, "request refused"),
            _ => match failure.token {
                Some(TokenEnd::MayBeValid) => line!(warn, "connection refused, its token may still be valid"),
                Some(TokenEnd::RefreshTokenMayBeValid) => {
                    line!(warn, "connection refused, its refresh token may still be valid")
                }
                Some(TokenEnd::MayExist) => {
                    line!(warn, "connection refused, Slack may have issued a token that was not received")
                }
                Some(TokenEnd::Revoked | TokenEnd::MayBeInUse) | None => {
                    line!(warn, "connection refused, nothing is lost")
                }
            },
        },
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Offered(_) => "offered",
        Outcome::Started(_) => "started",
        Outcome::Connected(_) => "connected",
        Outcome::Refused(failure) => failure.refusal.kind.name(),
        Outcome::NotFound => "not_found",
        Outcome::MethodNotAllowed(_) => "method_not_allowed",
    }
}

fn whose(outcome: &Outcome) -> (Option<&ConnectionId>, Option<&SourceId>) {
    match outcome {
        Outcome::Offered(offer) => (Some(&offer.connection), Some(&offer.source.id)),
        Outcome::Started(started) => (Some(&started.connection), Some(&started.source)),
        Outcome::Connected(connected) => (Some(&connected.connection), Some(&connected.source.id)),
        Outcome::Refused(failure) => (failure.connection.as_ref(), failure.source.as_ref()),
        Outcome::NotFound | Outcome::MethodNotAllowed(_) => (None, None),
    }
}

fn to_error(outcome: &Outcome) -> Option<&Error> {
    match outcome {
        Outcome::Connected(connected) => connected.untold.as_ref(),
        Outcome::Refused(failure) => failure.error.as_ref(),
        Outcome::Offered(_) | Outcome::Started(_) | Outcome::NotFound | Outcome::MethodNotAllowed(_) => None,
    }
}

/// What became of a token that Slack had granted for a connection that failed.
fn token(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Refused(failure) => failure.token.map(TokenEnd::name),
        _ => None,
    }
}

fn causes(error: &Error) -> Option<String> {
    let chain = std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source());
    let causes: Vec<String> = chain.map(ToString::to_string).collect();
    (!causes.is_empty()).then(|| causes.join(": "))
}
