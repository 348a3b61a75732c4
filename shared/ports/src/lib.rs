//! The ports: traits for the systems that the collector and the OAuth flow need. Each has an adapter for AWS or HTTP and one for the
//! simulation. The stores also have one for a local directory. What only the OAuth flow needs is in `slacktrail_connect`.
//!
//! - [`credentials`] and [`secret`]: the stored app and grant of a source. [`sources`]: changes of stored sources.
//! - [`event`] and [`shard`]: the sources that an invocation of the poller polls.
//!
//! A call may be interrupted at any time, take effect although its response is lost, or take effect twice. The protocol of the collector
//! tolerates this. Adapters therefore need no locks, and no retries beyond those of their SDK.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]
#![expect(async_fn_in_trait, reason = "all futures run on one thread and need not be Send")]

pub mod credentials;
pub mod event;
pub mod secret;
pub mod shard;
pub mod sources;
mod update;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use jiff::Timestamp;

pub use update::{Change, update};

use crate::credentials::{App, Credentials};
use crate::secret::Token;
use crate::shard::Shard;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, json_location};
use slacktrail_core::object::{DayLogId, ObjectKey};
use slacktrail_core::slack::{Request, Response, TooLarge, too_large};
use slacktrail_core::source::{Source, SourceId, StreamId};

/// Slack's HTTP API.
pub trait Slack {
    /// Makes one call in bounded time, without retries. The body arrives later, in chunks.
    ///
    /// # Errors
    ///
    /// Returns an error only if Slack does not respond. An error response is a [`Response`].
    async fn call(&self, source: &Source, request: &Request, auth: CallAuth<'_>) -> Result<Response<Body>, Error>;

    /// Makes one call and reads the whole response, up to 1 MiB. Use it for everything except pages of logs.
    ///
    /// # Errors
    ///
    /// Returns an error if Slack does not respond, or if the response breaks off or is too long.
    async fn call_whole(&self, source: &Source, request: &Request, auth: CallAuth<'_>) -> Result<Response, Error> {
        read_whole(self.call(source, request, auth).await?, request, WHOLE_BYTES_MAX).await
    }
}

/// Maximum length of a response to [`Slack::call_whole`]. A page of 1,000 workspaces is far shorter.
pub const WHOLE_BYTES_MAX: usize = 1 << 20;

/// The body of a response while it arrives.
pub struct Body(Chunks);

enum Chunks {
    Whole(Option<Bytes>),
    Stream(LocalBoxStream<'static, Result<Bytes, Error>>),
}

impl Body {
    /// Creates a body from its complete bytes.
    pub fn whole(bytes: Vec<u8>) -> Body {
        Body(Chunks::Whole(Some(bytes.into())))
    }

    /// Creates a body from a stream of chunks.
    pub fn chunks<B: Into<Bytes>>(chunks: impl Stream<Item = Result<B, Error>> + 'static) -> Body {
        Body(Chunks::Stream(Box::pin(chunks.map(|chunk| chunk.map(Into::into)))))
    }

    /// Returns the next chunk, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the response breaks off or takes too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match &mut self.0 {
            Chunks::Whole(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
            Chunks::Stream(chunks) => chunks.next().await.transpose(),
        }
    }

    /// Passes each chunk to `keep` as it arrives, so that the caller has what arrived even if the rest never does.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`read_whole`].
    pub async fn read(
        &mut self,
        request: &Request,
        bytes_max: usize,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        let mut bytes = 0;
        while let Some(chunk) = self.chunk().await? {
            bytes += chunk.len();
            if bytes > bytes_max {
                return Err(too_large(request, TooLarge::Bytes));
            }
            keep(&chunk);
        }
        Ok(())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a body)")
    }
}

/// Reads the whole body of a response, up to `bytes_max`.
///
/// # Errors
///
/// Returns an error if the response breaks off, takes too long, or is longer.
pub async fn read_whole(mut response: Response<Body>, request: &Request, bytes_max: usize) -> Result<Response, Error> {
    let mut body = Vec::new();
    response.body.read(request, bytes_max, |chunk| body.extend_from_slice(chunk)).await?;
    Ok(response.with_body(body))
}

