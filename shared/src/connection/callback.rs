//! `GET /oauth/callback`: uses a state up, verifies what Slack granted, and stores it; or says why not, and stores nothing.

use super::manifest::user_scopes;
use super::refusal::RefusalKind;
use super::{Connection, Facts, Probed, Refusal, Step, Ticket};
use crate::credentials::{App, Grant, update};
use crate::ports::{Caller, ConnectionStore, CredentialStore, DeploymentStore, Replaced, Slack, Version};
use crate::record::Record;
use crate::slack::oauth::{Installation, installation};
use crate::slack::{Refusal as SlackRefusal, Request};
use crate::source::{LogType, Source, Tenant};
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

/// What came back from Slack by way of the browser. `Debug` would show secrets, so there is none.
#[derive(Clone, Copy, Default)]
pub struct Callback<'a> {
    /// `state`, if it came.
    pub state: Option<&'a str>,
    /// `code`, if it came.
    pub code: Option<&'a str>,
    /// `error`, if it came.
    pub error: Option<&'a str>,
}

/// The ports of the callback together.
#[derive(Debug)]
pub struct CallbackEdges<S, C, K> {
    /// Slack.
    pub slack: S,
    /// Where connections and sources are kept.
    pub table: C,
    /// Where credentials are kept.
    pub credentials: K,
}

/// A failure: the refusal to show, and the trouble to log if it is one of ours.
type Failed = (Refusal, Option<Trouble>);

/// Finishes a connection. `cookie` gives the value of the browser's cookie of a name.
///
/// # Errors
/// The refusal to show, and the trouble to log if there is one.
pub async fn callback<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    came: Callback<'_>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<(Source, Facts), Failed> {
    let Some(state) = came.state else { return Err((Refusal::without_state(), None)) };
    let Some(state) = Ticket::parse(state) else { return Err((Refusal::unknown(), None)) };
    let found = edges.table.load_connection(&state.id).await.map_err(ours)?;
    let (version, connection) = found.ok_or((Refusal::unknown(), None))?;
    let redirect_url = check(&connection, &state, cookie, now).map_err(|refusal| (refusal, None))?;

    let code = match (came.code, came.error) {
        (Some(code), None) => code,
        (_, Some(error)) => {
            let refusal = declined(&connection.source, error);
            conclude(edges, version, &connection, Step::Refused(refusal.clone())).await?;
            return Err((refusal, None));
        }
        (None, None) => return Err((Refusal::malformed("Slack's `code` is missing"), None)),
    };
    // From here on nobody else can use this state, whatever comes of it.
    let version = conclude(edges, version, &connection, Step::Verifying).await?;
    let verified = verify(edges, &connection, code, &redirect_url, now).await;
    let step = match &verified {
        Ok((_, facts)) => Step::Connected(Box::new(facts.clone())),
        Err((refusal, _)) => Step::Refused(refusal.clone()),
    };
    // The command waits for this; if it cannot be written, the page still tells what is true.
    let _ = edges.table.replace_connection(Some(version), &connection.at(step)).await;
    verified
}

/// Whether state and browser are those that began. Returns the redirect URL that Slack was given.
fn check(
    connection: &Connection,
    came: &Ticket,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<String, Refusal> {
    match &connection.step {
        Step::Started { state, .. } if !came.matches(state) => Err(Refusal::unknown()),
        Step::Started { .. } if connection.is_expired(now) => Err(Refusal::expired()),
        Step::Started { browser, redirect_url, .. } => match cookie(&connection.cookie_name()) {
            Some(value) if browser.is_of(&value) => Ok(redirect_url.clone()),
            _ => Err(Refusal::wrong_browser()),
        },
        Step::Granted { .. } => Err(Refusal::unknown()),
        Step::Verifying | Step::Connected(_) | Step::Refused(_) => Err(Refusal::used()),
        Step::Cancelled => Err(Refusal::expired()),
    }
}

fn declined(source: &Source, error: &str) -> Refusal {
    if error == "access_denied" {
        return Refusal::denied(source);
    }
    Refusal::of_call(&crate::slack::error::trouble("oauth/v2/authorize", error, None))
}

async fn conclude<S, C: ConnectionStore, K>(
    edges: &CallbackEdges<S, C, K>,
    version: Version,
    connection: &Connection,
    step: Step,
) -> Result<Version, Failed> {
    match edges.table.replace_connection(Some(version), &connection.at(step)).await.map_err(ours)? {
        Replaced::Yes(version) => Ok(version),
        Replaced::Changed => Err((Refusal::used(), None)),
    }
}

async fn verify<S: Slack, C: DeploymentStore, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
    code: &str,
    redirect_url: &str,
    now: Second,
) -> Result<(Source, Facts), Failed> {
    let app = app(edges, connection).await?;
    let installed = exchange(edges, connection, &app, (code, redirect_url), now).await?;
    let (tenant, grant) = check_installation(&connection.source, &installed).map_err(|refusal| (refusal, None))?;
    let source = Source {
        organisation: installed.organisation,
        tenant: Some(tenant.clone()),
        connected_at: now,
        disconnected: false,
        ..connection.source.clone()
    };
    let mut logs = Vec::new();
    for log in &source.logs {
        logs.push(probe(&edges.slack, &source, *log, &grant, now).await.map_err(|refusal| (refusal, None))?);
    }
    let facts = Facts {
        tenant,
        organisation: installed.organisation,
        user: installed.user,
        scopes: installed.scopes,
        rotates: grant.renewal.is_some(),
        logs,
    };
    // Credentials first: a source without them would be refused at its first tick.
    store(edges, connection, &grant).await?;
    edges.table.save_source(&source).await.map_err(ours)?;
    Ok((source, facts))
}

