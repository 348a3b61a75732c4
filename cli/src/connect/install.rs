//! Step 3: installs the app through the link. If the user gives up at any point, the link becomes invalid and no new source remains. The
//! app's credentials stay stored, so that the same command continues from there.

use std::cell::Cell;

use slacktrail_adapters::aws::AwsPorts;
use slacktrail_adapters::random;
use slacktrail_connect::{
    Authorization, AuthorizationStore, ConnectError, ConnectReport, ConnectedTenant, LINK_TTL_SECONDS, OneTimeToken,
};
use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::credentials::App;

use super::browser::{self, Opened};
use super::public_url::PublicUrl;
use super::waiting::{self, End};
use super::{Arguments, app, deletion, new_app};
use crate::cli_error::CliError;
use crate::environment::now;
use crate::prompt::{self, Stopped};
use crate::{interrupt, terminal};

/// Runs the installation. Returns the connected source and what was verified. The app must not be installed on one of the other sources'
/// tenants, unless a second source is allowed. `again` describes the command that tries again.
pub(super) async fn install(
    ports: &AwsPorts,
    url: &PublicUrl,
    args: &Arguments,
    (source, (others, allows_second_source)): (&Source, (Vec<ConnectedTenant>, bool)),
    (app, again): (&App, &str),
) -> Result<(Source, Box<ConnectReport>), CliError> {
    let now = now(); // creating the app may have taken a while
    let (authorization, link_token) =
        Authorization::new(random::bytes()?, random::bytes()?, source.clone(), &app.client_id, now);
    let authorization = Authorization { others, allows_second_source, ..authorization };
    let app_is_stored = Cell::new(false);
    let followed = async {
        deletion::wait_out(&source.id, async || app::store(&ports.credentials, source, app).await).await?;
        app_is_stored.set(true);
        follow(ports, (&authorization, &link_token), url, args).await
    };
    let ended = tokio::select! {
        ended = followed => ended,
        () = interrupt::ctrl_c() => Err(Stopped::Interrupted),
    };
    if let (Err(Stopped::Failed(_)), true) = (&ended, app_is_stored.get()) {
        terminal::note("an error occurred; canceling the link");
    }
    // Cancel an authorization that has expired by the local clock, because other clocks may be behind.
    let end = match &ended {
        Err(_) if !app_is_stored.get() => End::Canceled, // no link exists yet
        Ok(End::Expired) | Err(_) => tokio::select! {
            end = waiting::give_up(&ports.deployment, &authorization.id) => end,
            () = interrupt::ctrl_c() => End::Lost,
        },
        Ok(end) => end.clone(),
    };
    match end {
        End::Connected(report) => Ok((connected(ports, &authorization, &report).await, report)),
        End::Failed(connect_error) => Err(connect_error.with_redirect_url(&source.id, &url.redirect_url()).into()),
        End::Lost => Err(outcome_unknown(&source.id, ended.err())),
        End::Expired | End::Canceled => match ended {
            Err(Stopped::Failed(error)) => Err(error),
            Err(Stopped::Interrupted) => Err(stopped(app_is_stored.get(), again)),
            Ok(_) => Err(ConnectError::not_installed(&source.id, again).into()),
        },
    }
}

async fn follow(
    ports: &AwsPorts,
    (authorization, link_token): (&Authorization, &OneTimeToken),
    url: &PublicUrl,
    args: &Arguments,
) -> Result<End, Stopped> {
    terminal::note("3/4 Installation\n");
    let _opened = show_link(&ports.deployment, (authorization, link_token), url, args).await?;
    Ok(waiting::wait(&ports.deployment, &authorization.id).await.map_err(CliError::from)?)
}

/// Returns the error if the authorization could not be canceled. `stopped` is why the command did not wait for its end.
fn outcome_unknown(source: &SourceId, stopped: Option<Stopped>) -> CliError {
    let mut error = CliError::from(ConnectError::outcome_unknown(source));
    match stopped {
        Some(Stopped::Failed(first)) => return error.caused_by(first),
        Some(Stopped::Interrupted) => error.exit_code = Some(interrupt::EXIT_CODE),
        None => {}
    }
    error
}

/// Returns the stored source, or the expected source if the stored one cannot be read.
async fn connected(ports: &AwsPorts, authorization: &Authorization, report: &ConnectReport) -> Source {
    let expected = &authorization.source;
    let stored = ports.deployment.load_source(&expected.id).await.ok().flatten();
    stored.and_then(|(_, stored)| stored.ok()).unwrap_or_else(|| Source {
        organization: report.organization,
        tenant: Some(report.tenant.clone()),
        ..expected.clone()
    })
}

fn stopped(app_is_stored: bool, again: &str) -> CliError {
    match app_is_stored {
        true => CliError::interrupted("interrupted: the source was not connected, and the link is no longer valid")
            .hint(format!("run {again} to continue: only the app's credentials were stored")),
        false => CliError::interrupted("interrupted: the source was not connected").hint(format!("run {again}")),
    }
}

/// Stores the authorization, shows its link, and offers to open it in the browser.
#[must_use = "the browser reads the link until this is dropped"]
async fn show_link<C: AuthorizationStore>(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_outcome_names_cause_of_its_first_error() {
        let acme = "acme".parse().unwrap();
        let first = CliError::new("reading the link failed").with_source("the session has expired");
        let error = outcome_unknown(&acme, Some(Stopped::Failed(first)));
        assert!(error.to_string().starts_with("the outcome of the installation is unknown"), "{error}");
        assert_eq!(error.causes, ["reading the link failed", "the session has expired"]);
        assert_eq!(outcome_unknown(&acme, Some(Stopped::Interrupted)).exit_code, Some(130));
        assert_eq!(outcome_unknown(&acme, None).exit_code, None);
    }
}
