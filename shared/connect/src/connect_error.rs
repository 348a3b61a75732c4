//! The table of reasons why a source is not connected. Each has a code and a title ([`ConnectErrorKind`]), and a cause and a next action
//! ([`ConnectError`]). The terminal of `slacktrail connect` shows them, and so do the pages of the OAuth function, below what they say to the
//! user of Slack ([`PageText`]).

use serde::{Deserialize, Serialize};
use slacktrail_core::codes::Place;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::error::to_error;
use slacktrail_core::source::{LogType, Source, SourceId, Tenant};

use crate::{AuthorizationState, LINK_TTL_SECONDS, PageText, TokenOutcome};

/// What to do about a request that is not one of a link.
const OPEN_COMPLETE_LINK: &str = "open the complete link that `slacktrail connect` prints";

/// The reason why connecting failed. It contains no secret, so pages and terminals can show it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConnectError {
    /// The kind, which has the code and the title.
    pub kind: ConnectErrorKind,
    /// The cause, for the operator.
    pub message: String,
    /// The operator's next action.
    pub hint: String,
    /// What the page says to the user who opened the link. It is not stored, because only the page shows it. Boxed, because a large error
    /// would make every result large.
    #[serde(skip)]
    pub page: Box<PageText>,
}

/// Defines the kinds of errors: for each, its code and the title of its page.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $code:literal, $title:literal;)*) => {
        /// The kinds of errors when connecting.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
        pub enum ConnectErrorKind {
            $($(#[$doc])* #[serde(rename = $code)] $kind,)*
        }

        impl ConnectErrorKind {
            /// All kinds.
            pub const ALL: &[ConnectErrorKind] = &[$(ConnectErrorKind::$kind),*];

            /// Returns the code of this kind in logs and in the table.
            pub fn name(self) -> &'static str {
                match self { $(ConnectErrorKind::$kind => $code,)* }
            }

            /// Returns the title of a page about an error of this kind.
            pub fn title(self) -> &'static str {
                match self { $(ConnectErrorKind::$kind => $title,)* }
            }
        }
    };
}

kinds! {
    /// The request has a form that neither slacktrail's links nor Slack produce.
    Malformed: "malformed", "Incomplete link";
    /// The OAuth state is missing, because the installation was started on one of Slack's own pages.
    MissingState: "missing_state", "Start with a link, not in Slack";
    /// The link or state does not exist.
    Unknown: "unknown", "Unknown link";
    /// The link or state was used before.
    Used: "used", "This link was already used";
    /// The link or state has expired.
    Expired: "expired", "This link is no longer valid";
    /// A different browser opened the link.
    WrongBrowser: "wrong_browser", "Opened in a different browser";
    /// The user declined.
    Denied: "denied", "Access was declined";
    /// The app was installed on a different workspace or organization than before.
    WrongTenant: "wrong_tenant", "Different workspace or organization";
    /// Another source already collects from the workspace or organization.
    AlreadyConnected: "already_connected", "Already connected";
    /// The app was installed on a workspace where the organization is needed.
    NotOrganization: "not_organization", "Audit logs require the whole organization";
    /// Scopes are missing.
    MissingScope: "missing_scope", "Missing permission";
    /// The plan does not include the log.
    NotOnPlan: "not_on_plan", "Not included in your Slack plan";
    /// The user's role does not allow reading the log.
    InsufficientRole: "insufficient_role", "Your role in Slack is not sufficient";
    /// The app's credentials or redirect URL do not match Slack's.
    WrongApp: "wrong_app", "The Slack app has wrong settings";
    /// Another command concurrently connected or disconnected the source.
    Conflict: "conflict", "Connected or disconnected by someone else";
    /// Slack rejected the installation for another reason.
    SlackRejected: "slack_rejected", "Slack rejected the installation";
    /// Slack did not respond, or asked to retry.
    SlackUnreachable: "slack_unreachable", "Slack is temporarily unavailable";
    /// Slack or AWS exceeded the function's time limits.
    DeadlineReached: "deadline_reached", "This took too long";
    /// The table, the secret store or the settings caused an error.
    Internal: "internal", "slacktrail had an error";
}

