//! Measures the size of a stored record by the number of records per object. Each object's gzip stream starts with an empty window.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use slacktrail_core::object::GZIP_LEVEL;

use crate::{Outcome, stored};

/// The numbers of records per object.
const SIZES: [usize; 4] = [10_000, 100, 10, 1];
/// The number of records that are measured for each size.
const RECORDS: usize = 10_000;

/// The measurement of one object size.
pub(crate) struct Size {
    /// The number of records per object.
    pub(crate) records: usize,
    /// The compressed size in bytes per record.
    pub(crate) bytes_per_record: f64,
}

/// Compresses the records in `directory` into objects of each size.
pub(crate) fn run(directory: &Path) -> Outcome<Vec<Size>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for object in stored::objects(directory)? {
        lines.extend(stored::lines(&object)?.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
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
    Ok(Size { records, bytes_per_record: gzipped as f64 / lines.len() as f64 })
}
