//! `bucket_versioning`, `bucket_encryption`, `bucket_public_access`: the log bucket has the template's settings.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::BucketVersioningStatus;

use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

const DEPLOY_AGAIN: &str = "deploy the stack again, or restore the setting in the S3 console";

pub(super) async fn versioning(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed.get()?.bucket;
    let response = s3(&facts.config).get_bucket_versioning().bucket(bucket).send().await;
    let response = response.map_err(problem("s3:GetBucketVersioning"))?;
    ensure(
        response.status() == Some(&BucketVersioningStatus::Enabled),
        format!("versioning of bucket `{bucket}` is not enabled, so accidental deletions are permanent"),
        DEPLOY_AGAIN,
    )?;
    Ok(format!("bucket `{bucket}` keeps deleted objects"))
}

pub(super) async fn encryption(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed.get()?.bucket;
    let response = s3(&facts.config).get_bucket_encryption().bucket(bucket).send().await;
    let response = response.map_err(problem("s3:GetEncryptionConfiguration"))?;
    let rules = response.server_side_encryption_configuration().map(|configuration| configuration.rules());
    let default = rules.unwrap_or_default().iter().find_map(|rule| rule.apply_server_side_encryption_by_default());
    let algorithm = default.map(|default| default.sse_algorithm().as_str());
    let key = default.and_then(|default| default.kms_master_key_id());
    judge_encryption(bucket, algorithm, key, facts.parameter("KmsKeyArn")?)
}

/// Compares the bucket's default encryption with the template's: the stack's KMS key if it has one, otherwise S3's own keys.
fn judge_encryption(bucket: &str, algorithm: Option<&str>, key: Option<&str>, wanted_key: &str) -> Verdict {
    let (wanted, is_as_deployed) = if wanted_key.is_empty() {
        ("AES256".to_owned(), algorithm == Some("AES256"))
    } else {
        (format!("aws:kms` with the key `{wanted_key}"), algorithm == Some("aws:kms") && key == Some(wanted_key))
    };
    let found = match (algorithm, key) {
        (None, _) => "has no default encryption".to_owned(),
        (Some(algorithm), Some(key)) => format!("is encrypted with `{algorithm}` and the key `{key}`"),
        (Some(algorithm), None) => format!("is encrypted with `{algorithm}`"),
    };
    ensure(is_as_deployed, format!("bucket `{bucket}` {found}; the stack sets `{wanted}`"), DEPLOY_AGAIN)?;
    Ok(format!("bucket `{bucket}` {found}"))
}

pub(super) async fn public_access(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed.get()?.bucket;
    let response = s3(&facts.config).get_public_access_block().bucket(bucket).send().await;
    let not_blocked = || Problem::failed(format!("bucket `{bucket}` does not block all public access"), DEPLOY_AGAIN);
    let response = response.map_err(|error| match error.code() {
        Some("NoSuchPublicAccessBlockConfiguration") => not_blocked(),
        _ => problem("s3:GetBucketPublicAccessBlock")(error),
    })?;
    let blocks = response.public_access_block_configuration().is_some_and(|set| {
        [set.block_public_acls(), set.ignore_public_acls(), set.block_public_policy(), set.restrict_public_buckets()]
            == [Some(true); 4]
    });
    if blocks { Ok(format!("bucket `{bucket}` blocks all public access")) } else { Err(not_blocked()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_uses_s3_keys_or_kms_key_of_stack() {
        const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";
        for (algorithm, key, wanted_key, passes) in [
            (Some("AES256"), None, "", true),
            (Some("aws:kms"), Some(KEY), "", false),
            (Some("aws:kms"), None, "", false),
            (None, None, "", false),
            (Some("aws:kms"), Some(KEY), KEY, true),
            (Some("aws:kms"), Some("arn:aws:kms:eu-west-1:123456789012:key/2"), KEY, false),
            (Some("aws:kms"), None, KEY, false),
            (Some("aws:kms:dsse"), Some(KEY), KEY, false),
            (Some("AES256"), None, KEY, false),
        ] {
            let verdict = judge_encryption("logs", algorithm, key, wanted_key);
            assert_eq!(verdict.is_ok(), passes, "{algorithm:?} {key:?} {wanted_key}: {verdict:?}");
        }
    }
}
