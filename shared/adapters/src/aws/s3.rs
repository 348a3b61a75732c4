//! Stores day logs in S3. Objects are created with a conditional write and never replaced, so S3 orders all writers of a day log.

use std::error::Error as StdError;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::byte_stream::error::Error as ByteStreamError;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::CALL_MAX;
use super::operation::Operation;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_ports::{CreateOutcome, DayLogStore, StoredObject};

/// The maximum size of an object that is read, 24 MiB. slacktrail's objects have a few MiB at most. The adapter rejects a larger object without
/// reading it, because it would not fit into the function's memory.
const OBJECT_BYTES_MAX: u32 = 24 << 20;

/// The content type of one JSON record per line. The content *encoding* stays unset, because Athena and other readers detect gzip by the file
/// name. An HTTP client that decompresses by the header would save a file that does not match its name.
const CONTENT_TYPE: &str = "application/x-ndjson";

/// A store of day logs in a bucket.
#[derive(Clone, Debug)]
pub struct S3DayLogs {
    client: Client,
    bucket: String,
    /// A semaphore with one permit for each byte of the objects that are being read. A caller decodes an object before another future runs, so that
    /// all reads together never take more memory than one object of the maximum size.
    reading: Arc<Semaphore>,
}

impl S3DayLogs {
    /// Creates a store in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> S3DayLogs {
        S3DayLogs { client, bucket: bucket.into(), reading: Arc::new(Semaphore::new(OBJECT_BYTES_MAX as usize)) }
    }

    /// Returns the name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    fn operation(&self, doing: String, permissions: String) -> Operation {
        let resource = format!("bucket `{}`", self.bucket);
        Operation { doing, resource, missing_code: "no_such_bucket", permissions }
    }

    fn read_operation(&self, key: &ObjectKey) -> Operation {
        let bucket = &self.bucket;
        // S3 returns 403 for a missing object if the caller lacks `s3:ListBucket`.
        self.operation(
            format!("reading object `{key}` of bucket `{bucket}`"),
            format!("`s3:GetObject` on `{bucket}/*` and `s3:ListBucket` on `{bucket}` (without the latter, S3 denies access to missing objects)"),
        )
    }

    async fn list_page(&self, prefix: &str, from: Option<String>) -> Result<ListObjectsV2Output, Error> {
        let bucket = &self.bucket;
        let sent =
            self.client.list_objects_v2().bucket(bucket).prefix(prefix).set_continuation_token(from).send().await;
        sent.map_err(|error| {
            self.operation(
                format!("listing objects `{prefix}...` of bucket `{bucket}`"),
                format!("`s3:ListBucket` on `{bucket}`"),
            )
            .failed(error)
        })
    }
}

impl DayLogStore for S3DayLogs {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let bucket = &self.bucket;
        let put =
            self.client.put_object().bucket(bucket).key(key.to_string()).content_type(CONTENT_TYPE).if_none_match("*");
        let error = match put.body(ByteStream::from(bytes)).send().await {
            Ok(_) => return Ok(CreateOutcome::Created),
            Err(error) => error,
        };
        match status(&error) {
            // This is also the result if an attempt succeeded, its response was lost, and the SDK retried. The caller then reads the object and finds
            // its own records.
            Some(412) => Ok(CreateOutcome::AlreadyExists),
            // ConditionalRequestConflict: another request for this key is in progress, and may still fail.
            Some(409) => Ok(CreateOutcome::Conflict),
            _ => Err(self
                .operation(
                    format!("creating object `{key}` in bucket `{bucket}`"),
                    format!("`s3:PutObject` on `{bucket}/*`"),
                )
                .failed(error)),
        }
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let object = match self.client.get_object().bucket(&self.bucket).key(key.to_string()).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(self.read_operation(key).failed(error)),
        };
        let length = object.content_length().and_then(|bytes| u32::try_from(bytes).ok());
        let Some(length) = length.filter(|bytes| *bytes <= OBJECT_BYTES_MAX) else {
            return Err(too_large(key));
        };
        let last_modified = last_modified(&object).ok_or_else(|| self.read_operation(key).malformed())?;
        // The client's time limits do not cover the body of a response, so the body needs its own.
        let _permits = self
            .reading
            .acquire_many(length)
            .await
            .map_err(|error| self.read_operation(key).cut_off().with_source(error))?;
        match tokio::time::timeout(CALL_MAX, collect(object.body, length as usize)).await {
            Ok(Ok(bytes)) => Ok(Some(StoredObject { bytes, last_modified })),
            Ok(Err(error)) => Err(self.read_operation(key).cut_off().with_source(error)),
            Err(elapsed) => Err(self.read_operation(key).cut_off().with_source(elapsed)),
        }
    }

    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error> {
        let prefix = log.prefix();
        let mut numbers = Vec::new();
        let mut from = None;
        // The loop ends with the bucket: a page has up to 1000 keys, and a repeated continuation token is an error.
        loop {
            let page = self.list_page(&prefix, from.clone()).await?;
            for key in page.contents().iter().filter_map(|object| object.key()) {
                match log.read_key(key) {
                    KeyOwner::This(number) => numbers.push(number),
                    KeyOwner::OtherSource => {}
                    KeyOwner::Unknown => return Err(foreign(key, &self.bucket)),
                }
            }
            match page.next_continuation_token {
                _ if page.is_truncated != Some(true) => break,
                Some(next) if Some(&next) != from.as_ref() => from = Some(next),
                _ => {
                    return Err(self
                        .operation(format!("listing objects `{prefix}...` of bucket `{}`", self.bucket), String::new())
                        .cut_off());
                }
            }
        }
        numbers.sort_unstable(); // S3 lists in lexical order, in which 1000000 precedes 999999
        Ok(numbers)
    }
}

/// Reads the body into one buffer, without a second copy.
async fn collect(mut body: ByteStream, length: usize) -> Result<Vec<u8>, ByteStreamError> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn status<E>(error: &SdkError<E>) -> Option<u16>
where
    E: StdError,
{
    error.raw_response().map(|response| response.status().as_u16())
}

fn last_modified(object: &GetObjectOutput) -> Option<Timestamp> {
    let instant = object.last_modified()?;
    Timestamp::new(instant.secs(), i32::try_from(instant.subsec_nanos()).ok()?).ok()
}

fn too_large(key: &ObjectKey) -> Error {
    let message = format!("reading object `{key}`: it is larger than any object that slacktrail writes");
    Error::deployment("object_too_large", message)
}

fn foreign(key: &str, bucket: &str) -> Error {
    Error::deployment(
        "unexpected_object",
        format!("listing a day log in bucket `{bucket}`: `{key}` is not an object that slacktrail writes"),
    )
}
