//! What each of Slack's error codes means for us: the one table.

use crate::trouble::{Remedy, Trouble};

/// A code's remedy and what to do, in words. Codes of both families; the lists are of docs.slack.dev and the SDKs.
fn meaning(code: &str) -> (Remedy, &'static str) {
    use Remedy::{Investigate, Reauthorize, Reconfigure, TryLater};
    match code {
        "ratelimited" | "rate_limited" => {
            (TryLater, "nothing to do: Slack limits calls, and the next tick asks again when it may")
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (TryLater, "nothing to do: Slack has a fault, and the next tick asks again")
        }
        "team_added_to_org" | "org_login_required" => {
            (TryLater, "wait: Slack is moving the workspace to an organisation, which can take hours")
        }

        "token_expired" => (Reauthorize, "connect the source again: its token has expired"),
        "invalid_auth" => (
            Reauthorize,
            "connect the source again; if the token is good, see whether the app's allowed IP addresses shut us out",
        ),
        "not_authed" | "missing_authentication" | "invalid_authentication" => {
            (Reauthorize, "connect the source again: Slack does not accept the token")
        }
        "account_inactive" => {
            (Reauthorize, "connect the source again as another user: the one who installed the app is deactivated")
        }
        "token_revoked" => (Reauthorize, "connect the source again: the token was revoked or the app removed"),
        "invalid_refresh_token" | "authorization_not_found" => {
            (Reauthorize, "connect the source again: the refresh token is dead")
        }
        "two_factor_setup_required" => {
            (Reauthorize, "let the installing user set up two-factor authentication, then connect the source again")
        }

        "invalid_client_id" | "bad_client_secret" => (
            Reconfigure,
            "connect the source again with the client id and the client secret of its app, which is gone or has another secret now",
        ),
        "bad_redirect_uri" | "oauth_authorization_url_mismatch" => (
            Reconfigure,
            "add the redirect URL that `slacktrail connect` shows to the app's settings, then connect again",
        ),
        "invalid_code" | "code_already_used" => {
            (Reauthorize, "connect the source again: Slack's code was used before, has expired, or is of another app")
        }
        "no_scopes" => {
            (Reconfigure, "add the user token scopes that `slacktrail connect` names to the app, then connect again")
        }
        "cannot_install_an_org_installed_app" => (
            Reconfigure,
            "the app is on the organisation already: connect it there, or make an app of its own for the workspace",
        ),
        "user_email_unverified" => {
            (Reconfigure, "let the installing user confirm their e-mail address in Slack, then connect again")
        }
        "pkce_not_allowed" | "invalid_code_verifier" | "preview_feature_not_available" => {
            (Reconfigure, "use an app without PKCE and preview features: `slacktrail connect` makes one")
        }

        "user_not_authorized" => {
            (Reconfigure, "connect the source as the organisation's Owner: audit logs are for Owners, not Admins")
        }
        "team_not_authorized" => (Reconfigure, "install the app on the organisation, not on one of its workspaces"),
        "team_access_not_granted" => {
            (Reconfigure, "add the app to the workspace in the organisation's app management page")
        }
        "no_permission" | "access_denied" => (Reconfigure, "connect the source as an admin or owner"),
        "user_is_bot" | "is_bot" => (Reconfigure, "connect the source with a user's token (`xoxp-`), not a bot's"),
        "enterprise_is_restricted" => (
            Reconfigure,
            "connect the source with a token of the organisation or of another workspace: Slack bars this method here",
        ),
        "paid_only" | "upgrade_required" => {
            (Reconfigure, "Slack gives this log on paid plans only: upgrade, or leave the log out")
        }
        "feature_not_enabled" | "invalid_workspace" => {
            (Reconfigure, "audit logs need an Enterprise organisation: leave the log out on other plans")
        }
        "missing_scope" => (
            Reconfigure,
            "add the scope to the app's user token scopes (audit: auditlogs:read, others: admin) and install it again",
        ),
        "not_allowed_token_type" | "method_not_allowed" => {
            (Reconfigure, "connect the source with a user token (`xoxp-`) of the right kind of installation")
        }
        "accesslimited" | "ekm_access_denied" => {
            (Reconfigure, "ask who manages the organisation's network and key policies to let this app in")
        }

        "invalid_limit"
        | "over_pagination_limit"
        | "invalid_team_id"
        | "missing_argument"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_form_data"
        | "invalid_post_type"
        | "missing_post_type"
        | "invalid_json"
        | "json_not_object"
        | "unknown_method"
        | "method_deprecated"
        | "deprecated_endpoint"
        | "bad_endpoint"
        | "invalid_action"
        | "invalid_range"
        | "invalid_cursor"
        | "invalid_grant_type" => (Investigate, "Slack finds our request wrong: please report it with this line"),

        // Slack says that its lists are never complete. A trouble that stays becomes `failing` by itself (see `health`).
        _ => {
            (TryLater, "the next tick asks again; if it stays, look the code up in Slack's documentation of the method")
        }
    }
}

