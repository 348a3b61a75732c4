//! Builds HTTP responses: status, headers and cookies.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use slacktrail_connect::{AuthorizationId, ConnectErrorKind, LINK_TTL_SECONDS, cookie_name};

use crate::handler::Outcome;
use crate::page;

/// Returns the HTTP status of an outcome.
pub(crate) fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Offered(_) | Outcome::Connected(_) => 200,
        Outcome::Started(_) => 303, // the browser follows it with `GET`
        Outcome::Failed(callback_error) => match callback_error.connect_error.kind {
            ConnectErrorKind::Malformed | ConnectErrorKind::MissingState => 400,
            ConnectErrorKind::Denied | ConnectErrorKind::WrongBrowser => 403,
            ConnectErrorKind::Unknown => 404,
            ConnectErrorKind::WrongTenant
            | ConnectErrorKind::AlreadyConnected
            | ConnectErrorKind::NotOrganization
            | ConnectErrorKind::MissingScope
            | ConnectErrorKind::NotOnPlan
            | ConnectErrorKind::InsufficientRole
            | ConnectErrorKind::WrongApp
            | ConnectErrorKind::Conflict => 409,
            ConnectErrorKind::Used | ConnectErrorKind::Expired => 410,
            ConnectErrorKind::SlackRejected | ConnectErrorKind::SlackUnreachable => 502,
            ConnectErrorKind::Internal => 503,
            ConnectErrorKind::DeadlineReached => 504,
        },
        Outcome::NotFound => 404,
        Outcome::MethodNotAllowed(_) => 405,
    }
}

/// Returns the HTTP response for an outcome. Its page shows `reference`.
pub(crate) fn of(outcome: &Outcome, reference: Option<&str>) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status(outcome).into();
    response.headers = headers(outcome);
    response.body = Some(page::of(outcome, reference).into());
    match outcome {
        Outcome::Offered(offer) => {
            response.cookies.push(set_cookie(&offer.authorization, &offer.cookie_value, LINK_TTL_SECONDS));
        }
        Outcome::Started(started) => {
            response.headers.insert(LOCATION, text(&started.location));
            response.cookies.push(set_cookie(&started.authorization, &started.cookie_value, LINK_TTL_SECONDS));
        }
        Outcome::Connected(connected) => response.cookies.push(delete_cookie(&connected.authorization)),
        Outcome::Failed(callback_error) => {
            let finished = callback_error.authorization.iter().filter(|_| callback_error.is_final);
            response.cookies.extend(finished.map(delete_cookie));
        }
        Outcome::MethodNotAllowed(allowed) => drop(response.headers.insert(ALLOW, HeaderValue::from_static(allowed))),
        Outcome::NotFound => {}
    }
    response
}

/// Returns the headers of every response. They prevent caching and framing of the page, and keep it from loading or running anything.
fn headers(outcome: &Outcome) -> HeaderMap {
    [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"), // because the URL contains a code and a state
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ]
    .into_iter()
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .chain([(CONTENT_SECURITY_POLICY, text(&page::content_security_policy(outcome)))])
    .collect()
}

/// Returns a cookie for this host only, over HTTPS only, and hidden from scripts. With `Lax`, the browser sends the cookie when Slack redirects back,
/// but not with a form of another website.
fn set_cookie(authorization: &AuthorizationId, value: &str, seconds: i64) -> String {
    let name = cookie_name(authorization);
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

fn delete_cookie(authorization: &AuthorizationId) -> String {
    set_cookie(authorization, "", 0)
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("URLs with an encoded query, and slacktrail's own policies, are ASCII")
}