/// The authentication of a call.
#[derive(Clone, Copy, Debug)]
pub enum CallAuth<'a> {
    /// A user token, as `Authorization: Bearer`.
    User(&'a Token),
    /// The app's credentials, as `Authorization: Basic`, to exchange a code or refresh a token.
    App(&'a App),
}

/// Stores day logs.
///
/// # Errors
///
/// Each method returns an error if the store rejects the request or does not respond. A write may have taken effect even then.
pub trait DayLogStore {
    /// Creates an object, unless the key exists.
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error>;

    /// Reads a whole object. Returns `None` if it does not exist, and an error if it is too large.
    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error>;

    /// Lists the numbers of a day log's objects, in ascending order. The list is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the list is incomplete, or one of kind [`Investigate`](slacktrail_core::error::ErrorKind::Investigate) if the prefix
    /// contains an object that slacktrail did not write.
    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error>;
}

/// The outcome of creating an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CreateOutcome {
    /// The object was created.
    Created,
    /// An object with this key already existed.
    AlreadyExists,
    /// Another request for this key was in progress. Try the same key again.
    Conflict,
}

/// A stored object.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// The content.
    pub bytes: Vec<u8>,
    /// When the object was created, by the store's clock.
    pub last_modified: Timestamp,
}

/// The version of a stored item, which changes with each replacement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u64);

/// The sources and cursors of a deployment.
#[derive(Debug, Default)]
pub struct Deployment {
    /// The sources. A corrupt source is an error of that source only.
    pub sources: BTreeMap<SourceId, Result<Source, Error>>,
    /// The cursors with their versions. A corrupt cursor is an error of that stream only.
    pub cursors: BTreeMap<StreamId, StoredCursor>,
}

impl Deployment {
    /// Adds the source that is stored as JSON under `id`. Corrupt JSON becomes the error of that source.
    pub fn insert_source(&mut self, id: SourceId, json: &str) {
        let unreadable = |what: &str| Error::deployment("corrupt_source", format!("reading source `{id}`: {what}"));
        let source = match serde_json::from_str::<Source>(json) {
            Ok(source) if source.id == id => Ok(source),
            Ok(_) => Err(unreadable("the stored source has another ID")),
            Err(error) => Err(unreadable("the stored source is malformed").with_source(json_location(&error))),
        };
        self.sources.insert(id, source);
    }

    /// Adds the cursor that [`Cursor::encode`] encoded. A corrupt cursor becomes the error of that stream.
    pub fn insert_cursor(&mut self, stream: StreamId, version: Option<Version>, text: &str) {
        let unversioned =
            || Error::deployment("malformed_cursor", format!("reading the cursor of `{stream}`: it has no version"));
        // No stored cursor has version 0, so a cursor without a version is never replaced.
        let version_or_none = version.unwrap_or(Version(0));
        let cursor = version.ok_or_else(unversioned).and_then(|_| Cursor::decode_for(stream.log, text));
        self.cursors.insert(stream, (version_or_none, cursor));
    }
}

/// A cursor as stored: its version, and the cursor or the error for which it cannot be read.
pub type StoredCursor = (Version, Result<Cursor, Error>);

/// A source as stored: its version, and the source or the error for which it cannot be read.
pub type StoredSource = (Version, Result<Source, Error>);

/// Stores sources and cursors.
///
/// # Errors
///
/// Each method returns an error if the store fails. A write may have taken effect even then.
pub trait DeploymentStore {
    /// Reads all sources and cursors.
    async fn load(&self) -> Result<Deployment, Error>;

    /// Reads all sources and cursors, or returns `None` if there are more than `sources_max` sources.
    async fn load_at_most(&self, sources_max: usize) -> Result<Option<Deployment>, Error> {
        Ok(Some(self.load().await?).filter(|deployment| deployment.sources.len() <= sources_max))
    }

    /// Reads the sources of a shard and their cursors.
    async fn load_shard(&self, shard: &Shard) -> Result<Deployment, Error> {
        let mut deployment = self.load().await?;
        deployment.sources.retain(|id, _| shard.has(id));
        deployment.cursors.retain(|stream, _| shard.has(&stream.source));
        Ok(deployment)
    }

    /// Reads the IDs of all sources, in the order of [`SourceId::sort_prefix`]. A source that was connected some seconds ago may be missing.
    async fn source_ids(&self) -> Result<Vec<SourceId>, Error> {
        let mut ids: Vec<SourceId> = self.load().await?.sources.into_keys().collect();
        ids.sort_by_key(SourceId::sort_prefix);
        Ok(ids)
    }

    /// Replaces the cursor of a stream if its version is still `expected`, or creates it if `expected` is `None` and it does not exist.
    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error>;

