//! Reads what a collector has written.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// A line that a collector has written.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) file: PathBuf,
    /// The value of the line, or `None` if it is not JSON.
    pub(crate) value: Option<Value>,
}

/// Returns all files at or below `path`, sorted. A path that does not exist has none.
pub(crate) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                for entry in fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
            }
            Ok(_) => found.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the bytes of a file, decompressed if they are gzip. Of a file that breaks off, returns what can be decompressed.
pub(crate) fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let stored = fs::read(file)?;
    if !stored.starts_with(&[0x1f, 0x8b]) {
        return Ok(stored);
    }
    let mut plain = Vec::new();
    // A collector that was killed may leave a file without an end. Its lines still count.
    let _ = MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut plain);
    Ok(plain)
}

/// Returns all lines of the files. Skips files whose name starts with `.`, because collectors write temporary files there.
pub(crate) fn lines(files: &[PathBuf]) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let is_hidden = |file: &&PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    for file in files.iter().filter(|file| !is_hidden(file)) {
        let bytes = bytes(file)?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            lines.push(Line { file: file.clone(), value: serde_json::from_slice(line).ok() });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn lines_of_plain_and_compressed_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let nested = folder.path().join("2026/05");
        fs::create_dir_all(&nested).unwrap();
        fs::write(folder.path().join("b.json"), "{\"id\":1}\n\nnot json\n").unwrap();
        fs::write(folder.path().join(".hidden"), "{\"id\":9}\n").unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"{\"id\":2}\n").unwrap();
        fs::write(nested.join("a.json.gz"), gzip.finish().unwrap()).unwrap();
        let lines = lines(&files(folder.path()).unwrap()).unwrap();
        let ids: Vec<Option<Value>> =
            lines.into_iter().map(|line| line.value.map(|value| value["id"].clone())).collect();
        assert_eq!(ids, [Some(2.into()), Some(1.into()), None]);
        assert!(files(&folder.path().join("none")).unwrap().is_empty());
    }
}
