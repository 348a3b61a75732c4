//! `GET /oauth/callback`: uses a state up, verifies what Slack granted, and stores it; or says why not, and stores nothing.

use futures_util::future::join_all;

use super::manifest::user_scopes;
use super::{Connection, ConnectionId, Facts, Failure, Refusal, Step, Ticket, probe};
use crate::credentials::{App, Grant, update};
use crate::ports::{Caller, ConnectionStore, CredentialStore, DeploymentStore, Replaced, Slack, Version};
use crate::slack::Request;
use crate::slack::oauth::{Installation, installation};
use crate::source::{LogType, Source, Tenant};
use crate::time::Second;
use crate::trouble::Trouble;

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

/// A source that is connected.
#[derive(Debug)]
pub struct Connected {
    /// The connection that did it.
    pub connection: ConnectionId,
    /// The source as it is stored.
    pub source: Source,
    /// What was verified.
    pub facts: Facts,
    /// Why the command that waits could not be told.
    pub untold: Option<Trouble>,
}

/// Finishes a connection. `cookie` gives the value of the browser's cookie of a name.
///
/// # Errors
/// Why it came to nothing.
pub async fn callback<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    came: Callback<'_>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<Connected, Failure> {
    let Some(state) = came.state else { return Err(Refusal::without_state().into()) };
    let Some(state) = Ticket::parse(state) else { return Err(Refusal::unknown().into()) };
    let about = |failure: Failure| Failure { connection: Some(state.id.clone()), ..failure };
    let found = edges.table.load_connection(&state.id).await.map_err(|trouble| about(trouble.into()))?;
    let (version, connection) = found.ok_or_else(|| about(Refusal::unknown().into()))?;
    let about = |failure: Failure| Failure { source: Some(connection.source.id.clone()), ..about(failure) };
    let redirect_url = check(&connection, &state, cookie, now).map_err(|refusal| about(Failure::met(refusal)))?;

    let code = match (came.code, came.error) {
        (Some(code), None) => code,
        (_, Some(error)) => {
            let refusal = Refusal::sent_back(&connection.source, error);
            conclude(edges, version, &connection, Step::Refused(refusal.clone())).await.map_err(about)?;
            return Err(about(Failure::over(refusal)));
        }
        (None, None) => return Err(about(Refusal::malformed("Slack's `code` is missing").into())),
    };
    // From here on nobody else can use this state, whatever comes of it.
    let version = conclude(edges, version, &connection, Step::Verifying).await.map_err(about)?;
    let verified = verify(edges, (version, &connection), code, &redirect_url, now).await;
    let step = match &verified {
        Ok((_, facts)) => Step::Connected(Box::new(facts.clone())),
        Err(failure) => Step::Refused(failure.refusal.clone()),
    };
    // The command waits for this; if it cannot be written, the page still tells what is true.
    let untold = edges.table.replace_connection(Some(version), &connection.at(step)).await.err();
    match verified {
        Ok((source, facts)) => Ok(Connected { connection: state.id.clone(), source, facts, untold }),
        Err(failure) => Err(about(Failure { trouble: failure.trouble.or(untold), is_over: true, ..failure })),
    }
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
        Step::Cancelled => Err(Refusal::cancelled()),
    }
}

async fn conclude<S, C: ConnectionStore, K>(
    edges: &CallbackEdges<S, C, K>,
    version: Version,
    connection: &Connection,
    step: Step,
) -> Result<Version, Failure> {
    match edges.table.replace_connection(Some(version), &connection.at(step)).await? {
        Replaced::Yes(version) => Ok(version),
        Replaced::Changed => Err(Failure::over(Refusal::used())),
    }
}

async fn verify<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    (version, connection): (Version, &Connection),
    code: &str,
    redirect_url: &str,
    now: Second,
) -> Result<(Source, Facts), Failure> {
    let app = app(edges, connection).await?;
    let installed = exchange(edges, connection, &app, (code, redirect_url), now).await?;
    let (tenant, grant) = check_installation(&connection.source, &installed)?;
    let source = Source {
        organisation: installed.organisation,
        tenant: Some(tenant.clone()),
        connected_at: now,
        disconnected: false,
        ..connection.source.clone()
    };
    // All at once: whoever sits in front of the browser waits, and so does API Gateway, for half a minute at most.
    let probes = source.logs.iter().map(|log| probe(&edges.slack, &source, *log, &grant.token, now));
    let logs = join_all(probes).await.into_iter().collect::<Result<Vec<_>, Refusal>>()?;
    let source = as_of_now(edges, (version, connection), source).await?;
    // Credentials first: a source without them would be refused at its first tick.
    store(edges, connection, &grant).await?;
    edges.table.save_source(&source).await?;
    let Installation { organisation, user, scopes, .. } = installed;
    Ok((source, Facts { tenant, organisation, user, scopes, rotates: grant.renewal.is_some(), logs }))
}

