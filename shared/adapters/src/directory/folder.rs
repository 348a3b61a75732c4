//! A folder below the root, accessed by handle, so that no symbolic link leads out of the root, even if it is created concurrently.
//!
//! A folder is opened one path component at a time. All operations in it use its handle and a name, and never a path.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::files::Unfit;

/// The mode of folders: only the owner can list them.
const FOLDER_MODE: u32 = 0o700;
/// The mode of files: only the owner can read them.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The flags to open a folder.
const AS_FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);
/// The flags to open a name below the root: do not follow a symbolic link, and do not wait for the writer of a pipe.
const HERE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// An open folder.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens `root/below`. Returns `None` if a part of it does not exist.
    pub(super) fn open(root: &Path, below: &Path) -> io::Result<Option<Folder>> {
        Folder::walk(root, below, |_, _| Err(io::ErrorKind::NotFound.into())).map(Some).or_else(absent)
    }

    /// Opens `root/below`. Creates its missing parts, including the root.
    pub(super) fn make(root: &Path, below: &Path) -> io::Result<Folder> {
        if !root.is_dir() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(root)?;
            if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty()) {
                match File::open(above).and_then(|above| sync(&above)) {
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {} // a folder that cannot be listed cannot be synced
                    synced => synced?,
                }
            }
        }
        let folder = Folder::walk(root, below, |above, name| {
            match rustix::fs::mkdirat(&above.0, name, Mode::RWXU) {
                Ok(()) => above.sync(),
                Err(Errno::EXIST) => Ok(()), // another process created it
                Err(error) => Err(error.into()),
            }
        })?;
        if let Some(first) = below.iter().next() {
            Folder::walk(root, Path::new(first), |_, _| Ok(()))?.tighten();
        }
        Ok(folder)
    }

    /// Removes the permissions of other users if the folder has any. This also protects everything below the folder.
    fn tighten(&self) {
        let is_open = rustix::fs::fstat(&self.0).is_ok_and(|stat| stat.st_mode & 0o077 != 0);
        if is_open {
            let _ = rustix::fs::fchmod(&self.0, Mode::RWXU); // only the owner can change the mode
        }
    }

    fn walk(root: &Path, below: &Path, missing: impl Fn(&Folder, &OsStr) -> io::Result<()>) -> io::Result<Folder> {
        // The root itself may be a symbolic link, because the user chose it.
        let mut folder = Folder(rustix::fs::open(root, AS_FOLDER, Mode::empty())?);
        for name in below.iter() {
            let open = || rustix::fs::openat(&folder.0, name, AS_FOLDER | HERE, Mode::empty());
            let opened = match open() {
                Err(Errno::NOENT) => {
                    missing(&folder, name).and_then(|()| open().map_err(|error| folder.why(name, error)))?
                }
                Err(error) => return Err(folder.why(name, error)),
                Ok(opened) => opened,
            };
            folder = Folder(opened);
        }
        Ok(folder)
    }

    /// Opens a file for reading. Returns `None` if it does not exist.
    pub(super) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
        match rustix::fs::openat(&self.0, name, OFlags::RDONLY | HERE, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.why(name, error)),
        }
    }

    /// Opens a file for writing, and creates it. Fails if the file exists, unless `may_exist` is set.
    pub(super) fn create(&self, name: &OsStr, may_exist: bool) -> io::Result<File> {
        let exclusive = if may_exist { OFlags::empty() } else { OFlags::EXCL };
        let flags = OFlags::WRONLY | OFlags::CREATE | exclusive | HERE;
        rustix::fs::openat(&self.0, name, flags, FILE_MODE).map(File::from).map_err(|error| self.why(name, error))
    }

    /// Renames a file, and replaces a file with the new name.
    pub(super) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Renames a file. Returns `false` if the new name exists.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        let renamed = match rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            // Some file systems do not support this rename but support hard links.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty()).inspect(|()| self.remove(from))
            }
            renamed => renamed,
        };
        match renamed {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file, if it exists.
    pub(super) fn remove(&self, name: &OsStr) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::empty());
    }

    /// Returns the names in the folder.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let names =
            Dir::read_from(&self.0)?.map(|entry| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec())));
        names.filter(|name| !matches!(name, Ok(name) if name == "." || name == "..")).collect()
    }

    /// Syncs the folder's names to disk, if the file system supports it.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&File::from(self.0.try_clone()?))
    }

    /// Returns [`Unfit::Link`] if the name is a symbolic link, and otherwise `error`.
    fn why(&self, name: &OsStr, error: Errno) -> io::Error {
        let is_link = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if is_link { Unfit::Link(name.to_owned()).into() } else { error.into() }
    }
}

fn sync(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()), // some network file systems do not support this
        synced => synced,
    }
}

fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}
