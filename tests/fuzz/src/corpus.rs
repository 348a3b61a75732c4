//! The corpus: inputs in files, by target.

use std::fs;
use std::path::{Path, PathBuf};

/// An input and the name of its file.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Where a target's inputs are.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a target, in order of their names.
///
/// # Panics
/// When there are none, or one cannot be read.
pub fn inputs(target: &str) -> Vec<Input> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut inputs: Vec<Input> = entries
        .map(|entry| {
            let path = entry.expect("a folder can be read to its end").path();
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
            Input { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes }
        })
        .collect();
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!inputs.is_empty(), "`{}` is empty", folder.display());
    inputs
}
