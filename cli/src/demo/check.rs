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
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// The last line of each log.
    pub(crate) samples: BTreeMap<LogType, String>,
    /// The newest file of the audit log, or of another log if there is no audit log.
    pub(crate) newest: Option<PathBuf>,
}

/// The result of the comparison. With `--json`, its numbers are printed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    slack_records: u64,
    /// The number of objects that were read back.
    objects: u64,
    missing: usize,
    duplicates: usize,
    unexpected: usize,
    wrong_day: usize,
    /// The number of objects that day logs skip.
    missing_objects: usize,
}

impl Verdict {
    /// Returns `true` if each record is in exactly one line, in the right file.
    pub(crate) fn is_exact(&self) -> bool {
        let Verdict { slack_records, objects: _, missing, duplicates, unexpected, wrong_day, missing_objects } = self;
        *slack_records > 0 && missing + duplicates + unexpected + wrong_day + missing_objects == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_exact() { "Exact" } else { "NOT EXACT" };
        let (records, objects) =
            (format::counted(self.slack_records, "record"), format::counted(self.objects, "stored object"));
        writeln!(f, "{verdict}: compared {records} from Slack with {objects}:")?;
        let numbers = [self.missing, self.duplicates, self.unexpected, self.wrong_day, self.missing_objects];
        let [missing, duplicates, unexpected, wrong_day, missing_objects] =
            numbers.map(|number| format::count(number as u64));
        write!(f, "missing {missing}, duplicate {duplicates}, unexpected {unexpected}")?;
        write!(f, ", in the wrong file {wrong_day}, missing objects {missing_objects}.")
    }
}

/// Compares a directory with the rows that Slack returned.
pub(crate) async fn check(directory: &Path, rows: &[Row]) -> Result<Checked, CliError> {
    let store = DirectoryDayLogs::new(directory);
    let keys = store.keys()?;
    let mut comparison = Comparison::new(rows);
    let mut samples = BTreeMap::new();
    for key in &keys {
        let (kind, day) = (key.day_log.stream.log, key.day_log.day.to_string());
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
    let newest = keys.iter().rfind(|key| key.day_log.stream.log == LogType::Audit).or(keys.last());
    let newest = newest.map(|key| directory.join(key.to_string()));
    let Differences { compared, missing, duplicates, unexpected, wrong_day } = comparison.finish();
    let verdict = Verdict {
        slack_records: compared,
        objects: keys.len() as u64,
        missing: missing.len(),
        duplicates: duplicates.len(),
        unexpected: unexpected.len(),
        wrong_day: wrong_day.len(),
        missing_objects: missing_keys(&keys).len(),
    };
    Ok(Checked { verdict, samples, newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comparison_without_difference_is_exact() {
        let verdict = |change: fn(&mut Verdict)| {
            let mut verdict = Verdict { objects: 2, slack_records: 1_234, ..Verdict::default() };
            change(&mut verdict);
            verdict
        };
        assert!(verdict(|_| ()).is_exact());
        let changes: [fn(&mut Verdict); 6] = [
            |it| it.slack_records = 0,
            |it| it.missing = 1,
            |it| it.duplicates = 1,
            |it| it.unexpected = 1,
            |it| it.wrong_day = 1,
            |it| it.missing_objects = 1,
        ];
        for change in changes {
            assert!(!verdict(change).is_exact());
        }
        let all = |it: &mut Verdict| {
            (it.missing, it.duplicates, it.unexpected) = (1, 2, 3);
            (it.wrong_day, it.missing_objects) = (4, 5);
        };
        assert_eq!(
            verdict(all).to_string(),
            "NOT EXACT: compared 1,234 records from Slack with 2 stored objects:\n\
             missing 1, duplicate 2, unexpected 3, in the wrong file 4, missing objects 5."
        );
    }
}
