//! Why a connection came to nothing, with what to do.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::slack::error::to_error;
use crate::source::{LogType, Source, SourceId, Tenant};

/// Why a connection came to nothing. Fit for a page and a terminal: it holds no secret.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, which chooses the page and its status.
    pub kind: RefusalKind,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The ways for a connection to come to nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request is not of the form that the link or Slack makes.
    Malformed,
    /// The installation was begun on one of Slack's own pages.
    WithoutState,
    /// There is no such link or state.
    Unknown,
    /// The link or state was used before.
    Used,
    /// The link or state is too old.
    Expired,
    /// Another browser began.
    WrongBrowser,
    /// The user declined.
    Denied,
    /// It is another Slack than before.
    WrongTenant,
    /// The app was installed on a workspace where the organization is needed.
    NotOrganization,
    /// Scopes are missing.
    MissingScope,
    /// The plan does not have the log.
    NotOnPlan,
    /// The user may not read the log.
    NotOwner,
    /// The app's credentials or redirect URL are not what Slack has.
    WrongApp,
    /// Somebody else has connected or disconnected the source meanwhile.
    Superseded,
    /// Slack refused otherwise.
    SlackRefused,
    /// Slack did not answer, or not now.
    SlackUnreachable,
    /// Slack or AWS took longer than the function may.
    OutOfTime,
    /// The table, the secrets or the settings failed.
    Ours,
}

impl RefusalKind {
    /// All kinds.
    pub const ALL: [RefusalKind; 18] = [
        RefusalKind::Malformed,
        RefusalKind::WithoutState,
        RefusalKind::Unknown,
        RefusalKind::Used,
        RefusalKind::Expired,
        RefusalKind::WrongBrowser,
        RefusalKind::Denied,
        RefusalKind::WrongTenant,
        RefusalKind::NotOrganization,
        RefusalKind::MissingScope,
        RefusalKind::NotOnPlan,
        RefusalKind::NotOwner,
        RefusalKind::WrongApp,
        RefusalKind::Superseded,
        RefusalKind::SlackRefused,
        RefusalKind::SlackUnreachable,
        RefusalKind::OutOfTime,
        RefusalKind::Ours,
    ];

