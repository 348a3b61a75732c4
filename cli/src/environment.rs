//! Reads the clock, and settings from environment variables: the URLs of Slack, and the token of `pull`, `backfill --dir` and
//! `verify --dir`.

use jiff::Timestamp;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_adapters::settings::{SLACK_API_URL, SLACK_AUDIT_URL};
use slacktrail_connect::manifest::user_scopes;
use slacktrail_core::source::LogType;
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;

use crate::cli_error::CliError;
use crate::format::quoted;

/// Returns the current time.
pub(crate) fn now() -> Second {
    Second::of(Timestamp::now())
}

/// Returns the value of a variable, or `None` if it is not set or empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the URLs of Slack's Web API and Audit Logs API: `SLACK_API_URL` and `SLACK_AUDIT_URL`, or Slack's own.
pub(crate) fn slack_urls() -> (String, String) {
    let url = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    (url("SLACK_API_URL", SLACK_API_URL), url("SLACK_AUDIT_URL", SLACK_AUDIT_URL))
}

pub(crate) fn slack() -> Result<SlackHttp, CliError> {
    let (api, audit) = slack_urls();
    Ok(SlackHttp::new(&api, &audit)?)
}

/// Returns the token in `SLACK_TOKEN`. No flag takes a token, because other users of the machine can list the arguments of a process.
pub(crate) fn token() -> Result<Token, CliError> {
    let text = std::env::var_os("SLACK_TOKEN").filter(|text| !text.is_empty()).ok_or_else(|| {
        let scopes = quoted(user_scopes(&LogType::ALL), " and ");
        CliError::new("`SLACK_TOKEN` is not set")
            .hint(format!("set it to the user token (`xoxp-...`) of a Slack app with the scopes {scopes}"))
    })?;
    // The error does not repeat the text, because it may be a secret.
    Token::new(&text.to_string_lossy()).map_err(|error| {
        CliError::new("`SLACK_TOKEN` is not a Slack token")
            .with_source(error)
            .hint("copy the complete user token again")
    })
}
