//! `GET /oauth/start`: uses a link up and sends the browser to Slack.

use form_urlencoded::Serializer;

use super::manifest::{bot_scopes, user_scopes};
use super::ticket::hex;
use super::{Connection, ConnectionId, Failure, LIFE_SECONDS, Refusal, SecretHash, Step, Ticket};
use crate::ports::{ConnectionStore, Replaced};
use crate::settings::SLACK_AUTHORIZE_URL;
use crate::source::{Source, SourceId};
use crate::time::Second;

/// GovSlack's page of consent (docs.slack.dev, GovSlack).
const GOV_AUTHORIZE_URL: &str = "https://slack-gov.com/oauth/v2/authorize";

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

/// Uses the link of `ticket` up. `redirect_url` is our own callback; the bits are random.
///
/// # Errors
/// Why it came to nothing.
pub async fn start<C: ConnectionStore>(
    connections: &C,
    ticket: &str,
    (authorize_url, redirect_url): (&str, &str),
    (state_bits, browser_bits): ([u8; 32], [u8; 32]),
    now: Second,
) -> Result<Started, Failure> {
    let Some(ticket) = Ticket::parse(ticket) else { return Err(Refusal::unknown().into()) };
    let about = |failure: Failure| Failure { connection: Some(ticket.id.clone()), ..failure };
    let found = connections.load_connection(&ticket.id).await.map_err(|trouble| about(trouble.into()))?;
    let (version, connection) = found.ok_or_else(|| about(Refusal::unknown().into()))?;
    let about = |failure: Failure| Failure { source: Some(connection.source.id.clone()), ..about(failure) };
    check(&connection, &ticket, now).map_err(|refusal| about(refusal.into()))?;

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
        Ok(Replaced::Changed) => return Err(about(Refusal::used().into())),
        Err(trouble) => return Err(about(trouble.into())),
    }
    Ok(Started {
        location: location(&started, authorize_url, redirect_url, &state),
        cookie_name: started.cookie_name(),
        cookie_value,
        connection: started.id,
        source: started.source.id,
    })
}

fn check(connection: &Connection, ticket: &Ticket, now: Second) -> Result<(), Refusal> {
    match &connection.step {
        Step::Granted { grant } if !ticket.matches(grant) => Err(Refusal::unknown()),
        Step::Granted { .. } if connection.is_expired(now) => Err(Refusal::expired()),
        Step::Granted { .. } => Ok(()),
        Step::Cancelled => Err(Refusal::cancelled()),
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
    fn a_link_is_good_once_and_until_its_last_second() {
        let (granted, ticket) = granted(false);
        let wrong = Ticket::new(granted.id.clone(), [9; 32]);
        let last = NOW.plus(LIFE_SECONDS - 1);
        let kind = |connection: &Connection, ticket: &Ticket, now| {
            check(connection, ticket, now).err().map(|refusal| refusal.kind)
        };
        assert_eq!(kind(&granted, &ticket, last), None);
        assert_eq!(kind(&granted, &ticket, last.plus(1)), Some(RefusalKind::Expired));
        assert_eq!(kind(&granted, &wrong, last), Some(RefusalKind::Unknown));
        assert_eq!(kind(&granted, &wrong, last.plus(1)), Some(RefusalKind::Unknown), "a stranger learns nothing");
        assert_eq!(kind(&granted.at(Step::Verifying), &ticket, NOW), Some(RefusalKind::Used));
        assert_eq!(kind(&granted.at(Step::Cancelled), &ticket, NOW), Some(RefusalKind::Expired));
    }

    #[test]
    fn everything_in_slacks_address_is_encoded_and_govslack_has_its_own_unless_it_was_set() {
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
