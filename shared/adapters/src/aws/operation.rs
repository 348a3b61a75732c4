//! What was attempted on AWS, and what its refusal means for us: the one place that reads the SDK's errors.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use slacktrail_core::error::{Error, ErrorKind};

/// What was attempted, on which named thing, and what it takes.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// As in "creating object `audit/...` in bucket `logs`".
    pub(super) doing: String,
    /// The thing that must exist for that.
    pub(super) resource: Resource,
    /// The permissions that it takes, and on what.
    pub(super) permissions: String,
}

/// A bucket, a table or a secret.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    /// As in "bucket `logs`".
    pub(super) name: String,
    /// The code of its absence.
    pub(super) missing_code: &'static str,
    /// What to do about its absence.
    pub(super) missing_hint: String,
}

/// What the SDK's error comes to.
#[derive(Clone, Copy, Debug)]
enum Answer<'a> {
    /// AWS answered with a status and a code.
    Refused(u16, &'a str),
    /// AWS answered something that the SDK cannot read.
    Unreadable,
    /// AWS did not answer in time, or not at all.
    None,
    /// The SDK did not call: there are no credentials, or there is no region.
    NotCalled,
}

impl Operation {
    /// The error that an error of the SDK is.
    pub(super) fn failed<E>(&self, sdk_error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let answer = answer(&sdk_error);
        let error = self.meaning(answer);
        // The SDK's error as a whole holds the raw reply, and one that cannot be read may hold a secret: keep the source
        // of it alone, and nothing of an unreadable reply.
        if matches!(answer, Answer::Unreadable) {
            return error;
        }
        match sdk_error.into_source() {
            Ok(source) => error.with_source(source),
            Err(_) => error,
        }
    }

    /// The error that there is when the body of a reply breaks off or takes too long.
    pub(super) fn cut_off(&self) -> Error {
        self.meaning(Answer::None)
    }

    fn meaning(&self, answer: Answer<'_>) -> Error {
        let Operation { doing, resource, permissions } = self;
        let missing = || {
            (
                ErrorKind::Reconfigure,
                resource.missing_code,
                format!("{} does not exist", resource.name),
                resource.missing_hint.clone(),
            )
        };
        let (kind, code, what, hint) = match answer {
            Answer::NotCalled => (
                ErrorKind::Reconfigure,
                "no_aws_credentials",
                "the AWS credentials or the region could not be loaded".to_owned(),
                "set `AWS_REGION`, and `AWS_PROFILE` or other credentials; where they come from a session, run `aws login` or `aws sso login`"
                    .to_owned(),
            ),
            Answer::None => unavailable("AWS did not answer in time".to_owned()),
            Answer::Unreadable => unavailable("AWS answered something that cannot be read".to_owned()),
            Answer::Refused(status, code) => match kind(status, code) {
                Kind::Missing => missing(),
                Kind::Denied => (
                    ErrorKind::Reconfigure,
                    "access_denied",
                    format!("AWS answered `{code}`"),
                    format!(
                        "allow {permissions} for whoever runs this; see also the policies of {} and of its key",
                        resource.name
                    ),
                ),
                Kind::Unavailable => unavailable(format!("AWS answered `{code}` with HTTP status {status}")),
                Kind::Other(kind, ours, hint) => {
                    (kind, ours, format!("AWS answered `{code}` with HTTP status {status}"), hint.to_owned())
                }
            },
        };
        Error::deployment(kind, code, format!("{doing}: {what}"), hint)
    }
}

fn unavailable(what: String) -> (ErrorKind, &'static str, String, String) {
    (
        ErrorKind::Retry,
        "aws_unavailable",
        what,
        "nothing to do: the next tick tries again; if it stays, see AWS's health dashboard and the endpoint settings"
            .to_owned(),
    )
}

