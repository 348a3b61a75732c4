//! Creates, replaces and reads the files below a directory. Writes are atomic, so that a killed process leaves no partial file.
//!
//! A path is relative to the directory and consists of names that are separated by `/`.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::folder::Folder;
use crate::random;
use slacktrail_core::error::Error;

/// The name prefix of unfinished files. A killed process leaves such a file behind. No source ID starts with a dot, so no day log lists it as
/// an object.
const UNFINISHED_PREFIX: &str = ".slacktrail-tmp-";
/// The interval between attempts to acquire a lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// The reasons to reject a file that the file system would allow.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// The name is a symbolic link, which may lead out of the directory.
    #[error("`{}` is a symbolic link", .0.display())]
    Link(OsString),
    /// The name is a pipe or a device. Reading it may never end.
    #[error("`{}` is not a regular file", .0.display())]
    NotAFile(OsString),
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> io::Error {
        io::Error::other(unfit)
    }
}

/// The content of a file.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// The modification time. A file never changes after it receives its name, so this is when its bytes were written.
    pub(super) modified: SystemTime,
}

/// The files below a directory. The directory itself may be a symbolic link, but none below it is followed.
#[derive(Clone, Debug)]
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    pub(super) fn new(root: impl Into<PathBuf>) -> Files {
        Files { root: root.into() }
    }

    /// Returns the whole path, for messages.
    pub(super) fn shown(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }

    /// Creates a file. Returns `false` if it exists.
    pub(super) fn create(&self, path: &str, bytes: &[u8]) -> Result<bool, Error> {
        let (folder, name) = split(path);
        let created = Folder::make(&self.root, folder).and_then(|folder| {
            let unfinished = Unfinished::write(folder, bytes)?;
            let is_new = unfinished.folder.rename(&unfinished.name, name.as_ref())?;
            if is_new {
                unfinished.folder.sync()?;
            }
            Ok(is_new)
        });
        created.map_err(|error| self.to_error("creating", path, error))
    }

    /// Replaces or creates a file.
    pub(super) fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let (folder, name) = split(path);
        let replaced = Folder::make(&self.root, folder).and_then(|folder| {
            let unfinished = Unfinished::write(folder, bytes)?;
            unfinished.folder.replace(&unfinished.name, name.as_ref())?;
            unfinished.folder.sync()
        });
        replaced.map_err(|error| self.to_error("writing", path, error))
    }

    /// Reads a file. Returns `None` if it does not exist.
    pub(super) fn read(&self, path: &str) -> Result<Option<Content>, Error> {
        let read = self.open(path).and_then(|file| file.map(|file| content(file, split(path).1)).transpose());
        read.map_err(|error| self.to_error("reading", path, error))
    }

    /// Reads a text file. Returns `None` if it does not exist.
    pub(super) fn read_text(&self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.read(path)?.map(|content| String::from_utf8_lossy(&content.bytes).into_owned()))
    }

    /// Returns the names in a folder, or no names if the folder does not exist.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let opened = Folder::open(&self.root, folder.as_ref());
        let names = opened.and_then(|opened| opened.map_or(Ok(Vec::new()), |opened| opened.names()));
        let names = names.map_err(|error| self.to_error("listing", folder, error))?;
        Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    /// Locks a file. Returns `None` if another process holds the lock for longer than `timeout`. The operating system releases the lock when the
    /// returned file is closed, even if the process is killed.
    pub(super) fn lock(&self, path: &str, timeout: Duration) -> Result<Option<File>, Error> {
        let (folder, name) = split(path);
        let locked = Folder::make(&self.root, folder).and_then(|folder| {
            let (lock, began) = (folder.create(name.as_ref(), true)?, Instant::now());
            loop {
                match lock.try_lock() {
                    Ok(()) => return Ok(Some(lock)),
                    Err(TryLockError::Error(error)) => return Err(error),
                    Err(TryLockError::WouldBlock) if began.elapsed() >= timeout => return Ok(None),
                    Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_INTERVAL),
                }
            }
        });
        locked.map_err(|error| self.to_error("locking", path, error))
    }

    /// Returns when a file was last modified if another process holds its lock. Creates nothing, so that read access is enough.
    pub(super) fn locked_file_time(&self, path: &str) -> Result<Option<SystemTime>, Error> {
        let time = self.open(path).and_then(|lock| match lock.as_ref().map(File::try_lock_shared) {
            None | Some(Ok(())) => Ok(None),
            Some(Err(TryLockError::WouldBlock)) => lock.map(|lock| lock.metadata()?.modified()).transpose(),
            Some(Err(TryLockError::Error(error))) => Err(error),
        });
        time.map_err(|error| self.to_error("checking the lock", path, error))
    }

    fn open(&self, path: &str) -> io::Result<Option<File>> {
        let (folder, name) = split(path);
        Folder::open(&self.root, folder)?.map_or(Ok(None), |folder| folder.read(name.as_ref()))
    }

    /// Converts an error of the file system.
    pub(super) fn to_error(&self, doing: &str, path: &str, error: io::Error) -> Error {
        let code = match error.get_ref().and_then(|inner| inner.downcast_ref::<Unfit>()) {
            Some(Unfit::Link(_)) => "symbolic_link",
            Some(Unfit::NotAFile(_)) => "not_a_file",
            None => match error.kind() {
                io::ErrorKind::PermissionDenied => "directory_denied",
                io::ErrorKind::ReadOnlyFilesystem => "directory_read_only",
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory => {
                    "not_a_directory"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "no_space",
                io::ErrorKind::Unsupported => "directory_unsuited",
                _ => "directory_unavailable",
            },
        };
        Error::deployment(code, format!("{doing} `{}`: {error}", self.shown(path)))
    }
}

/// Splits a path into its folder and its name.
fn split(path: &str) -> (&Path, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (Path::new(folder), name)
}

fn content(mut file: File, name: &str) -> io::Result<Content> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(Unfit::NotAFile(name.into()).into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Content { bytes, modified: metadata.modified()? })
}

/// A file with a temporary name, whose bytes are on disk. Dropping the value removes the name.
struct Unfinished {
    folder: Folder,
    name: OsString,
}

impl Unfinished {
    fn write(folder: Folder, bytes: &[u8]) -> io::Result<Unfinished> {
        let suffix = random::bytes::<8>().map_err(io::Error::other)?;
        let name = format!("{UNFINISHED_PREFIX}{:016x}", u64::from_be_bytes(suffix));
        let mut file = folder.create(name.as_ref(), false)?;
        let unfinished = Unfinished { folder, name: name.into() };
        file.write_all(bytes)?;
        file.sync_all()?; // sync before renaming, because otherwise a power failure could leave an empty file under the final name
        Ok(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.folder.remove(&self.name);
    }
}
