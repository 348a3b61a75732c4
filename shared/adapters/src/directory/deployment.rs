//! Stores sources and cursors in a directory. Each has one file, which is replaced atomically.
//!
//! | file under `.slacktrail` | content |
//! |---|---|
//! | `sources/<source id>.json` | the source |
//! | `cursors/<source id>.<log type>.json` | `{"version":1,"cursor":{...}}` |
//! | `lock` | empty; a process locks it while it replaces a cursor or a source |

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::files::Files;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_ports::{Deployment, DeploymentStore, ReplaceOutcome, StoredCursor, StoredSource, Version};

/// The file that is locked while a cursor or a source is replaced. The leading dot of `.slacktrail` hides it from listings and from most tools
/// that read a whole tree.
const LOCK: &str = ".slacktrail/lock";
const SOURCES: &str = ".slacktrail/sources";
const CURSORS: &str = ".slacktrail/cursors";
/// The time limit for acquiring the lock. The caller may retry afterwards.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A store of sources and cursors in a directory.
#[derive(Clone, Debug)]
pub struct DirectoryDeployment {
    files: Files,
    timeout: Duration,
}

/// The content of a cursor's file.
#[derive(Serialize, Deserialize)]
struct Versioned {
    version: u64,
    cursor: Box<RawValue>,
}

impl DirectoryDeployment {
    /// Creates a store in the directory `root`, which also contains the day logs.
    pub fn new(root: impl Into<PathBuf>) -> DirectoryDeployment {
        DirectoryDeployment { files: Files::new(root), timeout: LOCK_TIMEOUT }
    }

    /// Sets the time limit for acquiring the lock.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> DirectoryDeployment {
        DirectoryDeployment { timeout, ..self }
    }

    /// Waits for other processes that replace a cursor or a source, which takes milliseconds.
    fn lock(&self) -> Result<File, Error> {
        self.files.lock(LOCK, self.timeout)?.ok_or_else(|| {
            let message = format!("locking `{}`: another process holds the lock", self.files.shown(LOCK));
            Error::deployment("directory_locked", message)
        })
    }
}

fn source_path(id: &SourceId) -> String {
    format!("{SOURCES}/{id}.json")
}

fn cursor_path(stream: &StreamId) -> String {
    format!("{CURSORS}/{}.{}.json", stream.source, stream.log)
}

/// Returns the stream of a cursor's file.
fn stream_of(name: &str) -> Option<StreamId> {
    let (source, log) = name.strip_suffix(".json")?.split_once('.')?;
    Some(StreamId { source: source.parse().ok()?, log: log.parse().ok()? })
}

/// Adds the cursor of a file to `deployment`.
fn insert_cursor(deployment: &mut Deployment, stream: StreamId, text: &str) {
    let versioned = Versioned::parse(text);
    let version = versioned.as_ref().map(|versioned| Version(versioned.version));
    deployment.insert_cursor(stream, version, versioned.as_ref().map_or("", |versioned| versioned.cursor.get()));
}

impl DeploymentStore for DirectoryDeployment {
    async fn load(&self) -> Result<Deployment, Error> {
        let mut deployment = Deployment::default();
        for name in self.files.names(SOURCES)? {
            let Some(Ok(id)) = name.strip_suffix(".json").map(str::parse) else { continue }; // not a source's file
            match self.files.read_text(&source_path(&id)) {
                Ok(text) => text.into_iter().for_each(|text| deployment.insert_source(id.clone(), &text)),
                Err(error) => drop(deployment.sources.insert(id, Err(error))),
            }
        }
        for name in self.files.names(CURSORS)? {
            let Some(stream) = stream_of(&name) else { continue }; // not a cursor's file
            match self.files.read_text(&cursor_path(&stream)) {
                Ok(text) => {
                    text.into_iter().for_each(|text| insert_cursor(&mut deployment, stream.clone(), &text));
                }
                Err(error) => drop(deployment.cursors.insert(stream, (Version(0), Err(error)))),
            }
        }
        Ok(deployment)
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        let path = cursor_path(stream);
        let _lock = self.lock()?;
        // A file without a valid version matches no expected version.
        let version = |text: String| Versioned::parse(&text).map(|versioned| Version(versioned.version));
        if self.files.read_text(&path)?.map(version) != expected.map(Some) {
            return Ok(ReplaceOutcome::Conflict);
        }
        let next = Version(expected.map_or(0, |version| version.0) + 1);
        let cursor = RawValue::from_string(cursor.encode()).expect("a cursor's text is JSON");
        let text =
            serde_json::to_string(&Versioned { version: next.0, cursor }).expect("an object of JSON values is JSON");
        self.files.replace(&path, text.as_bytes())?;
        Ok(ReplaceOutcome::Replaced(next))
    }

    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        Ok(self.files.read_text(&cursor_path(stream))?.and_then(|text| {
            let mut deployment = Deployment::default();
            insert_cursor(&mut deployment, stream.clone(), &text);
            deployment.cursors.remove(stream)
        }))
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        Ok(self.files.read_text(&source_path(id))?.and_then(|text| {
            let mut deployment = Deployment::default();
            deployment.insert_source(id.clone(), &text);
            Some((version_of(&text), deployment.sources.remove(id)?))
        }))
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        let path = source_path(&source.id);
        let _lock = self.lock()?;
        if self.files.read_text(&path)?.map(|text| version_of(&text)) != expected {
            return Ok(ReplaceOutcome::Conflict);
        }
        let text = serde_json::to_string(source).expect("a source holds only text and numbers");
        self.files.replace(&path, text.as_bytes())?;
        Ok(ReplaceOutcome::Replaced(version_of(&text)))
    }
}

impl Versioned {
    fn parse(text: &str) -> Option<Versioned> {
        serde_json::from_str(text).ok()
    }
}

/// Returns the version of a source's file. It is a hash of the text, so that manual edits change the version too.
fn version_of(text: &str) -> Version {
    let hash = Sha256::digest(text);
    Version(hash.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte)))
}
