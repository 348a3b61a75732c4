//! Errors of connecting a source.

use serde::{Deserialize, Serialize};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::error::to_error;
use slacktrail_core::source::{LogType, Source, SourceId, Tenant};

/// The reason why connecting failed. It contains no secret, so pages and terminals can show it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConnectError {
    /// The kind, which determines the page's title and HTTP status.
    pub kind: ConnectErrorKind,
    /// The cause.
    pub message: String,
    /// The next action.
    pub hint: String,
}

/// The kinds of errors when connecting.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectErrorKind {
    /// The request has a form that neither slacktrail's links nor Slack produce.
    Malformed,
    /// The OAuth state is missing, because the installation was started on one of Slack's own pages.
    MissingState,
    /// The link or state does not exist.
    Unknown,
    /// The link or state was used before.
    Used,
    /// The link or state has expired.
    Expired,
    /// A different browser opened the link.
    WrongBrowser,
    /// The user declined.
    Denied,
    /// The app was installed on a different workspace or organization than before.
    WrongTenant,
    /// The app was installed on a workspace where the organization is needed.
    NotOrganization,
    /// Scopes are missing.
    MissingScope,
    /// The plan does not include the log.
    NotOnPlan,
    /// The user's role does not allow reading the log.
    InsufficientRole,
    /// The app's credentials or redirect URL do not match Slack's.
    WrongApp,
    /// Another command connected or disconnected the source in the meantime.
    Conflict,
    /// Slack rejected the installation for another reason.
    SlackRefused,
    /// Slack did not respond, or asked to retry.
    SlackUnreachable,
    /// Slack or AWS exceeded the function's time limits.
    DeadlineReached,
    /// The table, the secret store or the settings caused an error.
    Internal,
}

impl ConnectErrorKind {
    /// All kinds.
    pub const ALL: [ConnectErrorKind; 18] = [
        ConnectErrorKind::Malformed,
        ConnectErrorKind::MissingState,
        ConnectErrorKind::Unknown,
        ConnectErrorKind::Used,
        ConnectErrorKind::Expired,
        ConnectErrorKind::WrongBrowser,
        ConnectErrorKind::Denied,
        ConnectErrorKind::WrongTenant,
        ConnectErrorKind::NotOrganization,
        ConnectErrorKind::MissingScope,
        ConnectErrorKind::NotOnPlan,
        ConnectErrorKind::InsufficientRole,
        ConnectErrorKind::WrongApp,
        ConnectErrorKind::Conflict,
        ConnectErrorKind::SlackRefused,
        ConnectErrorKind::SlackUnreachable,
        ConnectErrorKind::DeadlineReached,
        ConnectErrorKind::Internal,
    ];

    /// Returns the name of this kind in logs and in the table.
    pub fn name(self) -> &'static str {
        match self {
            ConnectErrorKind::Malformed => "malformed",
            ConnectErrorKind::MissingState => "missing_state",
            ConnectErrorKind::Unknown => "unknown",
            ConnectErrorKind::Used => "used",
            ConnectErrorKind::Expired => "expired",
            ConnectErrorKind::WrongBrowser => "wrong_browser",
            ConnectErrorKind::Denied => "denied",
            ConnectErrorKind::WrongTenant => "wrong_tenant",
            ConnectErrorKind::NotOrganization => "not_organization",
            ConnectErrorKind::MissingScope => "missing_scope",
            ConnectErrorKind::NotOnPlan => "not_on_plan",
            ConnectErrorKind::InsufficientRole => "insufficient_role",
            ConnectErrorKind::WrongApp => "wrong_app",
            ConnectErrorKind::Conflict => "conflict",
            ConnectErrorKind::SlackRefused => "slack_refused",
            ConnectErrorKind::SlackUnreachable => "slack_unreachable",
            ConnectErrorKind::DeadlineReached => "deadline_reached",
            ConnectErrorKind::Internal => "internal",
        }
    }
}

impl ConnectError {
    /// Returns an error of this kind.
    pub fn new(kind: ConnectErrorKind, message: impl Into<String>, hint: impl Into<String>) -> ConnectError {
        ConnectError { kind, message: message.into(), hint: hint.into() }
    }

