//! `bucket_versioning`, `bucket_encryption`, `bucket_public_access`, `upload_once`: the log bucket has the template's settings, and S3 rejects a
//! second upload of a key.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::BucketVersioningStatus;
use slacktrail_adapters::random;

use crate::doctor::PROBE;
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

pub(super) const BODY: &[u8] = b"made by slacktrail doctor, and may be deleted\n";

/// Returns a random key outside of every day log.
pub(super) fn probe_key() -> Result<String, Problem> {
    Ok(format!("{PROBE}/{:032x}", u128::from_be_bytes(random::bytes()?)))
}

/// Checks that S3 rejects a second upload of a key. slacktrail relies on this to write each object of a day log only once.
pub(super) async fn upload_once(facts: &Facts) -> Verdict {
    if !matches!(facts.parameter("ObjectLockMode")?, "" | "off") {
        return Err(Problem::skipped("Object Lock would prevent the removal of the probe"));
    }
    let bucket = &facts.deployed.get()?.bucket;
    let (client, key) = (s3(&facts.config), probe_key()?);
    require_removal(&client, bucket, &key).await?;
    let first = put(&client, bucket, &key).await;
    let second = if first.is_ok() { put(&client, bucket, &key).await } else { Ok(412) };
    remove(&client, bucket, &key).await?;
    first?;
    ensure(
        second? == 412,
        format!("bucket `{bucket}` accepted a second upload of a key with `If-None-Match`"),
        "check the endpoint settings, because S3 itself would reject this upload",
    )?;
    Ok("S3 rejects a second upload of a key with HTTP status 412; the probe was removed".to_owned())
}

/// Uploads the probe unless its key exists, and returns the HTTP status: 200 or 412.
async fn put(client: &Client, bucket: &str, key: &str) -> Result<u16, Problem> {
    let put = client.put_object().bucket(bucket).key(key).if_none_match("*").body(ByteStream::from_static(BODY));
    match put.send().await {
        Ok(_) => Ok(200),
        Err(error) if error.code() == Some("PreconditionFailed") => Ok(412),
        Err(error) => Err(problem("s3:PutObject")(error)),
    }
}

/// Skips the check if the caller may not remove a probe. Tests this by deleting a version that does not exist.
async fn require_removal(client: &Client, bucket: &str, key: &str) -> Result<(), Problem> {
    let deleted = client.delete_object().bucket(bucket).key(key).version_id("null").send().await;
    if let Err(error) = deleted
        && error.code() == Some("AccessDenied")
    {
        return Err(problem("s3:DeleteObjectVersion")(error));
    }
    versions(client, bucket, key).await.map(|_| ())
}

/// Removes every version of a probe.
///
/// # Errors
/// Returns a failure that names the remaining versions and the commands that delete them.
pub(super) async fn remove(client: &Client, bucket: &str, key: &str) -> Result<(), Problem> {
    let mut reason = String::new();
    for version in versions(client, bucket, key).await? {
        let deleted = client.delete_object().bucket(bucket).key(key).version_id(&version).send().await;
        if let Err(error) = deleted {
            reason = format!(": {}", error.message().unwrap_or("S3 returned no message"));
        }
    }
    let remaining = versions(client, bucket, key).await?;
    let delete = |version| format!("`aws s3api delete-object --bucket {bucket} --key {key} --version-id {version}`");
    ensure(
        remaining.is_empty(),
        format!("the probe `{key}` could not be deleted: version `{}` remains{reason}", remaining.join("`, `")),
        format!("delete the probe: {}", remaining.iter().map(delete).collect::<Vec<_>>().join(", ")),
    )
}

async fn versions(client: &Client, bucket: &str, key: &str) -> Result<Vec<String>, Problem> {
    let listed = client.list_object_versions().bucket(bucket).prefix(key).send().await;
    let listed = listed.map_err(problem("s3:ListBucketVersions"))?;
    let versions = listed.versions().iter().filter_map(|version| version.version_id());
    let markers = listed.delete_markers().iter().filter_map(|marker| marker.version_id());
    Ok(versions.chain(markers).map(str::to_owned).collect())
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
