//! The route through Slack's OAuth, in four steps: the app, its credentials, the installation, and what was verified.
//!
//! Nothing is written before Slack has found the app's credentials right. From then on [`install`] leaves nothing half made.

use std::process::ExitCode;

use jiff::Timestamp;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::credentials::App;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DeploymentStore};

use super::app::{self, Given, Known};
use super::public_url::PublicUrl;
use super::{Arguments, deletion, install, new_app, report, source};
use crate::cli_error::CliError;
use crate::terminal::{self, Level};
use crate::{aws, environment, prompt};

/// So often an app's credentials may be entered until Slack takes them.
const ENTRIES_MAX: u32 = 3;

/// Leads through it.
pub(super) async fn connect(args: Arguments) -> Result<ExitCode, CliError> {
    let now = Second::of(Timestamp::now());
    let slack = environment::slack()?;
    let given = Given::read(&args)?;
    let (ports, url) = aws::edges_and_url().await?;
    let url = PublicUrl::new(&url)?;

    let mut stored = ports.deployment.load().await.map_err(CliError::from)?;
    let collected = source::collected(&stored, &args.id);
    // One that cannot be read is connected anew, as its error says.
    let existing = stored.sources.remove(&args.id).and_then(Result::ok);
    let secret = deletion::wait_out(async || ports.credentials.reload_credentials(&args.id).await).await?;
    let known = given.with_stored(secret.and_then(|secret| secret.credentials).as_ref(), args.new_app);
    let questions = source::missing(&args, existing.as_ref());
    let args = complete(args, existing.as_ref(), &known)?;
    let again = source::again(&args, &questions);
    let meant = source::merge(&args, existing.clone(), now)?;

    if let Some(existing) = &existing {
        terminal::note(&format!("{}\n", source::kept(existing)));
    }
    if let Some(warning) = source::since_too_late(&args, &collected) {
        terminal::print_error(Level::Warning, &warning);
    }
    let app = app_steps(&slack, &meant, known, (&url.redirect_url(), args.token_rotation), now).await?;
    let (connected, report) = install::install(&ports, &url, &args, &meant, (&app, &again)).await?;
    terminal::note("4/4 What was verified\n");
    report::print(&connected, &report, existing.is_some(), args.json);
    Ok(ExitCode::SUCCESS)
}

/// Asks for what is missing of the source, or fails with all that is missing where nobody can be asked.
fn complete(args: Arguments, existing: Option<&Source>, known: &Known) -> Result<Arguments, CliError> {
    if prompt::can_ask() {
        return source::ask(args, existing);
    }
    let mut missing = source::missing(&args, existing);
    if let Known::Partly(given) = known {
        missing.extend(given.missing());
    }
    match missing.is_empty() {
        true => Ok(args),
        false => Err(source::incomplete(
            &args,
            &missing,
            "--client-id 1.2 --client-secret-stdin < secret.txt; or run it in a terminal, where it asks",
        )),
    }
}

/// Steps 1 and 2: the app, whose credentials Slack takes.
async fn app_steps(
    slack: &SlackHttp,
    source: &Source,
    known: Known,
    (redirect_url, rotation): (&str, bool),
    now: Second,
) -> Result<App, CliError> {
    let mut given = match known {
        Known::Partly(given) => given,
        Known::Given(ref app) | Known::Stored(ref app) => {
            let before = matches!(known, Known::Stored(_));
            terminal::note(&format!("1/4 The Slack app\n\n{}", new_app::existing(app, before, source, redirect_url)));
            if rotation {
                let message = "`--token-rotation` changes nothing for an app that exists";
                let hint = "turn token rotation on in its settings, or make another: `--new-app`";
                terminal::print_error(Level::Warning, &CliError::new(message).hint(hint));
            }
            match app::check(slack, source, app, redirect_url, now).await {
                Ok(()) => {
                    terminal::note("2/4 Its credentials are known\n");
                    return Ok(app.clone());
                }
                Err(error) if !prompt::can_ask() => return Err(error),
                Err(error) => terminal::print_error(Level::Warning, &error),
            }
            Given::default()
        }
    };
    terminal::note(&format!("\n1/4 The Slack app\n\n{}", new_app::making(source, redirect_url, rotation)));
    terminal::note("2/4 Its credentials, from the app's page `Basic Information`\n");
    let mut entries = 1;
    loop {
        let app = std::mem::take(&mut given).ask()?;
        match app::check(slack, source, &app, redirect_url, now).await {
            Ok(()) => {
                terminal::note("");
                return Ok(app);
            }
            Err(error) if entries >= ENTRIES_MAX => return Err(error),
            Err(error) => terminal::print_error(Level::Warning, &error),
        }
        entries += 1;
    }
}