/// The app's credentials, if they are still those that the link was made for.
async fn app<S, C, K: CredentialStore>(edges: &CallbackEdges<S, C, K>, connection: &Connection) -> Result<App, Failed> {
    let stored = edges.credentials.fresh_credentials(&connection.source.id).await.map_err(ours)?;
    let app = stored.and_then(|stored| stored.credentials).and_then(|credentials| credentials.app);
    app.filter(|app| app.client_id == connection.client_id).ok_or((Refusal::superseded(), None))
}

async fn exchange<S: Slack, C, K>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
    app: &App,
    (code, redirect_url): (&str, &str),
    now: Second,
) -> Result<Installation, Failed> {
    let request = Request::exchange(code, redirect_url);
    let refused = |trouble: Trouble| (Refusal::of_call(&trouble), Some(trouble));
    let reply = edges.slack.call(&connection.source, &request, Caller::App(app)).await.map_err(refused)?;
    installation(&reply, &request, now).map_err(refused)
}

/// Whether what was granted is what the source needs, from the Slack that it had before.
fn check_installation(source: &Source, installed: &Installation) -> Result<(Tenant, Grant), Refusal> {
    let Some(tenant) = installed.tenant.clone() else {
        return Err(Refusal::new(
            RefusalKind::SlackRefused,
            "Slack does not say on which workspace or organisation the app was installed",
            "run `slacktrail connect` again",
        ));
    };
    if source.logs.contains(&LogType::Audit) && !installed.organisation {
        return Err(Refusal::not_organisation(source, &tenant));
    }
    if let Some(was) = source.tenant.as_ref().filter(|was| was.id != tenant.id) {
        return Err(Refusal::wrong_tenant(source, was, &tenant));
    }
    let needed = user_scopes(&source.logs);
    let missing: Vec<&str> =
        needed.iter().copied().filter(|scope| !installed.scopes.iter().any(|granted| granted == scope)).collect();
    match &installed.grant {
        Some(grant) if missing.is_empty() => Ok((tenant, grant.clone())),
        _ => Err(Refusal::missing_scope(if missing.is_empty() { &needed } else { &missing })),
    }
}

/// Reads the head of a log. What will pass by itself, or is one workspace's matter, is noted and does not stop the connection.
async fn probe<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    grant: &Grant,
    now: Second,
) -> Result<Probed, Refusal> {
    let by_workspace = source.organisation && log == LogType::Integration;
    let newest = match by_workspace {
        true => newest_of_a_workspace(slack, source, grant, now).await,
        false => newest(slack, source, log, grant, None, now).await,
    };
    match newest {
        Ok(newest) => Ok(Probed { log, newest, note: None }),
        Err(trouble) if by_workspace || trouble.remedy == Remedy::TryLater => {
            Ok(Probed { log, newest: None, note: Some(trouble.message) })
        }
        Err(trouble) => Err(Refusal::of_probe(log, &trouble)),
    }
}

async fn newest_of_a_workspace<S: Slack>(
    slack: &S,
    source: &Source,
    grant: &Grant,
    now: Second,
) -> Result<Option<Second>, Trouble> {
    #[derive(serde::Deserialize)]
    struct Workspaces {
        teams: Vec<Tenant>,
    }
    let request = Request::workspaces(None);
    let reply = slack.call(source, &request, Caller::User(&grant.token)).await?;
    let workspaces: Workspaces = reply.json(&request, now)?;
    let Some(first) = workspaces.teams.first() else {
        return Err(Trouble::slack(
            Remedy::Reconfigure,
            "no_workspace",
            "the app is on no workspace of the organisation yet: add it to those whose integration logs you want",
            "add it in the organisation's app management page",
        ));
    };
    newest(slack, source, LogType::Integration, grant, Some(&first.id), now).await
}

/// The time of the record that a log shows first.
async fn newest<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    grant: &Grant,
    workspace: Option<&str>,
    now: Second,
) -> Result<Option<Second>, Trouble> {
    let request = Request::probe(log, now, workspace);
    let reply = slack.call(source, &request, Caller::User(&grant.token)).await?;
    match reply.page(&request, now) {
        Ok(page) => Ok(page.rows.iter().filter_map(|row| Record::read(log, workspace, row).time).max()),
        Err(SlackRefusal::Trouble(trouble)) => Err(trouble),
        Err(SlackRefusal::StalePageCursor | SlackRefusal::NoSuchPage) => Ok(None), // we asked for neither
    }
}

/// Puts the grant into the source's secret, beside the app's credentials that are there.
async fn store<S, C, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
    grant: &Grant,
) -> Result<(), Failed> {
    let is_ours = |app: &App| app.client_id == connection.client_id;
    let granted = update(&edges.credentials, &connection.source.id, |credentials| {
        credentials.app.as_ref().is_some_and(is_ours).then(|| credentials.with_grant(grant.clone()))
    });
    match granted.await.map_err(ours)? {
        true => Ok(()),
        false => Err((Refusal::superseded(), None)),
    }
}

fn ours(trouble: Trouble) -> Failed {
    (Refusal::ours(&trouble), Some(trouble))
}
