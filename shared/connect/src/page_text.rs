//! What a page says to the user of Slack who opened the link. That user may have neither a command line nor access to AWS, so these texts contain
//! no command, no ID and no code. What the operator needs is in [`ConnectError`](crate::ConnectError).

use slacktrail_core::source::{LogType, Tenant, shown_name};

use crate::{AuthorizationState, ConnectErrorKind, LINK_TTL_SECONDS, TokenOutcome};

/// What happened, and what to do, for the user who opened the link. The texts are whole sentences.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageText {
    /// The title of the page, if it is not the one of the error's kind.
    pub title: Option<&'static str>,
    /// What happened.
    pub event: String,
    /// What the user can do.
    pub action: String,
    /// Whether the user should send the page's reference to the person who sent the link.
    pub asks_for_reference: bool,
    /// What the user can do about access that Slack granted before the error, or an empty text.
    pub cleanup: &'static str,
}

const OPEN_AGAIN: &str = "Open the whole link from the message that you received. If that does not help, ask the person who sent it for a new one.";
const ASK_FOR_NEW: &str = "Ask the person who sent you this link for a new one.";
const ASK_FOR_HELP: &str = "Ask the person who sent you this link to look into it. They can then send you a new one.";
const CHOOSE_IN_SLACK: &str = "in the menu at the top right of Slack's page";

impl PageText {
    fn new(event: impl Into<String>, action: impl Into<String>) -> PageText {
        PageText { event: event.into(), action: action.into(), ..PageText::default() }
    }

    fn with_title(self, title: &'static str) -> PageText {
        PageText { title: Some(title), ..self }
    }

    fn with_reference(self) -> PageText {
        PageText { asks_for_reference: true, ..self }
    }

    /// Returns the text for errors of this kind.
    pub(crate) fn of(kind: ConnectErrorKind) -> PageText {
        match kind {
            ConnectErrorKind::Malformed => {
                PageText::new("This web address is incomplete, or was changed on its way to you.", OPEN_AGAIN)
            }
            ConnectErrorKind::MissingState => PageText::new(
                "The installation was started on a page of Slack, so slacktrail does not know what to connect. slacktrail stored nothing.",
                "Start with the link from the message that you received. If you have none, ask the person who runs slacktrail for one.",
            ),
            ConnectErrorKind::Unknown => {
                PageText::new("This link is not valid. It is incomplete, or it is too old.", OPEN_AGAIN)
            }
            ConnectErrorKind::Used => PageText::used(None),
            ConnectErrorKind::Expired => PageText::new(
                format!("This link was valid for {} minutes, which are over. Nothing was connected.", LINK_TTL_SECONDS / 60),
                ASK_FOR_NEW,
            ),
            ConnectErrorKind::WrongBrowser => PageText::new(
                "You did not return from Slack to the browser in which you opened the link, or this browser does not accept cookies.",
                "Finish in the browser in which you opened the link, and allow cookies there. Or ask the person who sent you the link for a new one.",
            ),
            ConnectErrorKind::Denied => PageText::new(
                "You declined on Slack's page, so nothing changed.",
                "If this is what you wanted, you have nothing else to do. If not, ask the person who sent you this link for a new one.",
            ),
            ConnectErrorKind::AlreadyConnected => PageText::new(
                "slacktrail already collects the workspace or organization that you chose in Slack, so it was not connected a second time.",
                "You have nothing else to do. Tell the person who sent you this link.",
            )
            .with_reference(),
            ConnectErrorKind::NotOrganization => PageText::new(
                "The app was installed on one workspace. Audit logs can be read only for the whole organization.",
                format!("{ASK_FOR_NEW} Then choose the organization {CHOOSE_IN_SLACK}. Only an Org Owner can do this."),
            ),
            ConnectErrorKind::MissingScope => {
                PageText::new("Slack did not grant a permission that slacktrail needs.", ASK_FOR_HELP).with_reference()
            }
            ConnectErrorKind::WrongApp => {
                PageText::new("The app in Slack is not set up correctly. You did nothing wrong.", ASK_FOR_HELP)
                    .with_reference()
            }
            ConnectErrorKind::Conflict => PageText::new(
                "While you were on Slack's page, someone else connected or disconnected the same source. Your installation was not stored.",
                "Ask the person who sent you this link whether a new one is needed.",
            )
            .with_reference(),
            // The errors of the first three kinds replace this text, because they know more.
            ConnectErrorKind::WrongTenant
            | ConnectErrorKind::NotOnPlan
            | ConnectErrorKind::InsufficientRole
            | ConnectErrorKind::SlackRejected => {
                PageText::new("Slack did not accept the installation, so nothing was connected.", ASK_FOR_HELP)
                    .with_reference()
            }
            ConnectErrorKind::SlackUnreachable => PageText::new(
                "Slack did not respond, or had an error. You did nothing wrong.",
                "Wait a few minutes. Then ask the person who sent you this link for a new one.",
            )
            .with_reference(),
            ConnectErrorKind::DeadlineReached => PageText::new(
                "Slack or slacktrail took too long to respond. It is unknown whether Slack was connected. You did nothing wrong.",
                "Ask the person who sent you this link. They can see whether it worked, and send you a new one if it did not.",
            )
            .with_reference(),
            ConnectErrorKind::Internal => {
                PageText::new("Something failed in slacktrail, not in Slack. You did nothing wrong.", ASK_FOR_HELP)
                    .with_reference()
            }
        }
    }

