//! The single-use link that starts an authorization.

use slacktrail_adapters::random;
use slacktrail_connect::{Authorization, AuthorizationStore, LINK_TTL_SECONDS, OneTimeToken};
use slacktrail_core::error::Error;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;

use super::browser::{self, Opened};
use super::public_url::PublicUrl;
use super::{Arguments, new_app};
use crate::cli_error::CliError;
use crate::prompt::{self, Stopped};
use crate::terminal;

/// Creates an authorization without storing it, and the one-time token of its link.
///
/// # Errors
/// Returns an error if the operating system provides no random bytes.
pub(super) fn make(source: &Source, client_id: &str, now: Second) -> Result<(Authorization, OneTimeToken), Error> {
    Ok(Authorization::new(random::bytes()?, random::bytes()?, source.clone(), client_id, now))
}

/// Stores the authorization, shows its link, and offers to open it in the browser.
///
/// # Errors
/// Returns an error if the authorization cannot be stored, or if the user interrupts the prompt.
#[must_use = "the browser reads the link until this is dropped"]
pub(super) async fn show<C: AuthorizationStore>(
    authorizations: &C,
    (authorization, link_token): (&Authorization, &OneTimeToken),
    url: &PublicUrl,
    args: &Arguments,
) -> Result<Option<Opened>, Stopped> {
    // The ID is random, so an authorization with this ID exists only if a repeated request has already created it.
    authorizations.replace_authorization(None, authorization).await.map_err(CliError::from)?;
    let link = url.link(link_token);
    terminal::note(&format!(
        "This link leads to Slack's page that installs the app. Open it, or send it to a user who may install the app. The link works once \
         and expires in {} minutes.\n{}\n\
         The link's pages show the reference {}.\n\n{link}\n",
        LINK_TTL_SECONDS / 60,
        new_app::installing(&authorization.source),
        authorization.id.reference()
    ));
    // Ask first, because the user may want to send the link to another user.
    let may_open = !args.no_browser && prompt::can_ask() && browser::is_here();
    if !may_open || !prompt::confirm("Open it in the browser of this machine?", true)? {
        return Ok(None);
    }
    let opened = browser::open(&link);
    terminal::note(match opened {
        Some(_) => "if the browser shows nothing, open the link yourself",
        None => "could not start a browser; open the link yourself",
    });
    Ok(opened)
}
