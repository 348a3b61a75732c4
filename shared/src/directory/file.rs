//! Files that are there whole or not at all, whatever is killed when, and what an error of the file system means for us.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::trouble::{Remedy, Trouble};

/// What the names of unfinished files begin with. A kill leaves one behind; no source id begins with a dot, so no day log
/// takes it for one of its objects.
const UNFINISHED_PREFIX: &str = ".slacktrail-tmp-";

/// Creates `path` with `bytes`; false when there was such a file before. `root` is the directory that all belongs to.
pub(super) fn create(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let directory = path.parent().unwrap_or(root);
    let unfinished = write_unfinished(root, directory, bytes)?;
    match unfinished.persist_noclobber(path) {
        Ok(_) => sync(directory).map(|()| true),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}

/// Writes `path` in place of what was there.
pub(super) fn replace(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(root);
    write_unfinished(root, directory, bytes)?.persist(path).map_err(|refused| refused.error)?;
    sync(directory)
}

/// Reads `path` whole; `None` when there is no such file.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    absent(fs::read(path))
}

/// The names in a directory; none when there is no such directory.
pub(super) fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    match absent(fs::read_dir(directory))? {
        Some(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        None => Ok(Vec::new()),
    }
}

/// Makes a directory that outlives a loss of power, as its parents up to `root` do.
pub(super) fn make_directory(root: &Path, directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    let above = directory.ancestors().skip(1).take_while(|above| above.starts_with(root));
    above.chain(root.parent().filter(|above| !above.as_os_str().is_empty())).try_for_each(sync)
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes, on the disk already, under a name that nobody reads; dropped, it is deleted.
fn write_unfinished(root: &Path, directory: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    make_directory(root, directory)?;
    let mut file = Builder::new().prefix(UNFINISHED_PREFIX).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?; // before the name: else a loss of power leaves a name without bytes
    Ok(file)
}

/// Makes the names in a directory outlive a loss of power, where the operating system can.
fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(()); // elsewhere a directory cannot be opened as a file
    }
    match File::open(directory)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()), // some network file systems
        result => result,
    }
}

/// The trouble that an error of the file system is.
pub(super) fn trouble(doing: &str, path: &Path, error: io::Error) -> Trouble {
    let (remedy, code, hint) = match error.kind() {
        ErrorKind::PermissionDenied => (
            Remedy::Reconfigure,
            "directory_denied",
            "let the user that runs this read and write there, or choose another directory",
        ),
        ErrorKind::ReadOnlyFilesystem => {
            (Remedy::Reconfigure, "directory_read_only", "choose a directory that can be written to")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => (
            Remedy::Reconfigure,
            "not_a_directory",
            "a file is where a directory should be, or the other way round: move it away, or choose another directory",
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Remedy::Reconfigure, "no_space", "make room, or choose a directory that has some")
        }
        ErrorKind::Unsupported => (
            Remedy::Reconfigure,
            "directory_unsuited",
            "choose a directory of a local disk: its file system cannot do this",
        ),
        _ => (Remedy::TryLater, "directory_unavailable", "run it again; if it stays, look after the disk"),
    };
    Trouble::ours(remedy, code, format!("{doing} `{}`: {error}", path.display()), hint)
}
