//! The ports: what the core needs done by others. Each has an AWS or HTTP adapter, one for a directory, and a simulated one.
//!
//! Every method may be cut off at any instant, applied without an answer, or applied twice. The protocol of `day_log` and
//! `collect` is made for that; no adapter needs a lock or a retry of its own beyond what its SDK does.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]
#![expect(async_fn_in_trait, reason = "futures here run on one thread and need no Send")]

pub mod credentials;
pub mod sources;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use jiff::Timestamp;

pub use update::update;

use slacktrail_core::authorization::{Authorization, AuthorizationId};
use slacktrail_core::credentials::{App, Credentials};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind, json_location};
use slacktrail_core::object::{DayLogId, ObjectKey};
use slacktrail_core::secret::Token;
use slacktrail_core::shard::Shard;
use slacktrail_core::slack::{Request, Response, TooLarge, too_large};
use slacktrail_core::source::{Source, SourceId, StreamId};

/// Slack, over HTTP: bytes out, bytes in.
pub trait Slack {
    /// Makes one call, once, with bounded time. The body arrives afterwards, chunk by chunk.
    ///
    /// # Errors
    /// Only when there is no reply; a reply that tells an error is a [`Response`].
    async fn call(&self, source: &Source, request: &Request, caller: CallAuth<'_>) -> Result<Response<Body>, Error>;

    /// Makes one call and reads its reply whole, if that is no longer than 1 MiB. For everything but pages of a log.
    ///
    /// # Errors
    /// When there is no reply, when it breaks off, and when it is longer.
    async fn call_whole(&self, source: &Source, request: &Request, caller: CallAuth<'_>) -> Result<Response, Error> {
        self.call(source, request, caller).await?.whole(request, WHOLE_BYTES_MAX).await
    }
}

/// The longest reply that [`Slack::call_whole`] reads: a page of 1,000 workspaces is shorter by far.
pub const WHOLE_BYTES_MAX: usize = 1 << 20;

/// The body of a reply, while it arrives.
pub struct Body(Chunks);

enum Chunks {
    Whole(Option<Vec<u8>>),
    Stream(LocalBoxStream<'static, Result<Vec<u8>, Error>>),
}

impl Body {
    /// A body that is there.
    pub fn whole(bytes: Vec<u8>) -> Body {
        Body(Chunks::Whole(Some(bytes)))
    }

    /// A body that arrives in these chunks.
    pub fn chunks(chunks: impl Stream<Item = Result<Vec<u8>, Error>> + 'static) -> Body {
        Body(Chunks::Stream(Box::pin(chunks)))
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// When the reply breaks off or takes too long.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.0 {
            Chunks::Whole(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
            Chunks::Stream(chunks) => chunks.next().await.transpose(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a body)")
    }
}

/// Reads the body of a response.
pub trait ReadBody: Sized {
    /// Reads the whole body, up to `bytes_max`.
    ///
    /// # Errors
    /// Returns an error if the response breaks off, takes too long, or is longer.
    async fn whole(self, request: &Request, bytes_max: usize) -> Result<Response, Error>;

    /// Passes each chunk to `keep` as it arrives, so that the caller has what arrived even if the rest never does.
    ///
    /// # Errors
    /// Returns an error under the same conditions as [`ReadBody::whole`].
    async fn arriving(
        self,
        request: &Request,
        bytes_max: usize,
        keep: impl FnMut(&[u8]),
    ) -> Result<Response<()>, Error>;
}

impl ReadBody for Response<Body> {
    async fn whole(self, request: &Request, bytes_max: usize) -> Result<Response, Error> {
        let mut body = Vec::new();
        let response = self.arriving(request, bytes_max, |chunk| body.extend_from_slice(chunk)).await?;
        let Response { status, retry_after, date, scopes, .. } = response;
        Ok(Response { status, retry_after, date, scopes, body })
    }

