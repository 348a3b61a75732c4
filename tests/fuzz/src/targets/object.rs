//! Objects: reads arbitrary bytes, and reads back written rows, intact and damaged.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use slacktrail_core::object::{DayLogId, GZIP_LEVEL, ObjectKey, decode, encode};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::{Day, Second};

use super::{row, text};
use crate::error_text::assert_safe_error;

/// The number of damaged positions, which depend on the bytes of the input.
const DAMAGES: usize = 12;

/// Reads the input as an object. Then writes its lines as rows, and reads them back intact and damaged.
pub(super) fn stored(bytes: &[u8]) {
    for log in LogType::ALL {
        if let Err(error) = read(&key(log, Second::EPOCH.day()), bytes) {
            assert_safe_error(&error);
        }
        for (day, lines) in day_logs(log, bytes) {
            assert_round_trip(&key(log, day), &lines, bytes);
        }
    }
}

type Line = (RowId, Second, Vec<u8>);

/// Returns the rows of the input, one per line, as the lines of each day log.
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
    let stream = StreamId { source: "acme".parse().expect("a valid ID"), log };
    DayLogId { stream, day }.key(1)
}

fn read(key: &ObjectKey, bytes: &[u8]) -> Result<Vec<(RowId, Second)>, slacktrail_core::error::Error> {
    let mut read = Vec::new();
    decode(key, bytes, |id, time| read.push((id, time)))?;
    Ok(read)
}

fn assert_round_trip(key: &ObjectKey, lines: &[Line], input: &[u8]) {
    let written: Vec<(RowId, Second)> = lines.iter().map(|(id, time, _)| (*id, *time)).collect();
    let object = encode(lines.iter().map(|(.., line)| line.as_slice()), GZIP_LEVEL);
    assert_eq!(read(key, &object).expect("a written object can be read back"), written);

    let other_day =
        ObjectKey { day_log: DayLogId { day: key.day_log.day.end().plus(1).day(), ..key.day_log.clone() }, number: 1 };
    assert!(
        other_day.day_log.day == key.day_log.day || read(&other_day, &object).is_err(),
        "accepted lines of another day"
    );

    for damage in 0..DAMAGES {
        let number = input.get(damage * input.len() / DAMAGES).map_or(0, |byte| usize::from(*byte));
        let at = (damage * 251 + number * 31) % object.len();
        assert!(read(key, &object[..at]).is_err(), "accepted an object truncated to {at} bytes");
        let mut flipped = object.clone();
        flipped[at] ^= 1 << (number % 8);
        // Some bits of the gzip header, such as the time and the operating system, may have any value. A checksum covers the data.
        if let Ok(taken) = read(key, &flipped) {
            assert_eq!(taken, written, "an object damaged at byte {at} returned different lines");
        }
        let longer = [&object, &input[..input.len().min(damage)]].concat();
        if let Ok(taken) = read(key, &longer) {
            assert_eq!(taken, written, "an object with {damage} extra bytes returned different lines");
        }
    }
}
