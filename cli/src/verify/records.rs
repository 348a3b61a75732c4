//! Loads the records of the examples for `--show-records`.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use slacktrail_archive::verify::{Difference, Findings, Kind, Verification};
use slacktrail_core::record::RowId;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

use crate::cli_error::CliError;

/// The maximum number of examples for each kind of difference.
pub(super) const EXAMPLES_MAX: usize = 20;

/// The records of the examples. Empty without `--show-records`.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The stored lines by object number and line number.
    stored: BTreeMap<(u32, u64), String>,
    /// Slack's JSON by record ID.
    slack: BTreeMap<RowId, String>,
}

/// Returns the examples of a kind.
pub(super) fn examples(findings: &Findings, kind: Kind) -> impl Iterator<Item = &Difference> {
    findings.of_kind(kind).take(EXAMPLES_MAX)
}

/// Returns the record IDs of the examples that Slack has, and the time range to read for them.
pub(super) fn examples_in_slack(findings: &Findings) -> Option<(HashSet<RowId>, RangeInclusive<Second>)> {
    let kinds = [Kind::Missing, Kind::NotCollectedYet, Kind::Changed];
    let examples = || kinds.iter().flat_map(|kind| examples(findings, *kind));
    let times = || examples().filter_map(|example| example.time);
    // A changed line may have a different time than Slack's record.
    let is_changed = findings.count(Kind::Changed) > 0;
    let from = if is_changed { Some(findings.day.start()) } else { times().min() };
    let until = if is_changed { Some(findings.until) } else { times().max() };
    Some((examples().filter_map(|example| example.id).collect(), from?..=until?))
}

impl Records {
    /// Loads the stored lines of the examples.
    ///
    /// # Errors
    ///
    /// Returns an error if an object can no longer be read.
    pub(super) async fn load_stored_lines<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
        &mut self,
        verification: &Verification<'_, S, D, T, K>,
        findings: &Findings,
    ) -> Result<(), CliError> {
        for example in Kind::ALL.iter().flat_map(|kind| examples(findings, *kind)) {
            if let (Some(object), Some(line)) = (example.object, example.line)
                && let Some(text) = verification.stored_line(object, line).await?
            {
                self.stored.insert((object, line), text);
            }
        }
        Ok(())
    }

    /// Sets the records that Slack returned.
    pub(super) fn set_slack_records(&mut self, records: &BTreeMap<RowId, String>) {
        self.slack.clone_from(records);
    }

    /// Returns the stored line of a difference.
    pub(super) fn stored_line(&self, difference: &Difference) -> Option<&str> {
        Some(self.stored.get(&(difference.object?, difference.line?))?)
    }

    /// Returns Slack's JSON of a difference.
    pub(super) fn slack_json(&self, difference: &Difference) -> Option<&str> {
        Some(self.slack.get(&difference.id?)?)
    }
}
