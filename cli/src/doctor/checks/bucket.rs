//! `bucket_versioning`, `bucket_encryption`, `bucket_public_access`: the log bucket's settings.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryption};

use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

const DEPLOY_AGAIN: &str = "deploy the stack again, or set it in the S3 console: somebody changed the bucket";

pub(super) async fn versioning(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed()?.bucket;
    let told = s3(&facts.config).get_bucket_versioning().bucket(bucket).send().await;
    let told = told.map_err(problem("s3:GetBucketVersioning"))?;
    ensure(
        told.status() == Some(&BucketVersioningStatus::Enabled),
        format!("versioning of bucket `{bucket}` is not enabled: a deletion by mistake is final"),
        DEPLOY_AGAIN,
    )?;
    Ok(format!("bucket `{bucket}` keeps deleted versions"))
}

pub(super) async fn encryption(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed()?.bucket;
    let told = s3(&facts.config).get_bucket_encryption().bucket(bucket).send().await;
    let told = told.map_err(problem("s3:GetEncryptionConfiguration"))?;
    let rules = told.server_side_encryption_configuration().map(|configuration| configuration.rules());
    let default = rules.unwrap_or_default().iter().find_map(|rule| rule.apply_server_side_encryption_by_default());
    let algorithm = default.map(|default| default.sse_algorithm());
    let key = facts.parameter("KmsKeyArn")?;
    let is_as_deployed = if key.is_empty() {
        algorithm.is_some()
    } else {
        algorithm == Some(&ServerSideEncryption::AwsKms)
            && default.and_then(|default| default.kms_master_key_id()) == Some(key)
    };
    ensure(is_as_deployed, format!("bucket `{bucket}` is not encrypted as the stack says"), DEPLOY_AGAIN)?;
    Ok(format!("bucket `{bucket}` is encrypted with {}", if key.is_empty() { "S3's own keys" } else { key }))
}

pub(super) async fn public_access(facts: &Facts) -> Verdict {
    let bucket = &facts.deployed()?.bucket;
    let told = s3(&facts.config).get_public_access_block().bucket(bucket).send().await;
    let open = || Problem::failed(format!("bucket `{bucket}` does not block all public access"), DEPLOY_AGAIN);
    let told = told.map_err(|error| match error.code() {
        Some("NoSuchPublicAccessBlockConfiguration") => open(),
        _ => problem("s3:GetBucketPublicAccessBlock")(error),
    })?;
    let blocks = told.public_access_block_configuration().is_some_and(|set| {
        [set.block_public_acls(), set.ignore_public_acls(), set.block_public_policy(), set.restrict_public_buckets()]
            == [Some(true); 4]
    });
    if blocks { Ok(format!("bucket `{bucket}` blocks all public access")) } else { Err(open()) }
}
