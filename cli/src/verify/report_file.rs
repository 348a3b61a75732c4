//! Writes the report for an auditor to a file, whose ending selects the format.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::compared::Compared;
use super::{html, json};
use crate::cli_error::CliError;
use crate::terminal;

/// The file of a report, before it is written. Until then, it has another name in the same directory.
#[derive(Debug)]
pub(super) struct ReportFile {
    path: PathBuf,
    unfinished: NamedTempFile,
}

/// Returns the ending of a file's name in lowercase.
fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// Parses the name of a report's file.
pub(super) fn parse(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    match ending(&path).as_deref() {
        Some("html" | "json") => Ok(path),
        _ => Err("expected a name that ends in `.html` (to read and print) or `.json` (for programs)"),
    }
}

impl ReportFile {
    /// Creates the file, so that an error is known before Slack is read.
    pub(super) fn create(path: &Path) -> Result<ReportFile, CliError> {
        if path.is_dir() {
            return Err(failed(path, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slacktrail-report-");
        // The file gets the usual permissions, which depend on the umask, and not those of a temporary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // The error names the file by its other name, which says nothing to the user.
        let unfinished = builder.tempfile_in(directory).map_err(|error| failed(path, &without_path(error)))?;
        Ok(ReportFile { path: path.to_owned(), unfinished })
    }

    /// Writes the report and gives the file its name. If the file cannot be written, an older file of this name remains.
    pub(super) fn write(mut self, compared: &Compared) -> Result<(), CliError> {
        let text = match ending(&self.path).as_deref() {
            Some("html") => html::html(compared),
            _ => terminal::json_text(&json::Document(compared)) + "\n",
        };
        let file = self.unfinished.as_file_mut();
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| failed(&self.path, &error))?;
        self.unfinished.persist(&self.path).map_err(|error| failed(&self.path, &error.error))?;
        terminal::note(&format!("wrote the report to {}", self.path.display()));
        Ok(())
    }
}

/// Returns the error without the path in its text, for the usual kinds.
fn without_path(error: io::Error) -> io::Error {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        NotFound => io::Error::other("its directory does not exist"),
        kind @ (NotADirectory | PermissionDenied | ReadOnlyFilesystem | StorageFull) => kind.into(),
        _ => error,
    }
}

fn failed(path: &Path, error: &io::Error) -> CliError {
    CliError::new(format!("writing the report `{}` failed: {error}", path.display()))
        .hint("choose a file in an existing directory that you can write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_end_in_html_or_json_are_accepted() {
        for name in ["a/october.HTML", "october.json"] {
            assert_eq!(parse(name), Ok(name.into()));
        }
        for other in ["october", "october.pdf", ".html", "html", "october.html.gz", ""] {
            assert!(parse(other).unwrap_err().contains("`.html`"), "{other}");
        }
    }

    #[test]
    fn unwritable_file_is_error_and_unused_one_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let error = ReportFile::create(&root.path().join("none/october.html")).unwrap_err();
        let expected = format!("writing the report `{}` failed", root.path().join("none/october.html").display());
        assert_eq!(
            error.to_string(),
            format!("{expected}: its directory does not exist"),
            "the temporary name is not shown"
        );
        assert!(error.next_action().unwrap().contains("existing directory"));
        std::fs::create_dir(root.path().join("folder.html")).unwrap();
        assert!(ReportFile::create(&root.path().join("folder.html")).is_err());
        let unused = ReportFile::create(&root.path().join("october.html")).unwrap();
        drop(unused);
        let names: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["folder.html"]);
    }
}
