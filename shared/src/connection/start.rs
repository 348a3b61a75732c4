//! `GET /oauth/start`: uses a link up and sends the browser to Slack.

use form_urlencoded::Serializer;

use super::manifest::{bot_scopes, user_scopes};
use super::ticket::hex;
use super::{Connection, LIFE_SECONDS, Refusal, SecretHash, Step, Ticket};
use crate::ports::{ConnectionStore, Replaced};
use crate::settings::SLACK_AUTHORIZE_URL;
use crate::source::Source;
use crate::time::Second;
use crate::trouble::Trouble;

/// GovSlack's page of consent (docs.slack.dev, GovSlack).
const GOV_AUTHORIZE_URL: &str = "https://slack-gov.com/oauth/v2/authorize";

/// Where a browser goes, and what it takes along. `Debug` would show secrets, so there is none.
pub struct Started {
    /// Slack's page of consent.
    pub location: String,
    /// The cookie's name.
    pub cookie_name: String,
    /// The cookie's value.
    pub cookie_value: String,
}

/// Uses the link of `ticket` up. `redirect_url` is our own callback; the bits are random.
///
/// # Errors
/// The refusal to show, and the trouble to log if it is one of ours.
pub async fn start<C: ConnectionStore>(
    connections: &C,
    ticket: &str,
    (authorize_url, redirect_url): (&str, &str),
    (state_bits, browser_bits): ([u8; 32], [u8; 32]),
    now: Second,
) -> Result<Started, (Refusal, Option<Trouble>)> {
    let Some(ticket) = Ticket::parse(ticket) else { return Err((Refusal::unknown(), None)) };
    let (version, connection) = match connections.load_connection(&ticket.id).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err((Refusal::unknown(), None)),
        Err(trouble) => return Err((Refusal::ours(&trouble), Some(trouble))),
    };
    check(&connection, &ticket, now).map_err(|refusal| (refusal, None))?;

    let state = Ticket::new(connection.id.clone(), state_bits);
    let cookie_value = hex(&browser_bits);
    let step = Step::Started {
        state: state.hash(),
        browser: SecretHash::of(&cookie_value),
        redirect_url: redirect_url.to_owned(),
    };
    let started = Connection { expires_at: now.plus(LIFE_SECONDS), ..connection.at(step) };
    match connections.replace_connection(Some(version), &started).await {
        Ok(Replaced::Yes(_)) => {}
        Ok(Replaced::Changed) => return Err((Refusal::used(), None)),
        Err(trouble) => return Err((Refusal::ours(&trouble), Some(trouble))),
    }
    Ok(Started {
        location: location(&started, authorize_url, redirect_url, &state),
        cookie_name: started.cookie_name(),
        cookie_value,
    })
}

fn check(connection: &Connection, ticket: &Ticket, now: Second) -> Result<(), Refusal> {
    match &connection.step {
        Step::Granted { grant } if !ticket.matches(grant) => Err(Refusal::unknown()),
        Step::Granted { .. } if connection.is_expired(now) => Err(Refusal::expired()),
        Step::Granted { .. } => Ok(()),
        Step::Cancelled => Err(Refusal::expired()),
        // The grant's hash is gone with its use, so nobody who merely knows the name learns more than that.
        Step::Started { .. } | Step::Verifying | Step::Connected(_) | Step::Refused(_) => Err(Refusal::used()),
    }
}

/// Slack's page of consent for this app (docs.slack.dev, installing with OAuth).
fn location(connection: &Connection, authorize_url: &str, redirect_url: &str, state: &Ticket) -> String {
    let Source { gov, tenant, logs, .. } = &connection.source;
    let base = if *gov && authorize_url == SLACK_AUTHORIZE_URL { GOV_AUTHORIZE_URL } else { authorize_url };
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
