//! The port through which a verification keeps what Slack returned, so that memory holds the records of one day only.

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

    /// Passes the entries of a day to `process`, in parts that end after a whole entry.
    ///
    /// # Errors
    /// Returns an error if the entries cannot be read or are not those that were appended.
    fn read(&self, day: Day, process: &mut dyn FnMut(&[u8])) -> Result<(), Error>;
}
