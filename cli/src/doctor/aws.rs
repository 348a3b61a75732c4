//! Configures AWS clients with timeouts, and converts AWS errors into check results.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use slacktrail_adapters::aws::rejects_credentials;

use super::verdict::Problem;
use crate::aws::SIGN_IN;
use crate::cli_error::chain;

const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The timeout for an invocation of the poller. The poller's own limit is 55 seconds.
const INVOCATION_MAX: Duration = Duration::from_secs(70);

const ACCESS_DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
];

/// Returns `config` with a timeout that is long enough for an invocation, and without retries.
pub(super) fn for_invocation(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_MAX).operation_timeout(INVOCATION_MAX).build();
    let retries = RetryConfig::disabled();
    config.clone().into_builder().timeout_config(timeouts).retry_config(retries).build()
}

/// Creates an S3 client without retries.
///
/// A retried upload could fail with a conflict because its own first attempt had succeeded.
pub(super) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    // A custom endpoint has a single host name, so the bucket name must be in the path.
    let path_style = config.endpoint_url().is_some();
    let retries = RetryConfig::disabled();
    let settings = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).retry_config(retries).build();
    aws_sdk_s3::Client::from_conf(settings)
}

/// Returns a function that converts an AWS error into the result of a check that needs the permission `action`.
///
/// A missing permission skips the check, because the check is then inconclusive. Every other error fails it.
pub(super) fn problem<E>(action: &'static str) -> impl Fn(SdkError<E>) -> Problem
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    move |error| match error.raw_response() {
        // Do not print an error without a code: the body may contain a secret, and the SDK would print its internal types.
        Some(response) if error.code().is_none() => Problem::failed(
            format!("`{action}` returned HTTP status {} and an invalid body", response.status().as_u16()),
            "check the endpoint settings, and whether a proxy alters AWS's responses",
        ),
        _ => classify(action, error.code(), error.message(), &chain(&error)),
    }
}

fn classify(action: &str, code: Option<&str>, message: Option<&str>, chain: &str) -> Problem {
    let Some(code) = code else {
        return Problem::failed(
            format!("`{action}` received no response: {chain}"),
            "check the network and the AWS credentials; if they come from a session, run `aws login` or `aws sso login`",
        );
    };
    let reported = message.map_or_else(|| format!("`{code}`"), |message| format!("`{code}`: {message}"));
    if ACCESS_DENIED.contains(&code) {
        Problem::skipped_until(
            format!("`{action}` is not allowed: AWS returned {reported}"),
            format!("allow `{action}` for the AWS identity that runs `slacktrail doctor`"),
        )
    } else if rejects_credentials(code) {
        Problem::failed(format!("the AWS credentials are invalid: AWS returned {reported}"), SIGN_IN)
    } else {
        Problem::failed(
            format!("`{action}` failed: AWS returned {reported}"),
            "follow AWS's message; if it names no fix, run the command again in a minute",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::verdict::CheckOutcome;

    #[test]
    fn missing_permission_is_named_and_check_is_skipped() {
        let problem = classify("sns:X", Some("AuthorizationError"), Some("no"), "");
        assert_eq!(problem.outcome, CheckOutcome::Skipped);
        assert_eq!(problem.detail, "`sns:X` is not allowed: AWS returned `AuthorizationError`: no");
        assert_eq!(problem.hint.unwrap(), "allow `sns:X` for the AWS identity that runs `slacktrail doctor`");
    }

    #[test]
    fn expired_session_and_missing_network_fail() {
        for (code, expected) in
            [(Some("ExpiredToken"), "sign in again"), (None, "check the network"), (Some("X"), "follow AWS's message")]
        {
            let problem = classify("sns:X", code, None, "connection refused");
            assert_eq!(problem.outcome, CheckOutcome::Failed);
            assert!(problem.hint.as_ref().is_some_and(|hint| hint.starts_with(expected)), "{problem:?}");
        }
    }
}
