//! The corpus: files of inputs by target.

use std::fs;
use std::path::{Path, PathBuf};

/// An input of the corpus.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file name.
    pub name: String,
    /// The content of the file.
    pub bytes: Vec<u8>,
}

/// Returns the folder of a target's inputs.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// Returns the inputs of a target, at least one, sorted by name.
pub fn inputs(target: &str) -> Vec<Input> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut inputs: Vec<Input> = entries
        .map(|entry| {
            let path = entry.expect("readable folder entry").path();
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
            Input { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes }
        })
        .collect();
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!inputs.is_empty(), "`{}` is empty", folder.display());
    inputs
}
