//! What the environment tells: where Slack is, and the token of `pull`.

use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::secret::Token;
use slacktrail_core::settings::{SLACK_API_URL, SLACK_AUDIT_URL};

use crate::cli_error::CliError;

/// A variable's value; one that is empty is not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Slack, where `SLACK_API_URL` and `SLACK_AUDIT_URL` say it is.
///
/// # Errors
/// When one of them is no URL that a token may be sent to.
pub(crate) fn slack() -> Result<SlackHttp, CliError> {
    let url = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    Ok(SlackHttp::new(&url("SLACK_API_URL", SLACK_API_URL), &url("SLACK_AUDIT_URL", SLACK_AUDIT_URL))?)
}

/// The token in `SLACK_TOKEN`. There is no flag for it: what is typed after a command is shown to everybody on the machine.
///
/// # Errors
/// When it is not set, or is no token.
pub(crate) fn token() -> Result<Token, CliError> {
    let text = std::env::var_os("SLACK_TOKEN").filter(|text| !text.is_empty()).ok_or_else(|| {
        CliError::new("`SLACK_TOKEN` is not set")
            .hint("set it to the user token (`xoxp-...`) of a Slack app with the scopes `auditlogs:read` and `admin`")
    })?;
    // The text is not repeated, whatever it is: it may be a secret all the same.
    Token::new(&text.to_string_lossy()).map_err(|error| {
        CliError::new("`SLACK_TOKEN` is not a Slack token")
            .with_source(error)
            .hint("copy the user token once more, in one piece")
    })
}
