//! The records of the examples themselves, where somebody asked to see them.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use slacktrail_archive::verify::{Difference, Findings, Kind, Verification};
use slacktrail_core::record::RowId;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

use crate::cli_error::CliError;

/// Examples of each kind of difference.
pub(super) const EXAMPLES_MAX: usize = 20;

/// The records of the examples; none unless asked for.
#[derive(Debug, Default)]
pub(super) struct Records {
    stored: BTreeMap<(u32, u64), String>,
    shown: BTreeMap<RowId, String>,
}

/// The examples of a kind.
pub(super) fn examples(findings: &Findings, kind: Kind) -> impl Iterator<Item = &Difference> {
    findings.of_kind(kind).take(EXAMPLES_MAX)
}

/// The examples that Slack can be asked to show again: their identities, and the time that they lie in.
pub(super) fn shown_examples(findings: &Findings) -> Option<(HashSet<RowId>, RangeInclusive<Second>)> {
    let kinds = [Kind::Missing, Kind::NotCollectedYet, Kind::Changed];
    let examples = || kinds.iter().flat_map(|kind| examples(findings, *kind));
    let times = || examples().filter_map(|example| example.time);
    // A line that was changed may have another time than its record.
    let is_changed = findings.count(Kind::Changed) > 0;
    let from = if is_changed { Some(findings.day.start()) } else { times().min() };
    let until = if is_changed { Some(findings.until) } else { times().max() };
    Some((examples().filter_map(|example| example.id).collect(), from?..=until?))
}

impl Records {
    /// Reads the lines of the examples.
    ///
    /// # Errors
    /// When an object cannot be had any more.
    pub(super) async fn take_stored<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
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

    /// Takes what Slack has shown again.
    pub(super) fn take_shown(&mut self, shown: &BTreeMap<RowId, String>) {
        self.shown.clone_from(shown);
    }

    /// The line of a difference.
    pub(super) fn stored(&self, difference: &Difference) -> Option<&str> {
        Some(self.stored.get(&(difference.object?, difference.line?))?)
    }

    /// Slack's JSON of a difference.
    pub(super) fn shown(&self, difference: &Difference) -> Option<&str> {
        Some(self.shown.get(&difference.id?)?)
    }
}
