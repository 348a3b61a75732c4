//! `GET /oauth/callback`: consumes the OAuth state, verifies the grant, and stores it. On failure, revokes the grant and reports the error.

use std::cell::RefCell;

use futures_util::future::join_all;
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Source, Tenant};
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{App, Grant};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, CredentialStore, DeploymentStore, ReplaceOutcome, Slack, Version, WHOLE_BYTES_MAX};
use slacktrail_tokens::oauth::{Installation, exchange_request, installation};

use crate::budget::{BEGIN_MAX, NOTIFY_MAX, PROBES_MAX, REVOKE_MAX, WORK_MAX};
use crate::manifest::{missing_scopes, user_scopes};
use crate::revoke::{self, Granted, TokenOutcome};
use crate::store::{check_tenant, store};
use crate::{
    Authorization, AuthorizationId, AuthorizationState, AuthorizationStore, CallbackError, ConnectError, ConnectReport,
    LogProbe, OneTimeToken, Timer, Visit, check_not_connected, cookie_name, probe,
};

/// The parameters of Slack's redirect. Has no `Debug`, because it would show secrets.
#[derive(Clone, Copy, Default)]
pub struct Callback<'a> {
    /// `state`, if present.
    pub state: Option<&'a str>,
    /// `code`, if present.
    pub code: Option<&'a str>,
    /// `error`, if present.
    pub error: Option<&'a str>,
}

/// The ports of the callback.
#[derive(Debug)]
pub struct CallbackPorts<S, C, K, W> {
    /// Slack.
    pub slack: S,
    /// The store of authorizations and sources.
    pub table: C,
    /// The store of credentials.
    pub credentials: K,
    /// The timer that limits each part.
    pub timer: W,
}

/// A connected source.
#[derive(Debug)]
pub struct Connected {
    /// The ID of the authorization.
    pub authorization: AuthorizationId,
    /// The source as stored.
    pub source: Source,
    /// The result of the verification.
    pub report: ConnectReport,
    /// Why the waiting command could not be notified.
    pub notify_error: Option<Error>,
}

/// A callback whose OAuth state was consumed.
struct Begun<'a> {
    version: Version,
    authorization: Authorization,
    code: &'a str,
    redirect_url: String,
}

/// Finishes an authorization. `cookie` returns the value of the browser's cookie with the given name.
///
/// # Errors
/// Returns an error if the state is invalid, if the grant does not fit the source, or if a call fails. Then the grant is revoked, unless it
/// may be in use.
pub async fn callback<S: Slack, C: AuthorizationStore + DeploymentStore, K: CredentialStore, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    params: Callback<'_>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<Connected, CallbackError> {
    let begun = ports.timer.within(BEGIN_MAX, begin(&ports.table, params, cookie, now)).await;
    let begun = begun.ok_or_else(|| CallbackError::deadline_reached(None, BEGIN_MAX))??;
    let Begun { version, authorization, .. } = &begun;
    let granted = RefCell::new(Granted::default());
    // Boxed, because the compiler limits the nesting depth of futures.
    let work = Box::pin(verify(ports, &begun, &granted, now));
    let worked = ports.timer.within(WORK_MAX, work).await;
    let id = &authorization.source.id;
    let verified = match worked.ok_or_else(|| CallbackError::deadline_reached(Some(id), WORK_MAX)).flatten() {
        Ok(verified) => Ok(verified),
        Err(callback_error) => Err(revoke_unstored(ports, authorization, callback_error, granted.take(), now).await),
    };
    let state = match &verified {
        Ok((_, report)) => AuthorizationState::Connected(Box::new(report.clone())),
        Err(callback_error) => AuthorizationState::Failed(callback_error.connect_error.clone()),
    };
    // The command waits for this write. If it fails, the page still shows the outcome.
    let finished = authorization.with_state(state);
    let notified = ports.timer.within(NOTIFY_MAX, ports.table.replace_authorization(Some(*version), &finished)).await;
    let notify_error =
        notified.map_or_else(|| CallbackError::deadline_reached(Some(id), NOTIFY_MAX).error, Result::err);
    match verified {
        Ok((source, report)) => Ok(Connected { authorization: authorization.id.clone(), source, report, notify_error }),
        Err(callback_error) => Err(CallbackError {
            error: callback_error.error.clone().or(notify_error),
            is_final: true,
            ..callback_error.for_authorization(authorization)
        }),
    }
}

