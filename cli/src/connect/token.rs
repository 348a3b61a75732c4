//! Connects a source with an existing user token instead of OAuth. The token is verified and stored like a token from OAuth.

use slacktrail_adapters::aws::AwsPorts;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_connect::{CallbackError, ConnectReport, ConnectedTenant, check_not_connected, probe, store};
use slacktrail_core::source::{Source, Tenant};
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{self, Grant};
use slacktrail_ports::secret::Token;

use super::report::Connected;
use super::source::Stored;
use super::{Arguments, deletion, source};
use crate::cli_error::CliError;
use crate::environment::{self, now};
use crate::identity::Identity;
use crate::{aws, interrupt, prompt, terminal};

/// Connects a source with the token on standard input.
pub(super) async fn connect(args: &Arguments) -> Result<Connected, CliError> {
    let now = now();
    let slack = environment::slack()?;
    let token = Token::new(&prompt::from_stdin("--token-stdin", "token")?).map_err(|error| {
        CliError::new("standard input is not a Slack token").with_source(error).hint("pass only the app's user token")
    })?;
    tokio::select! {
        biased;
        () = interrupt::ctrl_c() => Err(CliError::interrupted(format!(
            "interrupted: source `{}` may not be connected yet",
            args.id
        ))
        .hint("run the same command again")),
        connected = connect_with(args, &slack, token, now) => connected,
    }
}

async fn connect_with(args: &Arguments, slack: &SlackHttp, token: Token, now: Second) -> Result<Connected, CliError> {
    let ports = aws::ports(&args.aws).await?;
    let Stored { existing, collected, others } = source::stored(&ports.deployment, &args.id).await?;
    let source = source::merge(args, existing.clone(), &collected, now)?;
    let others = if args.force || source::is_collected(existing.as_ref()) { Vec::new() } else { others };
    let (source, report) = verify(slack, source, (existing.as_ref(), others.as_slice()), &token, now).await?;
    let source = save(&ports, &source, &report.tenant, token).await?;

    if let Some(warning) = source::since_without_effect(args, &source, &collected) {
        terminal::warn(warning);
    }
    Ok(Connected { source, report, again: existing.is_some() })
}

/// Verifies that the token can read the logs of the source, and that it belongs to the source's tenant and to no other source's.
async fn verify(
    slack: &SlackHttp,
    source: Source,
    (existing, others): (Option<&Source>, &[ConnectedTenant]),
    token: &Token,
    now: Second,
) -> Result<(Source, ConnectReport), CliError> {
    let identity = Identity::ask(slack, &source, token, now).await?;
    identity.check_logs(&source.logs)?;
    identity.check_scopes(&source.logs)?;
    if let Some(existing) = existing {
        identity.check_same_tenant(existing)?;
    }
    let tenant = identity.tenant();
    check_not_connected(&source, &tenant, identity.organization_id(), others)?;
    let source = Source { organization: identity.is_organization(), tenant: Some(tenant.clone()), ..source };
    let mut logs = Vec::new();
    for log in &source.logs {
        logs.push(probe(slack, &source, *log, token, now).await?);
    }
    let (user, scopes) = (identity.user_id.clone(), identity.scopes.clone().unwrap_or_default());
    let report = ConnectReport { tenant, organization: source.organization, user, scopes, rotates: false, logs };
    Ok((source, report))
}

/// Binds the source to its tenant and stores the token, so that the poller starts to collect.
async fn save(ports: &AwsPorts, source: &Source, tenant: &Tenant, token: Token) -> Result<Source, CliError> {
    let grant = Grant { token, token_refresh: None, tenant: Some(tenant.id.clone()) };
    let stored = deletion::wait_out(&source.id, async || {
        let with_grant = |known: credentials::Credentials| Some(known.with_grant(grant.clone()));
        match store((&ports.deployment, &ports.credentials), source, tenant, with_grant).await {
            Err(CallbackError { error: Some(error), .. }) if deletion::is_being_deleted(&error) => Err(error),
            stored => Ok(stored),
        }
    });
    stored.await?.map_err(|callback_error| match callback_error.error {
        Some(error) => CliError::from(error),
        None => callback_error.connect_error.into(),
    })
}
