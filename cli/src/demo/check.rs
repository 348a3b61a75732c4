//! Reads the stored records back, and compares them with what the simulated Slack returned.

use std::fmt;
use std::path::{Path, PathBuf};

use slacktrail_adapters::directory::DirectoryDayLogs;
use slacktrail_archive::reader::read_object;
use slacktrail_core::object::{ObjectKey, missing_numbers};
use slacktrail_core::source::LogType;
use slacktrail_simulator::{Comparison, Differences, Log, Row, Stored};

use crate::cli_error::CliError;
use crate::duration;

/// A directory that was compared with Slack.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// The last line of each log.
    pub(crate) samples: Vec<(LogType, String)>,
    /// The newest file of the audit log, or of another log if there is no audit log.
    pub(crate) newest: Option<PathBuf>,
}

/// The result of the comparison.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    /// Records that Slack returned.
    compared: u64,
    /// Records that no line contains.
    missing: u64,
    /// Lines with a record that another line contains too.
    duplicates: u64,
    /// Lines with a record that Slack never returned.
    unexpected: u64,
    /// Lines in the file of another day than the record's.
    wrong_day: u64,
    /// Numbers that a day log skips.
    missing_objects: u64,
    /// Objects that were read back.
    objects: u64,
}

impl Verdict {
    /// Returns `true` if each record is in exactly one line, in the right file.
    pub(crate) fn is_exact(&self) -> bool {
        self.compared > 0
            && self.missing + self.duplicates + self.unexpected + self.wrong_day + self.missing_objects == 0
    }

    fn add(&mut self, differences: &Differences) {
        self.compared += differences.compared;
        self.missing += differences.missing.len() as u64;
        self.duplicates += differences.duplicates.len() as u64;
        self.unexpected += differences.unexpected.len() as u64;
        self.wrong_day += differences.wrong_day.len() as u64;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_exact() { "Exact" } else { "NOT EXACT" };
        let count = duration::count;
        writeln!(
            f,
            "{verdict}: compared {} records from Slack with {} stored objects:",
            count(self.compared),
            count(self.objects)
        )?;
        write!(
            f,
            "missing {}, duplicate {}, unexpected {}",
            count(self.missing),
            count(self.duplicates),
            count(self.unexpected)
        )?;
        write!(f, ", in the wrong file {}, missing objects {}.", count(self.wrong_day), count(self.missing_objects))
    }
}

/// Compares a directory with the rows that Slack returned.
///
/// # Errors
/// Returns an error if a file cannot be read, or does not have the documented format.
pub(crate) async fn check(directory: &Path, rows: &[Row]) -> Result<Checked, CliError> {
    let store = DirectoryDayLogs::new(directory);
    let keys = store.keys()?;
    let missing_objects = missing_objects(&keys);
    let mut verdict = Verdict { objects: keys.len() as u64, missing_objects, ..Verdict::default() };
    let mut samples = Vec::new();
    for (log, rows_log) in LogType::ALL.into_iter().zip(Log::ALL) {
        let mut comparison = Comparison::new(rows_log, rows.iter().filter(|row| row.log == rows_log));
        let mut last = None;
        for key in keys.iter().filter(|key| key.log.stream.log == log) {
            let day = key.log.day.to_string();
            let Some(object) = read_object(&store, key.clone()).await? else { continue };
            object.for_each_record(|text, line| {
                let (id, workspace) = (line.id.to_string(), line.workspace());
                let json = line.slacks_json().next().unwrap_or_default();
                comparison.add(&Stored { id: &id, day: &day, workspace: workspace.as_deref(), json: &json });
                last = Some(text.to_owned());
            })?;
        }
        verdict.add(&comparison.finish());
        samples.extend(last.map(|last| (log, last)));
    }
    let newest = keys.iter().rfind(|key| key.log.stream.log == LogType::Audit).or(keys.last());
    Ok(Checked { verdict, samples, newest: newest.map(|key| directory.join(key.to_string())) })
}

/// Counts the numbers that the day logs skip. `keys` are in order.
fn missing_objects(keys: &[ObjectKey]) -> u64 {
    let of_day_log = |keys: &[ObjectKey]| {
        let numbers: Vec<u32> = keys.iter().map(|key| key.number).collect();
        missing_numbers(&numbers).count() as u64
    };
    keys.chunk_by(|a, b| a.log == b.log).map(of_day_log).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comparison_without_difference_is_exact() {
        let one = || vec!["x".to_owned()];
        let exact = || Differences { compared: 1, ..Differences::default() };
        let defects = [
            Differences { missing: one(), ..exact() },
            Differences { duplicates: one(), ..exact() },
            Differences { unexpected: one(), ..exact() },
            Differences { wrong_day: one(), ..exact() },
        ];
        let verdict = |differences: &[&Differences]| {
            let mut verdict = Verdict { objects: 2, ..Verdict::default() };
            differences.iter().for_each(|differences| verdict.add(differences));
            verdict
        };
        assert!(verdict(&[&exact(), &exact()]).is_exact());
        assert!(!verdict(&[]).is_exact(), "a comparison without records is not exact");
        assert!(defects.iter().all(|defect| !verdict(&[defect]).is_exact()));
        assert!(!Verdict { missing_objects: 1, ..verdict(&[&exact()]) }.is_exact());
        let all = verdict(&defects.each_ref());
        assert_eq!(
            all.to_string(),
            "NOT EXACT: compared 4 records from Slack with 2 stored objects:\n\
             missing 1, duplicate 1, unexpected 1, in the wrong file 1, missing objects 0."
        );
    }

    #[test]
    fn missing_objects_of_every_day_log_are_counted() {
        let key = |day: &str, number: u32| format!("audit/2026/11/{day}/acme-{number:06}.json.gz").parse().unwrap();
        assert_eq!(missing_objects(&[key("21", 1), key("21", 2), key("22", 1)]), 0);
        assert_eq!(missing_objects(&[key("21", 1), key("21", 4), key("22", 2)]), 3);
    }
}
