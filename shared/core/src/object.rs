//! An object: one gzip file of a day log, by its key and its bytes.

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

/// The level of gzip, from 1 to 9: chosen by `make bench`, see docs/design.md.
pub const GZIP_LEVEL: u32 = 5;

/// Lines go into gzip by so many bytes at a time: line by line they would cost it a tenth more CPU.
const GZIP_BYTES_AT_ONCE: usize = 64 << 10;

/// A line that is read back may be this long at most, 16 MiB: a row, what its indicators repeat of it, and slacktrail's fields are shorter.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// An object that is read back may unpack to so many bytes, 64 MiB: slacktrail's hold a batch, and a few KiB may unpack to anything.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Lines of an object: those of a batch of 16 MiB, none of which is shorter than 170 bytes, are fewer.
const LINES_MAX: u64 = 100_000;

/// One stream's records of one UTC day: the objects 1, 2, 3 ... under one prefix.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DayLogId {
    /// Whose log, and which.
    pub stream: StreamId,
    /// The day.
    pub day: Day,
}

impl DayLogId {
    /// What the keys of the day log's objects begin with. Other sources' keys may begin with it too: `acme` and `acme-2`.
    pub fn prefix(&self) -> String {
        format!("{}/{}/{}-", self.stream.log, self.day, self.stream.source)
    }

    /// The key of object `number`.
    pub fn key(&self, number: u32) -> ObjectKey {
        ObjectKey { log: self.clone(), number }
    }

    /// Whose a listed key is that begins with our [`prefix`](Self::prefix).
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

/// Whose a listed key is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyOwner {
    /// The day log's object of this number.
    This(u32),
    /// An object of a source whose id begins as ours does.
    OtherSource,
    /// Nothing that slacktrail writes.
    Unknown,
}

/// An object's key, as in `audit/2026/11/22/acme-000042.json.gz`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey {
    /// The day log that it belongs to.
    pub log: DayLogId,
    /// Its number, from 1.
    pub number: u32,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:06}.json.gz", self.log.prefix(), self.number)
    }
}

/// The bytes of an object that holds these lines, each with its line break. The same lines always make the same bytes. `gzip_level`:
/// 0 (as they are) to 9, in production [`GZIP_LEVEL`].
pub fn encode<'a>(lines: impl IntoIterator<Item = &'a [u8]>, gzip_level: u32) -> Vec<u8> {
    if gzip_level == 0 {
        return stored(&lines.into_iter().collect::<Vec<_>>().concat());
    }
    let gzip = GzBuilder::new().write(Vec::new(), Compression::new(gzip_level));
    let mut gzip = BufWriter::with_capacity(GZIP_BYTES_AT_ONCE, gzip);
    for line in lines {
        gzip.write_all(line).expect("memory takes every write");
    }
    gzip.into_inner().map(GzEncoder::finish).expect("memory takes every write").expect("memory takes every write")
}

/// A gzip file of stored blocks (RFC 1951, 3.2.4; RFC 1952, 2.3). Setting up a compressor takes a third of a megabyte, and the simulation
/// makes millions of objects of a few lines.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for block in bytes.chunks(0xffff) {
        let length = u16::try_from(block.len()).expect("a block is no longer than that");
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

/// Gives the identity and time of each line of a stored object to `take`, one line in memory at a time.
///
/// # Errors
/// [`ErrorKind::Investigate`], naming the key, when the bytes are not an object that we wrote.
pub fn decode(key: &ObjectKey, bytes: &[u8], mut take: impl FnMut(RowId, Second)) -> Result<(), Error> {
    let log: LogType = key.log.stream.log;
    let mut lines = Lines::of(bytes);
    while let Some((number, line)) =
        lines.next_line().map_err(|error| not_ours(key, "its gzip is damaged").with_source(error))?
    {
        if number > LINES_MAX {
            return Err(not_ours(key, "it has more lines than slacktrail writes into an object"));
        }
        let read = line.and_then(|line| read_line(log, line)).filter(|(_, time)| time.day() == key.log.day);
        let Some((id, time)) = read else {
            return Err(not_ours(key, &format!("line {number} is not one that slacktrail wrote there")));
        };
        take(id, time);
    }
    Ok(())
}

/// A line's number, from 1, and the line without its line break; `None` when it has no line break.
pub(crate) type NumberedLine<'a> = (u64, Option<&'a [u8]>);

/// The lines of a stored object, one of them in memory at a time.
pub struct Lines<'a> {
    reader: BufReader<MultiGzDecoder<&'a [u8]>>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<'a> Lines<'a> {
    /// Returns a reader of the lines of a gzip object.
    pub fn of(bytes: &'a [u8]) -> Lines<'a> {
        Lines {
            reader: BufReader::with_capacity(64 << 10, MultiGzDecoder::new(bytes)),
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line. An object without lines has a first one that has no line break.
    ///
    /// # Errors
    /// When the gzip is damaged, or unpacks to more than 64 MiB.
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

fn not_ours(key: &ObjectKey, what: &str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "corrupt_object",
        format!("reading back object `{key}`: {what}"),
        "an archive that cannot be read back cannot be added to; restore the object's first version, or move it away if it is not slacktrail's",
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
        let lines: [&[u8]; 1] = [b"not a line of ours\n"];
        assert_eq!(encode(lines, 5), encode(lines, 5));
        let key = log("acme").key(7);
        for bytes in [encode(lines, 5), encode(lines, 0), encode([], 5), b"no gzip".to_vec(), Vec::new()] {
            let error = decode(&key, &bytes, |_, _| ()).unwrap_err();
            assert!(error.message.contains("audit/2026/11/22/acme-000007.json.gz"), "{error}");
            assert_eq!(error.kind, ErrorKind::Investigate);
        }
    }
}
