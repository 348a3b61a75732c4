//! The link that begins a connection: good once, for ten minutes, for whoever opens it.

use slacktrail_shared::connection::{Connection, LIFE_SECONDS, Ticket};
use slacktrail_shared::error::Error;
use slacktrail_shared::ports::ConnectionStore;
use slacktrail_shared::random;
use slacktrail_shared::source::Source;
use slacktrail_shared::time::Second;

use super::browser::{self, Opened};
use super::public_url::PublicUrl;
use super::{Arguments, new_app};
use crate::failure::Failure;
use crate::prompt::{self, Stopped};
use crate::terminal;

/// A connection that is not stored yet, and its ticket.
///
/// # Errors
/// When the operating system has no random bytes.
pub(super) fn make(source: &Source, client_id: &str, now: Second) -> Result<(Connection, Ticket), Error> {
    Ok(Connection::grant(random::bytes()?, random::bytes()?, source.clone(), client_id, now))
}

/// Stores the connection, shows its link, and opens it here if that is wanted.
///
/// # Errors
/// When it cannot be stored, or the question is interrupted.
#[must_use = "the browser reads the link until this is dropped"]
pub(super) async fn show<C: ConnectionStore>(
    connections: &C,
    (connection, ticket): (&Connection, &Ticket),
    url: &PublicUrl,
    args: &Arguments,
) -> Result<Option<Opened>, Stopped> {
    // One of this id is there already only if a repeated request of ours has made it: the id is random.
    connections.replace_connection(None, connection).await.map_err(Failure::from)?;
    let link = url.link(ticket);
    terminal::note(&format!(
        "This link leads to Slack's page, where the app is installed. Open it, or send it to\n\
         somebody who may: it is good once, for {} minutes.\n{}\n\n{link}\n",
        LIFE_SECONDS / 60,
        new_app::installing(&connection.source)
    ));
    // Whoever wants to send the link to another person must be able to say no.
    let may_open = !args.no_browser && prompt::can_ask() && browser::is_here();
    if !may_open || !prompt::confirm("Open it in the browser of this machine?")? {
        return Ok(None);
    }
    let opened = browser::open(&link);
    terminal::note(match opened {
        Some(_) => "if the browser shows nothing, open the link by hand",
        None => "no browser could be started; open the link by hand",
    });
    Ok(opened)
}
