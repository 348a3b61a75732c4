//! `GET /oauth/start` shows what a link connects. `POST /oauth/start` consumes the link and redirects the browser to Slack.

use form_urlencoded::Serializer;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_core::time::Second;
use slacktrail_ports::{Change, Version, update};

use crate::manifest::{bot_scopes, user_scopes};
use crate::one_time_token::{hex, is_hex};
use crate::{
    Authorization, AuthorizationId, AuthorizationState, AuthorizationStore, CallbackError, ConnectError,
    LINK_TTL_SECONDS, OneTimeToken, SecretHash, Visit, cookie_name,
};

/// The default URL of Slack's consent page.
pub const SLACK_AUTHORIZE_URL: &str = "https://slack.com/oauth/v2/authorize";
/// GovSlack's consent page (docs.slack.dev, GovSlack).
const GOV_AUTHORIZE_URL: &str = "https://slack-gov.com/oauth/v2/authorize";

/// What a link connects. Has no `Debug`, because it would show secrets.
pub struct Offer {
    /// The ID of the authorization.
    pub authorization: AuthorizationId,
    /// The source that the link connects.
    pub source: Source,
    /// When the link expires.
    pub expires_at: Second,
    /// When the link was opened.
    pub opened_at: Second,
    /// The hosts that the button may lead to, as sources of a content security policy.
    pub leads_to: String,
    /// The value of the authorization's cookie.
    pub cookie_value: String,
}

/// A redirect to Slack, with the browser's cookie. Has no `Debug`, because it would show secrets.
pub struct Started {
    /// The ID of the authorization.
    pub authorization: AuthorizationId,
    /// The source to connect.
    pub source: SourceId,
    /// The URL of Slack's consent page.
    pub location: String,
    /// The value of the authorization's cookie.
    pub cookie_value: String,
}

/// Returns what the link with `link_token` connects, and changes nothing.
///
/// `cookie` returns the value of the browser's cookie with the given name. `browser_bits` are random bytes for the cookie of a browser that
/// has none.
///
/// # Errors
/// Returns an error if the link is invalid, or if the store fails.
pub async fn offer<C: AuthorizationStore>(
    authorizations: &C,
    link_token: &str,
    authorize_url: &str,
    cookie: impl Fn(&str) -> Option<String>,
    browser_bits: [u8; 32],
    now: Second,
) -> Result<Offer, CallbackError> {
    let (_, authorization) = find(authorizations, &parse(link_token)?).await?;
    let known = cookie(&cookie_name(&authorization.id)).filter(|value| is_hex(value, 64));
    check(&authorization, known.as_deref(), now)
        .map_err(|connect_error| CallbackError::from(connect_error).for_authorization(&authorization))?;
    Ok(Offer {
        leads_to: leads_to(page_of_consent(&authorization.source, authorize_url)),
        cookie_value: known.unwrap_or_else(|| hex(&browser_bits)),
        authorization: authorization.id,
        source: authorization.source,
        expires_at: authorization.expires_at,
        opened_at: now,
    })
}

