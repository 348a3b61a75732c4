//! Creates and replaces files atomically, so that a killed process leaves no partial file, and converts errors of the file system.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
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
    /// Another process holds the lock.
    #[error("another process holds the lock")]
    Locked,
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

/// Creates `path` with `bytes`. Returns `false` if the file exists. `root` is the directory below which no symbolic link is followed.
pub(super) fn create(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (folder, name) = (Folder::make(root, below(root, path.parent())), name(path)?);
    let unfinished = Unfinished::write(folder?, bytes)?;
    let is_new = unfinished.folder.rename(&unfinished.name, name)?;
    if is_new {
        unfinished.folder.sync()?;
    }
    Ok(is_new)
}

/// Replaces `path` atomically, or creates it.
pub(super) fn replace(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = (Folder::make(root, below(root, path.parent())), name(path)?);
    let unfinished = Unfinished::write(folder?, bytes)?;
    unfinished.folder.replace(&unfinished.name, name)?;
    unfinished.folder.sync()
}

/// Reads `path`. Returns `None` if the file does not exist.
pub(super) fn read(root: &Path, path: &Path) -> io::Result<Option<Content>> {
    let name = name(path)?;
    let Some(folder) = Folder::open(root, below(root, path.parent()))? else { return Ok(None) };
    let Some(mut file) = folder.read(name)? else { return Ok(None) };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(Unfit::NotAFile(name.to_owned()).into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(Content { bytes, modified: metadata.modified()? }))
}

/// Returns the names in a directory, or no names if the directory does not exist.
pub(super) fn names(root: &Path, directory: &Path) -> io::Result<Vec<OsString>> {
    Folder::open(root, below(root, Some(directory)))?.map_or(Ok(Vec::new()), |folder| folder.names())
}

/// Locks the file `path`. The operating system releases the lock when the returned file is closed, even if the process is killed.
///
/// # Errors
/// Returns [`Unfit::Locked`] if another process holds the lock for longer than `timeout`, or an error of the file system.
pub(super) fn lock(root: &Path, path: &Path, timeout: Duration) -> io::Result<File> {
    try_lock(root, path, timeout)?.ok_or_else(|| Unfit::Locked.into())
}

/// Locks the file `path` like [`lock`]. Returns `None` if another process holds the lock for longer than `timeout`.
pub(super) fn try_lock(root: &Path, path: &Path, timeout: Duration) -> io::Result<Option<File>> {
    let folder = Folder::make(root, below(root, path.parent()))?;
    let (lock, began) = (folder.create(name(path)?, true)?, Instant::now());
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() >= timeout => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_INTERVAL),
        }
    }
}

/// Returns when the file `path` was last modified if another process holds its lock. Creates nothing, so that read access is enough.
pub(super) fn locked_file_time(root: &Path, path: &Path) -> io::Result<Option<SystemTime>> {
    let name = name(path)?;
    let Some(folder) = Folder::open(root, below(root, path.parent()))? else { return Ok(None) };
    let Some(lock) = folder.read(name)? else { return Ok(None) };
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => lock.metadata()?.modified().map(Some),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns `path` relative to `root`.
fn below<'a>(root: &Path, path: Option<&'a Path>) -> &'a Path {
    path.and_then(|path| path.strip_prefix(root).ok()).unwrap_or(Path::new(""))
}

fn name(path: &Path) -> io::Result<&OsStr> {
    path.file_name().ok_or_else(|| io::ErrorKind::InvalidInput.into())
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

/// Converts an error of the file system.
pub(super) fn to_error(doing: &str, path: &Path, error: io::Error) -> Error {
    if let Some(unfit) = error.get_ref().and_then(|inner| inner.downcast_ref::<Unfit>()) {
        return unusable(doing, path, unfit);
    }
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => "directory_denied",
        io::ErrorKind::ReadOnlyFilesystem => "directory_read_only",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory => "not_a_directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "no_space",
        io::ErrorKind::Unsupported => "directory_unsuited",
        _ => "directory_unavailable",
    };
    Error::deployment(code, format!("{doing} `{}`: {error}", path.display()))
}

fn unusable(doing: &str, path: &Path, unfit: &Unfit) -> Error {
    let code = match unfit {
        Unfit::Link(_) => "symbolic_link",
        Unfit::NotAFile(_) => "not_a_file",
        Unfit::Locked => "directory_locked",
    };
    Error::deployment(code, format!("{doing} `{}`: {unfit}", path.display()))
}
