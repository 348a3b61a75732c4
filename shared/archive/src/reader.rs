//! Reads objects back, line by line. `slacktrail verify`, `slacktrail demo` and the end-to-end tests use this reader. The simulation's
//! oracle has its own reader, because this one is part of what the oracle checks.
//!
//! Memory holds the compressed bytes of a few objects and one line.

use futures_util::{Stream, StreamExt, stream};

use slacktrail_core::error::Error;
use slacktrail_core::line::StoredLine;
use slacktrail_core::object::{DayLogId, Lines, ObjectKey, corrupt_gzip, decode_lines, foreign_line, missing_numbers};
use slacktrail_ports::DayLogStore;

/// The number of objects that are read concurrently.
const READS_AT_ONCE: usize = 4;

/// An object that was read from a store.
#[derive(Clone, Debug)]
pub struct Object {
    /// The key.
    pub key: ObjectKey,
    /// The stored bytes.
    pub bytes: Vec<u8>,
}

impl Object {
    /// Passes each line to `process`: its number, from 1, and its bytes without the line break, or `None` if it has no line break. slacktrail
    /// need not have written the lines.
    ///
    /// # Errors
    /// Returns an error that names the object if it cannot be decompressed. `process` has received the lines before the corrupt bytes.
    pub fn for_each_line(&self, mut process: impl FnMut(u64, Option<&[u8]>)) -> Result<(), Error> {
        let mut lines = Lines::of(&self.bytes);
        while let Some((number, line)) = lines.next_line().map_err(|error| corrupt_gzip(&self.key, error))? {
            process(number, line);
        }
        Ok(())
    }

    /// Returns the text of a line, or `None` if the object has no such line.
    ///
    /// # Errors
    /// Returns an error that names the object if it cannot be decompressed up to this line.
    pub fn line(&self, number: u64) -> Result<Option<String>, Error> {
        let mut lines = Lines::of(&self.bytes);
        while let Some((line, text)) = lines.next_line().map_err(|error| corrupt_gzip(&self.key, error))? {
            if line == number {
                return Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()));
            }
        }
        Ok(None)
    }

    /// Passes the text of each line to `process`, and the line parsed. The caller checks the day of the line.
    ///
    /// # Errors
    /// Returns an error that names the object if slacktrail did not write it.
    pub fn for_each_record(&self, mut process: impl FnMut(&str, &StoredLine<'_>)) -> Result<(), Error> {
        decode_lines(&self.key, &self.bytes, |number, line, stored| {
            process(str::from_utf8(line).map_err(|_| foreign_line(&self.key, number))?, stored);
            Ok(())
        })
    }
}

/// Reads an object. Returns `None` if it does not exist.
///
/// # Errors
/// Returns an error if the store fails.
pub async fn read_object<D: DayLogStore>(store: &D, key: ObjectKey) -> Result<Option<Object>, Error> {
    Ok(store.read(&key).await?.map(|stored| Object { key, bytes: stored.bytes }))
}

/// Reads the objects of a day log with these numbers, in the order of `numbers`. An object that does not exist is `None`.
///
/// # Errors
/// An item is an error if the store fails.
pub fn read_objects<D: DayLogStore>(
    store: &D,
    log: &DayLogId,
    numbers: &[u32],
) -> impl Stream<Item = Result<(u32, Option<Object>), Error>> {
    let reads = numbers.iter().map(async |number| Ok((*number, read_object(store, log.key(*number)).await?)));
    stream::iter(reads).buffered(READS_AT_ONCE)
}

/// Returns the keys of the objects that day logs skip. `keys` are in ascending order.
pub fn missing_keys(keys: &[ObjectKey]) -> Vec<ObjectKey> {
    let of_day_log = |keys: &[ObjectKey]| {
        let numbers: Vec<u32> = keys.iter().map(|key| key.number).collect();
        missing_numbers(&numbers).map(|number| keys[0].day_log.key(number)).collect::<Vec<_>>()
    };
    keys.chunk_by(|a, b| a.day_log == b.day_log).flat_map(of_day_log).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::line::LineWriter;
    use slacktrail_core::object::encode;
    use slacktrail_core::record::Record;
    use slacktrail_core::source::{LogType, Plan, Source};
    use slacktrail_core::time::Second;

    /// Returns an object of the lines of two records, `more`, and half a line.
    fn object(more: &[u8]) -> Object {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let writer = LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH);
        let mut lines = Vec::new();
        for id in ["a", "b"] {
            let json = format!(r#"{{"id":"{id}","date_create":1795305600}}"#);
            let record = Record::read(LogType::Audit, None, &json);
            writer.write(&record, &mut lines);
        }
        let key = "audit/2026/11/22/acme-000007.json.gz".parse().unwrap();
        Object { key, bytes: encode([&lines[..], more], 1) }
    }

    #[test]
    fn records_of_object_are_read_and_defect_names_object() {
        let read = |object: &Object| {
            let mut records = Vec::new();
            let outcome = object.for_each_record(|text, line| {
                assert!(text.starts_with(r#"{"id":""#) && text.ends_with('}'), "{text}");
                records.extend(line.slacks_json().next());
            });
            (records, outcome.map_err(|error| error.message))
        };
        let records = ["a", "b"].map(|id| format!(r#"{{"id":"{id}","date_create":1795305600}}"#));
        assert_eq!(read(&object(b"")), (records.to_vec(), Ok(())));
        let foreign =
            "reading object `audit/2026/11/22/acme-000007.json.gz`: slacktrail did not write line 3".to_owned();
        assert_eq!(read(&object(b"{}\n")), (records.to_vec(), Err(foreign)));
        let mut truncated = object(b"");
        truncated.bytes.truncate(40);
        assert!(read(&truncated).1.unwrap_err().contains("acme-000007.json.gz`: its gzip data is corrupt"));
    }

    #[test]
    fn line_is_found_by_number_even_if_foreign() {
        let object = object(b"\xff\nhalf");
        let line = |number| object.line(number).unwrap();
        assert!(line(1).is_some_and(|line| line.starts_with(r#"{"id":"a""#)));
        assert_eq!((line(3).as_deref(), line(4), line(5)), (Some("\u{fffd}"), None, None));
    }

    #[test]
    fn missing_keys_of_every_day_log_are_returned() {
        let key = |day: u32, number: u32| {
            format!("audit/2026/11/{day}/acme-{number:06}.json.gz").parse::<ObjectKey>().unwrap()
        };
        assert_eq!(missing_keys(&[key(21, 1), key(21, 2), key(22, 1)]), []);
        assert_eq!(missing_keys(&[key(21, 1), key(21, 4), key(22, 2)]), [key(21, 2), key(21, 3), key(22, 1)]);
    }
}
