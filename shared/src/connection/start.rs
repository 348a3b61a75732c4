//! `GET /oauth/start` shows what a link would connect; `POST /oauth/start` uses it up and sends the browser to Slack.

use form_urlencoded::Serializer;

use super::manifest::{bot_scopes, user_scopes};
use super::ticket::{hex, is_hex};
use super::{Connection, ConnectionId, Failure, LIFE_SECONDS, Refusal, SecretHash, Step, Ticket, Visit};
use crate::ports::{ConnectionStore, ReplaceOutcome, Version};
use crate::settings::SLACK_AUTHORIZE_URL;
use crate::source::{Source, SourceId};
use crate::time::Second;

/// GovSlack's page of consent (docs.slack.dev, GovSlack).
const GOV_AUTHORIZE_URL: &str = "https://slack-gov.com/oauth/v2/authorize";
/// A button pressed twice replaces the connection once: whoever is second finds it started, and goes on.
const ROUNDS_MAX: usize = 2;

/// What a link would connect. `Debug` would show secrets, so there is none.
pub struct Offer {
    /// The connection.
    pub connection: ConnectionId,
    /// The source as it would be connected.
    pub source: Source,
    /// From then on the link is no longer valid.
    pub expires_at: Second,
    /// Where the button may lead, as sources of a content security policy.
    pub leads_to: String,
    /// The cookie's name.
    pub cookie_name: String,
    /// The cookie's value.
    pub cookie_value: String,
}

/// Where a browser goes, and what it takes along. `Debug` would show secrets, so there is none.
pub struct Started {
    /// The connection that is under way.
    pub connection: ConnectionId,
    /// The source that it is for.
    pub source: SourceId,
    /// Slack's page of consent.
    pub location: String,
    /// The cookie's name.
    pub cookie_name: String,
    /// The cookie's value.
    pub cookie_value: String,
}

/// Returns what the link of `ticket` would connect, and changes nothing. `cookie` gives the value of the browser's cookie of a name; the
/// bits are random, for a browser that has none.
///
/// # Errors
/// Returns why the link is not valid, or an error if the store fails.
pub async fn offer<C: ConnectionStore>(
    connections: &C,
    ticket: &str,
    authorize_url: &str,
    cookie: impl Fn(&str) -> Option<String>,
    browser_bits: [u8; 32],
    now: Second,
) -> Result<Offer, Failure> {
    let (_, connection, _) = find(connections, ticket).await?;
    let cookie_name = connection.cookie_name();
    let known = cookie(&cookie_name).filter(|value| is_hex(value, 64));
    check(&connection, known.as_deref(), now).map_err(|refusal| Failure::from(refusal).of(&connection))?;
    Ok(Offer {
        leads_to: leads_to(page_of_consent(&connection.source, authorize_url)),
        cookie_value: known.unwrap_or_else(|| hex(&browser_bits)),
        cookie_name,
        connection: connection.id,
        source: connection.source,
        expires_at: connection.expires_at,
    })
}

/// Uses the link of `ticket` up. `redirect_url` is our own callback; the bits are random, for a browser that has no cookie. The browser
/// that has used a link may do so again, and is sent to Slack with the same state.
///
/// # Errors
/// Returns why the link is not valid, or an error if the store fails. The link may have been used up even then.
pub async fn start<C: ConnectionStore>(
    connections: &C,
    ticket: &str,
    (authorize_url, redirect_url): (&str, &str),
    cookie: impl Fn(&str) -> Option<String>,
    browser_bits: [u8; 32],
    now: Second,
) -> Result<Started, Failure> {
    for _ in 0..ROUNDS_MAX {
        let (version, connection, ticket) = find(connections, ticket).await?;
        let about = |failure: Failure| failure.of(&connection);
        let known = cookie(&connection.cookie_name()).filter(|value| is_hex(value, 64));
        let page = check(&connection, known.as_deref(), now).map_err(|refusal| about(refusal.into()))?;
        let cookie_value = known.unwrap_or_else(|| hex(&browser_bits));
        let state = ticket.state_in(&cookie_value);
        let started = match page {
            Page::Again => connection.clone(),
            Page::First => {
                let (state, browser) = (state.hash(), SecretHash::of(&cookie_value));
                let visit = Visit { state, browser, redirect_url: redirect_url.to_owned() };
                let started = connection.at(Step::Started);
                let started = Connection { expires_at: now.plus(LIFE_SECONDS), visit: Some(visit), ..started };
                match connections.replace_connection(Some(version), &started).await {
                    Ok(ReplaceOutcome::Replaced(_)) => started,
                    Ok(ReplaceOutcome::Conflict) => continue,
                    Err(error) => return Err(about(error.into())),
                }
            }
        };
        let redirect_url = started.visit.as_ref().map_or(redirect_url, |visit| &visit.redirect_url);
        return Ok(Started {
            location: location(&started, authorize_url, redirect_url, &state),
            cookie_name: started.cookie_name(),
            cookie_value,
            connection: started.id,
            source: started.source.id,
        });
    }
    Err(Refusal::used().into())
}

/// The connection of a link. A name that does not exist and a wrong secret get the same answer, whatever the connection's step.
async fn find<C: ConnectionStore>(connections: &C, ticket: &str) -> Result<(Version, Connection, Ticket), Failure> {
    let Some(ticket) = Ticket::parse(ticket) else { return Err(Refusal::unknown().into()) };
    match connections.load_connection(&ticket.id).await? {
        Some((version, connection)) if ticket.matches(&connection.grant) => Ok((version, connection, ticket)),
        _ => Err(Refusal::unknown().into()),
    }
}