    /// Returns the error of a request that neither slacktrail's links nor Slack produce.
    pub fn malformed(what: &str) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Malformed,
            format!("this URL is invalid: {what}"),
            "open the complete link that `slacktrail connect` prints",
        )
    }

    /// Returns the error of a link or state that is not stored.
    pub fn unknown() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Unknown,
            "this link is invalid or has expired",
            "run `slacktrail connect` for a new link, and open the complete link",
        )
    }

    /// Returns the error of a link that was already used.
    pub fn used() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Used,
            "this link was already used, and each link works only once",
            "continue in the window where you used it, or run `slacktrail connect` for a new link",
        )
    }

    /// Returns the error of a link or an OAuth state that has expired.
    pub fn expired() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Expired,
            "this link has expired: links are valid for 10 minutes",
            "run `slacktrail connect` for a new link",
        )
    }

    /// Returns the error of an authorization that the command canceled.
    pub fn canceled() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Expired,
            "`slacktrail connect` canceled this authorization",
            "run `slacktrail connect` for a new link; nothing was stored",
        )
    }

    /// Returns the error of a form that another website sent.
    pub fn cross_site() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Malformed,
            "another website sent this request",
            "open the link that `slacktrail connect` prints, and use the button there",
        )
    }

    /// Returns the error of a callback that ran out of time.
    pub fn deadline_reached(source: Option<&SourceId>) -> ConnectError {
        let connect = source.map_or_else(|| "slacktrail connect".to_owned(), |id| format!("slacktrail connect {id}"));
        ConnectError::new(
            ConnectErrorKind::DeadlineReached,
            "slacktrail ran out of time, because Slack or AWS took too long to respond",
            format!("run `slacktrail sources`; if the source is not connected, run `{connect}` again in a few minutes"),
        )
    }

    /// Returns the error of a callback without an OAuth state.
    pub fn missing_state() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::MissingState,
            "this installation was started in Slack, so its source is unknown",
            "run `slacktrail connect` and start with the link that it prints; nothing was stored",
        )
    }

    /// Returns the error of a callback from a browser other than the one that used the link.
    pub fn wrong_browser() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::WrongBrowser,
            "a different browser started this authorization",
            "finish in the browser that opened the link, with cookies allowed, or run `slacktrail connect` for a new link",
        )
    }

    /// Returns the error of a callback that has an error instead of a code.
    pub fn sent_back(source: &Source, error: &str) -> ConnectError {
        let id = &source.id;
        if error == "access_denied" {
            return ConnectError::new(
                ConnectErrorKind::Denied,
                "access was declined in Slack",
                format!("nothing was stored; if that was a mistake, run `slacktrail connect {id}` again"),
            );
        }
        // The error comes from the query string and can be any text, so only codes that Slack documents are repeated.
        let error = to_error("oauth/v2/authorize", error, None);
        let kind = match kind_of_call(&error) {
            ConnectErrorKind::SlackUnreachable => ConnectErrorKind::SlackRefused,
            kind => kind,
        };
        let hint = match error.kind {
            ErrorKind::Retry => format!(
                "nothing was stored; follow the message on Slack's page, fix it in the app's settings, and run `slacktrail connect {id}` again"
            ),
            _ => error.hint,
        };
        ConnectError::new(kind, error.message, hint)
    }

    /// Returns the error of a grant that names no workspace or organization.
    pub fn without_tenant() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::SlackRefused,
            "Slack does not say on which workspace or organization the app was installed",
            "nothing was stored; run `slacktrail connect` again",
        )
    }

    /// Returns the error of a grant by another tenant than the one that the source is bound to.
    pub fn wrong_tenant(source: &Source, was: &Tenant, is: &Tenant) -> ConnectError {
        let id = &source.id;
        ConnectError::new(
            ConnectErrorKind::WrongTenant,
            format!("source `{id}` collects from {was}, but the app was installed on {is}"),
            format!(
                "run `slacktrail connect {id}` again and choose {was} in Slack, or connect {is} under another source ID"
            ),
        )
    }

    /// Returns the error of a grant by a workspace where the source needs an organization.
    pub fn not_organization(source: &Source, tenant: &Tenant) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::NotOrganization,
            format!("the app was installed on the workspace {tenant}, but audit logs require the organization"),
            format!(
                "run `slacktrail connect {}` again and choose the organization in the menu at the top right of Slack's page (this requires an Org Owner)",
                source.id
            ),
        )
    }

    /// Returns the error of a grant that lacks scopes.
    pub fn missing_scope(missing: &[&str]) -> ConnectError {
        let missing = missing.join("`, `");
        ConnectError::new(
            ConnectErrorKind::MissingScope,
            format!("Slack did not grant the user scope `{missing}`"),
            format!(
                "add `{missing}` to the app's User Token Scopes, keep all scopes selected on Slack's page, and run `slacktrail connect` again"
            ),
        )
    }

    /// Returns the error of an authorization that another one replaced.
    pub fn conflict() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Conflict,
            "another command connected or disconnected this source at the same time",
            "run `slacktrail connect` again, one at a time",
        )
    }

    /// Returns the error of a rejected call to Slack during the exchange.
    pub fn of_call(error: &Error) -> ConnectError {
        let hint = match error.kind {
            ErrorKind::Retry => "nothing was stored; run `slacktrail connect` again in a few minutes",
            _ => &error.hint,
        };
        ConnectError::new(kind_of_call(error), error.message.clone(), hint)
    }

    /// Returns the error of a log whose probe Slack rejected.
    pub fn of_probe(log: LogType, error: &Error) -> ConnectError {
        let kind = match error.code.as_str() {
            "feature_not_enabled" | "invalid_workspace" | "paid_only" | "upgrade_required" => {
                ConnectErrorKind::NotOnPlan
            }
            "user_not_authorized" | "no_permission" | "access_denied" => ConnectErrorKind::InsufficientRole,
            "missing_scope" => ConnectErrorKind::MissingScope,
            "team_not_authorized" => ConnectErrorKind::NotOrganization,
            _ => ConnectErrorKind::SlackRefused,
        };
        ConnectError::new(kind, format!("the {log} log cannot be read: {}", error.message), error.hint.clone())
    }

    /// Returns the error to show for an error of the deployment.
    pub fn deployment(error: &Error) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Internal,
            "an internal error occurred in slacktrail",
            format!("the function's log says why (`{}`); then run `slacktrail connect` again", error.code),
        )
    }
}

