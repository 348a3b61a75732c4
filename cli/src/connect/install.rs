//! Step 3: the app is installed by way of the link. Whoever gives up, at whatever point, leaves no link behind that is good for
//! anything, and no source that was not there; the app's credentials stay, so that the same command goes on from there.

use std::cell::Cell;

use jiff::Timestamp;
use slacktrail_adapters::aws::AwsPorts;
use slacktrail_core::authorization::{
    Authorization, ConnectError, ConnectErrorKind, ConnectReport, LINK_TTL_SECONDS, OneTimeToken,
};
use slacktrail_core::credentials::App;
use slacktrail_core::source::{Source, SourceId};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use super::public_url::PublicUrl;
use super::waiting::{self, End};
use super::{Arguments, app, deletion, link};
use crate::cli_error::CliError;
use crate::prompt::Stopped;
use crate::terminal;

/// Leads through it. Returns the source as it is connected, and what was verified. `again`: what to run to try again, in words.
///
/// # Errors
/// Why it is not connected, or may not be.
pub(super) async fn install(
    ports: &AwsPorts,
    url: &PublicUrl,
    args: &Arguments,
    source: &Source,
    (app, again): (&App, &str),
) -> Result<(Source, Box<ConnectReport>), CliError> {
    let now = Second::of(Timestamp::now()); // making the app may have taken its time
    let (authorization, link_token) = link::make(source, &app.client_id, now)?;
    let app_is_stored = Cell::new(false);
    let followed = async {
        deletion::wait_out(async || app::store(&ports.credentials, source, app).await).await?;
        app_is_stored.set(true);
        follow(ports, (&authorization, &link_token), url, args).await
    };
    let ended = tokio::select! {
        ended = followed => ended,
        () = interrupted() => Err(Stopped::Interrupted),
    };
    // What has expired by our clock shall have expired by everybody's.
    let end = match &ended {
        Ok(End::Expired) | Err(_) => tokio::select! {
            end = waiting::give_up(&ports.deployment, &authorization.id) => end,
            () = interrupted() => End::Lost,
        },
        Ok(end) => end.clone(),
    };
    match (end, ended) {
        (End::Connected(report), _) => Ok((connected(ports, &authorization, &report).await, report)),
        (End::Failed(connect_error), _) => Err(failed(connect_error, &source.id, url)),
        (End::Lost, _) => Err(lost(&source.id)),
        (_, Err(Stopped::Failed(error))) => Err(error),
        (_, Err(Stopped::Interrupted)) => Err(stopped(app_is_stored.get(), again)),
        (End::Expired | End::Canceled, Ok(_)) => Err(expired(&source.id, again)),
    }
}

async fn follow(
    ports: &AwsPorts,
    (authorization, link_token): (&Authorization, &OneTimeToken),
    url: &PublicUrl,
    args: &Arguments,
) -> Result<End, Stopped> {
    terminal::note("3/4 The installation\n");
    let _opened = link::show(&ports.deployment, (authorization, link_token), url, args).await?;
    let end = waiting::wait(&ports.deployment, &authorization.id).await.map_err(CliError::from)?;
    Ok(end)
}

/// Returns at a Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await; // it cannot be heard here, and then nobody can stop this but by force
    }
}

/// The source as it is stored now; if it cannot be read just now, as it was to be.
async fn connected(ports: &AwsPorts, authorization: &Authorization, report: &ConnectReport) -> Source {
    let meant = &authorization.source;
    let stored = ports.deployment.load_source(&meant.id).await.ok().flatten();
    stored.and_then(|(_, stored)| stored.ok()).unwrap_or_else(|| Source {
        organization: report.organization,
        tenant: Some(report.tenant.clone()),
        ..meant.clone()
    })
}

fn stopped(app_is_stored: bool, again: &str) -> CliError {
    match app_is_stored {
        true => CliError::new("interrupted: the source was not connected, and the link is no longer valid")
            .hint(format!("run {again}: it continues with the app's credentials, and nothing else was stored")),
        false => CliError::new("interrupted: the source was not connected").hint(format!("run {again}")),
    }
}

fn expired(id: &SourceId, again: &str) -> CliError {
    let minutes = LINK_TTL_SECONDS / 60;
    CliError::new(format!("nobody finished the installation within {minutes} minutes, and nothing was connected")).hint(
        format!(
            "run {again} for a new link; if Slack's page showed an error instead, check the app's settings, or enter another app: `slacktrail connect {id} --new-app`"
        ),
    )
}

fn lost(id: &SourceId) -> CliError {
    CliError::new(format!("it is not known what came of the installation: `{id}` may be connected or not"))
        .hint("`slacktrail sources` tells; if it is not, see the log of the deployment's OAuth function, and run the same command again; Slack may have issued a token that slacktrail did not store, so remove the app in Slack if you do not connect again")
}

fn failed(connect_error: ConnectError, id: &SourceId, url: &PublicUrl) -> CliError {
    let hint = match connect_error.kind {
        ConnectErrorKind::WrongApp => format!(
            "the app's settings must have the redirect URL {}; or enter another app: `slacktrail connect {id} --new-app`",
            url.redirect_url()
        ),
        _ => connect_error.hint,
    };
    CliError::new(connect_error.message).hint(hint)
}
