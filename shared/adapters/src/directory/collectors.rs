//! Shows which streams a process collects into a directory now, and when each stream was last collected.
//!
//! Collection itself needs neither, because two processes may collect the same stream at the same time. `slacktrail status --dir` shows
//! both, and `slacktrail backfill --dir` waits for a process that collects the stream, instead of collecting itself.
//!
//! | file under `.slacktrail` | content |
//! |---|---|
//! | `collectors/<source id>.<log type>` | empty; a process locks it while it collects the stream. Its modification time is when that process started |
//! | `collected/<source id>.<log type>.json` | `{"at":1795332821}`, the time of the last tick without an error |

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::Files;
use slacktrail_core::error::Error;
use slacktrail_core::source::StreamId;
use slacktrail_core::time::Second;

/// The time limit for acquiring a collector's lock. A process that checks the lock holds it for an instant.
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// The collectors of a directory.
#[derive(Clone, Debug)]
pub struct DirectoryCollectors {
    files: Files,
}

/// Marks a stream as being collected. Dropping it, or the end of the process for any reason, removes the mark.
#[derive(Debug)]
pub struct CollectorLock(#[expect(dead_code, reason = "the open file holds the lock")] File);

/// The content of a file under `collected`.
#[derive(Serialize, Deserialize)]
struct Collected {
    at: Second,
}

impl DirectoryCollectors {
    /// Creates the collectors of the directory `root`. Performs no I/O.
    pub fn new(root: impl Into<PathBuf>) -> DirectoryCollectors {
        DirectoryCollectors { files: Files::new(root) }
    }

    /// Marks a stream as being collected by this process since `now`. Returns `None` if another process has marked it.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be written to.
    pub fn lock(&self, stream: &StreamId, now: Timestamp) -> Result<Option<CollectorLock>, Error> {
        let path = lock_path(stream);
        let Some(lock) = self.files.lock(&path, LOCK_TIMEOUT)? else { return Ok(None) };
        lock.set_modified(now.into()).map_err(|error| self.files.to_error("locking", &path, error))?;
        Ok(Some(CollectorLock(lock)))
    }

    /// Returns since when a process collects the stream, or `None` if none does. A process that ended or was killed does not.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read.
    pub fn collecting_since(&self, stream: &StreamId) -> Result<Option<Second>, Error> {
        let time = self.files.locked_file_time(&lock_path(stream))?;
        Ok(time.map(|time| Timestamp::try_from(time).map_or(Second::EPOCH, Second::of)))
    }

    /// Stores when the stream was last collected.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be written to.
    pub fn save(&self, stream: &StreamId, at: Second) -> Result<(), Error> {
        let text = serde_json::to_string(&Collected { at }).expect("a number is JSON");
        self.files.replace(&collected_path(stream), text.as_bytes())
    }

    /// Returns when the stream was last collected, or `None` if the directory does not show it.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read.
    pub fn last_collected(&self, stream: &StreamId) -> Result<Option<Second>, Error> {
        let text = self.files.read_text(&collected_path(stream))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).map(|collected: Collected| collected.at))
    }
}

fn lock_path(stream: &StreamId) -> String {
    format!(".slacktrail/collectors/{}.{}", stream.source, stream.log)
}

fn collected_path(stream: &StreamId) -> String {
    format!(".slacktrail/collected/{}.{}.json", stream.source, stream.log)
}