    /// The word for it in logs, which is also the one that it is stored by.
    pub fn name(self) -> &'static str {
        match self {
            RefusalKind::Malformed => "malformed",
            RefusalKind::WithoutState => "without_state",
            RefusalKind::Unknown => "unknown",
            RefusalKind::Used => "used",
            RefusalKind::Expired => "expired",
            RefusalKind::WrongBrowser => "wrong_browser",
            RefusalKind::Denied => "denied",
            RefusalKind::WrongTenant => "wrong_tenant",
            RefusalKind::NotOrganization => "not_organization",
            RefusalKind::MissingScope => "missing_scope",
            RefusalKind::NotOnPlan => "not_on_plan",
            RefusalKind::NotOwner => "not_owner",
            RefusalKind::WrongApp => "wrong_app",
            RefusalKind::Superseded => "superseded",
            RefusalKind::SlackRefused => "slack_refused",
            RefusalKind::SlackUnreachable => "slack_unreachable",
            RefusalKind::OutOfTime => "deadline_reached",
            RefusalKind::Ours => "ours",
        }
    }
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { kind, message: message.into(), hint: hint.into() }
    }

    /// A request that neither our link nor Slack makes.
    pub fn malformed(what: &str) -> Refusal {
        Refusal::new(
            RefusalKind::Malformed,
            format!("this address is not one that leads anywhere: {what}"),
            "open the link that `slacktrail connect` prints, whole and unchanged",
        )
    }

    /// No link or state that is stored has this name and secret.
    pub fn unknown() -> Refusal {
        Refusal::new(
            RefusalKind::Unknown,
            "this link is not one that slacktrail made, or it is long gone",
            "run `slacktrail connect` for a new link, and open it whole and unchanged",
        )
    }

    pub(super) fn used() -> Refusal {
        Refusal::new(
            RefusalKind::Used,
            "this link was used before, and each is good for one use",
            "if it was you, go on in the window that it opened; otherwise run `slacktrail connect` for a new link",
        )
    }

    pub(super) fn expired() -> Refusal {
        Refusal::new(
            RefusalKind::Expired,
            "this link has expired: it is good for ten minutes",
            "run `slacktrail connect` for a new link",
        )
    }

    pub(super) fn cancelled() -> Refusal {
        Refusal::new(
            RefusalKind::Expired,
            "this connection was cancelled where `slacktrail connect` ran",
            "run `slacktrail connect` for a new link; nothing was stored",
        )
    }

    /// Another website has sent the form.
    pub fn cross_site() -> Refusal {
        Refusal::new(
            RefusalKind::Malformed,
            "another website sent this request",
            "open the link that `slacktrail connect` prints, and use the button there",
        )
    }

    pub(super) fn deadline_reached(source: Option<&SourceId>) -> Refusal {
        let connect = source.map_or_else(|| "slacktrail connect".to_owned(), |id| format!("slacktrail connect {id}"));
        Refusal::new(
            RefusalKind::OutOfTime,
            "slacktrail ran out of time, because Slack or AWS took too long to respond",
            format!("run `slacktrail sources`; if the source is not connected, run `{connect}` again in a few minutes"),
        )
    }

    pub(super) fn without_state() -> Refusal {
        Refusal::new(
            RefusalKind::WithoutState,
            "this installation was begun on a page of Slack's, so nothing tells which source it is for",
            "run `slacktrail connect` and begin with the link that it prints; nothing was stored",
        )
    }

    pub(super) fn wrong_browser() -> Refusal {
        Refusal::new(
            RefusalKind::WrongBrowser,
            "another browser began this connection",
            "finish in the browser in which the link was opened, with cookies allowed; or run `slacktrail connect` for a new link",
        )
    }

    /// Slack, or whoever made the address, gives an error instead of a code.
    pub(super) fn sent_back(source: &Source, error: &str) -> Refusal {
        let id = &source.id;
        if error == "access_denied" {
            return Refusal::new(
                RefusalKind::Denied,
                "access was declined in Slack",
                format!("nothing was stored; if that was a mistake, run `slacktrail connect {id}` again"),
            );
        }
        // It came in the query string, so it may be anything: only a code that Slack documents is repeated.
        let error = to_error("oauth/v2/authorize", error, None);
        let kind = match kind_of_call(&error) {
            RefusalKind::SlackUnreachable => RefusalKind::SlackRefused,
            kind => kind,
        };
        let hint = match error.kind {
            ErrorKind::Retry => format!(
                "nothing was stored; see what Slack's page says, mend that in the app's settings, and run `slacktrail connect {id}` again"
            ),
            _ => error.hint,
        };
        Refusal::new(kind, error.message, hint)
    }

    pub(super) fn without_tenant() -> Refusal {
        Refusal::new(
            RefusalKind::SlackRefused,
            "Slack does not say on which workspace or organization the app was installed",
            "nothing was stored; run `slacktrail connect` again",
        )
    }

    pub(super) fn wrong_tenant(source: &Source, was: &Tenant, is: &Tenant) -> Refusal {
        let id = &source.id;
        Refusal::new(
            RefusalKind::WrongTenant,
            format!("source `{id}` collects from {was}, and the app was installed on {is}"),
            format!(
                "run `slacktrail connect {id}` again and choose {was} in Slack; or give {is} a source id of its own"
            ),
        )
    }

    pub(super) fn not_organization(source: &Source, tenant: &Tenant) -> Refusal {
        Refusal::new(
            RefusalKind::NotOrganization,
            format!("the app was installed on the workspace {tenant}, and audit logs are the organization's"),
            format!(
                "run `slacktrail connect {}` again and choose the organization in the menu at the top right of Slack's page; the Org Owner has to do that",
                source.id
            ),
        )
    }

    pub(super) fn missing_scope(missing: &[&str]) -> Refusal {
        let missing = missing.join("`, `");
        Refusal::new(
            RefusalKind::MissingScope,
            format!("Slack did not grant the user scope `{missing}`"),
            format!(
                "add `{missing}` to the app's User Token Scopes, leave nothing unticked on Slack's page, and run `slacktrail connect` again"
            ),
        )
    }

    pub(super) fn superseded() -> Refusal {
        Refusal::new(
            RefusalKind::Superseded,
            "somebody else has connected or disconnected this source meanwhile",
            "run `slacktrail connect` again, one at a time",
        )
    }

    pub(super) fn of_call(error: &Error) -> Refusal {
        let hint = match error.kind {
            ErrorKind::Retry => "nothing was stored; run `slacktrail connect` again in a few minutes",
            _ => &error.hint,
        };
        Refusal::new(kind_of_call(error), error.message.clone(), hint)
    }

    pub(super) fn of_probe(log: LogType, error: &Error) -> Refusal {
        let kind = match error.code.as_str() {
            "feature_not_enabled" | "invalid_workspace" | "paid_only" | "upgrade_required" => RefusalKind::NotOnPlan,
            "user_not_authorized" | "no_permission" | "access_denied" => RefusalKind::NotOwner,
            "missing_scope" => RefusalKind::MissingScope,
            "team_not_authorized" => RefusalKind::NotOrganization,
            _ => RefusalKind::SlackRefused,
        };
        Refusal::new(kind, format!("the {log} log cannot be read: {}", error.message), error.hint.clone())
    }

    /// A failure on our side.
    pub fn deployment(error: &Error) -> Refusal {
        Refusal::new(
            RefusalKind::Ours,
            "something failed on slacktrail's side",
            format!("the function's log says why (`{}`); then run `slacktrail connect` again", error.code),
        )
    }
}