/// Consumes the link with `link_token`, and returns the redirect to Slack.
///
/// The browser that used a link can use it again until the link expires, with the same OAuth state. If a user presses the button twice, only
/// the first request replaces the authorization. The second one finds it started. `redirect_url` is the URL of the callback. `browser_bits`
/// are random bytes for the cookie of a browser that has none.
///
/// # Errors
/// Returns an error if the link is invalid, or if the store fails. The link may have been consumed even if this function returns an error.
#[expect(clippy::result_large_err, reason = "the error is rare, and it is passed on once")]
pub async fn start<C: AuthorizationStore>(
    authorizations: &C,
    link_token: &str,
    (authorize_url, redirect_url): (&str, &str),
    cookie: impl Fn(&str) -> Option<String>,
    browser_bits: [u8; 32],
    now: Second,
) -> Result<Started, CallbackError> {
    let link_token = parse(link_token)?;
    let known = cookie(&cookie_name(&link_token.id)).filter(|value| is_hex(value, 64));
    let cookie_value = known.clone().unwrap_or_else(|| hex(&browser_bits));
    let state = link_token.state_in(&cookie_value);
    let change = |authorization: Authorization| match check(&authorization, known.as_deref(), now) {
        Ok(Page::Again) => Ok(Change::Keep(authorization)),
        Ok(Page::First) => {
            let (state, browser) = (state.hash(), SecretHash::of(&cookie_value));
            let visit = Visit { state, browser, redirect_url: redirect_url.to_owned() };
            let started = authorization.with_state(AuthorizationState::Started);
            Ok(Change::Replace(Authorization { expires_at: now.plus(LINK_TTL_SECONDS), visit: Some(visit), ..started }))
        }
        Err(connect_error) => Err(CallbackError::from(connect_error).for_authorization(&authorization)),
    };
    let load = async || {
        let (version, authorization) = find(authorizations, &link_token).await?;
        Ok((Some(version), authorization))
    };
    let replace = async |version, started: &Authorization| {
        let replaced = authorizations.replace_authorization(version, started).await;
        replaced.map_err(|error| CallbackError::from(error).for_authorization(started))
    };
    let updated = update(load, change, replace, || ConnectError::used(None).into()).await?;
    let (Change::Replace(started) | Change::Keep(started)) = updated;
    let redirect_url = started.visit.as_ref().map_or(redirect_url, |visit| &visit.redirect_url);
    Ok(Started {
        location: location(&started, authorize_url, redirect_url, &state),
        cookie_value,
        authorization: started.id,
        source: started.source.id,
    })
}

fn parse(link_token: &str) -> Result<OneTimeToken, ConnectError> {
    OneTimeToken::parse(link_token).ok_or_else(ConnectError::unknown)
}

/// Finds the authorization of a link. Returns the same error for an unknown ID and for a wrong secret, in every state of the authorization.
async fn find<C: AuthorizationStore>(
    authorizations: &C,
    link_token: &OneTimeToken,
) -> Result<(Version, Authorization), CallbackError> {
    let found = authorizations.load_authorization(&link_token.id).await?;
    let found = found.filter(|(_, authorization)| link_token.matches(&authorization.grant));
    found.ok_or_else(|| ConnectError::unknown().into())
}

/// The visit of a browser to a valid link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Page {
    /// No browser has used the link.
    First,
    /// The same browser used the link before, and can continue to Slack again.
    Again,
}

fn check(authorization: &Authorization, browser: Option<&str>, now: Second) -> Result<Page, ConnectError> {
    let is_same = |visit: &Visit| browser.is_some_and(|value| visit.browser.is_of(value));
    match &authorization.state {
        AuthorizationState::LinkIssued | AuthorizationState::Started if authorization.is_expired(now) => {
            Err(ConnectError::expired())
        }
        AuthorizationState::LinkIssued => Ok(Page::First),
        AuthorizationState::Started if authorization.visit.as_ref().is_some_and(is_same) => Ok(Page::Again),
        AuthorizationState::Canceled => Err(ConnectError::canceled()),
        AuthorizationState::Started
        | AuthorizationState::Verifying
        | AuthorizationState::Connected(_)
        | AuthorizationState::Failed(_) => Err(ConnectError::used(Some(&authorization.state))),
    }
}

/// Returns the URL of Slack's consent page. GovSlack has its own, which applies unless `authorize_url` was changed.
fn page_of_consent<'a>(source: &Source, authorize_url: &'a str) -> &'a str {
    if source.gov && authorize_url == SLACK_AUTHORIZE_URL { GOV_AUTHORIZE_URL } else { authorize_url }
}

/// Returns the hosts that a browser visits between the button and Slack's page. Chromium applies `form-action` to every redirect after a form
/// submission, and Slack redirects from its own host to that of the workspace or organization.
fn leads_to(authorize_url: &str) -> String {
    let origin: String = authorize_url.split_inclusive('/').take(3).collect();
    let origin = origin.trim_end_matches('/');
    match origin {
        "https://slack.com" | "https://slack-gov.com" => format!("{origin} {}", origin.replace("//", "//*.")),
        _ => origin.to_owned(),
    }
}

