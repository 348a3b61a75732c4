//! Converts errors of the AWS SDK into slacktrail's errors.

use std::error::Error as StdError;
use std::iter::successors;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use slacktrail_core::error::Error;

/// An operation on an AWS resource, as the texts of its errors describe it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// The start of the message, such as "creating object `audit/...` in bucket `logs`".
    pub(super) doing: String,
    /// The kind and the name of the resource that the operation requires, such as "bucket `logs`".
    pub(super) resource: String,
    /// The error code if the resource does not exist.
    pub(super) missing_code: &'static str,
    /// The required permissions and their resources.
    pub(super) permissions: String,
}

/// The category of an SDK error.
#[derive(Clone, Copy, Debug)]
enum Failure<'a> {
    /// AWS returned an error with this HTTP status, code and message.
    ErrorResponse(u16, &'a str, &'a str),
    /// AWS returned a response that the SDK cannot parse.
    MalformedResponse,
    /// No connection to AWS could be opened, or it broke off.
    Unreachable,
    /// AWS did not respond, or not in time.
    NoResponse,
    /// The SDK made no call, because the address of the service is not a URL.
    BadEndpoint,
    /// The SDK made no call, because it has no credentials or no region.
    NotSent,
}

impl Operation {
    /// Converts an error of the SDK.
    pub(super) fn failed<E>(&self, sdk_error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let failure = classify(&sdk_error);
        let error = self.error_of(failure);
        match failure {
            // The SDK's error contains the raw response, which may contain a secret.
            Failure::MalformedResponse => error,
            // The SDK's error contains the request, which may contain a secret.
            Failure::BadEndpoint => error,
            // The SDK's error adds its own types to AWS's message.
            Failure::ErrorResponse(_, _, "") => error,
            Failure::ErrorResponse(_, _, message) => error.with_source(message.to_owned()),
            _ => match sdk_error.into_source() {
                Ok(source) => error.with_source(source),
                Err(_) => error,
            },
        }
    }

    /// Returns the error for a response whose body is incomplete or takes too long.
    pub(super) fn cut_off(&self) -> Error {
        self.error_of(Failure::NoResponse)
    }

    /// Returns the error for a response that lacks a required field.
    pub(super) fn malformed(&self) -> Error {
        self.error_of(Failure::MalformedResponse)
    }

    fn error_of(&self, failure: Failure<'_>) -> Error {
        let Operation { doing, resource, missing_code, permissions } = self;
        let (code, what) = match failure {
            Failure::NotSent => {
                ("no_aws_credentials", "the AWS credentials or the region could not be loaded".to_owned())
            }
            Failure::BadEndpoint => {
                ("bad_aws_endpoint", "`AWS_ENDPOINT_URL`, or the variable of the service, is not a URL".to_owned())
            }
            Failure::Unreachable => (UNAVAILABLE, "AWS could not be reached".to_owned()),
            Failure::NoResponse => (UNAVAILABLE, "AWS did not respond in time".to_owned()),
            Failure::MalformedResponse => (UNAVAILABLE, "AWS returned a malformed response".to_owned()),
            Failure::ErrorResponse(status, code, message) => match (code_of(status, code), key_action(message)) {
                (MISSING, _) => (*missing_code, format!("{resource} does not exist")),
                (DENIED, Some(action)) => {
                    (KEY_UNAVAILABLE, format!("AWS returned `{code}` (needed: `{action}` on the KMS key)"))
                }
                (DENIED, None) => (DENIED, format!("AWS returned `{code}` (needed: {permissions})")),
                (own_code, _) => (own_code, format!("AWS returned `{code}` with HTTP status {status}")),
            },
        };
        Error::deployment(code, format!("{doing}: {what}"))
    }
}

fn classify<E>(error: &SdkError<E>) -> Failure<'_>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        // The SDK reports a success with a malformed body as a service error without a code.
        SdkError::ServiceError(response_error) if response_error.raw().status().is_success() => {
            Failure::MalformedResponse
        }
        SdkError::ServiceError(response_error) => Failure::ErrorResponse(
            response_error.raw().status().as_u16(),
            response_error.err().code().unwrap_or("no code"),
            response_error.err().message().unwrap_or_default().trim(),
        ),
        SdkError::ResponseError(_) => Failure::MalformedResponse,
        error if is_bad_endpoint(error) => Failure::BadEndpoint,
        SdkError::ConstructionFailure(_) => Failure::NotSent,
        // A failure that is neither a network error nor a timeout happened before the call, because no credentials could be loaded.
        SdkError::DispatchFailure(failure) if failure.is_other() && failure.as_other().is_none() => Failure::NotSent,
        SdkError::DispatchFailure(failure) if failure.is_io() => Failure::Unreachable,
        _ => Failure::NoResponse,
    }
}

/// Returns `true` if the SDK could not build the address of the service. The SDK has no type for this error.
fn is_bad_endpoint<E: StdError + 'static>(error: &SdkError<E>) -> bool {
    successors(StdError::source(error), |cause| StdError::source(*cause))
        .any(|cause| cause.to_string().contains("failed to apply endpoint"))
}