    /// Loads the cursor of one stream; `None` if it has none.
    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        Ok(self.load().await?.cursors.remove(stream))
    }

    /// Reads one source with its version, or returns `None` if it does not exist. A corrupt source has a version, too, so that it can be
    /// replaced.
    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error>;

    /// Replaces a source if its version is still `expected`, or creates it if `expected` is `None` and it does not exist.
    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error>;
}

/// The outcome of replacing a versioned item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplaceOutcome<V = Version> {
    /// The item was replaced and now has this version.
    Replaced(V),
    /// The item has another version, because another writer replaced it.
    Conflict,
}

/// The version of a secret, as named by its store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretVersion(pub String);

/// The credentials of a source as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCredentials {
    /// The version of the secret.
    pub version: SecretVersion,
    /// The credentials, or `None` if the secret is malformed.
    pub credentials: Option<Credentials>,
}

/// Stores credentials.
///
/// # Errors
///
/// Each method returns an error if the store fails. A write may have taken effect even then.
pub trait CredentialStore {
    /// Reads the credentials of a source, possibly from a cache. Returns `None` if it has none.
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error>;

    /// Reads the credentials of a source, bypassing any cache.
    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error>;

    /// Replaces the credentials of a source if their version is still `expected`, or creates them if `expected` is `None` and there are none.
    ///
    /// Only one of several concurrent writers succeeds. [`CredentialStore::credentials`] returns the new credentials only after they are stored.
    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error>;

    /// Deletes the credentials of a source permanently, if they exist.
    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error>;
}

/// Starts invocations of the poller.
pub trait Invoker {
    /// Invokes the poller asynchronously for one shard.
    ///
    /// # Errors
    ///
    /// Returns an error if the invocation was rejected or there was no response. The shard may be polled even if this method returns an error.
    async fn invoke(&self, shard: &Shard) -> Result<(), Error>;
}

/// The ports of the poller.
#[derive(Clone, Debug)]
pub struct Ports<S, D, T, K> {
    /// Slack.
    pub slack: S,
    /// Stores day logs.
    pub day_logs: D,
    /// Stores sources and cursors.
    pub deployment: T,
    /// Stores credentials.
    pub credentials: K,
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use slacktrail_core::source::{LogType, Plan};
    use slacktrail_core::time::Second;

    #[test]
    fn body_is_read_whole_up_to_limit() {
        let read = |body: Body, bytes_max| {
            let response = Response::<()> { status: 200, ..Response::default() }.with_body(body);
            let whole = read_whole(response, &Request::auth_test(), bytes_max).now_or_never().unwrap();
            whole.map(|response| (response.status, response.body)).map_err(|error| error.code)
        };
        let chunks = || Body::chunks(futures_util::stream::iter([b"ab".to_vec(), b"cde".to_vec()].map(Ok)));
        assert_eq!(read(chunks(), 5), Ok((200, b"abcde".to_vec())));
        assert_eq!(read(chunks(), 4), Err("response_too_large".to_owned()));
        assert_eq!(read(Body::whole(b"abc".to_vec()), 3), Ok((200, b"abc".to_vec())));
        assert_eq!(read(Body::whole(Vec::new()), 3), Ok((200, Vec::new())));
    }

    #[test]
    fn stored_item_with_wrong_id_or_without_version_is_error() {
        let id: SourceId = "acme".parse().unwrap();
        let source = Source::new(id.clone(), "Acme", Plan::Enterprise, Second::EPOCH);
        let json = serde_json::to_string(&source).unwrap();
        let mut deployment = Deployment::default();
        for stored_under in ["acme", "other"] {
            deployment.insert_source(stored_under.parse().unwrap(), &json);
        }
        let stream = |log| StreamId { source: id.clone(), log };
        let text = Cursor::first(&source, LogType::Audit, Second::MARCH_2018).encode();
        deployment.insert_cursor(stream(LogType::Audit), Some(Version(7)), &text);
        deployment.insert_cursor(stream(LogType::Access), None, &text);
        let read = |id: &str| deployment.sources[&id.parse().unwrap()].as_ref().map_err(|error| error.code.as_str());
        assert_eq!(read("acme").map(|source| &source.id), Ok(&id));
        assert_eq!(read("other").err(), Some("corrupt_source"));
        let cursor = |log| {
            let (version, cursor) = &deployment.cursors[&stream(log)];
            (*version, cursor.as_ref().err().map(|error| error.code.as_str()))
        };
        assert_eq!(cursor(LogType::Audit), (Version(7), None));
        assert_eq!(cursor(LogType::Access), (Version(0), Some("malformed_cursor")));
    }
}
