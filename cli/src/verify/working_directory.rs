//! The working files of a verification: one directory per log, with a file of entries per day, and the checkpoint.
//!
//! The files hold hashes and times, and neither records nor tokens. The checkpoint has the length and a hash of each file. Bytes after that
//! length were written after the checkpoint, and are cut off when a later process continues.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use slacktrail_archive::verify::{ENTRY_BYTES, Period, WorkingFiles};
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Day;
use tempfile::TempDir;

use crate::cli_error::CliError;
use crate::environment::variable;
use crate::terminal;
use crate::typed_time::shown_day;

/// The age above which the files of an interrupted command are deleted, because no command continues them anymore.
const AGE_MAX: Duration = Duration::from_secs(2 * 86_400);
/// The name of the file with the checkpoint.
const CHECKPOINT: &str = "checkpoint.json";
const LOCK: &str = "lock";
/// The number of bytes that are read at once.
const READ_BYTES: usize = 1_000 * ENTRY_BYTES;

/// The working files of one log and period. They are deleted at the end, unless a later process can continue from a checkpoint.
#[derive(Debug)]
pub(super) struct WorkingDirectory {
    path: PathBuf,
    days: BTreeMap<Day, DayFile>,
    /// Deletes the files at the end, if they cannot be found again.
    temporary: Option<TempDir>,
    /// Released when it is closed.
    _lock: File,
}

/// A file of entries, as far as this process or the checkpoint knows it.
#[derive(Clone, Debug, Default)]
struct DayFile {
    bytes: u64,
    hash: Sha256,
}

/// The content of the checkpoint's file.
#[derive(Debug, Deserialize, Serialize)]
struct Saved {
    /// The length and the hash of each file.
    files: BTreeMap<Day, (u64, String)>,
    checkpoint: String,
}

/// Returns the directory for the working files of all verifications, or `None` if the user has no cache directory.
pub(super) fn cache() -> Option<PathBuf> {
    let in_home = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(in_home)))?;
    Some(cache.join("slacktrail").join("verify"))
}

impl WorkingDirectory {
    /// Opens the working files of a log and period. `archive` tells deployments and directories apart that have the same source.
    pub(super) fn open(
        archive: &str,
        source: &Source,
        log: LogType,
        period: Period,
    ) -> Result<WorkingDirectory, CliError> {
        let Some(cache) = cache() else { return WorkingDirectory::temporary() };
        delete_abandoned(&cache);
        let (first, last) = (shown_day(period.first()), shown_day(period.last()));
        let name = format!("{}-{log}-{first}-{last}-{}", source.id, &hex(&Sha256::digest(archive))[..16]);
        let path = cache.join(name);
        if let Err(error) = create_private(&path) {
            terminal::note(&format!(
                "working files cannot be kept in `{}` ({error}), so the command cannot continue after an interruption",
                path.display()
            ));
            return WorkingDirectory::temporary();
        }
        WorkingDirectory::at(path)
    }

    /// Creates working files that no later process finds.
    fn temporary() -> Result<WorkingDirectory, CliError> {
        let temporary = tempfile::tempdir().map_err(|error| unusable(&std::env::temp_dir(), &error))?;
        let mut directory = WorkingDirectory::at(temporary.path().to_owned())?;
        directory.temporary = Some(temporary);
        Ok(directory)
    }

