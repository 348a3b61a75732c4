//! The port through which a verification keeps what Slack returned, so that memory holds the records of one day only.

use std::collections::BTreeMap;

use slacktrail_core::error::Error;
use slacktrail_core::time::Day;

/// Keeps what Slack returned until each day is compared: a sequence of entries per day, and the last checkpoint.
pub trait WorkingFiles {
    /// Appends entries of a day. Their length is a multiple of [`ENTRY_BYTES`](super::ENTRY_BYTES).
    ///
    /// # Errors
    /// Returns an error if the entries cannot be kept. It must not be transient, because the verification has already advanced past their
    /// page and would not append them again.
    fn append(&mut self, day: Day, entries: &[u8]) -> Result<(), Error>;

    /// Replaces the checkpoint. It covers all entries that were appended before.
    ///
    /// # Errors
    /// Returns an error if the checkpoint cannot be kept. It must not be transient.
    fn save(&mut self, checkpoint: &str) -> Result<(), Error>;

    /// Returns the number of bytes that were appended for a day.
    fn bytes(&self, day: Day) -> u64;

    /// Passes the entries of a day to `take`, in parts that end after a whole entry.
    ///
    /// # Errors
    /// Returns an error if the entries cannot be read or are not those that were appended.
    fn read(&self, day: Day, take: &mut dyn FnMut(&[u8])) -> Result<(), Error>;
}

/// Working files in memory. They take the memory of all days, so they suit tests and small periods only.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    days: BTreeMap<Day, Vec<u8>>,
    checkpoint: Option<String>,
}

impl InMemory {
    /// Returns the last checkpoint.
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }
}

impl WorkingFiles for InMemory {
    fn append(&mut self, day: Day, entries: &[u8]) -> Result<(), Error> {
        self.days.entry(day).or_default().extend_from_slice(entries);
        Ok(())
    }

    fn save(&mut self, checkpoint: &str) -> Result<(), Error> {
        self.checkpoint = Some(checkpoint.to_owned());
        Ok(())
    }

    fn bytes(&self, day: Day) -> u64 {
        self.days.get(&day).map_or(0, |entries| entries.len() as u64)
    }

    fn read(&self, day: Day, take: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        self.days.get(&day).into_iter().for_each(|entries| take(entries));
        Ok(())
    }
}
