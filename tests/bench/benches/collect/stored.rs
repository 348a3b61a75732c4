//! Reads the collected objects from a directory. It only uses gzip and line breaks.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::Outcome;

/// The size of the collected records.
#[derive(Default)]
pub(crate) struct Stored {
    /// The number of lines.
    pub(crate) records: u64,
    /// The size of the lines in bytes.
    pub(crate) bytes: u64,
    /// The size of the objects in bytes.
    pub(crate) gzipped: u64,
}

/// Returns the objects in `directory`, in the order of their keys.
pub(crate) fn objects(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    find(&directory.join("audit"), &mut files)?;
    files.sort();
    Ok(files)
}

/// Returns the decompressed lines of an object.
pub(crate) fn lines(object: &Path) -> Outcome<Vec<u8>> {
    let mut lines = Vec::new();
    GzDecoder::new(BufReader::new(File::open(object)?)).read_to_end(&mut lines)?;
    Ok(lines)
}

/// Measures the collected records in `directory`.
pub(crate) fn measure(directory: &Path) -> Outcome<Stored> {
    let mut stored = Stored::default();
    for object in objects(directory)? {
        let lines = lines(&object)?;
        stored.records += memchr::memchr_iter(b'\n', &lines).count() as u64;
        stored.bytes += lines.len() as u64;
        stored.gzipped += fs::metadata(object)?.len();
    }
    Ok(stored)
}

fn find(directory: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { find(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
