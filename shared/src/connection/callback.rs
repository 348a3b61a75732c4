//! `GET /oauth/callback`: uses a state up, verifies what Slack granted, and stores it; or says why not, and revokes what Slack granted.

use std::cell::RefCell;

use futures_util::future::join_all;

use super::budget::{BEGIN_MAX, PROBES_MAX, REVOKE_MAX, TELL_MAX, WORK_MAX};
use super::manifest::user_scopes;
use super::revoke::{self, Granted, TokenEnd};
use super::store::{check_tenant, store};
use super::{Connection, ConnectionId, Facts, Failure, Probed, Refusal, Step, Ticket, Visit, probe};
use crate::credentials::{App, Grant};
use crate::error::Error;
use crate::ports::{
    CallAuth, ConnectionStore, CredentialStore, DeploymentStore, ReplaceOutcome, Slack, Timer, Version, WHOLE_BYTES_MAX,
};
use crate::secret::Token;
use crate::slack::oauth::{Installation, installation};
use crate::slack::{Request, Response};
use crate::source::{LogType, Source, Tenant};
use crate::time::Second;

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
pub struct CallbackPorts<S, C, K, W> {
    /// Slack.
    pub slack: S,
    /// Where connections and sources are kept.
    pub table: C,
    /// Where credentials are kept.
    pub credentials: K,
    /// What bounds the time that each part may take.
    pub timer: W,
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
    pub untold: Option<Error>,
}

/// A callback whose state is used up.
struct Begun<'a> {
    version: Version,
    connection: Connection,
    code: &'a str,
    redirect_url: String,
}

/// Finishes a connection. `cookie` gives the value of the browser's cookie of a name.
///
/// # Errors
/// Returns why it failed. What Slack has granted by then is revoked, unless it may be in use.
pub async fn callback<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    came: Callback<'_>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<Connected, Failure> {
    let begun = ports.timer.within(BEGIN_MAX, begin(&ports.table, came, cookie, now)).await;
    let begun = begun.ok_or_else(|| Failure::deadline_reached(None, BEGIN_MAX))??;
    let Begun { version, connection, .. } = &begun;
    let granted = RefCell::new(Granted::default());
    // In a box, as the compiler computes the layout of nested futures to a limited depth only.
    let work = Box::pin(verify(ports, &begun, &granted, now));
    let worked = ports.timer.within(WORK_MAX, work).await;
    let id = &connection.source.id;
    let verified = match worked.ok_or_else(|| Failure::deadline_reached(Some(id), WORK_MAX)).flatten() {
        Ok(verified) => Ok(verified),
        Err(failure) => Err(end_token(ports, &connection.source, failure, granted.take(), now).await),
    };
    let step = match &verified {
        Ok((_, facts)) => Step::Connected(Box::new(facts.clone())),
        Err(failure) => Step::Refused(failure.refusal.clone()),
    };
    // The command waits for this; if it cannot be written, the page still tells what is true.
    let connection_then = connection.at(step);
    let told = ports.timer.within(TELL_MAX, ports.table.replace_connection(Some(*version), &connection_then)).await;
    let untold = told.map_or_else(|| Failure::deadline_reached(Some(id), TELL_MAX).error, Result::err);
    match verified {
        Ok((source, facts)) => Ok(Connected { connection: connection.id.clone(), source, facts, untold }),
        Err(failure) => {
            Err(Failure { error: failure.error.clone().or(untold), is_over: true, ..failure.of(connection) })
        }
    }
}

