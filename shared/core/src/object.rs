//! An object: one gzip file of a day log, with its key and its bytes.

use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc, GzBuilder};

use crate::error::{Error, ErrorKind};
use crate::line::read_line;
use crate::record::RowId;
use crate::source::{LogType, SourceId, StreamId};
use crate::time::{Day, Second};

/// The gzip level, from 1 to 9. docs/design.md explains the choice, which is based on `make bench`.
pub const GZIP_LEVEL: u32 = 5;

/// Bytes of lines that are compressed at once. Compressing line by line would take a tenth more CPU.
const GZIP_BYTES_AT_ONCE: usize = 64 << 10;

/// Maximum length of a line that is read back, 16 MiB. A row, its indicators and slacktrail's fields are shorter.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Maximum uncompressed size of an object that is read back, 64 MiB. slacktrail's objects hold one batch. A few KiB may unpack to any size.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Maximum lines of an object. A batch of 16 MiB has fewer, because a line has at least 170 bytes.
const LINES_MAX: u64 = 100_000;

/// A day log: one stream's records of one UTC day, as objects 1, 2, 3 ... under one prefix.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DayLogId {
    /// The stream.
    pub stream: StreamId,
    /// The day.
    pub day: Day,
}

impl DayLogId {
    /// Returns the prefix of the day log's keys. Keys of other sources may have it too, for example those of `acme-2` for `acme`.
    pub fn prefix(&self) -> String {
        format!("{}/{}/{}-", self.stream.log, self.day, self.stream.source)
    }

    /// Returns the key of object `number`.
    pub fn key(&self, number: u32) -> ObjectKey {
        ObjectKey { log: self.clone(), number }
    }

    /// Returns the owner of a listed key that starts with [`prefix`](Self::prefix).
    pub fn read_key(&self, key: &str) -> KeyOwner {
        let name = key.strip_prefix(&self.prefix()).and_then(|rest| rest.strip_suffix(".json.gz"));
        let Some((before, digits)) = name.map(|name| name.rsplit_once('-').unwrap_or(("", name))) else {
            return KeyOwner::Unknown;
        };
        let number = digits.parse().ok().filter(|number: &u32| *number > 0 && format!("{number:06}") == digits);
        let others = || format!("{}-{before}", self.stream.source).parse::<SourceId>().is_ok();
        match number {
            Some(number) if name == Some(digits) => KeyOwner::This(number),
            Some(_) if others() => KeyOwner::OtherSource,
            _ => KeyOwner::Unknown,
        }
    }
}

/// The owner of a listed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyOwner {
    /// This day log, with the number of the object.
    This(u32),
    /// Another source, whose ID starts with this source's ID.
    OtherSource,
    /// Unknown: slacktrail did not write this key.
    Unknown,
}

/// The key of an object, for example `audit/2026/11/22/acme-000042.json.gz`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey {
    /// The day log of the object.
    pub log: DayLogId,
    /// The number of the object, from 1.
    pub number: u32,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:06}.json.gz", self.log.prefix(), self.number)
    }
}

/// Encodes lines, each with its line break, as a gzip file. The same lines always result in the same bytes.
///
/// `gzip_level` ranges from 0 (uncompressed) to 9. Production uses [`GZIP_LEVEL`].
pub fn encode<'a>(lines: impl IntoIterator<Item = &'a [u8]>, gzip_level: u32) -> Vec<u8> {
    if gzip_level == 0 {
        return stored(&lines.into_iter().collect::<Vec<_>>().concat());
    }
    let gzip = GzBuilder::new().write(Vec::new(), Compression::new(gzip_level));
    let mut gzip = BufWriter::with_capacity(GZIP_BYTES_AT_ONCE, gzip);
    for line in lines {
        gzip.write_all(line).expect("writing to memory succeeds");
    }
    gzip.into_inner().map(GzEncoder::finish).expect("writing to memory succeeds").expect("writing to memory succeeds")
}