/// The source with what others have made of it since the link was made. Nothing has been stored up to here.
async fn as_of_now<S, C: ConnectionStore + DeploymentStore, K>(
    edges: &CallbackEdges<S, C, K>,
    (version, connection): (Version, &Connection),
    source: Source,
) -> Result<Source, Failure> {
    if edges.table.load_connection(&connection.id).await?.is_none_or(|(now, _)| now != version) {
        return Err(Refusal::cancelled().into());
    }
    // One that cannot be read gives way: connecting it again is the remedy for that.
    let Some(Ok(present)) = edges.table.load_source(&source.id).await? else { return Ok(source) };
    if let (Some(was), Some(is)) = (&present.tenant, &source.tenant) {
        same_tenant(&source, was, is)?;
    }
    Ok(Source { paused: present.paused, ..source })
}

/// The app's credentials, if they are still those that the link was made for.
async fn app<S, C, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
) -> Result<App, Failure> {
    let stored = edges.credentials.fresh_credentials(&connection.source.id).await?;
    let credentials = stored.and_then(|stored| stored.credentials).unwrap_or_default();
    credentials.app_of(&connection.client_id).cloned().ok_or_else(|| Refusal::superseded().into())
}

async fn exchange<S: Slack, C, K>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
    app: &App,
    (code, redirect_url): (&str, &str),
    now: Second,
) -> Result<Installation, Failure> {
    let request = Request::exchange(code, redirect_url);
    let refused = |trouble: Trouble| Failure { trouble: Some(trouble.clone()), ..Refusal::of_call(&trouble).into() };
    let reply = edges.slack.call_whole(&connection.source, &request, Caller::App(app)).await.map_err(refused)?;
    installation(&reply, &request, now).map_err(refused)
}

/// Whether what was granted is what the source needs, from the Slack that it had before.
fn check_installation(source: &Source, installed: &Installation) -> Result<(Tenant, Grant), Refusal> {
    let tenant = installed.tenant.clone().ok_or_else(Refusal::without_tenant)?;
    if source.logs.contains(&LogType::Audit) && !installed.organisation {
        return Err(Refusal::not_organisation(source, &tenant));
    }
    if let Some(was) = &source.tenant {
        same_tenant(source, was, &tenant)?;
    }
    let needed = user_scopes(&source.logs);
    let missing: Vec<&str> =
        needed.iter().copied().filter(|scope| !installed.scopes.iter().any(|granted| granted == scope)).collect();
    match &installed.grant {
        Some(grant) if missing.is_empty() => Ok((tenant, grant.clone())),
        _ => Err(Refusal::missing_scope(if missing.is_empty() { &needed } else { &missing })),
    }
}

/// The records of two would lie in one day log.
fn same_tenant(source: &Source, was: &Tenant, is: &Tenant) -> Result<(), Refusal> {
    if was.id == is.id { Ok(()) } else { Err(Refusal::wrong_tenant(source, was, is)) }
}

