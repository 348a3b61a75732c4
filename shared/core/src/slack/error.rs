//! The error for an error code of Slack's response.

use crate::codes;
use crate::error::Error;

/// Scopes that may be repeated from `needed`.
const SCOPES: [&str; 4] = ["admin", "auditlogs:read", "identify", "team:read"];
/// Maximum length of a code. Slack's longest has 36 bytes.
const CODE_BYTES_MAX: usize = 48;

/// Returns the error for an error code of a response.
///
/// A response may repeat what was sent, including a secret. The message therefore contains the code and the scopes only if they are known.
pub fn to_error(method: &str, code: &str, needed: Option<&str>) -> Error {
    let description = match codes::is_documented_by_slack(code) {
        true => format!("the error `{code}`"),
        false => format!("an unknown error of {}", characters(code)),
    };
    let needed = needed.map(|scopes| match scopes.split(',').all(|scope| SCOPES.contains(&scope.trim())) {
        true => format!(" (needed: `{scopes}`)"),
        false => format!(" (needed: unknown scopes of {})", characters(scopes)),
    });
    let message = format!("Slack answered `{method}` with {description}{}", needed.unwrap_or_default());
    Error::slack(shown_code(method, code), message)
}

fn characters(text: &str) -> String {
    match text.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    }
}

/// Returns the code for logs and `status`.
///
/// Reads of logs may return codes that Slack added later, which users must be able to look up, so these are shown if they consist of words. An
/// exchange or a refresh sends secrets, so only known codes are shown for them.
fn shown_code(method: &str, code: &str) -> String {
    let is_words = code.bytes().all(|c| c.is_ascii_lowercase() || c == b'_') && !code.contains("xox");
    let may_be_shown = is_words && (1..=CODE_BYTES_MAX).contains(&code.len()) && !method.starts_with("oauth");
    if codes::is_documented_by_slack(code) || may_be_shown { code.to_owned() } else { "unknown_error".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn hostile_code_cannot_break_log_line() {
        let error = to_error("logs", &format!("x\n\"{}", "y".repeat(500)), Some("auditlogs:read\n\""));
        assert_eq!(
            error.message,
            "Slack answered `logs` with an unknown error of 503 characters (needed: unknown scopes of 16 characters)"
        );
        assert_eq!(error.code, "unknown_error");
        let short = to_error("logs", "x", Some("\n"));
        assert!(
            short.message.ends_with("an unknown error of 1 character (needed: unknown scopes of 1 character)"),
            "{short}"
        );
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
