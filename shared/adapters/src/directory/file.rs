//! Files that are there whole or not at all, whatever is killed when, and what an error of the file system means for us.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::folder::Folder;
use crate::random;
use slacktrail_core::error::{Error, ErrorKind};

/// What the names of unfinished files begin with. A kill leaves one behind; no source id begins with a dot, so no day log
/// takes it for one of its objects.
const UNFINISHED_PREFIX: &str = ".slacktrail-tmp-";
/// From one look at a lock to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Why a name is not used, although the file system could.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It may lead out of the directory.
    #[error("`{}` is a symbolic link", .0.display())]
    Link(OsString),
    /// Reading it may never end.
    #[error("`{}` is no plain file", .0.display())]
    NotAFile(OsString),
    /// Another process has it.
    #[error("another process holds the lock")]
    Locked,
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> io::Error {
        io::Error::other(unfit)
    }
}

/// A file that was read.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// A file is never written to after it has its name, so this is when its bytes were.
    pub(super) modified: SystemTime,
}

/// Creates `path` with `bytes`; false when there was such a file before. `root` is the directory that all belongs to.
pub(super) fn create(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (folder, name) = (Folder::make(root, below(root, path.parent())), name(path)?);
    let unfinished = Unfinished::write(folder?, bytes)?;
    let is_new = unfinished.folder.rename(&unfinished.name, name)?;
    if is_new {
        unfinished.folder.sync()?;
    }
    Ok(is_new)
}

/// Writes `path` in place of what was there.
pub(super) fn replace(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = (Folder::make(root, below(root, path.parent())), name(path)?);
    let unfinished = Unfinished::write(folder?, bytes)?;
    unfinished.folder.replace(&unfinished.name, name)?;
    unfinished.folder.sync()
}

/// Reads `path` whole; `None` when there is no such file.
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

/// The names in a directory; none when there is no such directory.
pub(super) fn names(root: &Path, directory: &Path) -> io::Result<Vec<OsString>> {
    Folder::open(root, below(root, Some(directory)))?.map_or(Ok(Vec::new()), |folder| folder.names())
}

/// Takes the lock that `path` is, for as long as the file is open: the operating system lets go of it with its holder, also when that
/// is killed.
///
/// # Errors
/// Returns [`Unfit::Locked`] when another process holds it for longer than `timeout`.
pub(super) fn lock(root: &Path, path: &Path, timeout: Duration) -> io::Result<File> {
    let folder = Folder::make(root, below(root, path.parent()))?;
    let (lock, began) = (folder.create(name(path)?, true)?, Instant::now());
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() >= timeout => return Err(Unfit::Locked.into()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Where a path lies below the root.
fn below<'a>(root: &Path, path: Option<&'a Path>) -> &'a Path {
    path.and_then(|path| path.strip_prefix(root).ok()).unwrap_or(Path::new(""))
}

fn name(path: &Path) -> io::Result<&OsStr> {
    path.file_name().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Bytes, on the disk already, under a name that nobody reads; dropped, the name is removed.
struct Unfinished {
    folder: Folder,
    name: OsString,
}

impl Unfinished {
    fn write(folder: Folder, bytes: &[u8]) -> io::Result<Unfinished> {
        let mark = random::bytes::<8>().map_err(io::Error::other)?;
        let name = format!("{UNFINISHED_PREFIX}{:016x}", u64::from_be_bytes(mark));
        let mut file = folder.create(name.as_ref(), false)?;
        let unfinished = Unfinished { folder, name: name.into() };
        file.write_all(bytes)?;
        file.sync_all()?; // before the name: else a loss of power leaves a name without bytes
        Ok(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.folder.remove(&self.name);
    }
}

/// The error that an error of the file system is.
pub(super) fn to_error(doing: &str, path: &Path, error: io::Error) -> Error {
    if let Some(unfit) = error.get_ref().and_then(|inner| inner.downcast_ref::<Unfit>()) {
        return unusable(doing, path, unfit);
    }
    let (kind, code, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Reconfigure,
            "directory_denied",
            "let the user that runs this read and write there, or choose another directory",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Reconfigure, "directory_read_only", "choose a directory that can be written to")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory => (
            ErrorKind::Reconfigure,
            "not_a_directory",
            "a file is where a directory should be, or the other way round: move it away, or choose another directory",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Reconfigure, "no_space", "make room, or choose a directory that has some")
        }
        io::ErrorKind::Unsupported => (
            ErrorKind::Reconfigure,
            "directory_unsuited",
            "choose a directory of a local disk: its file system cannot do this",
        ),
        _ => (ErrorKind::Retry, "directory_unavailable", "run it again; if it stays, look after the disk"),
    };
    Error::deployment(kind, code, format!("{doing} `{}`: {error}", path.display()), hint)
}

fn unusable(doing: &str, path: &Path, unfit: &Unfit) -> Error {
    let (kind, code, hint) = match unfit {
        Unfit::Link(_) => (
            ErrorKind::Reconfigure,
            "symbolic_link",
            "replace it with a plain directory or file: slacktrail follows no symbolic link below the directory",
        ),
        Unfit::NotAFile(_) => (ErrorKind::Reconfigure, "not_a_file", "move it away"),
        Unfit::Locked => (
            ErrorKind::Retry,
            "directory_locked",
            "stop the other `slacktrail` that works in this directory, or wait until it ends; then run the command again",
        ),
    };
    Error::deployment(kind, code, format!("{doing} `{}`: {unfit}", path.display()), hint)
}
