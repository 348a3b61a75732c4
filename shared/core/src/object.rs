//! An object: one gzip file of a day log, with its key and its bytes.

use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::str::FromStr;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc, GzBuilder};

use crate::error::Error;
use crate::line::StoredLine;
use crate::record::RowId;
use crate::slack::page_reader::ROW_BYTES_MAX;
use crate::source::StreamId;
use crate::time::{Day, Second};

/// The gzip level, from 1 to 9. docs/design.md explains the choice, which is based on `make bench`.
pub const GZIP_LEVEL: u32 = 5;

/// Bytes of lines that are compressed at once. Compressing line by line would take a tenth more CPU.
const GZIP_BYTES_AT_ONCE: usize = 64 << 10;

/// Maximum length of a line that is read back, 16 MiB. The text of a row has at most a quarter of that, even if it was repaired. Its indicators
/// repeat at most all of it, and slacktrail's other fields have a few KiB.
const LINE_BYTES_MAX: u64 = 4 * ROW_BYTES_MAX as u64;
/// Maximum uncompressed size of an object that is read back, 64 MiB. slacktrail's objects hold one batch. A few KiB may unpack to any size.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Maximum lines of an object. A batch, of about 8 MiB, has fewer, because a line has at least 170 bytes.
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
        ObjectKey { day_log: self.clone(), number }
    }

    /// Returns the owner of a listed key that starts with [`prefix`](Self::prefix).
    pub fn read_key(&self, key: &str) -> KeyOwner {
        match key.parse::<ObjectKey>() {
            Ok(key) if key.day_log == *self => KeyOwner::This(key.number),
            Ok(_) => KeyOwner::OtherSource,
            Err(_) => KeyOwner::Unknown,
        }
    }
}

/// Returns the numbers that a day log skips: those from 1 to its last object that are not in `numbers`, which are in ascending order.
pub fn missing_numbers(numbers: &[u32]) -> impl Iterator<Item = u32> {
    let previous = std::iter::once(&0).chain(numbers);
    previous.zip(numbers).flat_map(|(previous, number)| previous + 1..*number)
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
    pub day_log: DayLogId,
    /// The number of the object, from 1.
    pub number: u32,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:06}.json.gz", self.day_log.prefix(), self.number)
    }
}