    async fn arriving(
        mut self,
        request: &Request,
        bytes_max: usize,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<Response<()>, Error> {
        let mut bytes = 0;
        while let Some(chunk) = self.body.chunk().await? {
            bytes += chunk.len();
            if bytes > bytes_max {
                return Err(too_large(request, TooLarge::Bytes));
            }
            keep(&chunk);
        }
        Ok(self.without_body())
    }
}

/// As whom a call is made.
#[derive(Clone, Copy, Debug)]
pub enum CallAuth<'a> {
    /// As the user whose token it is: `Authorization: Bearer`.
    User(&'a Token),
    /// As the app, to exchange a code or refresh a token: `Authorization: Basic`.
    App(&'a App),
}

/// Where day logs are kept.
pub trait DayLogStore {
    /// Creates an object that must not exist.
    ///
    /// # Errors
    /// By remedy; then the object may exist or not.
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error>;

    /// Reads an object whole; `None` when there is none.
    ///
    /// # Errors
    /// By remedy.
    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error>;

    /// The numbers of a day log's objects, ascending. Complete: a listing that ends early is an error.
    ///
    /// # Errors
    /// By remedy; [`Investigate`](slacktrail_core::error::ErrorKind::Investigate) for a foreign file under the prefix.
    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error>;
}

/// What came of an attempt to create an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CreateOutcome {
    /// It is there now, with our bytes.
    Created,
    /// An object of that key was there before.
    AlreadyExists,
    /// Another attempt was under way: try the same key again.
    Conflict,
}

/// An object as it is stored.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was created, by the store's clock.
    pub last_modified: Timestamp,
}

/// Tells one state of a stored item from another. Stores that count replacements use the count.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u64);

/// All that a deployment's table holds about what to collect.
#[derive(Debug, Default)]
pub struct Deployment {
    /// The sources. One that cannot be read is an error of that source alone.
    pub sources: BTreeMap<SourceId, Result<Source, Error>>,
    /// The cursors with their versions. One that cannot be read is an error of that stream alone.
    pub cursors: BTreeMap<StreamId, StoredCursor>,
}

impl Deployment {
    /// Adds a source as it is stored under `id`: JSON. What cannot be read is that source's error.
    pub fn insert_source(&mut self, id: SourceId, json: &str) {
        let unreadable = |what: &str| {
            Error::deployment(
                ErrorKind::Investigate,
                "corrupt_source",
                format!("reading source `{id}`: {what}"),
                format!(
                    "connect it again (`slacktrail connect {id}`): its cursors stay; or deploy the newer slacktrail that wrote it"
                ),
            )
        };
        let source = match serde_json::from_str::<Source>(json) {
            Ok(source) if source.id == id => Ok(source),
            Ok(_) => Err(unreadable("what is stored is another source")),
            Err(error) => Err(unreadable("what is stored is not a source that this slacktrail knows")
                .with_source(json_location(&error))),
        };
        self.sources.insert(id, source);
    }

    /// Adds a cursor as it is stored: text of [`Cursor::encode`]. What cannot be read is that stream's error.
    pub fn insert_cursor(&mut self, stream: StreamId, version: Option<Version>, text: &str) {
        let unversioned = || {
            Error::deployment(
                ErrorKind::Investigate,
                "corrupt_cursor",
                format!("reading the cursor of `{stream}`: it has no version"),
                "restore it from the table's backup, or delete it: the stream is then collected again from its start, and nothing is stored twice",
            )
        };
        // No cursor ever has version 0, so that nothing replaces one that has none.
        let version_or_none = version.unwrap_or(Version(0));
        let cursor = version.ok_or_else(unversioned).and_then(|_| Cursor::decode(text));
        self.cursors.insert(stream, (version_or_none, cursor));
    }
}

/// A cursor as stored: its version, and the cursor or the error for which it cannot be read.
pub type StoredCursor = (Version, Result<Cursor, Error>);

/// A source as stored: its version, and the source or the error for which it cannot be read.
pub type StoredSource = (Version, Result<Source, Error>);

/// Where sources and cursors are kept.
pub trait DeploymentStore {
    /// Reads everything, in one read where it fits.
    ///
    /// # Errors
    /// By remedy, when the store as a whole cannot be read.
    async fn load(&self) -> Result<Deployment, Error>;

    /// Reads everything of a deployment that has at most so many sources; `None` of a larger one.
    ///
    /// # Errors
    /// As [`DeploymentStore::load`].
    async fn load_at_most(&self, sources_max: usize) -> Result<Option<Deployment>, Error> {
        Ok(Some(self.load().await?).filter(|deployment| deployment.sources.len() <= sources_max))
    }

