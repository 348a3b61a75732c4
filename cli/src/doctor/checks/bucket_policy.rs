//! `bucket_policy`: the log bucket refuses an upload that could overwrite an object, whoever makes it.
//!
//! The policy denies `s3:PutObject` below the log prefixes if the request has no `If-None-Match`. It does not say who may upload: an
//! administrator may still create new objects. So the check compares two uploads of one caller to one key that differ in that header alone.
//! Both have a wrong checksum. S3 decides on permissions by the headers, before it reads the body, and stores nothing whose checksum is
//! wrong. A key such as `audit/slacktrail-doctor/...` belongs to no day, so neither the poller nor Athena sees it.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use super::upload::{probe_key, remove};
use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};

/// The prefixes that the template's policy protects.
const PREFIXES: [&str; 3] = ["audit", "access", "integration"];
/// A CRC-32 that is not the body's.
const WRONG_CHECKSUM: &str = "AAAAAA==";

/// What S3 decided.
#[derive(Debug, Eq, PartialEq)]
enum Decision {
    Refused(String),
    /// Permitted, and then rejected for its checksum.
    Permitted,
    /// Permitted and stored, although the checksum is wrong.
    Stored,
}

pub(super) async fn check(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed()?.bucket;
    let client = s3(&facts.config);
    let mut overwritable = Vec::new();
    for prefix in PREFIXES {
        let key = format!("{prefix}/{}", probe_key()?);
        match upload(&client, bucket, &key, None).await? {
            Decision::Refused(_) => require_permission(&client, bucket, &key).await?,
            Decision::Permitted | Decision::Stored => overwritable.push(format!("`{prefix}/`")),
        }
    }
    if overwritable.is_empty() {
        return Ok(
            "uploads without `If-None-Match` are refused; new objects may be created by whoever has `s3:PutObject`"
                .to_owned(),
        );
    }
    Err(Problem::failed(
        format!("bucket `{bucket}` accepts uploads that could overwrite objects below {}", overwritable.join(", ")),
        "deploy the stack again to restore the bucket policy",
    ))
}

/// Skips if the caller may not upload at all, because the refusal then says nothing about the policy.
async fn require_permission(client: &Client, bucket: &str, key: &str) -> Result<(), Problem> {
    match upload(client, bucket, key, Some("*")).await? {
        Decision::Permitted | Decision::Stored => Ok(()),
        Decision::Refused(message) => Err(Problem::skipped_until(
            format!("uploads with and without `If-None-Match` are refused alike: {message}"),
            format!(
                "allow `s3:PutObject` on all keys of bucket `{bucket}`, and `kms:GenerateDataKey` if it has a KMS key of yours"
            ),
        )),
    }
}

async fn upload(client: &Client, bucket: &str, key: &str, if_none_match: Option<&str>) -> Result<Decision, Problem> {
    let put = client.put_object().bucket(bucket).key(key).body(ByteStream::from_static(super::upload::BODY));
    let put = put.checksum_crc32(WRONG_CHECKSUM).set_if_none_match(if_none_match.map(str::to_owned));
    match put.send().await {
        Ok(_) => {
            remove(client, bucket, key).await?;
            Ok(Decision::Stored)
        }
        Err(error) if error.code() == Some("AccessDenied") => {
            Ok(Decision::Refused(error.message().unwrap_or("AccessDenied").to_owned()))
        }
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 400) => {
            match error.code() {
                Some("BadDigest" | "XAmzContentChecksumMismatch" | "InvalidDigest") => Ok(Decision::Permitted),
                _ => Err(problem("s3:PutObject")(error)),
            }
        }
        Err(error) => Err(problem("s3:PutObject")(error)),
    }
}
