//! `bucket_policy` and `bucket_grants`: the log bucket rejects every upload that could overwrite an object, and its policy grants other
//! principals no upload.
//!
//! The policy denies `s3:PutObject` below the log prefixes if the request has no `If-None-Match`. IAM policies decide who may upload. Of the
//! template's roles, only the poller's role may. An administrator may also create new objects, for example to restore a deleted object.
//!
//! `bucket_policy` therefore compares two uploads by the same caller to the same key that differ only in that header. Both have a wrong
//! checksum. S3 checks permissions before it reads the body, and does not store a body with a wrong checksum. A key such as
//! `audit/slacktrail-doctor/...` belongs to no day, so neither the poller nor Athena reads it.
//!
//! `bucket_grants` reads the policy, because a statement that allows an action can grant it to principals without an IAM policy in this
//! account, including principals of other accounts.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use super::bucket::{BODY, probe_key, remove};
use super::policy::{self, reaches_below};
use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::{Facts, StackResources};
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// The log prefixes, which the template's policy protects.
const PREFIXES: [&str; 3] = ["audit", "access", "integration"];
/// A CRC-32 that does not match the body.
const WRONG_CHECKSUM: &str = "AAAAAA==";

pub(super) async fn check(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed.get()?.bucket;
    let client = s3(&facts.config);
    let mut overwritable = Vec::new();
    for prefix in PREFIXES {
        let key = format!("{prefix}/{}", probe_key()?);
        match denial(&client, bucket, &key, None).await? {
            Some(_) => require_permission(&client, bucket, &key).await?,
            None => overwritable.push(format!("`{prefix}/`")),
        }
    }
    if overwritable.is_empty() {
        return Ok(
            "S3 rejects uploads without `If-None-Match`; with it, your IAM policies let you create objects, but not overwrite them"
                .to_owned(),
        );
    }
    Err(Problem::failed(
        format!("bucket `{bucket}` accepts uploads that can overwrite objects below {}", overwritable.join(", ")),
        "deploy the stack again to restore the bucket policy",
    ))
}

pub(super) async fn grants(facts: &Facts) -> Verdict {
    let deployed = facts.deployed.get()?;
    let bucket = &deployed.bucket;
    let response = s3(&facts.config).get_bucket_policy().bucket(bucket).send().await;
    let response = match response {
        Err(error) if error.code() == Some("NoSuchBucketPolicy") => {
            return Ok(format!("bucket `{bucket}` has no policy"));
        }
        response => response.map_err(problem("s3:GetBucketPolicy"))?,
    };
    let poller = facts.poller.get().ok().map(|poller| poller.role.as_str());
    judge_grants(bucket, response.policy().unwrap_or_default(), &log_prefixes(deployed), poller)
}

/// Fails if the policy allows uploads below the log prefixes to any principal other than the poller's role.
fn judge_grants(bucket: &str, policy: &str, log_prefixes: &[String], poller: Option<&str>) -> Verdict {
    let statements = policy::allowing(policy).ok_or_else(|| {
        Problem::failed(format!("the policy of bucket `{bucket}` is invalid"), "check the policy in the S3 console")
    })?;
    for statement in statements.iter().filter(|statement| statement.covers("s3:PutObject")) {
        let reaches = |resource: &&str| log_prefixes.iter().any(|prefix| reaches_below(resource, prefix));
        let is_pollers = poller.is_some_and(|poller| statement.is_only_for(poller));
        ensure(
            is_pollers || !statement.resources().iter().any(reaches),
            format!(
                "statement `{}` of the policy of bucket `{bucket}` lets other principals create log objects",
                statement.id()
            ),
            "remove the statement, or deploy the stack again to restore the bucket policy",
        )?;
    }
    Ok(format!(
        "the policy of bucket `{bucket}` lets no other principal create log objects; among the template's roles, only the \
         poller's role can"
    ))
}

/// Returns the prefixes of the ARNs of log objects.
pub(super) fn log_prefixes(deployed: &StackResources) -> Vec<String> {
    let partition = deployed.topic.split(':').nth(1).unwrap_or("aws");
    PREFIXES.map(|prefix| format!("arn:{partition}:s3:::{}/{prefix}/", deployed.bucket)).to_vec()
}

/// Skips the check if the caller may not upload at all, because the denial then proves nothing about the bucket policy.
async fn require_permission(client: &Client, bucket: &str, key: &str) -> Result<(), Problem> {
    match denial(client, bucket, key, Some("*")).await? {
        None => Ok(()),
        Some(message) => Err(Problem::skipped_until(
            format!("S3 rejects uploads with and without `If-None-Match`: {message}"),
            format!(
                "allow `s3:PutObject` on all keys of bucket `{bucket}`, and `kms:GenerateDataKey` if the stack has a KMS key"
            ),
        )),
    }
}

/// Uploads a probe with a wrong checksum, and returns S3's message if S3 denied it. If S3 permitted the upload, it then rejects the checksum.
async fn denial(
    client: &Client,
    bucket: &str,
    key: &str,
    if_none_match: Option<&str>,
) -> Result<Option<String>, Problem> {
    let put = client.put_object().bucket(bucket).key(key).body(ByteStream::from_static(BODY));
    let put = put.checksum_crc32(WRONG_CHECKSUM).set_if_none_match(if_none_match.map(str::to_owned));
    match put.send().await {
        Ok(_) => remove(client, bucket, key).await.map(|()| None), // S3 stored it, although the checksum is wrong
        Err(error) if error.code() == Some("AccessDenied") => {
            Ok(Some(error.message().unwrap_or("AccessDenied").to_owned()))
        }
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 400) => {
            match error.code() {
                Some("BadDigest" | "XAmzContentChecksumMismatch" | "InvalidDigest") => Ok(None),
                _ => Err(problem("s3:PutObject")(error)),
            }
        }
        Err(error) => Err(problem("s3:PutObject")(error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const POLLER: &str = "arn:aws:iam::123456789012:role/poller";

    fn judge(statement: Value) -> Verdict {
        let policy =
            json!({ "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*"}, statement] }).to_string();
        judge_grants("logs", &policy, &["arn:aws:s3:::logs/audit/".to_owned()], Some(POLLER))
    }

    #[test]
    fn bucket_policy_lets_only_poller_upload() {
        let allow = |principal: Value, action: &str, resource: &str| {
            judge(json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}))
        };
        let other = || json!({"AWS": "arn:aws:iam::210987654321:root"});
        for (action, resource) in
            [("s3:PutObject", "arn:aws:s3:::logs/*"), ("s3:*", "*"), ("*", "arn:aws:s3:::logs/audit/*")]
        {
            assert!(allow(other(), action, resource).is_err(), "{action} {resource}");
            assert!(allow(json!("*"), action, resource).is_err(), "{action} {resource}");
            assert!(allow(json!({"AWS": POLLER}), action, resource).is_ok(), "{action} {resource}");
        }
        assert!(allow(other(), "s3:GetObject", "arn:aws:s3:::logs/*").is_ok(), "only uploads are checked");
        assert!(allow(json!({"Service": "s3.amazonaws.com"}), "s3:PutObject", "arn:aws:s3:::logs/inventory/*").is_ok());
        assert!(judge_grants("logs", "no policy", &[], None).is_err());
    }
}
