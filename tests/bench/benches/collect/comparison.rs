//! Compares slacktrail with the baseline in several rounds on the same simulated Slack.

use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::backlog::Backlog;
use crate::slack::Slack;
use crate::task::{Run, Task};

/// The result of all rounds.
pub(crate) struct Comparison {
    /// The collected backlog.
    pub(crate) backlog: Backlog,
    /// The baseline, which compresses the pages.
    pub(crate) baseline: Contender,
    /// The baseline that compresses the lines that slacktrail stores.
    pub(crate) baseline_of_stored: Contender,
    /// slacktrail.
    pub(crate) collect: Contender,
    /// The directory that slacktrail collected into in the last round.
    pub(crate) collected: TempDir,
}

/// The runs of one contender.
#[derive(Default)]
pub(crate) struct Contender(Vec<Run>);

impl Contender {
    /// Returns the median of `of` over all runs, or `None` if it could not be measured.
    pub(crate) fn median<T: Ord + Copy>(&self, of: impl Fn(&Run) -> Option<T>) -> Option<T> {
        let mut values: Vec<T> = self.0.iter().filter_map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    }

    /// Returns the median CPU time.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.median(|run| run.used.cpu)
    }

    /// Returns the minimum CPU time. Other programs on the machine can only increase the CPU time.
    pub(crate) fn cpu_min(&self) -> Option<Duration> {
        self.0.iter().filter_map(|run| run.used.cpu).min()
    }

    /// Returns the number of runs.
    pub(crate) fn rounds(&self) -> usize {
        self.0.len()
    }

    /// Returns the last run.
    pub(crate) fn last(&self) -> Option<&Run> {
        self.0.last()
    }
}

impl Comparison {
    /// Runs every contender `rounds` times.
    pub(crate) fn run(backlog: Backlog, rounds: usize) -> Outcome<Comparison> {
        let slack = Slack::start(backlog)?;
        let scratch = tempfile::tempdir()?;
        let baseline_of = |collected: Option<&TempDir>| Task::Baseline {
            backlog,
            audit_url: slack.audit_url.clone(),
            file: scratch.path().join("pages.gz"),
            collected: collected.map(|directory| directory.path().to_owned()),
        };
        let (mut baseline, mut baseline_of_stored) = (Contender::default(), Contender::default());
        let mut collect = Contender::default();
        let mut collected = tempfile::tempdir()?;
        for _ in 0..rounds {
            collected = tempfile::tempdir()?;
            baseline.0.push(baseline_of(None).result()?);
            collect.0.push(collect_from(&slack, backlog, &collected)?);
            baseline_of_stored.0.push(baseline_of(Some(&collected)).result()?);
        }
        Ok(Comparison { backlog, baseline, baseline_of_stored, collect, collected })
    }
}

/// Collects a backlog once.
pub(crate) fn collect_once(backlog: Backlog) -> Outcome<Run> {
    collect_from(&Slack::start(backlog)?, backlog, &tempfile::tempdir()?)
}

fn collect_from(slack: &Slack, backlog: Backlog, directory: &TempDir) -> Outcome<Run> {
    let (audit_url, directory) = (slack.audit_url.clone(), directory.path().to_owned());
    Task::Collect { backlog, audit_url, directory }.result()
}