impl ConnectError {
    /// Private, so that every cause and next action is a row of this table.
    fn new(kind: ConnectErrorKind, message: impl Into<String>, hint: impl Into<String>) -> ConnectError {
        ConnectError { kind, message: message.into(), hint: hint.into(), page: Box::new(PageText::of(kind)) }
    }

    /// Replaces the text for the user of Slack, where the kind alone does not say enough.
    fn with_page(self, page: PageText) -> ConnectError {
        ConnectError { page: Box::new(page), ..self }
    }

    /// Returns the error of a request that neither slacktrail's links nor Slack produce.
    pub fn malformed(what: &str) -> ConnectError {
        ConnectError::new(ConnectErrorKind::Malformed, format!("this URL is invalid: {what}"), OPEN_COMPLETE_LINK)
    }

    /// Returns the error of a request for a page or with a method that does not exist.
    pub fn unsupported_request() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Malformed,
            "neither slacktrail nor Slack sends this request",
            OPEN_COMPLETE_LINK,
        )
        .with_page(PageText::unsupported_request())
    }

    /// Returns the error of a link or state that is not stored.
    pub fn unknown() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Unknown,
            "this link is invalid or has expired",
            "run `slacktrail connect` for a new link, and open the complete link",
        )
    }

    /// Returns the error of a link that was already used. `state` is the state of its authorization, if it is known.
    pub fn used(state: Option<&AuthorizationState>) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Used,
            "this link was already used, and each link works only once",
            "continue in the window where you used it, or run `slacktrail connect` for a new link",
        )
        .with_page(PageText::used(state))
    }

    /// Returns the error of a link or an OAuth state that has expired.
    pub fn expired() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Expired,
            format!("this link has expired: links are valid for {} minutes", LINK_TTL_SECONDS / 60),
            "run `slacktrail connect` for a new link",
        )
    }

    /// Returns the error of a command whose link has expired. `again` describes the command that tries again.
    pub fn not_installed(source: &SourceId, again: &str) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Expired,
            format!("the link expired: the app was not installed within {} minutes", LINK_TTL_SECONDS / 60),
            format!(
                "run {again} for a new link; if Slack's page showed an error, check the app's settings, or use another app (`slacktrail connect {source} --new-app`)"
            ),
        )
    }

    /// Returns the error of an authorization that the command canceled.
    pub fn canceled() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Expired,
            "`slacktrail connect` canceled this authorization",
            "run `slacktrail connect` for a new link; nothing was stored",
        )
        .with_page(PageText::canceled())
    }

    /// Returns the error of a form that another website sent.
    pub fn cross_site() -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Malformed,
            "another website sent this request",
            "open the link that `slacktrail connect` prints, and use the button there",
        )
        .with_page(PageText::cross_site())
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

    /// Returns the error of a command to which the OAuth function did not report an outcome.
    pub fn outcome_unknown(source: &SourceId) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::DeadlineReached,
            format!("the outcome of the installation is unknown: `{source}` may or may not be connected"),
            "run `slacktrail sources`; if the source is not connected, check the log of the OAuth function and run the same command again; if you do not connect again, remove the app in Slack, because Slack may have issued a token that slacktrail did not store",
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
                format!("run `slacktrail connect {id}` again if that was a mistake; nothing was stored"),
            );
        }
        // The error comes from the query string and can be any text, so only codes that Slack documents are repeated.
        let error = to_error("oauth/v2/authorize", error, None);
        let kind = match kind_of_call(&error) {
            ConnectErrorKind::SlackUnreachable => ConnectErrorKind::SlackRejected,
            kind => kind,
        };
        let hint = match error.kind {
            ErrorKind::Retry => format!(
                "follow the message on Slack's page, change the app's settings, and run `slacktrail connect {id}` again; nothing was stored"
            ),
            _ => error.hint(Place::Page, Some(id.as_str())),
        };
        ConnectError::new(kind, error.message, hint)
    }

    /// Returns the error of a grant that names no workspace or organization.
    pub fn without_tenant(source: &SourceId) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::SlackRejected,
            "Slack does not say on which workspace or organization the app was installed",
            format!("run `slacktrail connect {source}` again; nothing was stored"),
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
        .with_page(PageText::wrong_tenant(was, is))
    }

    /// Returns the error of a grant by a tenant that the source `first` already collects from.
    pub fn already_connected(id: &SourceId, tenant: &Tenant, first: &SourceId) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::AlreadyConnected,
            format!("{tenant} is already connected as source `{first}`"),
            format!(
                "run `slacktrail connect {first}` to reconnect that source; to collect the same records twice, run `slacktrail connect {id} --force`"
            ),
        )
    }

    /// Returns the error of a grant by a workspace whose organization the source `first` already collects.
    pub fn organization_connected(id: &SourceId, tenant: &Tenant, first: &SourceId) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::AlreadyConnected,
            format!("{tenant} belongs to the organization that source `{first}` collects"),
            format!(
                "use source `{first}`, which includes all workspaces of the organization; to collect the same records twice, run `slacktrail connect {id} --force`"
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
        .with_page(PageText::not_organization(tenant))
    }

    /// Returns the error of a grant that lacks scopes.
    pub fn missing_scope(source: &SourceId, missing: &[&str]) -> ConnectError {
        let page = PageText::missing_scope(missing);
        let scopes = if missing.len() == 1 { "scope" } else { "scopes" };
        let missing = missing.join("`, `");
        ConnectError::new(
            ConnectErrorKind::MissingScope,
            format!("Slack did not grant the user {scopes} `{missing}`"),
            format!(
                "add `{missing}` to the app's User Token Scopes, keep all scopes selected on Slack's page, and run `slacktrail connect {source}` again"
            ),
        )
        .with_page(page)
    }

    /// Returns the error of an authorization that another one replaced.
    pub fn conflict(source: &SourceId) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Conflict,
            "another command connected or disconnected this source at the same time",
            format!("run `slacktrail connect {source}` again, one command at a time"),
        )
    }

    /// Returns the error of a rejected call to Slack during the exchange.
    pub fn of_call(error: &Error) -> ConnectError {
        ConnectError::new(kind_of_call(error), error.message.clone(), error.hint(Place::Page, None))
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
            _ => ConnectErrorKind::SlackRejected,
        };
        ConnectError::new(
            kind,
            format!("the {log} log cannot be read: {}", error.message),
            error.hint(Place::Page, None),
        )
        .with_page(PageText::unreadable(kind, log))
    }

    /// Returns the error to show for an error of the deployment.
    pub fn deployment(error: &Error) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Internal,
            "an internal error occurred in slacktrail",
            format!(
                "look up the cause (`{}`) in the log of the OAuth function, then connect the source again",
                error.code
            ),
        )
    }

    /// Adds what to do about the tokens that Slack granted before the error.
    #[must_use]
    pub(crate) fn with_token(mut self, outcome: TokenOutcome) -> ConnectError {
        self.hint.push_str(match outcome {
            TokenOutcome::Revoked | TokenOutcome::MayBeInUse => "",
            TokenOutcome::RefreshTokenMayBeValid => {
                "; Slack revoked the access token, but its refresh token may still be valid: connect the same workspace or organization again, or remove the app from it in Slack"
            }
            TokenOutcome::MayBeValid => "; remove the app in Slack too, because its token may still be valid",
            TokenOutcome::MayExist => {
                "; Slack may have issued a token that slacktrail did not receive: connect again, or remove the app in Slack, which revokes its tokens"
            }
        });
        self.page = Box::new(self.page.with_token(outcome));
        self
    }

    /// Returns the error for the command, which knows the redirect URL that the app needs.
    #[must_use]
    pub fn with_redirect_url(self, source: &SourceId, redirect_url: &str) -> ConnectError {
        match self.kind {
            ConnectErrorKind::WrongApp => {
                let hint = format!(
                    "add the redirect URL {redirect_url} to the app's settings, or use another app (`slacktrail connect {source} --new-app`)"
                );
                ConnectError { hint, ..self }
            }
            _ => self,
        }
    }
}

