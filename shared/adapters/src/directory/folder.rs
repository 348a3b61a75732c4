//! A folder below the root, opened one name after another so that no symbolic link leads out of the root, whoever puts it there and
//! when. What is done in it goes by its handle and a name, never by a path.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file::Unfit;

/// A folder's mode: its owner alone may list it.
const FOLDER_MODE: u32 = 0o700;
/// A file's mode: its owner alone may read it.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// How a folder is opened.
const AS_FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);
/// How a name below the root is opened: not through a link, and without waiting for whoever writes to a pipe of this name.
const HERE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A folder that is open.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens `root/below`; `None` if a part of it does not exist.
    pub(super) fn open(root: &Path, below: &Path) -> io::Result<Option<Folder>> {
        Folder::walk(root, below, |_, _| Err(io::ErrorKind::NotFound.into())).map(Some).or_else(absent)
    }

    /// Opens `root/below`, and makes what does not exist of it, the root included.
    pub(super) fn make(root: &Path, below: &Path) -> io::Result<Folder> {
        if !root.is_dir() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(root)?;
            if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty()) {
                File::open(above).and_then(|above| sync(&above))?;
            }
        }
        let folder = Folder::walk(root, below, |above, name| {
            match rustix::fs::mkdirat(&above.0, name, Mode::RWXU) {
                Ok(()) => above.sync(),
                Err(Errno::EXIST) => Ok(()), // another process was first
                Err(error) => Err(error.into()),
            }
        })?;
        if let Some(first) = below.iter().next() {
            Folder::walk(root, Path::new(first), |_, _| Ok(()))?.tighten();
        }
        Ok(folder)
    }

    /// Closes it to others, where it was made by a version that did not or with another mode. What is below it is closed thereby.
    fn tighten(&self) {
        let is_open = rustix::fs::fstat(&self.0).is_ok_and(|stat| stat.st_mode & 0o077 != 0);
        if is_open {
            let _ = rustix::fs::fchmod(&self.0, Mode::RWXU); // another's own is theirs to close
        }
    }

    fn walk(root: &Path, below: &Path, missing: impl Fn(&Folder, &OsStr) -> io::Result<()>) -> io::Result<Folder> {
        // The root itself may be a link: that is the choice of who named it.
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

    /// Opens a file to read it; `None` if there is none of this name.
    pub(super) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
        match rustix::fs::openat(&self.0, name, OFlags::RDONLY | HERE, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.why(name, error)),
        }
    }

    /// Creates a file, which must not exist unless `may_exist`, to write to it.
    pub(super) fn create(&self, name: &OsStr, may_exist: bool) -> io::Result<File> {
        let exclusive = if may_exist { OFlags::empty() } else { OFlags::EXCL };
        let flags = OFlags::WRONLY | OFlags::CREATE | exclusive | HERE;
        rustix::fs::openat(&self.0, name, flags, FILE_MODE).map(File::from).map_err(|error| self.why(name, error))
    }

    /// Gives a file another name, in place of what had it.
    pub(super) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Gives a file another name; false if something has it.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        let renamed = match self.rename_exclusively(from, to) {
            // File systems that cannot do that at once can link.
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

    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    fn rename_exclusively(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        rustix::fs::renameat_with(&self.0, from, &self.0, to, rustix::fs::RenameFlags::NOREPLACE)
    }

    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    fn rename_exclusively(&self, _: &OsStr, _: &OsStr) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    /// Removes a file, if there is one of this name.
    pub(super) fn remove(&self, name: &OsStr) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::empty());
    }

    /// The names in it.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let names =
            Dir::read_from(&self.0)?.map(|entry| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec())));
        names.filter(|name| !matches!(name, Ok(name) if name == "." || name == "..")).collect()
    }

    /// Makes its names outlive a loss of power, where the operating system can.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&File::from(self.0.try_clone()?))
    }

    /// Says that a name is a link, where that is why it cannot be opened.
    fn why(&self, name: &OsStr, error: Errno) -> io::Error {
        let is_link = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if is_link { Unfit::Link(name.to_owned()).into() } else { error.into() }
    }
}

fn sync(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()), // some network file systems
        synced => synced,
    }
}

fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}
