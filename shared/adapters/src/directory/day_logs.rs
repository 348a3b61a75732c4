//! Stores day logs in a directory. The files have the same names as the objects in S3. Each file is created once and never changed.

use std::path::PathBuf;

use jiff::Timestamp;

use super::files::Files;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_core::source::LogType;
use slacktrail_ports::{CreateOutcome, DayLogStore, StoredObject};

/// A store of day logs in a directory.
#[derive(Clone, Debug)]
pub struct DirectoryDayLogs {
    files: Files,
}

impl DirectoryDayLogs {
    /// Creates a store in the directory `root`. The directory is created together with the first object.
    pub fn new(root: impl Into<PathBuf>) -> DirectoryDayLogs {
        DirectoryDayLogs { files: Files::new(root) }
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
        let parse = |key: &String| key.parse().map_err(|_| self.foreign(key));
        let mut keys = below.iter().map(parse).collect::<Result<Vec<ObjectKey>, Error>>()?;
        keys.sort();
        Ok(keys)
    }

    /// Returns the names in a folder, each with the folder before it.
    fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let names = self.files.names(folder)?.into_iter().filter(|name| !name.starts_with('.'));
        Ok(names.map(|name| format!("{folder}/{name}")).collect())
    }

    fn foreign(&self, key: &str) -> Error {
        let message = format!("listing a day log: `{}` is not a file that slacktrail writes", self.files.shown(key));
        Error::deployment("unexpected_object", message)
    }
}

impl DayLogStore for DirectoryDayLogs {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let is_new = self.files.create(&key.to_string(), &bytes)?;
        Ok(if is_new { CreateOutcome::Created } else { CreateOutcome::AlreadyExists })
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let Some(content) = self.files.read(&key.to_string())? else { return Ok(None) };
        let last_modified = Timestamp::try_from(content.modified).unwrap_or(Timestamp::MAX); // the search for stored records ends at old objects
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
                KeyOwner::Unknown => return Err(self.foreign(key)),
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}