/// Puts the grant into the source's secret, beside the credentials of its app that are there.
async fn store<S, C, K: CredentialStore>(
    edges: &CallbackEdges<S, C, K>,
    connection: &Connection,
    grant: &Grant,
) -> Result<(), Failure> {
    let granted = update(&edges.credentials, &connection.source.id, |credentials| {
        credentials.with_grant_of(&connection.client_id, grant.clone())
    });
    match granted.await? {
        true => Ok(()),
        false => Err(Refusal::superseded().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{LIFE_SECONDS, RefusalKind, SecretHash};
    use crate::source::Plan;

    const NOW: Second = Second::MARCH_2018;

    fn connection() -> Connection {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, NOW);
        Connection::grant([1; 16], [2; 32], source, "1.2", NOW).0
    }

    fn started() -> (Connection, Ticket) {
        let state = Ticket::new(connection().id, [3; 32]);
        let step = Step::Started {
            state: state.hash(),
            browser: SecretHash::of("cookie"),
            redirect_url: "https://x/".to_owned(),
        };
        (connection().at(step), state)
    }

    fn checked(connection: &Connection, came: &Ticket, cookie: &str, now: Second) -> Result<String, RefusalKind> {
        let named = |name: &str| (name == connection.cookie_name()).then(|| cookie.to_owned());
        check(connection, came, named, now).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn a_state_is_good_in_its_browser_until_its_last_second() {
        let (started, state) = started();
        let last = NOW.plus(LIFE_SECONDS - 1);
        assert_eq!(checked(&started, &state, "cookie", last).unwrap(), "https://x/");
        assert_eq!(checked(&started, &state, "cookie", last.plus(1)), Err(RefusalKind::Expired));
        assert_eq!(checked(&started, &state, "cooki", last), Err(RefusalKind::WrongBrowser));
        let nameless = check(&started, &state, |_| None, NOW).unwrap_err();
        assert_eq!(nameless.kind, RefusalKind::WrongBrowser);
    }

    #[test]
    fn whoever_has_not_the_state_learns_nothing_but_that() {
        let (started, _) = started();
        let wrong = Ticket::new(started.id.clone(), [4; 32]);
        for (cookie, now) in [("cookie", NOW), ("other", NOW), ("cookie", NOW.plus(LIFE_SECONDS))] {
            assert_eq!(checked(&started, &wrong, cookie, now), Err(RefusalKind::Unknown));
        }
    }

    #[test]
    fn at_every_other_step_a_state_is_good_for_nothing() {
        let (started, state) = started();
        let facts = Facts {
            tenant: Tenant { id: "T1".to_owned(), name: "One".to_owned() },
            organisation: false,
            user: "U1".to_owned(),
            scopes: Vec::new(),
            rotates: false,
            logs: Vec::new(),
        };
        for (connection, kind) in [
            (connection(), RefusalKind::Unknown),
            (started.at(Step::Verifying), RefusalKind::Used),
            (started.at(Step::Connected(Box::new(facts))), RefusalKind::Used),
            (started.at(Step::Refused(Refusal::unknown())), RefusalKind::Used),
            (started.at(Step::Cancelled), RefusalKind::Expired),
        ] {
            assert_eq!(checked(&connection, &state, "cookie", NOW).unwrap_err(), kind, "{:?}", connection.step);
        }
        // The link's own ticket is no state.
        let (granted, ticket) = Connection::grant([1; 16], [2; 32], connection().source, "1.2", NOW);
        assert_eq!(checked(&granted, &ticket, "cookie", NOW), Err(RefusalKind::Unknown));
    }

    fn installed(scopes: &[&str], organisation: bool, tenant: Option<&str>) -> Installation {
        Installation {
            tenant: tenant.map(|id| Tenant { id: id.to_owned(), name: id.to_owned() }),
            organisation,
            user: "U1".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            grant: Some(Grant { token: crate::secret::Token::new("xoxp-1").unwrap(), renewal: None }),
        }
    }

    #[test]
    fn what_was_installed_must_be_what_the_source_needs() {
        let all = connection().source;
        let two = Source { logs: vec![LogType::Access, LogType::Integration], ..all.clone() };
        let known = Source { tenant: Some(Tenant { id: "E1".to_owned(), name: "Acme".to_owned() }), ..all.clone() };
        let both = ["auditlogs:read", "admin", "team:read"];
        for (source, installed, refused) in [
            (&all, installed(&both, true, Some("E1")), None),
            (&known, installed(&both, true, Some("E1")), None),
            (&two, installed(&["admin"], false, Some("T1")), None),
            (&two, installed(&["admin"], true, Some("E1")), None),
            (&all, installed(&both, false, Some("T1")), Some(RefusalKind::NotOrganisation)),
            (&known, installed(&both, true, Some("E2")), Some(RefusalKind::WrongTenant)),
            (&all, installed(&both[1..], true, Some("E1")), Some(RefusalKind::MissingScope)),
            (&two, installed(&["admin.users:read"], false, Some("T1")), Some(RefusalKind::MissingScope)),
            (&all, installed(&both, true, None), Some(RefusalKind::SlackRefused)),
            (&all, Installation { grant: None, ..installed(&both, true, Some("E1")) }, Some(RefusalKind::MissingScope)),
        ] {
            let refusal = check_installation(source, &installed).err().map(|refusal| refusal.kind);
            assert_eq!(refusal, refused, "{installed:?}");
        }
    }
}