/// Finds the authorization of an OAuth state, and consumes the state. Returns the same error for an unknown ID and for a wrong secret, in every
/// state of the authorization.
async fn begin<'a, C: AuthorizationStore>(
    table: &C,
    params: Callback<'a>,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<Begun<'a>, CallbackError> {
    let Some(state) = params.state else { return Err(ConnectError::missing_state().into()) };
    let Some(state) = OneTimeToken::parse(state) else { return Err(ConnectError::unknown().into()) };
    let found = table.load_authorization(&state.id).await?;
    let is_right = |visit: &Visit| state.matches(&visit.state);
    let found = found.filter(|(_, authorization)| authorization.visit.as_ref().is_some_and(is_right));
    let Some((version, authorization)) = found else { return Err(ConnectError::unknown().into()) };
    let about = |callback_error: CallbackError| callback_error.for_authorization(&authorization);
    let redirect_url =
        check(&authorization, cookie, now).map_err(|connect_error| about(CallbackError::unchanged(connect_error)))?;

    let code = match (params.code, params.error) {
        (Some(code), None) => code,
        (_, Some(error)) => {
            let connect_error = ConnectError::sent_back(&authorization.source, error);
            conclude(table, version, &authorization, AuthorizationState::Failed(connect_error.clone()))
                .await
                .map_err(about)?;
            return Err(about(CallbackError::terminal(connect_error)));
        }
        (None, None) => return Err(about(ConnectError::malformed("Slack's `code` is missing").into())),
    };
    let version = conclude(table, version, &authorization, AuthorizationState::Verifying).await.map_err(about)?;
    Ok(Begun { version, authorization, code, redirect_url })
}

/// Checks that the callback arrives in time and from the browser that used the link. Returns the redirect URL that Slack received.
fn check(
    authorization: &Authorization,
    cookie: impl Fn(&str) -> Option<String>,
    now: Second,
) -> Result<String, ConnectError> {
    match (&authorization.state, &authorization.visit) {
        (AuthorizationState::Started, _) if authorization.is_expired(now) => Err(ConnectError::expired()),
        (AuthorizationState::Started, Some(visit)) => match cookie(&cookie_name(&authorization.id)) {
            Some(value) if visit.browser.is_of(&value) => Ok(visit.redirect_url.clone()),
            _ => Err(ConnectError::wrong_browser()),
        },
        (AuthorizationState::LinkIssued | AuthorizationState::Started, _) => Err(ConnectError::unknown()),
        (AuthorizationState::Verifying | AuthorizationState::Connected(_) | AuthorizationState::Failed(_), _) => {
            Err(ConnectError::used(Some(&authorization.state)))
        }
        (AuthorizationState::Canceled, _) => Err(ConnectError::canceled()),
    }
}

async fn conclude<C: AuthorizationStore>(
    table: &C,
    version: Version,
    authorization: &Authorization,
    state: AuthorizationState,
) -> Result<Version, CallbackError> {
    match table.replace_authorization(Some(version), &authorization.with_state(state)).await? {
        ReplaceOutcome::Replaced(version) => Ok(version),
        ReplaceOutcome::Conflict => Err(CallbackError::terminal(ConnectError::used(None))),
    }
}

/// Exchanges the code, verifies the installation, and stores it. Records in `granted` which tokens Slack has granted.
async fn verify<S: Slack, C: AuthorizationStore + DeploymentStore, K: CredentialStore, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    begun: &Begun<'_>,
    granted: &RefCell<Granted>,
    now: Second,
) -> Result<(Source, ConnectReport), CallbackError> {
    let authorization = &begun.authorization;
    let app = app(ports, authorization).await?;
    let installed = exchange(ports, begun, &app, granted, now).await?;
    let (tenant, grant) = check_installation(&authorization.source, &installed)?;
    if !authorization.allows_second_source {
        let organization_id = installed.organization_id.as_deref();
        check_not_connected(&authorization.source, &tenant, organization_id, &authorization.others)?;
    }
    let source = Source { organization: installed.organization, connected_at: now, ..authorization.source.clone() };
    let logs = probe_all(ports, &source, &grant.token, now).await?;
    if ports.table.load_authorization(&authorization.id).await?.is_none_or(|(now, _)| now != begun.version) {
        return Err(ConnectError::canceled().into());
    }
    let stored = store((&ports.table, &ports.credentials), &source, &tenant, |credentials| {
        credentials.with_grant_of(&authorization.client_id, grant.clone())
    });
    let source = stored.await?;
    let Installation { organization, user, scopes, .. } = installed;
    let scopes = scopes.unwrap_or_default();
    Ok((source, ConnectReport { tenant, organization, user, scopes, rotates: grant.token_refresh.is_some(), logs }))
}