/// Which visit to a link's page it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Page {
    /// Nobody has used the link.
    First,
    /// This browser has used it, and may go to Slack again.
    Again,
}

fn check(connection: &Connection, browser: Option<&str>, now: Second) -> Result<Page, Refusal> {
    let is_same = |visit: &Visit| browser.is_some_and(|value| visit.browser.is_of(value));
    match &connection.step {
        Step::Granted | Step::Started if connection.is_expired(now) => Err(Refusal::expired()),
        Step::Granted => Ok(Page::First),
        Step::Started if connection.visit.as_ref().is_some_and(is_same) => Ok(Page::Again),
        Step::Cancelled => Err(Refusal::cancelled()),
        Step::Started | Step::Verifying | Step::Connected(_) | Step::Refused(_) => Err(Refusal::used()),
    }
}

/// Slack's page of consent. GovSlack has its own, unless the address was set to something else.
fn page_of_consent<'a>(source: &Source, authorize_url: &'a str) -> &'a str {
    if source.gov && authorize_url == SLACK_AUTHORIZE_URL { GOV_AUTHORIZE_URL } else { authorize_url }
}

/// The hosts that a browser passes from the button to Slack's page. Chromium applies `form-action` to every redirect that follows on a
/// form, and Slack redirects from its own host to that of the workspace or organization.
fn leads_to(authorize_url: &str) -> String {
    let origin: String = authorize_url.split_inclusive('/').take(3).collect();
    let origin = origin.trim_end_matches('/');
    match origin {
        "https://slack.com" | "https://slack-gov.com" => format!("{origin} {}", origin.replace("//", "//*.")),
        _ => origin.to_owned(),
    }
}

/// Slack's page of consent for this app (docs.slack.dev, installing with OAuth).
fn location(connection: &Connection, authorize_url: &str, redirect_url: &str, state: &Ticket) -> String {
    let Source { tenant, logs, .. } = &connection.source;
    let base = page_of_consent(&connection.source, authorize_url);
    let mut query = Serializer::new(String::new());
    query.append_pair("client_id", &connection.client_id);
    query.append_pair("user_scope", &user_scopes(logs).join(","));
    query.append_pair("scope", &bot_scopes(logs).join(","));
    query.append_pair("redirect_uri", redirect_url);
    query.append_pair("state", &state.reveal());
    if let Some(tenant) = tenant {
        query.append_pair("team", &tenant.id); // Slack then offers the right one first, if it knows the user
    }
    format!("{base}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::RefusalKind;
    use crate::source::Plan;

    const NOW: Second = Second::MARCH_2018;

    fn granted(gov: bool) -> (Connection, Ticket) {
        let source = Source { gov, ..Source::new("acme".parse().unwrap(), "Acme", Plan::Pro, NOW) };
        Connection::grant([1; 16], [2; 32], source, "1.2", NOW)
    }

    #[test]
    fn link_is_valid_for_one_browser_until_last_second() {
        let (granted, _) = granted(false);
        let last = NOW.plus(LIFE_SECONDS - 1);
        let page = |connection: &Connection, cookie: Option<&str>, now| {
            check(connection, cookie, now).map_err(|refusal| refusal.kind)
        };
        let hash = SecretHash::of("cookie");
        let visit = Visit { state: hash.clone(), browser: hash, redirect_url: "https://x/".to_owned() };
        let started = Connection { visit: Some(visit), ..granted.at(Step::Started) };
        for (connection, cookie, now, expected) in [
            (&granted, None, last, Ok(Page::First)),
            (&granted, Some("cookie"), last, Ok(Page::First)),
            (&granted, None, last.plus(1), Err(RefusalKind::Expired)),
            (&started, Some("cookie"), last, Ok(Page::Again)),
            (&started, Some("cookie"), last.plus(1), Err(RefusalKind::Expired)),
            (&started, Some("other"), last, Err(RefusalKind::Used)),
            (&started, None, last, Err(RefusalKind::Used)),
            (&started.at(Step::Verifying), Some("cookie"), NOW, Err(RefusalKind::Used)),
            (&granted.at(Step::Cancelled), None, NOW, Err(RefusalKind::Expired)),
        ] {
            assert_eq!(page(connection, cookie, now), expected, "{:?} {cookie:?}", connection.step);
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
        let (odd, ticket) = granted(false);
        let odd = Connection { client_id: "1.2&scope=admin#".to_owned(), ..odd };
        assert_eq!(
            location(&odd, SLACK_AUTHORIZE_URL, "https://x/a?b=c", &ticket),
            format!(
                "https://slack.com/oauth/v2/authorize?client_id=1.2%26scope%3Dadmin%23&user_scope=admin&scope=&redirect_uri=https%3A%2F%2Fx%2Fa%3Fb%3Dc&state={}",
                ticket.reveal()
            )
        );
        let (gov, ticket) = granted(true);
        assert!(location(&gov, SLACK_AUTHORIZE_URL, "https://x/", &ticket).starts_with("https://slack-gov.com/"));
        assert!(location(&gov, "http://127.0.0.1:1/a", "https://x/", &ticket).starts_with("http://127.0.0.1:1/a?"));
    }
}