/// Returns the URL of Slack's consent page for this app (docs.slack.dev, installing with OAuth).
fn location(authorization: &Authorization, authorize_url: &str, redirect_url: &str, state: &OneTimeToken) -> String {
    let Source { tenant, logs, .. } = &authorization.source;
    let base = page_of_consent(&authorization.source, authorize_url);
    let mut query = Serializer::new(String::new());
    query.append_pair("client_id", &authorization.client_id);
    query.append_pair("user_scope", &user_scopes(logs).join(","));
    query.append_pair("scope", &bot_scopes(logs).join(","));
    query.append_pair("redirect_uri", redirect_url);
    query.append_pair("state", &state.reveal());
    if let Some(tenant) = tenant {
        query.append_pair("team", &tenant.id); // Slack preselects this workspace or organization if the user is signed in to it
    }
    format!("{base}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectErrorKind;
    use slacktrail_core::source::Plan;

    const NOW: Second = Second::MARCH_2018;

    fn link_issued(gov: bool) -> (Authorization, OneTimeToken) {
        let source = Source { gov, ..Source::new("acme".parse().unwrap(), "Acme", Plan::Pro, NOW) };
        Authorization::new([1; 16], [2; 32], source, "1.2", NOW)
    }

    #[test]
    fn link_is_valid_for_one_browser_until_last_second() {
        let (issued, _) = link_issued(false);
        let last = NOW.plus(LINK_TTL_SECONDS - 1);
        let page = |authorization: &Authorization, cookie: Option<&str>, now| {
            check(authorization, cookie, now).map_err(|connect_error| connect_error.kind)
        };
        let hash = SecretHash::of("cookie");
        let visit = Visit { state: hash.clone(), browser: hash, redirect_url: "https://x/".to_owned() };
        let started = Authorization { visit: Some(visit), ..issued.with_state(AuthorizationState::Started) };
        for (authorization, cookie, now, expected) in [
            (&issued, None, last, Ok(Page::First)),
            (&issued, Some("cookie"), last, Ok(Page::First)),
            (&issued, None, last.plus(1), Err(ConnectErrorKind::Expired)),
            (&started, Some("cookie"), last, Ok(Page::Again)),
            (&started, Some("cookie"), last.plus(1), Err(ConnectErrorKind::Expired)),
            (&started, Some("other"), last, Err(ConnectErrorKind::Used)),
            (&started, None, last, Err(ConnectErrorKind::Used)),
            (&started.with_state(AuthorizationState::Verifying), Some("cookie"), NOW, Err(ConnectErrorKind::Used)),
            (&issued.with_state(AuthorizationState::Canceled), None, NOW, Err(ConnectErrorKind::Expired)),
        ] {
            assert_eq!(page(authorization, cookie, now), expected, "{:?} {cookie:?}", authorization.state);
        }
    }

    #[test]
    fn button_may_lead_only_to_slack_and_its_workspaces() {
        for (authorize_url, expected) in [
            (SLACK_AUTHORIZE_URL, "https://slack.com https://*.slack.com"),
            (GOV_AUTHORIZE_URL, "https://slack-gov.com https://*.slack-gov.com"),
            ("http://127.0.0.1:8080/oauth/v2/authorize", "http://127.0.0.1:8080"),
            ("https://proxy.example", "https://proxy.example"),
        ] {
            assert_eq!(leads_to(authorize_url), expected);
        }
    }

    #[test]
    fn authorize_url_is_encoded_and_govslack_has_own_url() {
        let (odd, link_token) = link_issued(false);
        let odd = Authorization { client_id: "1.2&scope=admin#".to_owned(), ..odd };
        assert_eq!(
            location(&odd, SLACK_AUTHORIZE_URL, "https://x/a?b=c", &link_token),
            format!(
                "https://slack.com/oauth/v2/authorize?client_id=1.2%26scope%3Dadmin%23&user_scope=admin&scope=&redirect_uri=https%3A%2F%2Fx%2Fa%3Fb%3Dc&state={}",
                link_token.reveal()
            )
        );
        let (gov, link_token) = link_issued(true);
        assert!(location(&gov, SLACK_AUTHORIZE_URL, "https://x/", &link_token).starts_with("https://slack-gov.com/"));
        assert!(location(&gov, "http://127.0.0.1:1/a", "https://x/", &link_token).starts_with("http://127.0.0.1:1/a?"));
    }
}
