//! Stores day logs in a directory. The files have the same names as the objects in S3. Each file is created once and never changed.

use std::path::PathBuf;

use jiff::Timestamp;

use super::file;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_core::source::LogType;
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

    /// Lists the keys of all objects in order. Skips names that start with a dot, which are not objects.
    ///
    /// # Errors
    ///
    /// Returns an error if a folder cannot be listed, or contains a file that slacktrail does not write.
    pub fn keys(&self) -> Result<Vec<ObjectKey>, Error> {
        let mut below: Vec<String> = LogType::ALL.iter().map(|log| log.name().to_owned()).collect();
        for _level in ["year", "month", "day", "object"] {
            let names = below.iter().map(|folder| self.names(folder)).collect::<Result<Vec<_>, Error>>()?;
            below = names.concat();
        }
        let parse = |key: &String| key.parse().map_err(|_| foreign(&self.path(key)));
        let mut keys = below.iter().map(parse).collect::<Result<Vec<ObjectKey>, Error>>()?;
        keys.sort();
        Ok(keys)
    }

    /// Returns the names in a folder, each with the folder before it.
    fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let path = self.path(folder);
        let names = file::names(&self.root, &path).map_err(|error| file::to_error("listing", &path, error))?;
        let shown = names.iter().map(|name| name.to_string_lossy()).filter(|name| !name.starts_with('.'));
        Ok(shown.map(|name| format!("{folder}/{name}")).collect())
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
        let (day, _) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
        let mut numbers = Vec::new();
        for key in self.names(day)?.iter().filter(|key| key.starts_with(&prefix)) {
            match log.read_key(key) {
                KeyOwner::This(number) => numbers.push(number),
                KeyOwner::OtherSource => {}
                KeyOwner::Unknown => return Err(foreign(&self.path(key))),
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn foreign(path: &std::path::Path) -> Error {
    Error::deployment(
        "unexpected_object",
        format!("listing a day log: `{}` is not a file that slacktrail writes", path.display()),
    )
}