/// Finds the connection of a state and uses the state up: from here on nobody else can, whatever comes of it. A name that does not exist
/// and a wrong secret get the same answer, whatever the connection's step.
async fn begin<'a, C: ConnectionStore>(
    table: &C,
    came: Callback<'a>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<Begun<'a>, Failure> {
    let Some(state) = came.state else { return Err(Refusal::without_state().into()) };
    let Some(state) = Ticket::parse(state) else { return Err(Refusal::unknown().into()) };
    let found = table.load_connection(&state.id).await?;
    let is_right = |visit: &Visit| state.matches(&visit.state);
    let found = found.filter(|(_, connection)| connection.visit.as_ref().is_some_and(is_right));
    let Some((version, connection)) = found else { return Err(Refusal::unknown().into()) };
    let about = |failure: Failure| failure.of(&connection);
    let redirect_url = check(&connection, cookie, now).map_err(|refusal| about(Failure::met(refusal)))?;

    let code = match (came.code, came.error) {
        (Some(code), None) => code,
        (_, Some(error)) => {
            let refusal = Refusal::sent_back(&connection.source, error);
            conclude(table, version, &connection, Step::Refused(refusal.clone())).await.map_err(about)?;
            return Err(about(Failure::over(refusal)));
        }
        (None, None) => return Err(about(Refusal::malformed("Slack's `code` is missing").into())),
    };
    let version = conclude(table, version, &connection, Step::Verifying).await.map_err(about)?;
    Ok(Begun { version, connection, code, redirect_url })
}

/// Whether the browser is the one that began, and in time. Returns the redirect URL that Slack was given.
fn check(connection: &Connection, cookie: impl Fn(&str) -> Option<String>, now: Second) -> Result<String, Refusal> {
    match (&connection.step, &connection.visit) {
        (Step::Started, _) if connection.is_expired(now) => Err(Refusal::expired()),
        (Step::Started, Some(visit)) => match cookie(&connection.cookie_name()) {
            Some(value) if visit.browser.is_of(&value) => Ok(visit.redirect_url.clone()),
            _ => Err(Refusal::wrong_browser()),
        },
        (Step::Granted | Step::Started, _) => Err(Refusal::unknown()),
        (Step::Verifying | Step::Connected(_) | Step::Refused(_), _) => Err(Refusal::used()),
        (Step::Cancelled, _) => Err(Refusal::cancelled()),
    }
}

async fn conclude<C: ConnectionStore>(
    table: &C,
    version: Version,
    connection: &Connection,
    step: Step,
) -> Result<Version, Failure> {
    match table.replace_connection(Some(version), &connection.at(step)).await? {
        ReplaceOutcome::Replaced(version) => Ok(version),
        ReplaceOutcome::Conflict => Err(Failure::over(Refusal::used())),
    }
}

/// Exchanges the code, verifies the installation, and stores it. Leaves in `granted` what Slack has granted.
async fn verify<S: Slack, C: ConnectionStore + DeploymentStore, K: CredentialStore, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    begun: &Begun<'_>,
    granted: &RefCell<Granted>,
    now: Second,
) -> Result<(Source, Facts), Failure> {
    let connection = &begun.connection;
    let app = app(ports, connection).await?;
    let installed = exchange(ports, begun, &app, granted, now).await?;
    let (tenant, grant) = check_installation(&connection.source, &installed)?;
    let source = Source { organization: installed.organization, connected_at: now, ..connection.source.clone() };
    let logs = probe_all(ports, &source, &grant.token, now).await?;
    if ports.table.load_connection(&connection.id).await?.is_none_or(|(now, _)| now != begun.version) {
        return Err(Refusal::cancelled().into()); // nothing has been stored up to here
    }
    let stored = store((&ports.table, &ports.credentials), &source, &tenant, |credentials| {
        credentials.with_grant_of(&connection.client_id, grant.clone())
    });
    let source = stored.await?;
    let Installation { organization, user, scopes, .. } = installed;
    let scopes = scopes.unwrap_or_default();
    Ok((source, Facts { tenant, organization, user, scopes, rotates: grant.renewal.is_some(), logs }))
}

/// Probes all logs at once: a person waits in front of the browser. A log that Slack does not show in time is noted.
async fn probe_all<S: Slack, C, K, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    source: &Source,
    token: &Token,
    now: Second,
) -> Result<Vec<Probed>, Refusal> {
    let late = |log| Probed::not_yet(log, format!("Slack did not respond within {} seconds", PROBES_MAX.as_secs()));
    let probes = source.logs.iter().map(|log| async {
        let probed = ports.timer.within(PROBES_MAX, probe(&ports.slack, source, *log, token, now)).await;
        probed.unwrap_or_else(|| Ok(late(*log)))
    });
    join_all(probes).await.into_iter().collect()
}