fn kind_of_call(error: &Error) -> ConnectErrorKind {
    match error.code.as_str() {
        "invalid_client_id" | "bad_client_secret" | "bad_redirect_uri" | "oauth_authorization_url_mismatch" => {
            ConnectErrorKind::WrongApp
        }
        "no_scopes" => ConnectErrorKind::MissingScope,
        _ if error.kind == ErrorKind::Retry => ConnectErrorKind::SlackUnreachable,
        _ => ConnectErrorKind::SlackRefused,
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    fn source() -> Source {
        Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
    }

    #[test]
    fn error_kind_is_stored_under_its_log_name() {
        for kind in ConnectErrorKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    #[test]
    fn error_from_query_string_is_echoed_only_if_known() {
        for (error, kind, code) in [
            ("access_denied", ConnectErrorKind::Denied, None),
            (
                "invalid_team_for_non_distributed_app",
                ConnectErrorKind::SlackRefused,
                Some("invalid_team_for_non_distributed_app"),
            ),
            ("bad_redirect_uri", ConnectErrorKind::WrongApp, Some("bad_redirect_uri")),
            ("", ConnectErrorKind::SlackRefused, None),
            ("Access_denied", ConnectErrorKind::SlackRefused, None),
            ("<b>", ConnectErrorKind::SlackRefused, None),
            ("xoxp-1-2", ConnectErrorKind::SlackRefused, None),
            ("never_heard_of", ConnectErrorKind::SlackRefused, None),
            (&"ab".repeat(32), ConnectErrorKind::SlackRefused, None),
        ] {
            let connect_error = ConnectError::sent_back(&source(), error);
            assert_eq!(connect_error.kind, kind, "{error}");
            match code {
                Some(code) => {
                    assert!(connect_error.message.contains(&format!("`{code}`")), "{}", connect_error.message)
                }
                None if error == "access_denied" => {}
                None => {
                    let expected = format!("an unknown error of {} characters", error.len());
                    assert!(connect_error.message.ends_with(&expected), "{}", connect_error.message);
                }
            }
        }
    }

    #[test]
    fn unknown_error_of_slack_page_hints_at_app_settings() {
        for (error, of_slack) in [("never_heard_of", false), ("internal_error", false), ("bad_redirect_uri", true)] {
            let hint = ConnectError::sent_back(&source(), error).hint;
            let expected = to_error("oauth/v2/authorize", error, None).hint;
            assert_eq!((hint == expected, hint.contains("in the app's settings")), (of_slack, !of_slack), "{hint}");
        }
    }

    #[test]
    fn probe_error_says_what_app_or_user_lacks() {
        for (code, kind) in [
            ("feature_not_enabled", ConnectErrorKind::NotOnPlan),
            ("no_permission", ConnectErrorKind::InsufficientRole),
            ("missing_scope", ConnectErrorKind::MissingScope),
            ("team_not_authorized", ConnectErrorKind::NotOrganization),
            ("invalid_auth", ConnectErrorKind::SlackRefused),
        ] {
            let connect_error = ConnectError::of_probe(LogType::Audit, &to_error("logs", code, None));
            assert_eq!(connect_error.kind, kind, "{code}");
        }
    }

    #[test]
    fn exchange_error_kind_matches_its_cause() {
        for (code, kind) in [
            ("bad_client_secret", ConnectErrorKind::WrongApp),
            ("no_scopes", ConnectErrorKind::MissingScope),
            ("invalid_code", ConnectErrorKind::SlackRefused),
            ("ratelimited", ConnectErrorKind::SlackUnreachable),
            ("never_heard_of", ConnectErrorKind::SlackUnreachable),
        ] {
            let connect_error = ConnectError::of_call(&to_error("oauth.v2.access", code, None));
            assert_eq!(connect_error.kind, kind, "{code}");
            assert!(!connect_error.hint.contains("next tick"), "a callback is not repeated: {}", connect_error.hint);
        }
    }
}
