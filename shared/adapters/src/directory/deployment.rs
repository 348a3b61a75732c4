//! Stores sources and cursors in a directory. Each has one file, which is replaced atomically.
//!
//! | file under `.slacktrail` | content |
//! |---|---|
//! | `sources/<source id>.json` | the source |
//! | `cursors/<source id>.<log type>.json` | `{"version":1,"cursor":{...}}` |
//! | `lock` | empty; a process locks it while it replaces a cursor or a source |

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::file;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_ports::{Deployment, DeploymentStore, ReplaceOutcome, StoredCursor, StoredSource, Version};

/// The directory of the sources and cursors. The leading dot hides it from listings and from most tools that read a whole tree.
pub(super) const STATE: &str = ".slacktrail";
/// The time limit for acquiring the lock. The caller may retry afterwards.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A store of sources and cursors in a directory.
#[derive(Clone, Debug)]
pub struct DirectoryDeployment {
    root: PathBuf,
    timeout: Duration,
}

/// The content of a cursor's file.
#[derive(Serialize, Deserialize)]
struct Versioned {
    version: u64,
    cursor: Box<RawValue>,
}

/// A file's name without `.json`, and its text.
type Stored = (String, Result<String, Error>);

impl DirectoryDeployment {
    /// Creates a store in the directory `root`, which also contains the day logs.
    pub fn new(root: impl Into<PathBuf>) -> DirectoryDeployment {
        DirectoryDeployment { root: root.into(), timeout: LOCK_TIMEOUT }
    }

    /// Sets the time limit for acquiring the lock.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> DirectoryDeployment {
        DirectoryDeployment { timeout, ..self }
    }

    fn state(&self, kind: &str) -> PathBuf {
        self.root.join(STATE).join(kind)
    }

    fn source_path(&self, id: &SourceId) -> PathBuf {
        self.state("sources").join(format!("{id}.json"))
    }

    fn cursor_path(&self, stream: &StreamId) -> PathBuf {
        self.state("cursors").join(format!("{}.{}.json", stream.source, stream.log))
    }

    /// Waits for other processes that replace a cursor or a source, which takes milliseconds. The operating system releases the lock when the file
    /// is closed, even if the process is killed.
    fn lock(&self) -> io::Result<File> {
        file::lock(&self.root, &self.root.join(STATE).join("lock"), self.timeout)
    }

    /// Reads a file as text. Returns an empty text, which is not a valid source or cursor, if the file was removed after it was listed.
    fn read_text(&self, path: &Path) -> Result<String, Error> {
        let read = file::read(&self.root, path).map_err(|error| file::to_error("reading", path, error))?;
        Ok(read.map(|content| String::from_utf8_lossy(&content.bytes).into_owned()).unwrap_or_default())
    }

    fn files(&self, kind: &str) -> Result<Vec<Stored>, Error> {
        let directory = self.state(kind);
        let names =
            file::names(&self.root, &directory).map_err(|error| file::to_error("listing", &directory, error))?;
        let stems = names.iter().filter_map(|name| name.to_str()?.strip_suffix(".json"));
        Ok(stems.map(|stem| (stem.to_owned(), self.read_text(&directory.join(format!("{stem}.json"))))).collect())
    }
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
        for (stem, text) in self.files("sources")? {
            let Ok(id) = stem.parse() else { continue }; // not a source's file
            match text {
                Ok(text) => deployment.insert_source(id, &text),
                Err(error) => drop(deployment.sources.insert(id, Err(error))),
            }
        }
        for (stem, text) in self.files("cursors")? {
            let Some(stream) = stem
                .split_once('.')
                .and_then(|(source, log)| Some(StreamId { source: source.parse().ok()?, log: log.parse().ok()? }))
            else {
                continue; // not a cursor's file
            };
            match text {
                Ok(text) => insert_cursor(&mut deployment, stream, &text),
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
        let path = self.cursor_path(stream);
        let failed = |error| file::to_error("replacing", &path, error);
        let _lock = self.lock().map_err(failed)?;
        // A file without a valid version matches no expected version.
        let stored = file::read(&self.root, &path)
            .map_err(failed)?
            .map(|content| Versioned::parse(&String::from_utf8_lossy(&content.bytes)).map(|it| Version(it.version)));
        if stored != expected.map(Some) {
            return Ok(ReplaceOutcome::Conflict);
        }
        let next = Version(expected.map_or(0, |version| version.0) + 1);
        let cursor = RawValue::from_string(cursor.encode()).expect("a cursor's text is JSON");
        let text =
            serde_json::to_string(&Versioned { version: next.0, cursor }).expect("an object of JSON values is JSON");
        file::replace(&self.root, &path, text.as_bytes()).map_err(failed)?;
        Ok(ReplaceOutcome::Replaced(next))
    }

    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        let path = self.cursor_path(stream);
        let stored = file::read(&self.root, &path).map_err(|error| file::to_error("reading", &path, error))?;
        Ok(stored.and_then(|content| {
            let mut deployment = Deployment::default();
            insert_cursor(&mut deployment, stream.clone(), &String::from_utf8_lossy(&content.bytes));
            deployment.cursors.remove(stream)
        }))
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        let path = self.source_path(id);
        let stored = file::read(&self.root, &path).map_err(|error| file::to_error("reading", &path, error))?;
        Ok(stored.map(|content| {
            let mut deployment = Deployment::default();
            deployment.insert_source(id.clone(), &String::from_utf8_lossy(&content.bytes));
            (version_of(&content.bytes), deployment.sources.remove(id).expect("the line above inserts it"))
        }))
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        let path = self.source_path(&source.id);
        let failed = |error| file::to_error("writing", &path, error);
        let _lock = self.lock().map_err(failed)?;
        if file::read(&self.root, &path).map_err(failed)?.map(|content| version_of(&content.bytes)) != expected {
            return Ok(ReplaceOutcome::Conflict);
        }
        let text = serde_json::to_string(source).expect("a source holds only text and numbers");
        file::replace(&self.root, &path, text.as_bytes()).map_err(failed)?;
        Ok(ReplaceOutcome::Replaced(version_of(text.as_bytes())))
    }
}

impl Versioned {
    fn parse(text: &str) -> Option<Versioned> {
        serde_json::from_str(text).ok()
    }
}

/// Returns the version of a source's file. It is a hash of the bytes, so that manual edits change the version too.
fn version_of(bytes: &[u8]) -> Version {
    let hash = Sha256::digest(bytes);
    Version(hash.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte)))
}