async fn end_token<S: Slack, C: DeploymentStore, K, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    source: &Source,
    failure: Failure,
    granted: Granted,
    now: Second,
) -> Failure {
    let Some(unstored) = granted.into_unstored() else { return failure };
    let ended = ports.timer.within(REVOKE_MAX, revoke::end(ports, source, &unstored, now)).await;
    failure.with_token(ended.unwrap_or(TokenEnd::MayBeValid))
}

/// The app's credentials, if they are still those that the link was made for.
async fn app<S, C, K: CredentialStore, W>(
    ports: &CallbackPorts<S, C, K, W>,
    connection: &Connection,
) -> Result<App, Failure> {
    let stored = ports.credentials.reload_credentials(&connection.source.id).await?;
    let credentials = stored.and_then(|stored| stored.credentials).unwrap_or_default();
    credentials.app_of(&connection.client_id).cloned().ok_or_else(|| Refusal::superseded().into())
}

/// Exchanges the code. Whatever becomes of the call, `granted` says what Slack may have granted: once the code is sent, a lost or broken
/// response may have held a token.
async fn exchange<S: Slack, C, K, W>(
    ports: &CallbackPorts<S, C, K, W>,
    begun: &Begun<'_>,
    app: &App,
    granted: &RefCell<Granted>,
    now: Second,
) -> Result<Installation, Failure> {
    let request = Request::exchange(begun.code, &begun.redirect_url);
    let refused = |error: Error| Failure { error: Some(error.clone()), ..Refusal::of_call(&error).into() };
    granted.replace(Granted::Unread(Vec::new()));
    let response = match ports.slack.call(&begun.connection.source, &request, CallAuth::App(app)).await {
        Ok(response) => response,
        Err(error) => {
            if error.is_unsent {
                granted.replace(Granted::Nothing);
            }
            return Err(refused(error));
        }
    };
    let keep = |chunk: &[u8]| granted.borrow_mut().receive(chunk);
    let Response { status, retry_after, date, scopes, .. } =
        response.arriving(&request, WHOLE_BYTES_MAX, keep).await.map_err(refused)?;
    let response = Response { status, retry_after, date, scopes, body: granted.borrow_mut().take_response() };
    let installed = installation(&response, &request, now);
    granted.replace(match &installed {
        Ok(installed) => Granted::of(installed),
        Err(error) => Granted::of_failed(response.body, error),
    });
    installed.map_err(refused)
}

