//! The meaning of each of Slack's error codes, in one table.

use crate::error::{Error, ErrorKind};

/// Returns the kind and the hint of a known code of either API. The codes come from docs.slack.dev and from Slack's SDKs.
fn meaning(code: &str) -> Option<(ErrorKind, &'static str)> {
    use ErrorKind::{Investigate, Reauthorize, Reconfigure, Retry};
    Some(match code {
        "ratelimited" | "rate_limited" => {
            (Retry, "nothing to do: Slack limits the call rate, and the next tick tries again once Slack allows it")
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (Retry, "nothing to do: Slack had an internal error, and the next tick tries again")
        }
        "team_added_to_org" | "org_login_required" => {
            (Retry, "wait: Slack is moving the workspace to an organization, which can take hours")
        }

        "token_expired" => (Reauthorize, "connect the source again: its token has expired"),
        "invalid_auth" => (
            Reauthorize,
            "connect the source again; if the token is valid, check whether the app's allowed IP addresses exclude slacktrail",
        ),
        "not_authed" | "missing_authentication" | "invalid_authentication" => {
            (Reauthorize, "connect the source again: Slack does not accept the token")
        }
        "account_inactive" => {
            (Reauthorize, "connect the source again as another user: the user who installed the app is deactivated")
        }
        "token_revoked" => (Reauthorize, "connect the source again: the token was revoked or the app removed"),
        "invalid_refresh_token" | "authorization_not_found" => {
            (Reauthorize, "connect the source again: the refresh token is invalid")
        }
        "two_factor_setup_required" => {
            (Reauthorize, "let the installing user set up two-factor authentication, then connect the source again")
        }

        "invalid_client_id" | "bad_client_secret" => (
            Reconfigure,
            "connect the source again with the client ID and the client secret of its app, which was deleted or has a new secret",
        ),
        "bad_redirect_uri" | "oauth_authorization_url_mismatch" => (
            Reconfigure,
            "add the redirect URL that `slacktrail connect` shows to the app's settings, then connect again",
        ),
        "invalid_code" | "code_already_used" => (
            Reauthorize,
            "connect the source again: Slack's code was used before, has expired, or belongs to another app",
        ),
        "no_scopes" => {
            (Reconfigure, "add the user token scopes that `slacktrail connect` names to the app, then connect again")
        }
        "cannot_install_an_org_installed_app" => (
            Reconfigure,
            "the app is already installed on the organization: connect it there, or create a separate app for the workspace",
        ),
        "user_email_unverified" => {
            (Reconfigure, "let the installing user confirm their email address in Slack, then connect again")
        }
        "pkce_not_allowed" | "invalid_code_verifier" | "preview_feature_not_available" => {
            (Reconfigure, "use an app without PKCE and preview features: `slacktrail connect` creates one")
        }

        "user_not_authorized" => {
            (Reconfigure, "connect the source as the Org Owner: only Owners can read audit logs, not Admins")
        }
        "team_not_authorized" => (Reconfigure, "install the app on the organization, not on one of its workspaces"),
        "team_access_not_granted" => {
            (Reconfigure, "add the app to the workspace in the organization's app management page")
        }
        "no_permission" | "access_denied" => (Reconfigure, "connect the source as an admin or owner"),
        "user_is_bot" | "is_bot" => (Reconfigure, "connect the source with a user's token (`xoxp-`), not a bot's"),
        "enterprise_is_restricted" => (
            Reconfigure,
            "connect the source with a token of the organization or of another workspace: Slack does not allow this method here",
        ),
        "paid_only" | "upgrade_required" => (Reconfigure, "this log requires a paid plan: upgrade, or omit the log"),
        "feature_not_enabled" | "invalid_workspace" => {
            (Reconfigure, "audit logs require the Enterprise plan: omit the log on other plans")
        }
        "missing_scope" => (
            Reconfigure,
            "add the scope to the app's user token scopes (audit: auditlogs:read, others: admin) and reinstall the app",
        ),
        "not_allowed_token_type" | "method_not_allowed" => {
            (Reconfigure, "connect the source with a user token (`xoxp-`) from the required installation type")
        }
        "accesslimited" | "ekm_access_denied" => {
            (Reconfigure, "ask the administrator of the organization's network and key policies to allow this app")
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
        | "invalid_grant_type" => (Investigate, "Slack rejected the request as invalid: please report this message"),

        // Errors of Slack's consent page, which Slack returns in the redirect URL.
        "invalid_scope"
        | "invalid_scope_requested"
        | "unapproved_scope"
        | "invalid_team_for_non_distributed_app"
        | "unsupported_response_type" => {
            (Reconfigure, "follow Slack's message, change the app's settings, and run `slacktrail connect` again")
        }
        _ => return None,
    })
}

/// The kind and the hint of an unknown code. Slack's lists of codes are incomplete by its own account. If the error persists, `health` makes the
/// stream `failing`.
const UNKNOWN: (ErrorKind, &str) = (
    ErrorKind::Retry,
    "wait for the next tick; if this persists, look up the code in Slack's documentation of the method",
);
/// Scopes that may be repeated from `needed`.
const SCOPES: [&str; 4] = ["admin", "auditlogs:read", "identify", "team:read"];
/// Maximum length of a code. Slack's longest has 36 bytes.
const CODE_BYTES_MAX: usize = 48;

/// Returns the error for an error code of a response.
///
/// A response may repeat what was sent, including a secret. The message therefore contains the code and the scopes only if they are known.
pub fn to_error(method: &str, code: &str, needed: Option<&str>) -> Error {
    let (kind, hint) = meaning(code).unwrap_or(UNKNOWN);
    let description = match meaning(code) {
        Some(_) => format!("the error `{code}`"),
        None => format!("an unknown error of {} characters", code.chars().count()),
    };
    let needed = needed.map(|scopes| match scopes.split(',').all(|scope| SCOPES.contains(&scope.trim())) {
        true => format!(" (needed: `{scopes}`)"),
        false => format!(" (needed: unknown scopes of {} characters)", scopes.chars().count()),
    });
    let message = format!("Slack answered `{method}` with {description}{}", needed.unwrap_or_default());
    Error::slack(kind, shown_code(method, code), message, hint)
}

/// Returns the code for logs and `status`.
///
/// Reads of logs may return codes that Slack added later, which users must be able to look up, so these are shown if they consist of words. An
/// exchange or a refresh sends secrets, so only known codes are shown for them.
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
