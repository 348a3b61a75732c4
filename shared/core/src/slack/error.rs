//! What each of Slack's error codes means for us: the one table.

use crate::error::{Error, ErrorKind};

/// A known code's remedy and what to do, in words. Codes of both families; the lists are of docs.slack.dev and the SDKs.
fn meaning(code: &str) -> Option<(ErrorKind, &'static str)> {
    use ErrorKind::{Investigate, Reauthorize, Reconfigure, Retry};
    Some(match code {
        "ratelimited" | "rate_limited" => {
            (Retry, "nothing to do: Slack limits calls, and the next tick asks again when it may")
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (Retry, "nothing to do: Slack has a fault, and the next tick asks again")
        }
        "team_added_to_org" | "org_login_required" => {
            (Retry, "wait: Slack is moving the workspace to an organization, which can take hours")
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
            "the app is on the organization already: connect it there, or make an app of its own for the workspace",
        ),
        "user_email_unverified" => {
            (Reconfigure, "let the installing user confirm their e-mail address in Slack, then connect again")
        }
        "pkce_not_allowed" | "invalid_code_verifier" | "preview_feature_not_available" => {
            (Reconfigure, "use an app without PKCE and preview features: `slacktrail connect` makes one")
        }

        "user_not_authorized" => {
            (Reconfigure, "connect the source as the organization's Owner: audit logs are for Owners, not Admins")
        }
        "team_not_authorized" => (Reconfigure, "install the app on the organization, not on one of its workspaces"),
        "team_access_not_granted" => {
            (Reconfigure, "add the app to the workspace in the organization's app management page")
        }
        "no_permission" | "access_denied" => (Reconfigure, "connect the source as an admin or owner"),
        "user_is_bot" | "is_bot" => (Reconfigure, "connect the source with a user's token (`xoxp-`), not a bot's"),
        "enterprise_is_restricted" => (
            Reconfigure,
            "connect the source with a token of the organization or of another workspace: Slack bars this method here",
        ),
        "paid_only" | "upgrade_required" => {
            (Reconfigure, "Slack gives this log on paid plans only: upgrade, or leave the log out")
        }
        "feature_not_enabled" | "invalid_workspace" => {
            (Reconfigure, "audit logs need an Enterprise organization: leave the log out on other plans")
        }
        "missing_scope" => (
            Reconfigure,
            "add the scope to the app's user token scopes (audit: auditlogs:read, others: admin) and install it again",
        ),
        "not_allowed_token_type" | "method_not_allowed" => {
            (Reconfigure, "connect the source with a user token (`xoxp-`) of the right kind of installation")
        }
        "accesslimited" | "ekm_access_denied" => {
            (Reconfigure, "ask who manages the organization's network and key policies to let this app in")
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

        // Of Slack's page of consent, in the address that it sends a browser back to.
        "invalid_scope"
        | "invalid_scope_requested"
        | "unapproved_scope"
        | "invalid_team_for_non_distributed_app"
        | "unsupported_response_type" => (
            Reconfigure,
            "see what Slack's page says, change that in the app's settings, and run `slacktrail connect` again",
        ),
        _ => return None,
    })
}

/// What to do about a code that is not known. Slack says that its lists are never complete. An error that stays becomes `failing` by
/// itself (see `health`).
const UNKNOWN: (ErrorKind, &str) = (
    ErrorKind::Retry,
    "the next tick asks again; if it stays, look the code up in Slack's documentation of the method",
);
/// Scopes that a `needed` may name.
const SCOPES: [&str; 4] = ["admin", "auditlogs:read", "identify", "team:read"];
/// Slack's longest code has 36.
const CODE_BYTES_MAX: usize = 48;

/// The error that an answer with an error code is. A reply may repeat what was sent, a secret among it. So the message names a code or a
/// scope only if it is known.
pub fn to_error(method: &str, code: &str, needed: Option<&str>) -> Error {
    let (kind, hint) = meaning(code).unwrap_or(UNKNOWN);
    let told = match meaning(code) {
        Some(_) => format!("the error `{code}`"),
        None => format!("an unknown error of {} characters", code.chars().count()),
    };
    let needed = needed.map(|scopes| match scopes.split(',').all(|scope| SCOPES.contains(&scope.trim())) {
        true => format!(" (needed: `{scopes}`)"),
        false => format!(" (needed: unknown scopes of {} characters)", scopes.chars().count()),
    });
    let message = format!("Slack answered `{method}` with {told}{}", needed.unwrap_or_default());
    Error::slack(kind, shown_code(method, code), message, hint)
}

/// The code that logs and `status` show. Reads of logs may meet a code that Slack has added, which a person then looks up: one that is
/// words alone is shown. What is sent with an exchange or a refresh is secret, so there nothing unknown is.
fn shown_code(method: &str, code: &str) -> String {
    let is_words = code.bytes().all(|c| c.is_ascii_lowercase() || c == b'_') && !code.contains("xox");
    let may_be_shown = is_words && (1..=CODE_BYTES_MAX).contains(&code.len()) && !method.starts_with("oauth");
    if meaning(code).is_some() || may_be_shown { code.to_owned() } else { "unknown_error".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_kind_and_hint() {
        let table = [
            (
                ErrorKind::Retry,
                "ratelimited rate_limited internal_error fatal_error service_unavailable request_timeout team_added_to_org org_login_required",
            ),
            (
                ErrorKind::Reauthorize,
                "token_expired invalid_auth not_authed account_inactive token_revoked invalid_authentication missing_authentication invalid_refresh_token authorization_not_found two_factor_setup_required invalid_code code_already_used",
            ),
            (
                ErrorKind::Reconfigure,
                "user_not_authorized team_not_authorized team_access_not_granted no_permission access_denied user_is_bot is_bot enterprise_is_restricted paid_only upgrade_required feature_not_enabled invalid_workspace missing_scope not_allowed_token_type method_not_allowed accesslimited ekm_access_denied invalid_client_id bad_client_secret bad_redirect_uri oauth_authorization_url_mismatch no_scopes cannot_install_an_org_installed_app user_email_unverified pkce_not_allowed invalid_code_verifier preview_feature_not_available invalid_scope invalid_scope_requested unapproved_scope invalid_team_for_non_distributed_app unsupported_response_type",
            ),
            (
                ErrorKind::Investigate,
                "invalid_limit over_pagination_limit invalid_team_id missing_argument invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object unknown_method method_deprecated deprecated_endpoint bad_endpoint invalid_action invalid_range invalid_cursor invalid_grant_type",
            ),
        ];
        for (kind, codes) in table {
            for code in codes.split(' ') {
                let (of_code, hint) = meaning(code).unwrap();
                assert_eq!((of_code, hint.is_empty()), (kind, false), "{code}");
            }
        }
    }

    #[test]
    fn hostile_code_cannot_break_log_line() {
        let error = to_error("logs", &format!("x\n\"{}", "y".repeat(500)), Some("auditlogs:read\n\""));
        assert_eq!(
            error.message,
            "Slack answered `logs` with an unknown error of 503 characters (needed: unknown scopes of 16 characters)"
        );
        assert_eq!(error.code, "unknown_error");
    }

    #[test]
    fn only_known_codes_and_scopes_are_echoed() {
        let known = to_error("logs", "missing_scope", Some("auditlogs:read,admin"));
        assert!(known.message.ends_with("the error `missing_scope` (needed: `auditlogs:read,admin`)"), "{known}");
        for code in ["", "\u{202e}", "xoxp-1-secret", "xoxpsecret", "0123456789abcdef0123456789abcdef", "s e c"] {
            for method in ["logs", "oauth.v2.access", "oauth/v2/authorize"] {
                let error = to_error(method, code, Some("xoxe.xoxp-1-secret"));
                assert_eq!(error.code, "unknown_error", "{code:?}");
                assert!(code.is_empty() || !error.message.contains(code), "{error}");
                assert!(!error.message.contains("secret"), "{error}");
            }
        }
    }

    #[test]
    fn unknown_code_is_shown_for_logs_and_never_for_exchange() {
        assert_eq!(to_error("logs", "never_heard_of", None).code, "never_heard_of");
        assert_eq!(to_error("oauth.v2.access", "never_heard_of", None).code, "unknown_error");
        assert_eq!(to_error("logs", "never_heard_of", None).kind, ErrorKind::Retry);
    }
}