    /// Reads everything of the sources of a share.
    ///
    /// # Errors
    /// As [`DeploymentStore::load`].
    async fn load_shard(&self, shard: &Shard) -> Result<Deployment, Error> {
        let mut deployment = self.load().await?;
        deployment.sources.retain(|id, _| shard.has(id));
        deployment.cursors.retain(|stream, _| shard.has(&stream.source));
        Ok(deployment)
    }

    /// The names of all sources, in the order of [`SourceId::sort_prefix`]. One that was connected some seconds ago may be missing.
    ///
    /// # Errors
    /// As [`DeploymentStore::load`].
    async fn source_ids(&self) -> Result<Vec<SourceId>, Error> {
        let mut ids: Vec<SourceId> = self.load().await?.sources.into_keys().collect();
        ids.sort_by_key(SourceId::sort_prefix);
        Ok(ids)
    }

    /// Replaces a stream's cursor if its version is still `expected` (`None`: there is no cursor).
    ///
    /// # Errors
    /// By remedy; then the cursor may be replaced or not.
    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error>;

    /// Loads the cursor of one stream; `None` if it has none.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        Ok(self.load().await?.cursors.remove(stream))
    }

    /// Reads one source with its version; `None` if the ID has no source. A source that cannot be read has a version too, so that it
    /// can be replaced.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error>;

    /// Replaces a source if its version is still `expected` (`None`: the ID has no source).
    ///
    /// # Errors
    /// Returns an error if the store fails. The source may have been replaced even if this method returns an error.
    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error>;
}

/// What came of an attempt to replace something whose version must be known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplaceOutcome<V = Version> {
    /// It is replaced, and this is its version now.
    Replaced(V),
    /// It had another version: somebody else was first.
    Conflict,
}

/// A secret's version, by its store's own name for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretVersion(pub String);

/// Credentials as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCredentials {
    /// Their version.
    pub version: SecretVersion,
    /// What they are; `None` when what is stored is nothing that slacktrail wrote.
    pub credentials: Option<Credentials>,
}

/// Where credentials are kept.
pub trait CredentialStore {
    /// A source's credentials, which may be ones kept from an earlier call; `None` when it has none.
    ///
    /// # Errors
    /// By remedy.
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error>;

    /// A source's credentials as they are stored now.
    ///
    /// # Errors
    /// By remedy.
    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error>;

    /// Replaces a source's credentials if their version is still `expected` (`None`: it has none). Of several that try at once one
    /// succeeds. They are what [`CredentialStore::credentials`] gives only after they are stored.
    ///
    /// # Errors
    /// By remedy; then they may be replaced or not.
    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error>;

    /// Deletes a source's credentials for good, if it has any.
    ///
    /// # Errors
    /// By remedy; then they may be deleted or not.
    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error>;
}

/// Who starts further invocations of the poller.
pub trait Invoker {
    /// Has a share polled by an invocation of its own, without waiting for it.
    ///
    /// # Errors
    /// By remedy; then it may be polled or not.
    async fn invoke(&self, shard: &Shard) -> Result<(), Error>;
}

/// Stores authorizations.
pub trait AuthorizationStore {
    /// Reads an authorization; `None` if it does not exist or was deleted.
    ///
    /// # Errors
    /// By remedy.
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error>;

    /// Replaces an authorization if its version is still `expected` (`None`: it does not exist).
    ///
    /// # Errors
    /// By remedy; then it may be replaced or not.
    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error>;
}

/// Bounds how long an operation may take. The core has no clock of its own.
pub trait Timer {
    /// Runs `work` for at most `limit`. Returns `None` if the limit was reached; `work` is dropped then, and its last call may have been
    /// applied.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T>;
}

/// The four ports of the poller together.
#[derive(Debug)]
pub struct Ports<S, D, T, K> {
    /// Slack.
    pub slack: S,
    /// Where day logs are kept.
    pub day_logs: D,
    /// Where sources and cursors are kept.
    pub deployment: T,
    /// Where credentials are kept.
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
            let response = Response { status: 200, retry_after: None, date: None, scopes: None, body };
            let whole = response.whole(&Request::auth_test(), bytes_max).now_or_never().unwrap();
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
        assert_eq!(cursor(LogType::Access), (Version(0), Some("corrupt_cursor")));
    }
}