fn answer<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Answer<'_> {
    match error {
        // A success whose body is not what it should be is told as a refusal without a code.
        SdkError::ServiceError(refusal) if refusal.raw().status().is_success() => Answer::Unreadable,
        SdkError::ServiceError(refusal) => {
            Answer::Refused(refusal.raw().status().as_u16(), refusal.err().code().unwrap_or("no code"))
        }
        SdkError::ResponseError(_) => Answer::Unreadable,
        SdkError::ConstructionFailure(_) => Answer::NotCalled,
        // What is neither of the network nor of time happened before the call: credentials that cannot be loaded.
        SdkError::DispatchFailure(failure) if failure.is_other() && failure.as_other().is_none() => Answer::NotCalled,
        _ => Answer::None,
    }
}

enum Kind {
    Missing,
    Denied,
    Unavailable,
    Other(ErrorKind, &'static str, &'static str),
}

/// What a refusal means, by its code and else by its status. Codes of S3, DynamoDB and Secrets Manager alike.
fn kind(status: u16, code: &str) -> Kind {
    match code {
        "NoSuchBucket" | "ResourceNotFoundException" => Kind::Missing,
        "AccessDenied" | "AccessDeniedException" => Kind::Denied,
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
        | "RequestTimeTooSkewed" => Kind::Other(
            ErrorKind::Reconfigure,
            "credentials_refused",
            "renew the AWS credentials, and see whether this machine's clock is right",
        ),
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => {
            Kind::Other(ErrorKind::Reconfigure, "wrong_region", "set `AWS_REGION` to the region that the bucket is in")
        }
        "InvalidObjectState" => Kind::Other(
            ErrorKind::Reconfigure,
            "object_archived",
            "restore the object, and let no lifecycle rule archive objects in their first days",
        ),
        "InvalidRequestException" => Kind::Other(
            ErrorKind::Reconfigure,
            "secret_pending_deletion",
            "see in Secrets Manager what state the secret is in",
        ),
        "DecryptionFailure" | "EncryptionFailure" => KEY_REFUSED,
        _ if code.starts_with("KMS") => KEY_REFUSED,
        _ if code.contains("Throttl") => Kind::Unavailable,
        "SlowDown"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "RequestTimeout"
        | "OperationAborted"
        | "ResourceExistsException"
        | "TransactionConflictException" => Kind::Unavailable,
        _ if status >= 500 || status == 429 => Kind::Unavailable,
        _ if status == 403 => Kind::Denied,
        _ => Kind::Other(
            ErrorKind::Investigate,
            "aws_error",
            "look the code up in AWS's documentation of the call, or report it with this line",
        ),
    }
}

const KEY_REFUSED: Kind = Kind::Other(
    ErrorKind::Reconfigure,
    "kms_key_unavailable",
    "see whether the KMS key is enabled and its policy lets whoever runs this use it",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn to_error(answer: Answer<'_>) -> Error {
        let resource = Resource {
            name: "bucket `logs`".to_owned(),
            missing_code: "no_such_bucket",
            missing_hint: "see `BUCKET_NAME`".to_owned(),
        };
        Operation { doing: "listing".to_owned(), resource, permissions: "`s3:ListBucket` on `logs`".to_owned() }
            .meaning(answer)
    }

    #[test]
    fn aws_error_kind_says_who_must_act() {
        use ErrorKind::{Investigate, Reconfigure, Retry};
        for (status, code, kind, ours) in [
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
            let error = to_error(Answer::Refused(status, code));
            assert_eq!((error.kind, error.code.as_str()), (kind, ours), "{code}");
        }
        assert_eq!(to_error(Answer::None).kind, Retry);
        assert_eq!(to_error(Answer::Unreadable).kind, Retry);
        assert_eq!(to_error(Answer::NotCalled).kind, Reconfigure);
    }

    #[test]
    fn missing_resource_and_missing_permission_are_named() {
        let missing = to_error(Answer::Refused(404, "NoSuchBucket"));
        assert_eq!(
            (missing.message.as_str(), missing.hint.as_str()),
            ("listing: bucket `logs` does not exist", "see `BUCKET_NAME`")
        );
        assert!(to_error(Answer::Refused(403, "AccessDenied")).hint.contains("`s3:ListBucket` on `logs`"));
    }
}