fn kind_of_call(error: &Error) -> RefusalKind {
    match error.code.as_str() {
        "invalid_client_id" | "bad_client_secret" | "bad_redirect_uri" | "oauth_authorization_url_mismatch" => {
            RefusalKind::WrongApp
        }
        "no_scopes" => RefusalKind::MissingScope,
        _ if error.kind == ErrorKind::Retry => RefusalKind::SlackUnreachable,
        _ => RefusalKind::SlackRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Plan;
    use crate::time::Second;

    fn source() -> Source {
        Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
    }

    #[test]
    fn error_kind_is_stored_under_its_log_name() {
        for kind in RefusalKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    #[test]
    fn error_from_query_string_is_echoed_only_if_known() {
        for (error, kind, code) in [
            ("access_denied", RefusalKind::Denied, None),
            (
                "invalid_team_for_non_distributed_app",
                RefusalKind::SlackRefused,
                Some("invalid_team_for_non_distributed_app"),
            ),
            ("bad_redirect_uri", RefusalKind::WrongApp, Some("bad_redirect_uri")),
            ("", RefusalKind::SlackRefused, None),
            ("Access_denied", RefusalKind::SlackRefused, None),
            ("<b>", RefusalKind::SlackRefused, None),
            ("xoxp-1-2", RefusalKind::SlackRefused, None),
            ("never_heard_of", RefusalKind::SlackRefused, None),
            (&"ab".repeat(32), RefusalKind::SlackRefused, None),
        ] {
            let refusal = Refusal::sent_back(&source(), error);
            assert_eq!(refusal.kind, kind, "{error}");
            match code {
                Some(code) => assert!(refusal.message.contains(&format!("`{code}`")), "{}", refusal.message),
                None if error == "access_denied" => {}
                None => {
                    let expected = format!("an unknown error of {} characters", error.len());
                    assert!(refusal.message.ends_with(&expected), "{}", refusal.message);
                }
            }
        }
    }

    #[test]
    fn unknown_error_of_slack_page_hints_at_app_settings() {
        for (error, of_slack) in [("never_heard_of", false), ("internal_error", false), ("bad_redirect_uri", true)] {
            let hint = Refusal::sent_back(&source(), error).hint;
            let expected = to_error("oauth/v2/authorize", error, None).hint;
            assert_eq!((hint == expected, hint.contains("in the app's settings")), (of_slack, !of_slack), "{hint}");
        }
    }

    #[test]
    fn probe_error_says_what_app_or_user_lacks() {
        for (code, kind) in [
            ("feature_not_enabled", RefusalKind::NotOnPlan),
            ("no_permission", RefusalKind::NotOwner),
            ("missing_scope", RefusalKind::MissingScope),
            ("team_not_authorized", RefusalKind::NotOrganization),
            ("invalid_auth", RefusalKind::SlackRefused),
        ] {
            let refusal = Refusal::of_probe(LogType::Audit, &to_error("logs", code, None));
            assert_eq!(refusal.kind, kind, "{code}");
        }
    }

    #[test]
    fn exchange_error_kind_matches_its_cause() {
        for (code, kind) in [
            ("bad_client_secret", RefusalKind::WrongApp),
            ("no_scopes", RefusalKind::MissingScope),
            ("invalid_code", RefusalKind::SlackRefused),
            ("ratelimited", RefusalKind::SlackUnreachable),
            ("never_heard_of", RefusalKind::SlackUnreachable),
        ] {
            let refusal = Refusal::of_call(&to_error("oauth.v2.access", code, None));
            assert_eq!(refusal.kind, kind, "{code}");
            assert!(!refusal.hint.contains("next tick"), "nobody tries again by itself: {}", refusal.hint);
        }
    }
}
