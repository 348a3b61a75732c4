//! Loads the records of the examples for `--show-records`.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use slacktrail_archive::verify::{Difference, Findings, Kind, Verification, WorkingFiles};
use slacktrail_core::record::RowId;
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

use crate::cli_error::CliError;

/// The maximum number of examples for each kind of difference.
pub(super) const EXAMPLES_MAX: usize = 20;

/// The records of the examples. Empty without `--show-records`.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The stored lines by day, object number and line number.
    stored: BTreeMap<(Day, u32, u64), String>,
    /// Slack's JSON by record ID.
    pub(super) slack: BTreeMap<RowId, String>,
}

pub(super) fn examples(findings: &Findings, kind: Kind) -> impl Iterator<Item = &Difference> {
    findings.of_kind(kind).take(EXAMPLES_MAX)
}

/// Returns the record IDs of the examples that Slack has, and the time range to read for them.
pub(super) fn examples_in_slack(days: &[Findings]) -> Option<(HashSet<RowId>, RangeInclusive<Second>)> {
    let kinds = [Kind::Missing, Kind::NotCollectedYet, Kind::Changed];
    let (mut ids, mut times) = (HashSet::new(), Vec::new());
    for findings in days {
        let of_day = || kinds.iter().flat_map(|kind| examples(findings, *kind));
        ids.extend(of_day().filter_map(|example| example.id));
        times.extend(of_day().filter_map(|example| example.time));
        if findings.count(Kind::Changed) > 0 {
            times.extend([findings.day.start(), findings.until]); // a changed line may have a different time than Slack's record
        }
    }
    Some((ids, times.iter().min().copied()?..=times.iter().max().copied()?))
}

impl Records {
    pub(super) async fn load_stored_lines<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
        &mut self,
        verification: &Verification<'_, S, D, T, K, impl WorkingFiles>,
        days: &[Findings],
    ) -> Result<(), CliError> {
        for findings in days {
            for example in Kind::ALL.iter().flat_map(|kind| examples(findings, *kind)) {
                if let (Some(object), Some(line)) = (example.object, example.line)
                    && let Some(text) = verification.stored_line(findings.day, object, line).await?
                {
                    self.stored.insert((findings.day, object, line), text);
                }
            }
        }
        Ok(())
    }

    pub(super) fn stored_line(&self, day: Day, difference: &Difference) -> Option<&str> {
        Some(self.stored.get(&(day, difference.object?, difference.line?))?)
    }

    pub(super) fn slack_json(&self, difference: &Difference) -> Option<&str> {
        Some(self.slack.get(&difference.id?)?)
    }
}