/// Probes all logs concurrently, because the user is waiting. A probe that exceeds [`PROBES_MAX`] becomes a note.
async fn probe_all<S: Slack, C, K, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    source: &Source,
    token: &Token,
    now: Second,
) -> Result<Vec<LogProbe>, ConnectError> {
    let late = |log| LogProbe::not_yet(log, format!("Slack did not respond within {} seconds", PROBES_MAX.as_secs()));
    let probes = source.logs.iter().map(|log| async {
        let log_probe = ports.timer.within(PROBES_MAX, probe(&ports.slack, source, *log, token, now)).await;
        log_probe.unwrap_or_else(|| Ok(late(*log)))
    });
    join_all(probes).await.into_iter().collect()
}

async fn revoke_unstored<S: Slack, C: DeploymentStore, K, W: Timer>(
    ports: &CallbackPorts<S, C, K, W>,
    authorization: &Authorization,
    callback_error: CallbackError,
    granted: Granted,
    now: Second,
) -> CallbackError {
    let Some(granted) = granted.into_tokens() else { return callback_error };
    let outcome = ports.timer.within(REVOKE_MAX, revoke::revoke_all(ports, authorization, &granted, now)).await;
    callback_error.with_token(outcome.unwrap_or(TokenOutcome::MayBeValid))
}

/// Returns the app's credentials, or an error if the secret no longer holds those of the app that the link was created for.
async fn app<S, C, K: CredentialStore, W>(
    ports: &CallbackPorts<S, C, K, W>,
    authorization: &Authorization,
) -> Result<App, CallbackError> {
    let stored = ports.credentials.reload_credentials(&authorization.source.id).await?;
    let credentials = stored.and_then(|stored| stored.credentials).unwrap_or_default();
    credentials
        .app_of(&authorization.client_id)
        .cloned()
        .ok_or_else(|| ConnectError::conflict(&authorization.source.id).into())
}

/// Exchanges the code. Records in `granted` what Slack may have granted even if the call fails, because a lost or malformed response may have
/// contained a token.
async fn exchange<S: Slack, C, K, W>(
    ports: &CallbackPorts<S, C, K, W>,
    begun: &Begun<'_>,
    app: &App,
    granted: &RefCell<Granted>,
    now: Second,
) -> Result<Installation, CallbackError> {
    let request = exchange_request(begun.code, &begun.redirect_url);
    let rejected = |error: Error| CallbackError { error: Some(error.clone()), ..ConnectError::of_call(&error).into() };
    granted.replace(Granted::Unread(Vec::new()));
    let mut response = match ports.slack.call(&begun.authorization.source, &request, CallAuth::App(app)).await {
        Ok(response) => response,
        Err(error) => {
            if error.is_unsent {
                granted.replace(Granted::Nothing);
            }
            return Err(rejected(error));
        }
    };
    let keep = |chunk: &[u8]| granted.borrow_mut().receive(chunk);
    response.body.read(&request, WHOLE_BYTES_MAX, keep).await.map_err(rejected)?;
    let response = response.with_body(granted.borrow_mut().take_response());
    let installed = installation(&response, &request, now);
    granted.replace(match &installed {
        Ok(installed) => Granted::Read(installed.tokens.clone()),
        Err(error) => Granted::of_failed(response.body, error),
    });
    installed.map_err(rejected)
}

