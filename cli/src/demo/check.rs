//! Reads the stored records back, and compares them with what the simulated Slack returned.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use slacktrail_adapters::directory::DirectoryDayLogs;
use slacktrail_archive::reader::{missing_keys, read_object};
use slacktrail_core::source::LogType;
use slacktrail_simulator::{Comparison, Differences, Log, Row, Stored};

use crate::cli_error::CliError;
use crate::format;

/// A directory that was compared with Slack.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// The last line of each log.
    pub(crate) samples: BTreeMap<LogType, String>,
    /// The newest file of the audit log, or of another log if there is no audit log.
    pub(crate) newest: Option<PathBuf>,
}

/// The result of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    differences: Differences,
    /// The number of objects that day logs skip.
    missing_objects: u64,
    /// The number of objects that were read back.
    objects: u64,
}

/// The numbers of a verdict, as printed with `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    slack_records: u64,
    objects: u64,
    missing: usize,
    duplicates: usize,
    unexpected: usize,
    wrong_day: usize,
    missing_objects: u64,
}

impl Verdict {
    /// Returns the numbers of records and objects.
    pub(crate) fn counts(&self) -> Counts {
        let Differences { compared, missing, duplicates, unexpected, wrong_day } = &self.differences;
        Counts {
            slack_records: *compared,
            objects: self.objects,
            missing: missing.len(),
            duplicates: duplicates.len(),
            unexpected: unexpected.len(),
            wrong_day: wrong_day.len(),
            missing_objects: self.missing_objects,
        }
    }

    /// Returns `true` if each record is in exactly one line, in the right file.
    pub(crate) fn is_exact(&self) -> bool {
        let Differences { compared, missing, duplicates, unexpected, wrong_day } = &self.differences;
        let defects = [missing, duplicates, unexpected, wrong_day];
        *compared > 0 && self.missing_objects == 0 && defects.iter().all(|records| records.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_exact() { "Exact" } else { "NOT EXACT" };
        let (count, count_of) = (format::count, |records: &Vec<String>| format::count(records.len() as u64));
        let Differences { compared, missing, duplicates, unexpected, wrong_day } = &self.differences;
        let (compared, objects) =
            (format::counted(*compared, "record"), format::counted(self.objects, "stored object"));
        writeln!(f, "{verdict}: compared {compared} from Slack with {objects}:")?;
        let (missing, duplicates, unexpected) = (count_of(missing), count_of(duplicates), count_of(unexpected));
        write!(f, "missing {missing}, duplicate {duplicates}, unexpected {unexpected}")?;
        write!(f, ", in the wrong file {}, missing objects {}.", count_of(wrong_day), count(self.missing_objects))
    }
}

/// Compares a directory with the rows that Slack returned.
///
/// # Errors
/// Returns an error if a file cannot be read, or does not have the documented format.
pub(crate) async fn check(directory: &Path, rows: &[Row]) -> Result<Checked, CliError> {
    let store = DirectoryDayLogs::new(directory);
    let keys = store.keys()?;
    let mut comparison = Comparison::new(rows);
    let mut samples = BTreeMap::new();
    for key in &keys {
        let (kind, day) = (key.log.stream.log, key.log.day.to_string());
        let log = match kind {
            LogType::Audit => Log::Audit,
            LogType::Access => Log::Access,
            LogType::Integration => Log::Integration,
        };
        let Some(object) = read_object(&store, key.clone()).await? else { continue };
        object.for_each_record(|text, line| {
            let (id, workspace) = (line.id.to_string(), line.workspace());
            let json = line.slacks_json().next().unwrap_or_default();
            comparison.add(&Stored { log, id: &id, day: &day, workspace: workspace.as_deref(), json: &json });
            samples.insert(kind, text.to_owned());
        })?;
    }
    let newest = keys.iter().rfind(|key| key.log.stream.log == LogType::Audit).or(keys.last());
    let newest = newest.map(|key| directory.join(key.to_string()));
    let missing_objects = missing_keys(&keys).len() as u64;
    let verdict = Verdict { differences: comparison.finish(), missing_objects, objects: keys.len() as u64 };
    Ok(Checked { verdict, samples, newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comparison_without_difference_is_exact() {
        type Change = fn(&mut Verdict, Vec<String>);
        let verdict = |change: Change| {
            let mut verdict = Verdict { objects: 2, ..Verdict::default() };
            verdict.differences.compared = 1_234;
            change(&mut verdict, vec!["x".to_owned()]);
            verdict
        };
        assert!(verdict(|_, _| ()).is_exact());
        let all: Change = |it, one| {
            it.missing_objects = 1;
            it.differences = Differences {
                compared: 1_234,
                missing: one.clone(),
                duplicates: one.clone(),
                unexpected: one.clone(),
                wrong_day: one,
            };
        };
        let changes: [Change; 7] = [
            all,
            |it, _| it.missing_objects = 1,
            |it, _| it.differences.compared = 0,
            |it, one| it.differences.missing = one,
            |it, one| it.differences.duplicates = one,
            |it, one| it.differences.unexpected = one,
            |it, one| it.differences.wrong_day = one,
        ];
        for change in changes {
            assert!(!verdict(change).is_exact());
        }
        assert_eq!(
            verdict(all).to_string(),
            "NOT EXACT: compared 1,234 records from Slack with 2 stored objects:\n\
             missing 1, duplicate 1, unexpected 1, in the wrong file 1, missing objects 1."
        );
    }
}