    /// Returns the text for a request that neither slacktrail's pages nor Slack send.
    pub(crate) fn unsupported_request() -> PageText {
        PageText::new("slacktrail has no such page, or the page does not support this request.", OPEN_AGAIN)
    }

    /// Returns the text for a form that another website sent.
    pub(crate) fn cross_site() -> PageText {
        PageText::new(
            "Another website sent this request, so slacktrail ignored it.",
            "Open the link from the message that you received, and use the button there.",
        )
        .with_title("Request from another website")
    }

    /// Returns the text for a link that was used, with the outcome if it is known.
    pub(crate) fn used(state: Option<&AuthorizationState>) -> PageText {
        const EVENT: &str = "This link was used before, and each link works only once.";
        match state {
            Some(AuthorizationState::Connected(_)) => PageText::new(
                format!("{EVENT} Slack was connected."),
                "You have nothing else to do. You can close this window.",
            ),
            Some(AuthorizationState::Failed(_)) => {
                PageText::new(format!("{EVENT} Slack was not connected."), ASK_FOR_NEW).with_reference()
            }
            _ => PageText::new(
                EVENT,
                "If you used it, continue in the other window. If you did not, tell the person who sent it, and ask for a new one.",
            )
            .with_reference(),
        }
    }

    /// Returns the text for a link that the operator canceled.
    pub(crate) fn canceled() -> PageText {
        PageText::new(
            "The person who sent you this link canceled it. Nothing was connected.",
            "If Slack should still be connected, ask them for a new link.",
        )
        .with_title("This link was canceled")
    }

    /// Returns the text for a grant by another tenant. The names may be equal, so the operator's text contains the IDs.
    pub(crate) fn wrong_tenant(was: &Tenant, is: &Tenant) -> PageText {
        let [was, is] = [was, is].map(|tenant| shown_name(&tenant.name));
        let event = match was == is {
            true => format!("This link is for another workspace or organization with the name {was}."),
            false => format!("This link is for {was}, but you chose {is} in Slack."),
        };
        PageText::new(event, format!("{ASK_FOR_NEW} Then choose {was} {CHOOSE_IN_SLACK}.")).with_reference()
    }

    /// Returns the text for a grant by a workspace where the source needs an organization.
    pub(crate) fn not_organization(workspace: &Tenant) -> PageText {
        let event = format!(
            "You installed the app on the workspace {}. Audit logs can be read only for the whole organization.",
            shown_name(&workspace.name)
        );
        PageText { event, ..PageText::of(ConnectErrorKind::NotOrganization) }
    }

    /// Returns the text for a grant without these scopes.
    pub(crate) fn missing_scope(scopes: &[&str]) -> PageText {
        let logs: Vec<&str> = scopes.iter().map(|scope| logs_of_scope(scope)).collect();
        PageText::new(
            format!("Slack did not grant the permission to read {}.", logs.join(" and ")),
            format!("{ASK_FOR_NEW} Then keep all permissions selected on Slack's page."),
        )
        .with_reference()
    }

    /// Returns the text for a log that Slack does not let the user read.
    pub(crate) fn unreadable(kind: ConnectErrorKind, log: LogType) -> PageText {
        let text = PageText::of(kind);
        match kind {
            ConnectErrorKind::NotOnPlan => {
                PageText { event: format!("Your Slack plan does not include {log} logs."), ..text }
            }
            ConnectErrorKind::InsufficientRole => {
                let role = if log == LogType::Audit { "an Org Owner" } else { "an admin or owner" };
                PageText {
                    event: format!("Your role in Slack does not allow you to read {log} logs."),
                    action: format!("{ASK_FOR_NEW} Then let {role} open it."),
                    ..text
                }
            }
            _ => PageText { event: format!("Slack did not let slacktrail read {log} logs."), ..text },
        }
    }

