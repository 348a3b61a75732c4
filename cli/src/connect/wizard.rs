//! Guides the user through Slack's OAuth in four steps: the app, its credentials, the installation, and the verification.
//!
//! The wizard writes nothing before Slack has accepted the app's credentials. After that, [`install`] leaves no partial state.

use slacktrail_adapters::aws::AwsPorts;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_connect::ConnectedTenant;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::CredentialStore;
use slacktrail_ports::credentials::App;

use super::app::{self, Given, Known};
use super::public_url::PublicUrl;
use super::report::Connected;
use super::source::Stored;
use super::{Arguments, deletion, install, new_app, source};
use crate::cli_error::CliError;
use crate::environment::{self, now};
use crate::prompt::Stopped;
use crate::{aws, interrupt, prompt, terminal};

/// How often the user may enter an app's credentials until Slack accepts them.
const ENTRIES_MAX: u32 = 3;

/// What the installation needs.
struct Prepared {
    ports: AwsPorts,
    url: PublicUrl,
    args: Arguments,
    existing: Option<Source>,
    source: Source,
    others: Vec<ConnectedTenant>,
    app: App,
    again: String,
}

pub(super) async fn connect(args: Arguments) -> Result<Connected, CliError> {
    let given = Given::read(&args)?;
    let Prepared { ports, url, args, existing, source, others, app, again } = tokio::select! {
        biased;
        () = interrupt::ctrl_c() => return Err(Stopped::Interrupted.into()),
        prepared = prepare(args, given) => prepared?,
    };
    let allows_second_source = args.force || source::is_collected(existing.as_ref());
    let tenants = (others, allows_second_source);
    let (connected, report) = install::install(&ports, &url, &args, (&source, tenants), (&app, &again)).await?;
    terminal::note("4/4 Verification\n");
    Ok(Connected { source: connected, report: *report, again: existing.is_some() })
}

/// Runs everything before the installation. Stores nothing.
async fn prepare(args: Arguments, given: Given) -> Result<Prepared, CliError> {
    let now = now();
    let slack = environment::slack()?;
    let (ports, url) = aws::ports_and_url(&args.aws).await?;
    let url = PublicUrl::new(&url)?;

    let Stored { existing, collected, others } = source::stored(&ports.deployment, &args.id).await?;
    let secret = deletion::wait_out(&args.id, async || ports.credentials.reload_credentials(&args.id).await).await?;
    let known = given.with_stored(secret.and_then(|secret| secret.credentials).as_ref(), args.new_app);
    let questions = source::missing(&args, existing.as_ref());
    let args = complete(args, existing.as_ref(), &known)?;
    let again = source::again(&args, &questions);
    let source = source::merge(&args, existing.clone(), &collected, now)?;

    if let Some(existing) = &existing {
        terminal::note(&format!("{}\n", source::kept(existing)));
    }
    if let Some(warning) = source::since_without_effect(&args, &source, &collected) {
        terminal::warn(warning);
    }
    let app = app_steps(&slack, &source, known, (&url.redirect_url(), args.token_rotation), now).await?;
    Ok(Prepared { ports, url, args, existing, source, others, app, again })
}

/// Prompts for the missing values of the source. Without a terminal, returns an error that names all missing flags.
fn complete(args: Arguments, existing: Option<&Source>, known: &Known) -> Result<Arguments, CliError> {
    if prompt::can_ask() {
        return source::ask(args, existing);
    }
    let mut missing = source::missing(&args, existing);
    if let Known::Partial(given) = known {
        missing.extend(given.missing());
    }
    match missing.is_empty() {
        true => Ok(args),
        false => Err(source::incomplete(
            &args,
            &missing,
            "--client-id 1.2 --client-secret-stdin < secret.txt",
            ", or run the command in a terminal, which asks for the values",
        )),
    }
}

/// Runs steps 1 and 2, and returns the app with credentials that Slack accepts.
async fn app_steps(
    slack: &SlackHttp,
    source: &Source,
    known: Known,
    (redirect_url, rotation): (&str, bool),
    now: Second,
) -> Result<App, CliError> {
    let mut given = match known {
        Known::Partial(given) => given,
        Known::Complete { app, is_stored } => {
            terminal::note(&format!("1/4 Slack app\n\n{}", new_app::existing(&app, is_stored, source, redirect_url)));
            if rotation {
                let message = "`--token-rotation` has no effect on an existing app";
                let hint = "turn on token rotation in the app's settings, or create another app with `--new-app`";
                terminal::warn(CliError::new(message).hint(hint));
            }
            match app::check(slack, source, &app, redirect_url, now).await {
                Ok(()) => {
                    terminal::note("2/4 App credentials (already known)\n");
                    return Ok(app);
                }
                Err(error) if !prompt::can_ask() => return Err(error),
                Err(error) => terminal::warn(error),
            }
            Given::default()
        }
    };
    terminal::note(&format!("\n1/4 Slack app\n\n{}", new_app::instructions(source, redirect_url, rotation)));
    terminal::note("2/4 App credentials, from the app's `Basic Information` page\n");
    let mut entries = 1;
    loop {
        let app = std::mem::take(&mut given).ask()?;
        match app::check(slack, source, &app, redirect_url, now).await {
            Ok(()) => {
                terminal::note("");
                return Ok(app);
            }
            Err(error) if entries >= ENTRIES_MAX => return Err(error),
            Err(error) => terminal::warn(error),
        }
        entries += 1;
    }
}