fn kind_of_call(error: &Error) -> ConnectErrorKind {
    match error.code.as_str() {
        "invalid_client_id" | "bad_client_secret" | "bad_redirect_uri" | "oauth_authorization_url_mismatch" => {
            ConnectErrorKind::WrongApp
        }
        "no_scopes" => ConnectErrorKind::MissingScope,
        _ if error.kind == ErrorKind::Retry => ConnectErrorKind::SlackUnreachable,
        _ => ConnectErrorKind::SlackRejected,
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
    fn every_error_kind_has_own_code_and_title() {
        for column in [ConnectErrorKind::name, ConnectErrorKind::title] {
            let mut texts: Vec<&str> = ConnectErrorKind::ALL.iter().copied().map(column).collect();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), ConnectErrorKind::ALL.len());
        }
        assert_eq!(serde_json::to_string(&ConnectErrorKind::WrongApp).unwrap(), r#""wrong_app""#);
    }

    #[test]
    fn command_hint_for_wrong_app_names_redirect_url() {
        let source = source();
        let at_command = |error: ConnectError| error.with_redirect_url(&source.id, "https://x/oauth/callback");
        let wrong_app = at_command(ConnectError::sent_back(&source, "bad_redirect_uri"));
        assert!(wrong_app.hint.starts_with("add the redirect URL https://x/oauth/callback to"), "{}", wrong_app.hint);
        let denied = ConnectError::sent_back(&source, "access_denied");
        assert_eq!(at_command(denied.clone()), denied);
    }

    #[test]
    fn error_from_query_string_is_echoed_only_if_known() {
        for (error, kind, code) in [
            ("access_denied", ConnectErrorKind::Denied, None),
            (
                "invalid_team_for_non_distributed_app",
                ConnectErrorKind::SlackRejected,
                Some("invalid_team_for_non_distributed_app"),
            ),
            ("bad_redirect_uri", ConnectErrorKind::WrongApp, Some("bad_redirect_uri")),
            ("", ConnectErrorKind::SlackRejected, None),
            ("Access_denied", ConnectErrorKind::SlackRejected, None),
            ("<b>", ConnectErrorKind::SlackRejected, None),
            ("xoxp-1-2", ConnectErrorKind::SlackRejected, None),
            ("never_heard_of", ConnectErrorKind::SlackRejected, None),
            (&"ab".repeat(32), ConnectErrorKind::SlackRejected, None),
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
            let expected = to_error("oauth/v2/authorize", error, None).hint(Place::Page, None);
            assert_eq!((hint == expected, hint.contains("change the app's settings")), (of_slack, !of_slack), "{hint}");
        }
    }

    #[test]
    fn probe_error_says_what_app_or_user_lacks() {
        for (code, kind) in [
            ("feature_not_enabled", ConnectErrorKind::NotOnPlan),
            ("no_permission", ConnectErrorKind::InsufficientRole),
            ("missing_scope", ConnectErrorKind::MissingScope),
            ("team_not_authorized", ConnectErrorKind::NotOrganization),
            ("invalid_auth", ConnectErrorKind::SlackRejected),
        ] {
            let connect_error = ConnectError::of_probe(LogType::Audit, &to_error("logs", code, None));
            assert_eq!(connect_error.kind, kind, "{code}");
        }
    }

    #[test]
    fn hint_to_connect_again_names_source() {
        let acme = source().id;
        for error in [
            ConnectError::without_tenant(&acme),
            ConnectError::missing_scope(&acme, &["admin"]),
            ConnectError::conflict(&acme),
        ] {
            assert!(error.hint.contains("run `slacktrail connect acme` again"), "{}", error.hint);
        }
    }

    #[test]
    fn exchange_error_kind_matches_its_cause() {
        for (code, kind) in [
            ("bad_client_secret", ConnectErrorKind::WrongApp),
            ("no_scopes", ConnectErrorKind::MissingScope),
            ("invalid_code", ConnectErrorKind::SlackRejected),
            ("ratelimited", ConnectErrorKind::SlackUnreachable),
            ("never_heard_of", ConnectErrorKind::SlackUnreachable),
        ] {
            let connect_error = ConnectError::of_call(&to_error("oauth.v2.access", code, None));
            assert_eq!(connect_error.kind, kind, "{code}");
            assert!(!connect_error.hint.contains("next tick"), "a callback is not repeated: {}", connect_error.hint);
        }
    }
}
