//! Reads the collected objects from a directory. It only uses gzip and line breaks.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::Outcome;

/// An iterator over the decompressed lines of each object.
pub(crate) struct Objects {
    files: std::vec::IntoIter<PathBuf>,
}

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

impl Objects {
    /// Returns the objects in `directory`, in the order of their keys.
    pub(crate) fn under(directory: &Path) -> Outcome<Objects> {
        let mut files = Vec::new();
        find(&directory.join("audit"), &mut files)?;
        files.sort();
        Ok(Objects { files: files.into_iter() })
    }
}

impl Iterator for Objects {
    type Item = Outcome<Vec<u8>>;

    fn next(&mut self) -> Option<Outcome<Vec<u8>>> {
        let file = self.files.next()?;
        let read = || {
            let mut lines = Vec::new();
            GzDecoder::new(BufReader::new(File::open(&file)?)).read_to_end(&mut lines)?;
            Ok(lines)
        };
        Some(read())
    }
}

/// Measures the collected records in `directory`.
pub(crate) fn measure(directory: &Path) -> Outcome<Stored> {
    let mut stored = Stored::default();
    let objects = Objects::under(directory)?;
    for file in objects.files.as_slice() {
        stored.gzipped += fs::metadata(file)?.len();
    }
    for lines in objects {
        let lines = lines?;
        stored.records += memchr::memchr_iter(b'\n', &lines).count() as u64;
        stored.bytes += lines.len() as u64;
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
