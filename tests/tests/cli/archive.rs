//! Reads a log directory, independently of the code that writes it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Returns Slack's bytes of every record of a log in a directory, sorted.
pub(crate) fn records(directory: &Path, log: &str) -> Vec<String> {
    let mut records = Vec::new();
    // A file whose name starts with a dot is still being written.
    let is_object = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().starts_with('.');
    for path in files(&directory.join(log)).into_iter().filter(is_object) {
        let mut text = String::new();
        MultiGzDecoder::new(&fs::read(&path).unwrap()[..]).read_to_string(&mut text).unwrap();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            records.push(format!("{}}}", &line[..line.rfind(r#","p_log_type":""#).unwrap()]));
        }
    }
    records.sort();
    records
}

/// Returns every file below a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
