//! Measures the CPU time and the compressed size of each gzip level on stored lines.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::meter::Meter;
use crate::{Outcome, stored};

/// The number of compressed records.
pub(crate) const RECORDS: usize = 100_000;
/// The number of runs per level. The minimum CPU time counts.
const TRIES: usize = 3;

/// The measurement of one gzip level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Level {
    /// The level, from 1 to 9.
    pub(crate) level: u32,
    /// The CPU time for all bytes.
    pub(crate) cpu: Option<Duration>,
    /// The uncompressed size in bytes.
    pub(crate) bytes: u64,
    /// The compressed size in bytes.
    pub(crate) gzipped: u64,
}

/// Measures all levels on the records in `directory`.
pub(crate) fn run(directory: &Path) -> Outcome<Vec<Level>> {
    let (mut objects, mut remaining) = (Vec::new(), RECORDS);
    for object in stored::objects(directory)? {
        let lines = stored::lines(&object)?;
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &lines).take(remaining).collect();
        objects.push(lines[..ends.last().map_or(0, |end| end + 1)].to_vec());
        remaining -= ends.len();
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