/// Encodes bytes as a gzip file of stored blocks (RFC 1951, 3.2.4; RFC 1952, 2.3). Creating a compressor takes a third of a megabyte, and the
/// simulation creates millions of objects with a few lines.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for block in bytes.chunks(0xffff) {
        let length = u16::try_from(block.len()).expect("blocks have at most 65,535 bytes");
        file.push(0);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(&[1, 0, 0, 0xff, 0xff]); // the last block, an empty one
    let mut sum = Crc::new();
    sum.update(bytes);
    file.extend_from_slice(&sum.sum().to_le_bytes());
    file.extend_from_slice(&sum.amount().to_le_bytes());
    file
}

/// Passes the record ID and the time of each line of an object to `take`. Holds one line in memory at a time.
///
/// # Errors
///
/// Returns an error of kind [`ErrorKind::Investigate`] that names the key if slacktrail did not write these bytes.
pub fn decode(key: &ObjectKey, bytes: &[u8], mut take: impl FnMut(RowId, Second)) -> Result<(), Error> {
    let log: LogType = key.log.stream.log;
    let mut lines = Lines::of(bytes);
    while let Some((number, line)) =
        lines.next_line().map_err(|error| corrupt_object(key, "its gzip data is corrupt").with_source(error))?
    {
        if number > LINES_MAX {
            return Err(corrupt_object(key, "it has more lines than slacktrail writes to an object"));
        }
        let read = line.and_then(|line| read_line(log, line)).filter(|(_, time)| time.day() == key.log.day);
        let Some((id, time)) = read else {
            return Err(corrupt_object(key, &format!("slacktrail did not write line {number}")));
        };
        take(id, time);
    }
    Ok(())
}

/// A line's number, from 1, and the line without its line break, or `None` if it has no line break.
pub(crate) type NumberedLine<'a> = (u64, Option<&'a [u8]>);

