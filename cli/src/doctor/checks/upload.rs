//! `upload_once`: S3 rejects a second upload of a key. slacktrail relies on this to write each object of a day log only once.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use slacktrail_adapters::random;

use crate::doctor::PROBE;
use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// The content of a probe.
pub(super) const BODY: &[u8] = b"made by slacktrail doctor, and may be deleted\n";

/// Returns a random key outside of every day log.
pub(super) fn probe_key() -> Result<String, Problem> {
    Ok(format!("{PROBE}/{:032x}", u128::from_be_bytes(random::bytes()?)))
}

pub(super) async fn check(facts: &Facts) -> Verdict {
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
///
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
