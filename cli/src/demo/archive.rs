//! Reads the files back. Relies only on the documented format, and uses none of the code that wrote them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::cli_error::CliError;

/// The start of the appended fields. Quotes in JSON strings are escaped, so the last occurrence is slacktrail's.
const APPENDED: &str = r#","p_log_type":""#;

/// The lines and files of a directory of logs.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    pub(crate) lines: Vec<Line>,
    pub(crate) files: Vec<File>,
}

/// A file, described by its name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct File {
    pub(crate) log: String,
    /// `2026/11/22`
    pub(crate) day: String,
    pub(crate) source: String,
    pub(crate) number: u32,
    path: PathBuf,
}

/// A stored line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) log: String,
    /// The day in the name of its file.
    pub(crate) day: String,
    /// Slack's JSON, byte for byte.
    pub(crate) slack: String,
    /// The complete line.
    whole: String,
    pub(crate) fields: Fields,
}

/// The JSON fields of a line that the comparison needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    date_create: Option<Value>,
    date_first: Option<Value>,
    date: Option<Value>,
    pub(crate) p_row_id: String,
    pub(crate) p_workspace_id: Option<String>,
}

impl Archive {
    /// Reads a directory.
    ///
    /// # Errors
    /// Returns an error if the name, the compression or a line of a file does not have the documented format.
    pub(crate) fn read(directory: &Path) -> Result<Archive, CliError> {
        let mut archive = Archive::default();
        for log in ["audit", "access", "integration"] {
            let mut paths = Vec::new();
            find_files(&directory.join(log), &mut paths)?;
            for path in paths {
                let file = File::of(directory, path.clone())
                    .ok_or_else(|| invalid(&path, "its name is not an object's name"))?;
                let bytes = fs::read(&path).map_err(|error| read_error(&path, error))?;
                let mut text = String::new();
                MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).map_err(|error| read_error(&path, error))?;
                if !text.ends_with('\n') {
                    return Err(invalid(&path, "its last line is incomplete"));
                }
                for whole in text.lines() {
                    archive.lines.push(
                        Line::of(&file, whole).ok_or_else(|| invalid(&path, "a line lacks the documented fields"))?,
                    );
                }
                archive.files.push(file);
            }
        }
        archive.files.sort();
        Ok(archive)
    }

    /// Returns the newest line of each log.
    pub(crate) fn samples(&self) -> Vec<(&str, &str)> {
        let mut samples: Vec<(&str, &str)> = Vec::new();
        for line in self.lines.iter().rev() {
            if !samples.iter().any(|(log, _)| *log == line.log) {
                samples.insert(0, (&line.log, &line.whole));
            }
        }
        samples
    }

    /// Returns the newest file of the audit log, or of another log if there is no audit log.
    pub(crate) fn newest(&self) -> Option<&Path> {
        let newest = self.files.iter().rfind(|file| file.log == "audit").or(self.files.last())?;
        Some(&newest.path)
    }
}

impl File {
    fn of(directory: &Path, path: PathBuf) -> Option<File> {
        let key = path.strip_prefix(directory).ok()?.to_str()?.replace('\\', "/");
        let (folder, name) = key.rsplit_once('/')?;
        let (log, day) = folder.split_once('/')?;
        let (source, number) = name.strip_suffix(".json.gz")?.rsplit_once('-')?;
        let is_long_enough = number.len() >= 6;
        let number = number.parse().ok().filter(|_| is_long_enough)?;
        Some(File { log: log.to_owned(), day: day.to_owned(), source: source.to_owned(), number, path })
    }
}

impl Line {
    fn of(file: &File, whole: &str) -> Option<Line> {
        let fields = serde_json::from_str(whole).ok()?;
        let slack = format!("{}}}", &whole[..whole.rfind(APPENDED)?]);
        Some(Line { log: file.log.clone(), day: file.day.clone(), slack, whole: whole.to_owned(), fields })
    }
}

impl Fields {
    /// Returns the time of the record.
    pub(crate) fn time(&self, log: &str) -> Option<&Value> {
        match log {
            "audit" => self.date_create.as_ref(),
            "access" => self.date_first.as_ref(),
            _ => self.date.as_ref(),
        }
    }
}

/// Adds the files under a directory to `paths`, sorted by name. Skips names that start with a dot, which are not logs.
fn find_files(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if !directory.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(directory).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut found: Vec<PathBuf> =
        entries.map_err(|error| read_error(directory, error))?.into_iter().map(|entry| entry.path()).collect();
    found.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    found.sort();
    for path in found {
        if path.is_dir() { find_files(&path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

fn read_error(path: &Path, error: std::io::Error) -> CliError {
    CliError::new(format!("reading `{}` back failed", path.display())).with_source(error)
}

fn invalid(path: &Path, reason: &str) -> CliError {
    CliError::new(format!("`{}` does not have the documented format: {reason}", path.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns an archive of the audit logs of one day, with files of these numbers. All lines are in the first file.
    pub(crate) fn archive(day: &str, numbers: &[u32], lines: &[String]) -> Archive {
        let file = |number: u32| {
            let path = Path::new("logs").join(format!("audit/{day}/acme-{number:06}.json.gz"));
            File::of(Path::new("logs"), path).unwrap()
        };
        let files: Vec<File> = numbers.iter().map(|number| file(*number)).collect();
        let lines = lines.iter().map(|line| Line::of(&files[0], line).unwrap()).collect();
        Archive { lines, files }
    }

    #[test]
    fn line_yields_slack_bytes() {
        let whole = r#"{"id":"a","x":"\",\"p_log_type\":\"","p_log_type":"Slack.AuditLogs","p_row_id":"y"}"#;
        let archive = archive("2026/11/22", &[1], &[whole.to_owned()]);
        assert_eq!(archive.lines[0].slack, r#"{"id":"a","x":"\",\"p_log_type\":\""}"#);
    }

    #[test]
    fn file_name_of_no_object_is_rejected() {
        for name in ["audit/2026/11/22/acme-1.json.gz", "audit/2026/11/22/notes.txt", "audit/acme-000001.json"] {
            assert_eq!(File::of(Path::new("logs"), Path::new("logs").join(name)), None, "{name}");
        }
    }
}