/// Iterates over the lines of an object, with one line in memory at a time.
pub struct Lines<'a> {
    reader: BufReader<MultiGzDecoder<&'a [u8]>>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<'a> Lines<'a> {
    /// Creates an iterator over the lines of a gzip file.
    pub fn of(bytes: &'a [u8]) -> Lines<'a> {
        Lines {
            reader: BufReader::with_capacity(64 << 10, MultiGzDecoder::new(bytes)),
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// Returns the next line. An empty object has one line without a line break.
    ///
    /// # Errors
    ///
    /// Returns an error if the gzip data is corrupt or unpacks to more than 64 MiB.
    pub fn next_line(&mut self) -> io::Result<Option<NumberedLine<'_>>> {
        self.line.clear();
        let read = io::Read::take(&mut self.reader, LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 && self.number > 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more than 64 MiB"));
        }
        Ok(Some((self.number, self.line.strip_suffix(b"\n"))))
    }
}

fn corrupt_object(key: &ObjectKey, what: &str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "corrupt_object",
        format!("reading object `{key}`: {what}"),
        "restore the object's first version, or move it away if slacktrail did not create it; until then, slacktrail cannot add records to this day log",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::LineWriter;
    use crate::record::Record;
    use crate::source::{Plan, Source};

    fn log(source: &str) -> DayLogId {
        let stream = StreamId { source: source.parse().unwrap(), log: LogType::Audit };
        DayLogId { stream, day: "2026/11/22".parse().unwrap() }
    }

    #[test]
    fn key_contains_log_type_day_source_and_number() {
        assert_eq!(log("acme").key(42).to_string(), "audit/2026/11/22/acme-000042.json.gz");
        assert_eq!(log("acme").key(1_234_567).to_string(), "audit/2026/11/22/acme-1234567.json.gz");
    }

    #[test]
    fn listed_key_belongs_to_this_source_other_source_or_unknown() {
        let day = |name: &str| log("acme").read_key(&format!("audit/2026/11/22/{name}"));
        assert_eq!(day("acme-000042.json.gz"), KeyOwner::This(42));
        assert_eq!(day("acme-1234567.json.gz"), KeyOwner::This(1_234_567));
        assert_eq!(day("acme-2-000042.json.gz"), KeyOwner::OtherSource);
        assert_eq!(day("acme-000042-000001.json.gz"), KeyOwner::OtherSource);
        for foreign in [
            "acme-42.json.gz",
            "acme-0000042.json.gz",
            "acme-000000.json.gz",
            "acme-notes.txt",
            "acme-x.json.gz",
            "acme-A-000001.json.gz",
            "acme-",
        ] {
            assert_eq!(day(foreign), KeyOwner::Unknown, "{foreign}");
        }
    }

    #[test]
    fn every_level_decompresses_to_same_bytes() {
        let long = [b'x'; 70_000];
        for lines in [vec![], vec![&b"one\n"[..]], vec![&long[..], b"two\n"]] {
            for level in 0..=9 {
                let mut read = Vec::new();
                let object = encode(lines.iter().copied(), level);
                std::io::Read::read_to_end(&mut MultiGzDecoder::new(&object[..]), &mut read).expect("gzip");
                assert_eq!(read, lines.concat(), "level {level}");
            }
        }
    }

    #[test]
    fn object_that_exceeds_unpacked_size_limit_is_rejected() {
        let line = vec![b' '; 1 << 20];
        let lines = std::iter::repeat_n(&line[..], 20).chain([&b"\n"[..]]);
        let bomb = encode(lines.clone().chain(lines.clone()).chain(lines.clone()).chain(lines), 9);
        assert!(bomb.len() < 1 << 20);
        let mut lines = Lines::of(&bomb);
        let mut outcomes = std::iter::from_fn(|| lines.next_line().map(|line| line.map(|_| ())).transpose());
        assert!(outcomes.any(|outcome| outcome.is_err()));
        assert!(decode(&log("acme").key(7), &bomb, |_, _| ()).is_err());
    }

    #[test]
    fn object_may_unpack_to_exactly_64_mebibytes() {
        let mebibyte = [&[b' '; (1 << 20) - 1][..], b"\n"].concat();
        let is_read = |more: &[u8]| {
            let object = encode(std::iter::repeat_n(&mebibyte[..], 64).chain([more]), 1);
            let mut lines = Lines::of(&object);
            std::iter::from_fn(|| lines.next_line().map(|line| line.map(|_| ())).transpose()).all(|line| line.is_ok())
        };
        assert_eq!([is_read(b""), is_read(b"\n")], [true, false]);
    }

    #[test]
    fn object_with_too_many_lines_is_rejected() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let record = Record::read(LogType::Audit, None, r#"{"id":"a","date_create":1795305600}"#);
        let mut line = Vec::new();
        LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH).write(&record, record.id, &mut line);
        let object = |lines: u64| encode((0..lines).map(|_| &line[..]), 1);
        let decoded = |lines| decode(&log("acme").key(7), &object(lines), |_, _| ()).map_err(|error| error.message);
        assert_eq!(decoded(LINES_MAX), Ok(()));
        assert!(decoded(LINES_MAX + 1).unwrap_err().contains("more lines"));
    }

    #[test]
    fn equal_lines_make_equal_bytes_and_corrupt_object_is_named() {
        let lines: [&[u8]; 1] = [b"not a line of slacktrail\n"];
        assert_eq!(encode(lines, 5), encode(lines, 5));
        let key = log("acme").key(7);
        for bytes in [encode(lines, 5), encode(lines, 0), encode([], 5), b"no gzip".to_vec(), Vec::new()] {
            let error = decode(&key, &bytes, |_, _| ()).unwrap_err();
            assert!(error.message.contains("audit/2026/11/22/acme-000007.json.gz"), "{error}");
            assert_eq!(error.kind, ErrorKind::Investigate);
        }
    }
}
