//! A folder below the root, for operating systems without folder handles. It checks each path for a symbolic link before using it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::file::Unfit;

/// A folder's path.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens `root/below`. Returns `None` if a part of it does not exist.
    pub(super) fn open(root: &Path, below: &Path) -> io::Result<Option<Folder>> {
        let folder = Folder::walk(root, below)?;
        match fs::metadata(&folder.0) {
            Ok(_) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens `root/below`. Creates its missing parts, including the root.
    pub(super) fn make(root: &Path, below: &Path) -> io::Result<Folder> {
        let folder = Folder::walk(root, below)?;
        fs::create_dir_all(&folder.0)?;
        Ok(folder)
    }

    fn walk(root: &Path, below: &Path) -> io::Result<Folder> {
        let mut path = root.to_owned();
        for name in below {
            path.push(name);
            check(&path, name)?;
        }
        Ok(Folder(path))
    }

    fn path(&self, name: &OsStr) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        check(&path, name)?;
        Ok(path)
    }

    /// Opens a file for reading. Returns `None` if it does not exist.
    pub(super) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
        match File::open(self.path(name)?) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for writing, and creates it. Fails if the file exists, unless `may_exist` is set.
    pub(super) fn create(&self, name: &OsStr, may_exist: bool) -> io::Result<File> {
        File::options().write(true).create(may_exist).create_new(!may_exist).truncate(false).open(self.path(name)?)
    }

    /// Renames a file, and replaces a file with the new name.
    pub(super) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path(from)?, self.0.join(to))
    }

    /// Renames a file. Returns `false` if the new name exists.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        match fs::hard_link(self.path(from)?, self.0.join(to)) {
            Ok(()) => {
                self.remove(from);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, if it exists.
    pub(super) fn remove(&self, name: &OsStr) {
        let _ = fs::remove_file(self.0.join(name));
    }

    /// Returns the names in the folder.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    /// Does nothing, because a folder cannot be opened as a file here.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn check(path: &Path, name: &OsStr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Err(Unfit::Link(name.to_owned()).into()),
        _ => Ok(()),
    }
}