/// Whether what was granted is what the source needs, from the Slack that it had before.
fn check_installation(source: &Source, installed: &Installation) -> Result<(Tenant, Grant), Refusal> {
    let tenant = installed.tenant.clone().ok_or_else(Refusal::without_tenant)?;
    if source.logs.contains(&LogType::Audit) && !installed.organization {
        return Err(Refusal::not_organization(source, &tenant));
    }
    check_tenant(&Source { tenant: Some(tenant.clone()), ..source.clone() }, Some(source))?;
    let needed = user_scopes(&source.logs);
    // Where Slack's reply does not say which scopes it granted, the probes find out.
    let lacks =
        |scope: &&str| installed.scopes.as_ref().is_some_and(|granted| !granted.iter().any(|granted| granted == scope));
    let missing: Vec<&str> = needed.iter().copied().filter(lacks).collect();
    match &installed.grant {
        Some(grant) if missing.is_empty() => Ok((tenant.clone(), Grant { tenant: Some(tenant.id), ..grant.clone() })),
        _ => Err(Refusal::missing_scope(if missing.is_empty() { &needed } else { &missing })),
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

    fn started() -> Connection {
        let state = Ticket::new(connection().id, [3; 32]).hash();
        let visit = Visit { state, browser: SecretHash::of("cookie"), redirect_url: "https://x/".to_owned() };
        Connection { visit: Some(visit), ..connection().at(Step::Started) }
    }

    fn checked(connection: &Connection, cookie: &str, now: Second) -> Result<String, RefusalKind> {
        let named = |name: &str| (name == connection.cookie_name()).then(|| cookie.to_owned());
        check(connection, named, now).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn state_is_valid_in_its_browser_until_last_second() {
        let started = started();
        let last = NOW.plus(LIFE_SECONDS - 1);
        assert_eq!(checked(&started, "cookie", last).unwrap(), "https://x/");
        assert_eq!(checked(&started, "cookie", last.plus(1)), Err(RefusalKind::Expired));
        assert_eq!(checked(&started, "cooki", last), Err(RefusalKind::WrongBrowser));
        let nameless = check(&started, |_| None, NOW).unwrap_err();
        assert_eq!(nameless.kind, RefusalKind::WrongBrowser);
    }

    #[test]
    fn state_is_invalid_at_every_other_step() {
        let facts = Facts {
            tenant: Tenant { id: "T1".to_owned(), name: "One".to_owned() },
            organization: false,
            user: "U1".to_owned(),
            scopes: Vec::new(),
            rotates: false,
            logs: Vec::new(),
        };
        for (connection, kind) in [
            (connection(), RefusalKind::Unknown),
            (started().at(Step::Verifying), RefusalKind::Used),
            (started().at(Step::Connected(Box::new(facts))), RefusalKind::Used),
            (started().at(Step::Refused(Refusal::unknown())), RefusalKind::Used),
            (started().at(Step::Cancelled), RefusalKind::Expired),
        ] {
            assert_eq!(checked(&connection, "cookie", NOW).unwrap_err(), kind, "{:?}", connection.step);
        }
    }

    fn installed(scopes: &[&str], organization: bool, tenant: Option<&str>) -> Installation {
        Installation {
            tenant: tenant.map(|id| Tenant { id: id.to_owned(), name: id.to_owned() }),
            organization,
            user: "U1".to_owned(),
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            grant: Some(Grant { token: Token::new("xoxp-1").unwrap(), renewal: None, tenant: None }),
            bot: None,
            has_unreadable_token: false,
            has_refresh_token: false,
        }
    }

    #[test]
    fn installation_must_match_source() {
        let all = connection().source;
        let two = Source { logs: vec![LogType::Access, LogType::Integration], ..all.clone() };
        let known = Source { tenant: Some(Tenant { id: "E1".to_owned(), name: "Acme".to_owned() }), ..all.clone() };
        let both = ["auditlogs:read", "admin", "team:read"];
        for (source, installed, refused) in [
            (&all, installed(&both, true, Some("E1")), None),
            (&known, installed(&both, true, Some("E1")), None),
            (&two, installed(&["admin"], false, Some("T1")), None),
            (&two, installed(&["admin"], true, Some("E1")), None),
            (&all, installed(&both, false, Some("T1")), Some(RefusalKind::NotOrganization)),
            (&known, installed(&both, true, Some("E2")), Some(RefusalKind::WrongTenant)),
            (&all, installed(&both[1..], true, Some("E1")), Some(RefusalKind::MissingScope)),
            (&two, installed(&["admin.users:read"], false, Some("T1")), Some(RefusalKind::MissingScope)),
            (&all, installed(&both, true, None), Some(RefusalKind::SlackRefused)),
            (&all, Installation { grant: None, ..installed(&both, true, Some("E1")) }, Some(RefusalKind::MissingScope)),
            (&all, Installation { scopes: None, ..installed(&[], true, Some("E1")) }, None),
        ] {
            let checked = check_installation(source, &installed);
            let kept = checked.as_ref().ok().and_then(|(_, grant)| grant.tenant.clone());
            assert_eq!(kept.is_some(), refused.is_none(), "the token is kept with its tenant");
            let refusal = checked.err().map(|refusal| refusal.kind);
            assert_eq!(refusal, refused, "{installed:?}");
        }
    }
}
