//! What the environment tells: where Slack is, and the token of `pull`.

use slacktrail_shared::http::SlackHttp;
use slacktrail_shared::secret::Token;
use slacktrail_shared::settings::{SLACK_API_URL, SLACK_AUDIT_URL};

use crate::failure::Failure;

/// A variable's value; one that is empty is not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Slack, where `SLACK_API_URL` and `SLACK_AUDIT_URL` say it is.
///
/// # Errors
/// When one of them is no URL that a token may be sent to.
pub(crate) fn slack() -> Result<SlackHttp, Failure> {
    let url = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    Ok(SlackHttp::new(&url("SLACK_API_URL", SLACK_API_URL), &url("SLACK_AUDIT_URL", SLACK_AUDIT_URL))?)
}

/// A hint of the collector in the words of `pull`, where nothing is connected: there the token is in the environment.
pub(crate) fn as_pulled(hint: &str) -> String {
    hint.replace("connect the source again", "set `SLACK_TOKEN` to a new token")
}

/// The token in `SLACK_TOKEN`. There is no flag for it: what is typed after a command is shown to everybody on the machine.
///
/// # Errors
/// When it is not set, or is no token.
pub(crate) fn token() -> Result<Token, Failure> {
    let text = std::env::var_os("SLACK_TOKEN").filter(|text| !text.is_empty()).ok_or_else(|| {
        Failure::new("`SLACK_TOKEN` is not set")
            .hint("set it to the user token (`xoxp-...`) of a Slack app with the scopes `auditlogs:read` and `admin`")
    })?;
    // The text is not repeated, whatever it is: it may be a secret all the same.
    Token::new(&text.to_string_lossy()).map_err(|error| {
        Failure::new("`SLACK_TOKEN` is not a Slack token")
            .because(error)
            .hint("copy the user token once more, in one piece")
    })
}

#[cfg(test)]
mod tests {
    use slacktrail_shared::slack::{Refusal, Reply, Request};
    use slacktrail_shared::time::Second;

    use super::*;

    #[test]
    fn a_refused_token_is_to_be_replaced_where_it_came_from() {
        let refused = Reply { status: 401, ..Reply::default() };
        let request = Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None);
        let Err(Refusal::Trouble(trouble)) = refused.page(&request, Second::EPOCH) else { panic!("a page") };
        assert!(as_pulled(&trouble.hint).starts_with("set `SLACK_TOKEN` to a new token"), "{}", trouble.hint);
    }
}