    fn at(path: PathBuf) -> Result<WorkingDirectory, CliError> {
        let lock = File::create(path.join(LOCK)).map_err(|error| unusable(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(WorkingDirectory { path, days: BTreeMap::new(), temporary: None, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(CliError::new("another `slacktrail verify` compares the same days")
                .hint("wait until it ends, or stop it; then run the command again")),
            Err(TryLockError::Error(error)) => Err(unusable(&path, &error).into()),
        }
    }

    /// Returns `true` if a later process can continue from the files.
    pub(super) fn can_be_continued(&self) -> bool {
        self.temporary.is_none()
    }

    /// Returns the checkpoint that an earlier process saved, and cuts off what the process wrote after it. Returns `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if the files do not match the checkpoint.
    pub(super) fn restore(&mut self) -> io::Result<Option<String>> {
        let text = match fs::read(self.path.join(CHECKPOINT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let saved: Saved = serde_json::from_slice(&text)?;
        for (day, (bytes, hash)) in saved.files {
            let file = OpenOptions::new().read(true).write(true).open(self.file_of(day))?;
            if file.metadata()?.len() < bytes {
                return Err(damaged());
            }
            file.set_len(bytes)?;
            let mut restored = DayFile::default();
            read_entries(file, |entries| restored.add(entries))?;
            if hex(&restored.hash.clone().finalize()) != hash {
                return Err(damaged());
            }
            self.days.insert(day, restored);
        }
        Ok(Some(saved.checkpoint))
    }

    /// Deletes all entries and the checkpoint.
    pub(super) fn clear(&mut self) -> Result<(), CliError> {
        self.days.clear();
        let clear = || {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_name() != LOCK {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        clear().map_err(|error: io::Error| unusable(&self.path, &error).into())
    }

    /// Deletes the directory, whose checkpoint no process needs anymore. If that fails, a later command deletes it.
    pub(super) fn delete(self) {
        let _ = fs::remove_file(self.path.join(CHECKPOINT));
    }

    fn file_of(&self, day: Day) -> PathBuf {
        self.path.join(shown_day(day))
    }

    /// Writes after the entries of the last append, even if a later one failed halfway.
    fn write(&self, day: Day, entries: &[u8]) -> io::Result<()> {
        let bytes = self.days.get(&day).map_or(0, |file| file.bytes);
        let mut file = OpenOptions::new().create(true).append(true).open(self.file_of(day))?;
        file.set_len(bytes)?;
        file.write_all(entries)
    }

    fn replace_checkpoint(&self, checkpoint: &str) -> io::Result<()> {
        let digest = |file: &DayFile| (file.bytes, hex(&file.hash.clone().finalize()));
        let files = self.days.iter().map(|(day, file)| (*day, digest(file))).collect();
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        serde_json::to_writer(&mut file, &Saved { files, checkpoint: checkpoint.to_owned() })?;
        file.persist(self.path.join(CHECKPOINT))?;
        Ok(())
    }

    fn check(&self, day: Day, process: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let Some(expected) = self.days.get(&day) else { return Ok(()) };
        let mut found = DayFile::default();
        read_entries(File::open(self.file_of(day))?, |entries| {
            found.add(entries);
            process(entries);
        })?;
        let is_same = found.bytes == expected.bytes && found.hash.finalize() == expected.hash.clone().finalize();
        if is_same { Ok(()) } else { Err(damaged()) }
    }
}

impl Drop for WorkingDirectory {
    /// Deletes the directory if it has no checkpoint, for example after an error or Ctrl-C before the first page.
    fn drop(&mut self) {
        if fs::exists(self.path.join(CHECKPOINT)).is_ok_and(|exists| !exists) {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl WorkingFiles for WorkingDirectory {
    fn append(&mut self, day: Day, entries: &[u8]) -> Result<(), Error> {
        self.write(day, entries).map_err(|error| unusable(&self.path, &error))?;
        self.days.entry(day).or_default().add(entries);
        Ok(())
    }

    fn save(&mut self, checkpoint: &str) -> Result<(), Error> {
        self.replace_checkpoint(checkpoint).map_err(|error| unusable(&self.path, &error))
    }

    fn bytes(&self, day: Day) -> u64 {
        self.days.get(&day).map_or(0, |file| file.bytes)
    }

    fn read(&self, day: Day, process: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        self.check(day, process).map_err(|error| unusable(&self.path, &error))
    }
}

impl DayFile {
    fn add(&mut self, entries: &[u8]) {
        self.bytes += entries.len() as u64;
        self.hash.update(entries);
    }
}

/// Passes the content of a file in parts of whole entries.
fn read_entries(mut file: File, mut process: impl FnMut(&[u8])) -> io::Result<()> {
    let mut part = Vec::with_capacity(READ_BYTES);
    loop {
        part.clear();
        if (&mut file).take(READ_BYTES as u64).read_to_end(&mut part)? == 0 {
            return Ok(());
        }
        process(&part);
    }
}

/// Creates a directory that only its user can read.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Deletes working files that no command can continue anymore. Files that cannot be deleted remain.
fn delete_abandoned(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let path = entry.path();
        // A process that was killed before its first checkpoint leaves only its lock file, and entries without a checkpoint.
        let modified = |name| fs::metadata(path.join(name)).and_then(|file| file.modified());
        let modified = modified(CHECKPOINT).or_else(|_| modified(LOCK)).ok();
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if age.is_some_and(|age| age > AGE_MAX) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its content has changed")
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::deployment("working_files_unusable", format!("using the working files in `{}`: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> Day {
        format!("2026/10/{number:02}").parse().unwrap()
    }

    fn entries(byte: u8, count: usize) -> Vec<u8> {
        vec![byte; count * ENTRY_BYTES]
    }

    fn read(directory: &WorkingDirectory, number: u32) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        directory.read(day(number), &mut |entries| bytes.extend_from_slice(entries))?;
        Ok(bytes)
    }

    /// Returns working files with two days and a checkpoint, and entries that were written after the checkpoint.
    fn interrupted(path: &Path) {
        create_private(path).unwrap();
        let mut directory = WorkingDirectory::at(path.to_owned()).unwrap();
        directory.append(day(1), &entries(1, 2_500)).unwrap();
        directory.append(day(2), &entries(2, 1)).unwrap();
        directory.save("first").unwrap();
        directory.append(day(1), &entries(3, 1)).unwrap();
        directory.save("second").unwrap();
        directory.append(day(1), &entries(4, 1)).unwrap();
        directory.append(day(3), &entries(5, 1)).unwrap();
    }

    #[test]
    fn restored_files_end_at_checkpoint() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("acme");
        interrupted(&path);
        let mut directory = WorkingDirectory::at(path.clone()).unwrap();
        assert_eq!(directory.restore().unwrap().as_deref(), Some("second"));
        assert_eq!(read(&directory, 1).unwrap(), [entries(1, 2_500), entries(3, 1)].concat());
        assert_eq!((read(&directory, 2).unwrap(), read(&directory, 3).unwrap()), (entries(2, 1), Vec::new()));
        directory.append(day(3), &entries(6, 1)).unwrap();
        assert_eq!(read(&directory, 3).unwrap(), entries(6, 1), "what followed the checkpoint is gone");
        directory.delete();
        assert!(!path.exists());
    }

    #[test]
    fn damaged_files_are_not_restored_and_cleared_files_are_empty() {
        let damages: [fn(&Path); 4] = [
            |path| fs::write(path.join("2026-10-02"), [0; ENTRY_BYTES]).unwrap(),
            |path| fs::write(path.join("2026-10-02"), [2; ENTRY_BYTES - 1]).unwrap(),
            |path| fs::remove_file(path.join("2026-10-01")).unwrap(),
            |path| fs::write(path.join(CHECKPOINT), "{").unwrap(),
        ];
        for damage in damages {
            let root = tempfile::tempdir().unwrap();
            interrupted(root.path());
            damage(root.path());
            let mut directory = WorkingDirectory::at(root.path().to_owned()).unwrap();
            assert!(directory.restore().is_err());
            directory.clear().unwrap();
            assert_eq!(directory.restore().unwrap(), None);
            assert_eq!(read(&directory, 1).unwrap(), Vec::<u8>::new());
        }
    }

    #[test]
    fn entries_that_change_before_they_are_compared_are_error() {
        let root = tempfile::tempdir().unwrap();
        let mut directory = WorkingDirectory::at(root.path().to_owned()).unwrap();
        directory.append(day(1), &entries(1, 3)).unwrap();
        fs::write(root.path().join("2026-10-01"), entries(2, 3)).unwrap();
        assert_eq!(read(&directory, 1).unwrap_err().code, "working_files_unusable");
    }

    #[test]
    fn files_without_checkpoint_are_deleted_at_end() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("acme");
        create_private(&path).unwrap();
        let mut directory = WorkingDirectory::at(path.clone()).unwrap();
        directory.append(day(1), &entries(1, 1)).unwrap();
        let second = WorkingDirectory::at(path.clone()).unwrap_err();
        assert_eq!(second.to_string(), "another `slacktrail verify` compares the same days");
        assert!(path.exists(), "the files belong to the first process");
        drop(directory);
        assert!(!path.exists());
        interrupted(&path);
        assert!(path.join(CHECKPOINT).exists(), "a later process can continue");
        WorkingDirectory::at(path.clone()).unwrap().delete();
        assert!(!path.exists());
    }

    #[test]
    fn files_that_no_process_continues_are_deleted_after_two_days() {
        let root = tempfile::tempdir().unwrap();
        let killed = |name: &str, file: &str, age: Duration| {
            let path = root.path().join(name);
            create_private(&path).unwrap();
            File::create(path.join(LOCK)).unwrap();
            let file = File::create(path.join(file)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let day = Duration::from_secs(86_400);
        let old = [killed("a", CHECKPOINT, 3 * day), killed("b", LOCK, 3 * day)];
        let recent = [killed("c", CHECKPOINT, day), killed("d", LOCK, day)];
        delete_abandoned(root.path());
        assert_eq!(old.map(|path| path.exists()), [false, false]);
        assert_eq!(recent.map(|path| path.exists()), [true, true]);
    }
}