    /// Adds what the user can do about the access that Slack granted before the error.
    #[must_use]
    pub(crate) fn with_token(self, outcome: TokenOutcome) -> PageText {
        let cleanup = match outcome {
            TokenOutcome::Revoked | TokenOutcome::MayBeInUse => "",
            TokenOutcome::MayBeValid => "Also remove the app in Slack, because its access may still be valid.",
            TokenOutcome::RefreshTokenMayBeValid | TokenOutcome::MayExist => {
                "If you do not want to try again, remove the app in Slack, because its access may still be valid."
            }
        };
        PageText { cleanup, ..self }
    }
}

/// Returns the logs that a user scope makes readable, in words.
fn logs_of_scope(scope: &str) -> &'static str {
    match scope {
        "auditlogs:read" => "audit logs",
        _ => "access and integration logs",
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::error::Error;
    use slacktrail_core::slack::error::to_error;
    use slacktrail_core::source::{Plan, Source};
    use slacktrail_core::time::Second;

    use super::*;
    use crate::{ConnectError, ConnectReport};

    /// Returns the page text of every row of the table of errors.
    fn all() -> Vec<PageText> {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let [one, two] = ["T1", "T2"].map(|id| Tenant { id: id.to_owned(), name: format!("The {id}`s") });
        let error = |code: &str| to_error("logs", code, None);
        let states = [AuthorizationState::Started, AuthorizationState::Failed(ConnectError::unknown())];
        let mut errors = vec![
            ConnectError::unsupported_request(),
            ConnectError::canceled(),
            ConnectError::cross_site(),
            ConnectError::sent_back(&source, "access_denied"),
            ConnectError::sent_back(&source, "invalid_scope"),
            ConnectError::without_tenant(&source.id),
            ConnectError::wrong_tenant(&source, &one, &two),
            ConnectError::wrong_tenant(&source, &one, &Tenant { id: "T3".to_owned(), ..one.clone() }),
            ConnectError::not_organization(&source, &one),
            ConnectError::missing_scope(&source.id, &["auditlogs:read"]),
            ConnectError::missing_scope(&source.id, &["auditlogs:read", "admin"]),
            ConnectError::deployment(&Error::deployment("no_such_table", "table `x` does not exist")),
        ];
        errors.extend(states.iter().map(|state| ConnectError::used(Some(state))));
        for code in ["feature_not_enabled", "no_permission", "missing_scope", "team_not_authorized", "invalid_auth"] {
            errors.extend(LogType::ALL.map(|log| ConnectError::of_probe(log, &error(code))));
        }
        let texts = errors.into_iter().map(|error| *error.page);
        texts.chain(ConnectErrorKind::ALL.iter().map(|kind| PageText::of(*kind))).collect()
    }

    #[test]
    fn page_text_has_no_command_code_or_id() {
        for text in all() {
            for part in [&text.event, &text.action] {
                assert!(part.ends_with('.'), "{part}");
                for technical in [
                    "`",
                    "slacktrail connect",
                    "slacktrail sources",
                    "slacktrail status",
                    "_",
                    "scope",
                    "token",
                    "acme",
                    "(T",
                ] {
                    assert!(!part.contains(technical), "{technical:?} in {part}");
                }
            }
        }
    }

    #[test]
    fn page_text_says_whom_to_ask_unless_nothing_is_left_to_do() {
        for text in all() {
            let asks = ["the person who", "ask them"].iter().any(|who| text.action.contains(who));
            assert!(asks || text.action.contains("Open the link"), "{}", text.action);
            assert!(asks || !text.asks_for_reference, "{}", text.action);
        }
        let connected = PageText::used(Some(&AuthorizationState::Connected(Box::new(ConnectReport::empty()))));
        assert!(connected.action.contains("nothing else to do") && !connected.asks_for_reference, "{connected:?}");
    }

    #[test]
    fn page_text_tells_user_to_remove_app_if_access_may_be_valid() {
        for (outcome, removes) in [
            (TokenOutcome::Revoked, false),
            (TokenOutcome::MayBeInUse, false),
            (TokenOutcome::RefreshTokenMayBeValid, true),
            (TokenOutcome::MayBeValid, true),
            (TokenOutcome::MayExist, true),
        ] {
            let text = PageText::of(ConnectErrorKind::SlackRejected).with_token(outcome);
            assert_eq!(text.cleanup.contains("remove the app in Slack"), removes, "{outcome:?}");
        }
    }
}
