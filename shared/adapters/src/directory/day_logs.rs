//! Stores day logs in a directory. The files have the same names as the objects in S3. Each file is created once and never changed.

use std::path::PathBuf;

use jiff::Timestamp;

use super::file;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_ports::{CreateOutcome, DayLogStore, StoredObject};

/// A store of day logs in a directory.
#[derive(Clone, Debug)]
pub struct DirectoryDayLogs {
    root: PathBuf,
}

impl DirectoryDayLogs {
    /// Creates a store in the directory `root`. The directory is created together with the first object.
    pub fn new(root: impl Into<PathBuf>) -> DirectoryDayLogs {
        DirectoryDayLogs { root: root.into() }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }
}

impl DayLogStore for DirectoryDayLogs {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let path = self.path(&key.to_string());
        match file::create(&self.root, &path, &bytes) {
            Ok(true) => Ok(CreateOutcome::Created),
            Ok(false) => Ok(CreateOutcome::AlreadyExists),
            Err(error) => Err(file::to_error("creating", &path, error)),
        }
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let path = self.path(&key.to_string());
        let failed = |error| file::to_error("reading", &path, error);
        let Some(content) = file::read(&self.root, &path).map_err(failed)? else { return Ok(None) };
        let last_modified = Timestamp::try_from(content.modified).unwrap_or(Timestamp::MIN); // a time outside jiff's range counts as old
        Ok(Some(StoredObject { bytes: content.bytes, last_modified }))
    }

    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error> {
        let prefix = log.prefix();
        let (day, name_prefix) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
        let directory = self.path(day);
        let mut numbers = Vec::new();
        for name in file::names(&self.root, &directory).map_err(|error| file::to_error("listing", &directory, error))? {
            let name = name.to_string_lossy();
            if !name.starts_with(name_prefix) {
                continue;
            }
            match log.read_key(&format!("{day}/{name}")) {
                KeyOwner::This(number) => numbers.push(number),
                KeyOwner::OtherSource => {}
                KeyOwner::Unknown => return Err(foreign(&directory.join(&*name))),
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn foreign(path: &std::path::Path) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "unexpected_object",
        format!("listing a day log: `{}` is not a file that slacktrail writes", path.display()),
        "move it away, because slacktrail reads every file of a day log",
    )
}
