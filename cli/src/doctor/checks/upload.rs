//! `upload_once`: S3 refuses a second upload of a key. That is how every object of a day log is written once.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use slacktrail_adapters::random;

use crate::doctor::PROBE;
use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// What a probe holds.
pub(super) const BODY: &[u8] = b"made by slacktrail doctor, and may be deleted\n";

/// Returns a new key outside of every day log.
pub(super) fn probe_key() -> Result<String, Problem> {
    Ok(format!("{PROBE}/{:032x}", u128::from_be_bytes(random::bytes()?)))
}

pub(super) async fn check(facts: &Facts) -> Verdict {
    if !matches!(facts.parameter("ObjectLockMode")?, "" | "off") {
        return Err(Problem::skipped("Object Lock would keep the probe for days"));
    }
    let bucket = &facts.deployed()?.bucket;
    let (client, key) = (s3(&facts.config), probe_key()?);
    require_removal(&client, bucket, &key).await?;
    let first = put(&client, bucket, &key).await;
    let second = if first.is_ok() { put(&client, bucket, &key).await } else { Ok(412) };
    remove(&client, bucket, &key).await?;
    first?;
    ensure(
        second? == 412,
        format!("bucket `{bucket}` accepted a second upload of a key with `If-None-Match`"),
        "check the endpoint settings: this is not how S3 answers",
    )?;
    Ok("a second upload of a key is refused with HTTP status 412; the probe is removed".to_owned())
}

/// Uploads the probe if its key does not exist, and returns the HTTP status: 200 or 412.
async fn put(client: &Client, bucket: &str, key: &str) -> Result<u16, Problem> {
    let put = client.put_object().bucket(bucket).key(key).if_none_match("*").body(ByteStream::from_static(BODY));
    match put.send().await {
        Ok(_) => Ok(200),
        Err(error) if error.code() == Some("PreconditionFailed") => Ok(412),
        Err(error) => Err(problem("s3:PutObject")(error)),
    }
}

/// Skips if the caller could not remove a probe: deletes a version that does not exist, which changes nothing.
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
/// Fails if a version is still there afterwards, and names it.
pub(super) async fn remove(client: &Client, bucket: &str, key: &str) -> Result<(), Problem> {
    let mut refusal = String::new();
    for version in versions(client, bucket, key).await? {
        let deleted = client.delete_object().bucket(bucket).key(key).version_id(&version).send().await;
        if let Err(error) = deleted {
            refusal = format!(": {}", error.message().unwrap_or("S3 did not answer"));
        }
    }
    let left = versions(client, bucket, key).await?;
    let delete = |version| format!("`aws s3api delete-object --bucket {bucket} --key {key} --version-id {version}`");
    ensure(
        left.is_empty(),
        format!("the probe `{key}` is still there in version `{}`{refusal}", left.join("`, `")),
        format!("delete it: {}", left.iter().map(delete).collect::<Vec<_>>().join(", ")),
    )
}

async fn versions(client: &Client, bucket: &str, key: &str) -> Result<Vec<String>, Problem> {
    let listed = client.list_object_versions().bucket(bucket).prefix(key).send().await;
    let listed = listed.map_err(problem("s3:ListBucketVersions"))?;
    let versions = listed.versions().iter().filter_map(|version| version.version_id());
    let markers = listed.delete_markers().iter().filter_map(|marker| marker.version_id());
    Ok(versions.chain(markers).map(str::to_owned).collect())
}
