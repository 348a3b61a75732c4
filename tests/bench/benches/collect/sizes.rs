//! What a stored record takes in objects of many and of few records: gzip learns anew in each.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use slacktrail_core::object::GZIP_LEVEL;

use crate::Outcome;
use crate::stored::Objects;

/// Records of an object.
const SIZES: [usize; 4] = [10_000, 100, 10, 1];
/// So many records are put into objects of each size.
const RECORDS: usize = 10_000;

/// Objects of one size.
pub(crate) struct Size {
    /// Records of each object.
    pub(crate) records: usize,
    /// Bytes that each of its records takes.
    pub(crate) bytes_a_record: f64,
}

/// Puts what was collected into `directory` into objects of each size.
pub(crate) fn run(directory: &Path) -> Outcome<Vec<Size>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for object in Objects::under(directory)? {
        lines.extend(object?.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        if lines.len() >= RECORDS {
            break;
        }
    }
    lines.truncate(RECORDS);
    SIZES.into_iter().map(|records| measure(&lines, records)).collect()
}

fn measure(lines: &[Vec<u8>], records: usize) -> Outcome<Size> {
    let mut gzipped = 0;
    for object in lines.chunks(records) {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
        object.iter().try_for_each(|line| gzip.write_all(line))?;
        gzipped += gzip.finish()?.len();
    }
    Ok(Size { records, bytes_a_record: gzipped as f64 / lines.len() as f64 })
}
