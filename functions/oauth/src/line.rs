//! Writes the log line of a request. The level is INFO for a success, and for a request that anyone on the internet can send. It is WARN if an
//! authorization failed and the user sees why. It is ERROR if the operator must act.

use lambda_http::tracing::{error, info, warn};
use slacktrail_connect::{AuthorizationId, ConnectErrorKind, TokenOutcome};
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;

use crate::handler::Outcome;
use crate::request::Address;
use crate::response;

/// Logs one line. From the request, it contains at most the ID of an authorization, and only if the request also had the authorization's secret.
/// The ID is not secret. `reference` is also on the page.
pub(crate) fn log(address: Address, outcome: &Outcome, reference: Option<&str>) {
    let (authorization, source) = ids(outcome);
    let (label, error, token) = match outcome {
        Outcome::Offered(_) => ("offered", None, None),
        Outcome::Started(_) => ("started", None, None),
        Outcome::Connected(connected) => ("connected", connected.notify_error.as_ref(), None),
        Outcome::Failed(failed) => (failed.connect_error.kind.name(), failed.error.as_ref(), failed.token),
        Outcome::NotFound => ("not_found", None, None),
        Outcome::MethodNotAllowed(_) => ("method_not_allowed", None, None),
    };
    let hint = error.map(|error| error.hint(Place::Page, source.map(SourceId::as_str)));
    let (authorization, source) = (authorization.map(ToString::to_string), source.map(SourceId::as_str));
    macro_rules! line {
        ($level:ident, $text:literal) => {
            $level!(
                path = address.name(),
                status = response::status(outcome),
                outcome = label,
                reference,
                authorization,
                source,
                code = error.map(|error| error.code.as_str()),
                error_message = error.map(|error| error.message.as_str()),
                hint,
                token = token.map(TokenOutcome::name),
                cause = error.and_then(Error::causes),
                $text
            )
        };
    }
    match outcome {
        Outcome::Offered(_) => line!(info, "link page shown"),
        Outcome::Started(_) => line!(info, "authorization started"),
        Outcome::Connected(connected) if connected.notify_error.is_none() => line!(info, "source connected"),
        Outcome::Connected(_) => line!(warn, "source connected, waiting command not notified"),
        Outcome::NotFound | Outcome::MethodNotAllowed(_) => line!(info, "request rejected"),
        Outcome::Failed(callback_error) => match callback_error.connect_error.kind {
            ConnectErrorKind::Internal => line!(error, "authorization failed, action required"),
            // Anyone on the internet can cause these.
            ConnectErrorKind::Malformed | ConnectErrorKind::Unknown | ConnectErrorKind::MissingState => {
                line!(info, "request rejected")
            }
            _ => match token {
                Some(TokenOutcome::MayBeValid) => line!(warn, "authorization failed, its token may still be valid"),
                Some(TokenOutcome::RefreshTokenMayBeValid) => {
                    line!(warn, "authorization failed, its refresh token may still be valid")
                }
                Some(TokenOutcome::MayExist) => {
                    line!(warn, "authorization failed, Slack may have issued a token that was not received")
                }
                Some(TokenOutcome::Revoked | TokenOutcome::MayBeInUse) | None => {
                    line!(warn, "authorization failed, no data lost")
                }
            },
        },
    }
}

/// Returns the IDs of the authorization and of its source, if the request had the authorization's secret.
pub(crate) fn ids(outcome: &Outcome) -> (Option<&AuthorizationId>, Option<&SourceId>) {
    match outcome {
        Outcome::Offered(offer) => (Some(&offer.authorization), Some(&offer.source.id)),
        Outcome::Started(started) => (Some(&started.authorization), Some(&started.source)),
        Outcome::Connected(connected) => (Some(&connected.authorization), Some(&connected.source.id)),
        Outcome::Failed(callback_error) => (callback_error.authorization.as_ref(), callback_error.source.as_ref()),
        Outcome::NotFound | Outcome::MethodNotAllowed(_) => (None, None),
    }
}
