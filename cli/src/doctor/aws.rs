//! Clients of AWS's services with bounded time, and the meaning of their errors for a check.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

use super::verdict::Problem;
use crate::cli_error::chain;

/// The time to establish a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The time for one attempt of a call.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// The time for a call with its retries.
const CALL_MAX: Duration = Duration::from_secs(25);
/// The time for an invocation of the poller, whose own limit is 55 seconds.
const INVOCATION_MAX: Duration = Duration::from_secs(70);

const ACCESS_DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
];
const SESSION_ENDED: [&str; 9] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
const SIGN_IN: &str = "sign in again (`aws login` or `aws sso login`), and see whether this machine's clock is right";

/// Returns settings with a time limit on each call.
pub(super) fn bounded(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_MAX)
        .operation_attempt_timeout(ATTEMPT_MAX)
        .operation_timeout(CALL_MAX)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(3);
    config.clone().into_builder().timeout_config(timeouts).retry_config(retries).build()
}

/// Returns settings for one call that may take as long as an invocation, without retries.
pub(super) fn patient(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_MAX).operation_timeout(INVOCATION_MAX).build();
    let retries = RetryConfig::disabled();
    config.clone().into_builder().timeout_config(timeouts).retry_config(retries).build()
}

/// Returns a client of S3 that sends each upload once, so that a retry cannot meet the object of its own first attempt.
pub(super) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    // An endpoint of one's own has one host name, so the bucket must be in the path.
    let path_style = config.endpoint_url().is_some();
    let retries = RetryConfig::disabled();
    let settings = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).retry_config(retries).build();
    aws_sdk_s3::Client::from_conf(settings)
}

/// Returns how an error of AWS ends a check that needs the permission `action`.
///
/// A missing permission skips the check, because the check then cannot tell. Everything else fails it.
pub(super) fn problem<E>(action: &'static str) -> impl Fn(SdkError<E>) -> Problem
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    move |error| match error.raw_response() {
        // What cannot be read is not repeated: it may hold a secret, and the SDK would print its data structures.
        Some(response) if error.code().is_none() => Problem::failed(
            format!(
                "`{action}` was answered with HTTP status {} and nothing that can be read",
                response.status().as_u16()
            ),
            "check the endpoint settings, and whether a proxy alters AWS's responses",
        ),
        _ => meaning(action, error.code(), error.message(), &chain(&error)),
    }
}

fn meaning(action: &str, code: Option<&str>, message: Option<&str>, chain: &str) -> Problem {
    let Some(code) = code else {
        return Problem::failed(
            format!("`{action}` was not answered: {chain}"),
            "check the network and the AWS credentials; if they come from a session, run `aws login` or `aws sso login`",
        );
    };
    let told = message.map_or_else(|| format!("`{code}`"), |message| format!("`{code}`: {message}"));
    if ACCESS_DENIED.contains(&code) {
        Problem::skipped_until(
            format!("`{action}` is not allowed: AWS answered {told}"),
            format!("allow `{action}` for the AWS identity that runs `slacktrail doctor`"),
        )
    } else if SESSION_ENDED.contains(&code) {
        Problem::failed(format!("the AWS credentials are not valid: AWS answered {told}"), SIGN_IN)
    } else {
        Problem::failed(
            format!("`{action}` failed: AWS answered {told}"),
            "if the message does not say what to change, run the command again in a minute",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_permission_is_named_and_check_is_skipped() {
        let problem = meaning("sns:X", Some("AuthorizationError"), Some("no"), "");
        let Problem::Skipped { reason, hint } = problem else { panic!("{problem:?}") };
        assert_eq!(reason, "`sns:X` is not allowed: AWS answered `AuthorizationError`: no");
        assert_eq!(hint.unwrap(), "allow `sns:X` for the AWS identity that runs `slacktrail doctor`");
    }

    #[test]
    fn expired_session_and_missing_network_fail() {
        for (code, expected) in
            [(Some("ExpiredToken"), "sign in again"), (None, "check the network"), (Some("X"), "if the message")]
        {
            let problem = meaning("sns:X", code, None, "connection refused");
            assert!(matches!(&problem, Problem::Failed { hint, .. } if hint.starts_with(expected)), "{problem:?}");
        }
    }
}