impl FromStr for ObjectKey {
    type Err = String;
    fn from_str(text: &str) -> Result<ObjectKey, String> {
        let parse = || {
            let (log, rest) = text.split_once('/')?;
            let (day, name) = rest.rsplit_once('/')?;
            let (source, number) = name.strip_suffix(".json.gz")?.rsplit_once('-')?;
            let stream = StreamId { source: source.parse().ok()?, log: log.parse().ok()? };
            let key = DayLogId { stream, day: day.parse().ok()? }.key(number.parse().ok()?);
            Some(key).filter(|key| key.number > 0 && key.to_string() == text)
        };
        parse().ok_or_else(|| format!("`{text}` is not the key of an object"))
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
/// Returns an error of kind [`Investigate`](crate::error::ErrorKind::Investigate) that names the key if slacktrail did not write these bytes.
pub fn decode(key: &ObjectKey, bytes: &[u8], mut take: impl FnMut(RowId, Second)) -> Result<(), Error> {
    decode_lines(key, bytes, |number, _, line| {
        if line.time.day() != key.day_log.day {
            return Err(foreign_line(key, number));
        }
        take(line.id, line.time);
        Ok(())
    })
}

/// Passes each line of an object to `take`: its number, its bytes without the line break, and the line parsed. Holds one line in memory at a time.
///
/// # Errors
///
/// Returns an error of kind [`Investigate`](crate::error::ErrorKind::Investigate) that names the key if slacktrail did not write these lines, or the error of `take`.
pub fn decode_lines(
    key: &ObjectKey,
    bytes: &[u8],
    mut take: impl FnMut(u64, &[u8], &StoredLine<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut lines = Lines::of(bytes);
    while let Some((number, line)) = lines.next_line().map_err(|error| corrupt_gzip(key, error))? {
        if number > LINES_MAX {
            return Err(corrupt_object(key, "it has more lines than slacktrail writes to an object"));
        }
        let read = line.and_then(|line| Some((line, StoredLine::read(key.day_log.stream.log, line)?)));
        let (line, stored) = read.ok_or_else(|| foreign_line(key, number))?;
        take(number, line, &stored)?;
    }
    Ok(())
}

/// A line's number, from 1, and the line without its line break, or `None` if it has no line break.
type NumberedLine<'a> = (u64, Option<&'a [u8]>);

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

/// Returns the error of an object that cannot be decompressed.
pub fn corrupt_gzip(key: &ObjectKey, error: io::Error) -> Error {
    corrupt_object(key, "its gzip data is corrupt").with_source(error)
}

/// Returns the error of an object with a line that slacktrail did not write.
pub fn foreign_line(key: &ObjectKey, number: u64) -> Error {
    corrupt_object(key, &format!("slacktrail did not write line {number}"))
}

fn corrupt_object(key: &ObjectKey, what: &str) -> Error {
    Error::deployment("corrupt_object", format!("reading object `{key}`: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::line::LineWriter;
    use crate::record::Record;
    use crate::slack::{Advance, PageReader};
    use crate::source::{LogType, Plan, Source};

    fn log(source: &str) -> DayLogId {
        let stream = StreamId { source: source.parse().unwrap(), log: LogType::Audit };
        DayLogId { stream, day: "2026/11/22".parse().unwrap() }
    }

    #[test]
    fn line_of_longest_repaired_or_escaped_row_reads_back() {
        for (before, byte, after) in [
            (&br#"{"username":""#[..], 0xff, &br#"","date_first":1800000005}"#[..]),
            (b"{", 1, b"}"),
            (b"{", 0xff, b"}"),
        ] {
            let mut count = ROW_BYTES_MAX / if byte == 1 { 6 } else { 3 } - 40;
            let row_of = |count: usize| {
                let row = [before, &vec![byte; count], after].concat();
                let mut reader = PageReader::new("team.accessLogs");
                reader.push(&[br#"{"logins":["#, row.as_slice(), b"]}"].concat()).unwrap();
                reader.end();
                (reader.advance() == Ok(Advance::Row)).then(|| reader.row().json.into_owned())
            };
            let mut longest = None;
            while let Some(json) = row_of(count) {
                longest = Some(json);
                count += 1;
            }
            let json = longest.unwrap();
            assert!(json.len() > ROW_BYTES_MAX - 50, "{}", json.len());
            let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
            let writer = LineWriter::new(&source, LogType::Access, jiff::Timestamp::UNIX_EPOCH);
            let record = Record::read(LogType::Access, None, &json);
            let mut line = Vec::new();
            writer.write(&record, &mut line);
            let stream = StreamId { source: source.id.clone(), log: LogType::Access };
            let key = DayLogId { stream, day: record.partition_time().day() }.key(1);
            let mut ids = Vec::new();
            decode(&key, &encode([line.as_slice()], 1), |id, _| ids.push(id)).unwrap();
            assert_eq!(ids, [record.id]);
        }
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
    fn only_complete_key_of_object_is_parsed() {
        for key in [log("acme").key(42), log("acme-2").key(1_234_567)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in [
            "",
            "audit/2026/11/22/acme-1.json.gz",
            "audit/2026/11/22/acme-000000.json.gz",
            "audit/2026/11/22/acme-+00001.json.gz",
            "audit/2026/11/22/notes.txt",
            "audit/2026/11/31/acme-000001.json.gz",
            "audit/2026/11/22/x/acme-000001.json.gz",
            "other/2026/11/22/acme-000001.json.gz",
            "audit/acme-000001.json",
        ] {
            assert_eq!(wrong.parse::<ObjectKey>(), Err(format!("`{wrong}` is not the key of an object")));
        }
    }

    #[test]
    fn numbers_that_day_log_skips_are_missing() {
        let missing = |numbers: &[u32]| missing_numbers(numbers).collect::<Vec<_>>();
        for (numbers, expected) in [(&[][..], &[][..]), (&[1, 2], &[]), (&[2], &[1]), (&[1, 4, 5, 7], &[2, 3, 6])] {
            assert_eq!(missing(numbers), expected);
        }
        assert_eq!(missing_numbers(&[1, u32::MAX]).last(), Some(u32::MAX - 1));
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
        LineWriter::new(&source, LogType::Audit, jiff::Timestamp::UNIX_EPOCH).write(&record, &mut line);
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