/// The trouble that an answer with an error code is.
pub(crate) fn trouble(method: &str, code: &str, needed: Option<&str>) -> Trouble {
    let (remedy, hint) = meaning(code);
    let needed = needed.map(|scope| format!(" (needed: `{}`)", plain(scope))).unwrap_or_default();
    let code = Some(plain(code)).filter(|code| !code.is_empty()).unwrap_or_else(|| "unknown_error".to_owned());
    Trouble::slack(remedy, code.clone(), format!("Slack answered `{method}` with the error `{code}`{needed}"), hint)
}

/// A code as it may stand in a log line, whatever came: at most 80 plain characters, and nothing from where a token begins.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || "_.:,- ".contains(*c)).collect();
    plain.truncate(plain.find("xox").unwrap_or(80).min(80));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_its_remedy() {
        let table = [
            (
                Remedy::TryLater,
                "ratelimited rate_limited internal_error fatal_error service_unavailable request_timeout team_added_to_org org_login_required never_heard_of",
            ),
            (
                Remedy::Reauthorize,
                "token_expired invalid_auth not_authed account_inactive token_revoked invalid_authentication missing_authentication invalid_refresh_token authorization_not_found two_factor_setup_required invalid_code code_already_used",
            ),
            (
                Remedy::Reconfigure,
                "user_not_authorized team_not_authorized team_access_not_granted no_permission access_denied user_is_bot is_bot enterprise_is_restricted paid_only upgrade_required feature_not_enabled invalid_workspace missing_scope not_allowed_token_type method_not_allowed accesslimited ekm_access_denied invalid_client_id bad_client_secret bad_redirect_uri oauth_authorization_url_mismatch no_scopes cannot_install_an_org_installed_app user_email_unverified pkce_not_allowed invalid_code_verifier preview_feature_not_available",
            ),
            (
                Remedy::Investigate,
                "invalid_limit over_pagination_limit invalid_team_id missing_argument invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object unknown_method method_deprecated deprecated_endpoint bad_endpoint invalid_action invalid_range invalid_cursor invalid_grant_type",
            ),
        ];
        for (remedy, codes) in table {
            for code in codes.split(' ') {
                assert_eq!(meaning(code).0, remedy, "{code}");
                assert!(!meaning(code).1.is_empty());
            }
        }
    }

    #[test]
    fn a_hostile_code_cannot_break_a_log_line() {
        let trouble = trouble("logs", &format!("x\n\"{}", "y".repeat(500)), Some("auditlogs:read\n"));
        assert!(trouble.message.len() < 300 && !trouble.message.contains('\n'), "{trouble}");
        assert!(trouble.message.contains("auditlogs:read"));
    }

    #[test]
    fn a_code_that_repeats_a_token_or_says_nothing_is_unknown() {
        for code in ["", "\u{202e}", "xoxp-1-secret", "xo\nxp-1-secret"] {
            let trouble = trouble("logs", code, Some("xoxe.xoxp-1-secret"));
            assert_eq!(trouble.code, "unknown_error", "{code:?}");
            assert!(!trouble.message.contains("secret"), "{trouble}");
        }
    }
}