/// Checks that the grant covers what the source needs, and that it comes from the source's workspace or organization.
fn check_installation(source: &Source, installed: &Installation) -> Result<(Tenant, Grant), ConnectError> {
    let tenant = installed.tenant.clone().ok_or_else(|| ConnectError::without_tenant(&source.id))?;
    if LogType::require_organization(&source.logs) && !installed.organization {
        return Err(ConnectError::not_organization(source, &tenant));
    }
    check_tenant(&Source { tenant: Some(tenant.clone()), ..source.clone() }, Some(source))?;
    // If Slack's response does not list the granted scopes, the probes detect missing ones.
    let missing = installed.scopes.as_ref().map(|granted| missing_scopes(&source.logs, granted)).unwrap_or_default();
    match &installed.grant {
        Some(grant) if missing.is_empty() => Ok((tenant.clone(), Grant { tenant: Some(tenant.id), ..grant.clone() })),
        None if missing.is_empty() => Err(ConnectError::missing_scope(&source.id, &user_scopes(&source.logs))),
        _ => Err(ConnectError::missing_scope(&source.id, &missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectErrorKind, LINK_TTL_SECONDS, SecretHash};
    use slacktrail_core::source::Plan;
    use slacktrail_tokens::oauth::GrantedTokens;

    const NOW: Second = Second::MARCH_2018;

    fn authorization() -> Authorization {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, NOW);
        Authorization::new([1; 16], [2; 32], source, "1.2", NOW).0
    }

    fn started() -> Authorization {
        let state = OneTimeToken::new(authorization().id, [3; 32]).hash();
        let visit = Visit { state, browser: SecretHash::of("cookie"), redirect_url: "https://x/".to_owned() };
        Authorization { visit: Some(visit), ..authorization().with_state(AuthorizationState::Started) }
    }

    fn checked(authorization: &Authorization, cookie: &str, now: Second) -> Result<String, ConnectErrorKind> {
        let named = |name: &str| (name == cookie_name(&authorization.id)).then(|| cookie.to_owned());
        check(authorization, named, now).map_err(|connect_error| connect_error.kind)
    }

    #[test]
    fn state_is_valid_in_its_browser_until_last_second() {
        let started = started();
        let last = NOW.plus(LINK_TTL_SECONDS - 1);
        assert_eq!(checked(&started, "cookie", last).unwrap(), "https://x/");
        assert_eq!(checked(&started, "cookie", last.plus(1)), Err(ConnectErrorKind::Expired));
        assert_eq!(checked(&started, "cooki", last), Err(ConnectErrorKind::WrongBrowser));
        let nameless = check(&started, |_| None, NOW).unwrap_err();
        assert_eq!(nameless.kind, ConnectErrorKind::WrongBrowser);
    }

    #[test]
    fn state_is_invalid_at_every_other_step() {
        for (authorization, kind) in [
            (authorization(), ConnectErrorKind::Unknown),
            (started().with_state(AuthorizationState::Verifying), ConnectErrorKind::Used),
            (
                started().with_state(AuthorizationState::Connected(Box::new(ConnectReport::empty()))),
                ConnectErrorKind::Used,
            ),
            (started().with_state(AuthorizationState::Failed(ConnectError::unknown())), ConnectErrorKind::Used),
            (started().with_state(AuthorizationState::Canceled), ConnectErrorKind::Expired),
        ] {
            assert_eq!(checked(&authorization, "cookie", NOW).unwrap_err(), kind, "{:?}", authorization.state);
        }
    }

    fn installed(scopes: &[&str], organization: bool, tenant: Option<&str>) -> Installation {
        Installation {
            organization_id: None,
            tenant: tenant.map(|id| Tenant { id: id.to_owned(), name: id.to_owned() }),
            organization,
            user: "U1".to_owned(),
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            grant: Some(Grant { token: Token::new("xoxp-1").unwrap(), token_refresh: None, tenant: None }),
            tokens: GrantedTokens::default(),
        }
    }

    #[test]
    fn installation_must_match_source() {
        let all = authorization().source;
        let two = Source { logs: vec![LogType::Access, LogType::Integration], ..all.clone() };
        let known = Source { tenant: Some(Tenant { id: "E1".to_owned(), name: "Acme".to_owned() }), ..all.clone() };
        let both = ["auditlogs:read", "admin", "team:read"];
        for (source, installed, rejected) in [
            (&all, installed(&both, true, Some("E1")), None),
            (&known, installed(&both, true, Some("E1")), None),
            (&two, installed(&["admin"], false, Some("T1")), None),
            (&two, installed(&["admin"], true, Some("E1")), None),
            (&all, installed(&both, false, Some("T1")), Some(ConnectErrorKind::NotOrganization)),
            (&known, installed(&both, true, Some("E2")), Some(ConnectErrorKind::WrongTenant)),
            (&all, installed(&both[1..], true, Some("E1")), Some(ConnectErrorKind::MissingScope)),
            (&two, installed(&["admin.users:read"], false, Some("T1")), Some(ConnectErrorKind::MissingScope)),
            (&all, installed(&both, true, None), Some(ConnectErrorKind::SlackRejected)),
            (
                &all,
                Installation { grant: None, ..installed(&both, true, Some("E1")) },
                Some(ConnectErrorKind::MissingScope),
            ),
            (&all, Installation { scopes: None, ..installed(&[], true, Some("E1")) }, None),
        ] {
            let checked = check_installation(source, &installed);
            let kept = checked.as_ref().ok().and_then(|(_, grant)| grant.tenant.clone());
            assert_eq!(kept.is_some(), rejected.is_none(), "the token is stored with its tenant");
            let connect_error = checked.err().map(|connect_error| connect_error.kind);
            assert_eq!(connect_error, rejected, "{source:?} {:?}", installed.tenant);
        }
    }
}
