//! Answers: statuses, headers and cookies.
//!
//! | status | what came of the request |
//! |---|---|
//! | 200 | offered: the page with the button; connected |
//! | 303 | started: the browser goes on to Slack, with `GET` |
//! | 400 | malformed: not a request that our link or Slack makes; without_state: the installation was begun at Slack |
//! | 403 | denied: the user declined; wrong_browser: another browser began |
//! | 404 | unknown: no such link or state; no such page |
//! | 405 | another method |
//! | 409 | what was installed does not fit: wrong_tenant, not_organization, missing_scope, not_on_plan, not_owner, wrong_app; superseded: somebody else was at it |
//! | 410 | used, expired: good once, and for ten minutes |
//! | 502 | slack_refused, slack_unreachable |
//! | 503 | ours: the table, the secrets or the settings |
//! | 504 | deadline_reached: Slack or AWS took too long |

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use slacktrail_shared::connection::{ConnectionId, LIFE_SECONDS, RefusalKind, cookie_name};

use crate::handler::Outcome;
use crate::page;

/// The status of an answer: the table above.
pub(crate) fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Offered(_) | Outcome::Connected(_) => 200,
        Outcome::Started(_) => 303,
        Outcome::Refused(failure) => status_of_refusal(failure.refusal.kind),
        Outcome::NotFound => 404,
        Outcome::MethodNotAllowed(_) => 405,
    }
}

fn status_of_refusal(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Malformed | RefusalKind::WithoutState => 400,
        RefusalKind::Denied | RefusalKind::WrongBrowser => 403,
        RefusalKind::Unknown => 404,
        RefusalKind::WrongTenant
        | RefusalKind::NotOrganization
        | RefusalKind::MissingScope
        | RefusalKind::NotOnPlan
        | RefusalKind::NotOwner
        | RefusalKind::WrongApp
        | RefusalKind::Superseded => 409,
        RefusalKind::Used | RefusalKind::Expired => 410,
        RefusalKind::SlackRefused | RefusalKind::SlackUnreachable => 502,
        RefusalKind::Ours => 503,
        RefusalKind::OutOfTime => 504,
    }
}

/// The answer to a request.
pub(crate) fn answer(outcome: &Outcome) -> ApiGatewayV2httpResponse {
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = status(outcome).into();
    answer.headers = headers(outcome);
    answer.body = Some(page::of(outcome).into());
    match outcome {
        Outcome::Offered(offer) => {
            answer.cookies.push(set_cookie(&offer.cookie_name, &offer.cookie_value, LIFE_SECONDS));
        }
        Outcome::Started(started) => {
            answer.headers.insert(LOCATION, text(&started.location));
            answer.cookies.push(set_cookie(&started.cookie_name, &started.cookie_value, LIFE_SECONDS));
        }
        Outcome::Connected(connected) => answer.cookies.push(forget(&connected.connection)),
        Outcome::Refused(failure) => {
            answer.cookies.extend(failure.connection.iter().filter(|_| failure.is_over).map(forget));
        }
        Outcome::MethodNotAllowed(allowed) => drop(answer.headers.insert(ALLOW, HeaderValue::from_static(allowed))),
        Outcome::NotFound => {}
    }
    answer
}

/// What every answer carries: a page that nothing keeps, nothing frames, and that loads and runs nothing.
fn headers(outcome: &Outcome) -> HeaderMap {
    [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"), // the address holds a code and a state
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

/// A cookie for this host alone, over HTTPS alone, out of reach of scripts. `Lax` lets it come along when Slack sends the browser
/// back, and with no form that another site sends.
fn set_cookie(name: &str, value: &str, seconds: i64) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

fn forget(connection: &ConnectionId) -> String {
    set_cookie(&cookie_name(connection), "", 0)
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("a URL with an encoded query, and a policy of ours, are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_kind_has_documented_http_status() {
        let table = include_str!("answer.rs");
        for kind in RefusalKind::ALL {
            let status = status_of_refusal(kind);
            let row = table.lines().find(|line| line.starts_with(&format!("//! | {status} |"))).unwrap();
            assert!(row.split([' ', ',', ':', ';']).any(|word| word == kind.name()), "{} {row}", kind.name());
        }
    }

    #[test]
    fn cookie_is_deleted_under_its_own_name() {
        let id = ConnectionId::of([7; 16]);
        assert_eq!(forget(&id), format!("{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax", cookie_name(&id)));
    }
}
