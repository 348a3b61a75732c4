//! Objects: rows that are written and read back, and the same with damage.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use slacktrail_core::object::{DayLogId, GZIP_LEVEL, ObjectKey, decode, encode};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::{Day, Second};

use super::{row, text};
use crate::error_text::assert_tells_nothing;

/// Where damage is done: as many places as this, spread by the input's own bytes.
const DAMAGES: usize = 12;

/// The input as it is, as an object; and its lines as rows, written and read back whole and damaged.
pub(super) fn stored(bytes: &[u8]) {
    for log in LogType::ALL {
        if let Err(error) = read(&key(log, Second::EPOCH.day()), bytes) {
            assert_tells_nothing(&error);
        }
        for (day, lines) in day_logs(log, bytes) {
            assert_comes_back(&key(log, day), &lines, bytes);
        }
    }
}

type Line = (RowId, Second, Vec<u8>);

/// The rows of the input, one a line, as the lines of each day's log.
fn day_logs(log: LogType, bytes: &[u8]) -> BTreeMap<Day, Vec<Line>> {
    let mut days: BTreeMap<Day, Vec<Line>> = BTreeMap::new();
    for json in text(bytes).lines() {
        let Ok(json) = RawValue::from_string(json.to_owned()) else { continue };
        let record = Record::read(log, None, json.get());
        let time = record.partition_time();
        days.entry(time.day()).or_default().push((record.id, time, row::write(&record)));
    }
    days
}

fn key(log: LogType, day: Day) -> ObjectKey {
    let stream = StreamId { source: "acme".parse().expect("it is an id"), log };
    DayLogId { stream, day }.key(1)
}

fn read(key: &ObjectKey, bytes: &[u8]) -> Result<Vec<(RowId, Second)>, slacktrail_core::error::Error> {
    let mut read = Vec::new();
    decode(key, bytes, |id, time| read.push((id, time)))?;
    Ok(read)
}

fn assert_comes_back(key: &ObjectKey, lines: &[Line], input: &[u8]) {
    let written: Vec<(RowId, Second)> = lines.iter().map(|(id, time, _)| (*id, *time)).collect();
    let object = encode(lines.iter().map(|(.., line)| line.as_slice()), GZIP_LEVEL);
    assert_eq!(read(key, &object).expect("what we wrote can be read back"), written);

    let other_day = ObjectKey { log: DayLogId { day: key.log.day.end().plus(1).day(), ..key.log.clone() }, number: 1 };
    assert!(other_day.log.day == key.log.day || read(&other_day, &object).is_err(), "lines of another day were taken");

    for damage in 0..DAMAGES {
        let number = input.get(damage * input.len() / DAMAGES).map_or(0, |byte| usize::from(*byte));
        let at = (damage * 251 + number * 31) % object.len();
        assert!(read(key, &object[..at]).is_err(), "an object that ends after {at} bytes was taken for whole");
        let mut flipped = object.clone();
        flipped[at] ^= 1 << (number % 8);
        // Bits of gzip's head that say when and where it was made may be any; all else is covered by its checksum.
        if let Ok(taken) = read(key, &flipped) {
            assert_eq!(taken, written, "an object damaged at byte {at} was taken, with other lines");
        }
        let longer = [&object, &input[..input.len().min(damage)]].concat();
        if let Ok(taken) = read(key, &longer) {
            assert_eq!(taken, written, "an object with {damage} bytes behind it was taken, with other lines");
        }
    }
}
