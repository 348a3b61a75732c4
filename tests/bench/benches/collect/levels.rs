//! What each level of gzip costs and saves, on lines as they are stored.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::meter::Meter;
use crate::stored::Objects;

/// So many records are compressed.
pub(crate) const RECORDS: usize = 100_000;
/// Times that each level is tried, one after the other; the least CPU counts.
const TRIES: usize = 3;

/// One level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Level {
    /// From 1 to 9.
    pub(crate) level: u32,
    /// CPU for all bytes.
    pub(crate) cpu: Option<Duration>,
    /// Bytes before.
    pub(crate) bytes: u64,
    /// Bytes after.
    pub(crate) gzipped: u64,
}

/// Tries all levels on what was collected into `directory`.
pub(crate) fn run(directory: &Path) -> Outcome<Vec<Level>> {
    let (mut objects, mut room) = (Vec::new(), RECORDS);
    for lines in Objects::under(directory)? {
        let lines = lines?;
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &lines).take(room).collect();
        objects.push(lines[..ends.last().map_or(0, |end| end + 1)].to_vec());
        room -= ends.len();
    }
    let mut levels = (1..=9).map(|level| compress(level, &objects)).collect::<Outcome<Vec<_>>>()?;
    for _ in 1..TRIES {
        for level in &mut levels {
            level.cpu = level.cpu.min(compress(level.level, &objects)?.cpu);
        }
    }
    Ok(levels)
}

fn compress(level: u32, objects: &[Vec<u8>]) -> Outcome<Level> {
    let meter = Meter::start();
    let (mut bytes, mut gzipped) = (0, 0);
    for lines in objects {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
        gzip.write_all(lines)?;
        bytes += lines.len() as u64;
        gzipped += gzip.finish()?.len() as u64;
    }
    Ok(Level { level, cpu: meter.used().cpu, bytes, gzipped })
}
