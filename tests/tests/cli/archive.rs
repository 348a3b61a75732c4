//! Reads a directory of logs back, without the code that wrote it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Slack's bytes of every record of a log in a directory, sorted.
pub(crate) fn records(directory: &Path, log: &str) -> Vec<String> {
    let mut records = Vec::new();
    // A name that begins with a dot is a file that is being written.
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

/// Every file under a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