/// A placeholder for the code of a resource that does not exist. [`Operation::error_of`] replaces it with `missing_code`.
const MISSING: &str = "missing";
const DENIED: &str = "access_denied";
const UNAVAILABLE: &str = "aws_unavailable";
const KEY_UNAVAILABLE: &str = "kms_key_unavailable";

/// Returns `true` if this is a code with which AWS rejects the credentials of a call.
pub fn rejects_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidToken"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "UnrecognizedClientException"
            | "MissingAuthenticationToken"
            | "RequestTimeTooSkewed"
    )
}

/// Returns slacktrail's code for an error by AWS's code, or by its status if that is unknown. Covers S3, DynamoDB, Secrets Manager and Lambda.
fn code_of(status: u16, code: &str) -> &'static str {
    match code {
        "NoSuchBucket" | "ResourceNotFoundException" => MISSING,
        "AccessDenied" | "AccessDeniedException" => DENIED,
        code if rejects_credentials(code) => "credentials_refused",
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => "wrong_region",
        "InvalidObjectState" => "object_archived",
        "DecryptionFailure" | "EncryptionFailure" => KEY_UNAVAILABLE,
        _ if code.starts_with("KMS") => KEY_UNAVAILABLE,
        _ if code.contains("Throttl") => UNAVAILABLE,
        "SlowDown"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "RequestTimeout"
        | "OperationAborted"
        | "ResourceExistsException"
        | "TransactionConflictException" => UNAVAILABLE,
        _ if status >= 500 || status == 429 => UNAVAILABLE,
        _ if status == 403 => DENIED,
        _ => "aws_error",
    }
}

/// Returns the action that AWS denied on a KMS key, from AWS's message about a denied call.
fn key_action(message: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let mut words = message.split(|c| !is_part(c));
    let action = words.find(|word| word.starts_with("kms:") && word.len() > "kms:".len());
    action.or_else(|| message.contains("KMS").then_some("kms:Decrypt"))
}

#[cfg(test)]
mod tests {
    use slacktrail_core::error::ErrorKind;

    use super::*;

    fn to_error(failure: Failure<'_>) -> Error {
        let operation = Operation {
            doing: "listing".to_owned(),
            resource: "bucket `logs`".to_owned(),
            missing_code: "no_such_bucket",
            permissions: "`s3:ListBucket` on `logs`".to_owned(),
        };
        operation.error_of(failure)
    }

    #[test]
    fn aws_error_kind_says_who_must_act() {
        use ErrorKind::{Investigate, Reconfigure, Retry};
        for (status, code, kind, expected) in [
            (404, "NoSuchBucket", Reconfigure, "no_such_bucket"),
            (400, "ResourceNotFoundException", Reconfigure, "no_such_bucket"),
            (403, "AccessDenied", Reconfigure, "access_denied"),
            (400, "AccessDeniedException", Reconfigure, "access_denied"),
            (403, "Forbidden", Reconfigure, "access_denied"),
            (400, "ExpiredToken", Reconfigure, "credentials_refused"),
            (403, "RequestTimeTooSkewed", Reconfigure, "credentials_refused"),
            (301, "PermanentRedirect", Reconfigure, "wrong_region"),
            (403, "InvalidObjectState", Reconfigure, "object_archived"),
            (400, "KMS.DisabledException", Reconfigure, "kms_key_unavailable"),
            (503, "SlowDown", Retry, "aws_unavailable"),
            (400, "ThrottlingException", Retry, "aws_unavailable"),
            (400, "ProvisionedThroughputExceededException", Retry, "aws_unavailable"),
            (500, "no code", Retry, "aws_unavailable"),
            (400, "ValidationException", Investigate, "aws_error"),
        ] {
            let error = to_error(Failure::ErrorResponse(status, code, ""));
            assert_eq!((error.kind, error.code.as_str()), (kind, expected), "{code}");
        }
        assert_eq!(to_error(Failure::NoResponse).kind, Retry);
        assert_eq!(to_error(Failure::MalformedResponse).kind, Retry);
        assert_eq!(to_error(Failure::NotSent).kind, Reconfigure);
    }

    #[test]
    fn missing_resource_and_missing_permission_are_named() {
        let missing = to_error(Failure::ErrorResponse(404, "NoSuchBucket", ""));
        assert_eq!(missing.message, "listing: bucket `logs` does not exist");
        let denied = to_error(Failure::ErrorResponse(403, "AccessDenied", "not authorized to perform: s3:ListBucket"));
        assert!(denied.message.ends_with("(needed: `s3:ListBucket` on `logs`)"), "{denied}");
        for (message, action) in [
            (
                "User: a is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:x",
                "kms:GenerateDataKey",
            ),
            ("Access to KMS is not allowed", "kms:Decrypt"),
        ] {
            let denied = to_error(Failure::ErrorResponse(403, "AccessDenied", message));
            assert_eq!(denied.code, "kms_key_unavailable");
            assert!(denied.message.ends_with(&format!("(needed: `{action}` on the KMS key)")), "{denied}");
        }
    }
}
