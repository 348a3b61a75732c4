//! Day logs in S3. An object is only ever created, never replaced: S3 itself puts all writers of a day log in one order.

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
use super::operation::{Operation, Resource};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_ports::{CreateOutcome, DayLogStore, StoredObject};

/// An object that is read back may have so many bytes, 24 MiB. slacktrail's have a few MiB at most. A larger one is refused unread, because it
/// would not fit the memory of a function.
const OBJECT_BYTES_MAX: u32 = 24 << 20;

/// One JSON record a line. The content *encoding* stays unset: Athena and others know gzip by the name, and an HTTP client
/// that unpacked by the header would hand them a file that is not what its name says.
const CONTENT_TYPE: &str = "application/x-ndjson";

/// Day logs in a bucket.
#[derive(Clone, Debug)]
pub struct S3DayLogs {
    client: Client,
    bucket: String,
    /// A permit for each byte of the objects that are being read. Whoever has read one decodes it before another future runs, so that
    /// together they never take more memory than one object of the greatest size.
    reading: Arc<Semaphore>,
}

impl S3DayLogs {
    /// Day logs in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> S3DayLogs {
        S3DayLogs { client, bucket: bucket.into(), reading: Arc::new(Semaphore::new(OBJECT_BYTES_MAX as usize)) }
    }

    fn operation(&self, doing: String, permissions: String) -> Operation {
        let bucket = &self.bucket;
        let resource = Resource {
            name: format!("bucket `{bucket}`"),
            missing_code: "no_such_bucket",
            missing_hint: format!(
                "see whether `BUCKET_NAME` (`SLACKTRAIL_BUCKET` on the command line) says `{bucket}` by mistake, and the region is right"
            ),
        };
        Operation { doing, resource, permissions }
    }

    fn read_operation(&self, key: &ObjectKey) -> Operation {
        let bucket = &self.bucket;
        // To a caller who may not list the bucket S3 answers 403 for an object that is not there.
        self.operation(
            format!("reading object `{key}` of bucket `{bucket}`"),
            format!("`s3:GetObject` on `{bucket}/*` and `s3:ListBucket` on `{bucket}` (without the latter a missing object looks like a forbidden one)"),
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
            // Also when an attempt of ours was applied, its reply got lost, and the SDK tried again: whoever reads the object
            // finds there what it meant to write.
            Some(412) => Ok(CreateOutcome::AlreadyExists),
            // ConditionalRequestConflict: another attempt on this key is under way, and may yet fail.
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
            return Err(unusable(key, "it is far larger than any object that slacktrail writes"));
        };
        let last_modified =
            last_modified(&object).ok_or_else(|| unusable(key, "S3 does not say when it was created"))?;
        // The client's time limits end with the head of the reply, so that the body needs its own.
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
        // Bounded by the bucket: a page has at most 1000 keys, and each page must lead on to another.
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
        numbers.sort_unstable(); // S3 lists by name, in which 1000000 comes before 999999
        Ok(numbers)
    }
}

/// The body in one piece, without a second copy of it.
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

fn unusable(key: &ObjectKey, what: &str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "object_too_large",
        format!("reading object `{key}`: {what}"),
        "restore the object's first version, or move it away if it is not slacktrail's",
    )
}

fn foreign(key: &str, bucket: &str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "unexpected_object",
        format!("listing a day log in bucket `{bucket}`: `{key}` is not an object that slacktrail writes"),
        "move it away: a day log is read as a whole, and what does not belong there cannot be read",
    )
}
