//! The comparison: slacktrail and the floor, round by round on the same Slack.

use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::backlog::Backlog;
use crate::slack::Slack;
use crate::task::{Run, Task};

/// What the rounds came to.
pub(crate) struct Comparison {
    /// What there was to collect.
    pub(crate) backlog: Backlog,
    /// The bare loop.
    pub(crate) floor: Contender,
    /// The bare loop that gzips what slacktrail stores.
    pub(crate) floor_of_stored: Contender,
    /// slacktrail.
    pub(crate) collect: Contender,
    /// What slacktrail collected in the last round.
    pub(crate) collected: TempDir,
}

/// The runs of one contender.
#[derive(Default)]
pub(crate) struct Contender(Vec<Run>);

impl Contender {
    /// The median of what `of` says of its runs; `None` where it could not be measured.
    pub(crate) fn median<T: Ord + Copy>(&self, of: impl Fn(&Run) -> Option<T>) -> Option<T> {
        let mut values: Vec<T> = self.0.iter().filter_map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    }

    /// The median of its CPU.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.median(|run| run.used.cpu)
    }

    /// Its least CPU: other programs on the machine can only add to it.
    pub(crate) fn cpu_least(&self) -> Option<Duration> {
        self.0.iter().filter_map(|run| run.used.cpu).min()
    }

    /// How often it ran.
    pub(crate) fn rounds(&self) -> usize {
        self.0.len()
    }

    /// Its last run.
    pub(crate) fn last(&self) -> Option<&Run> {
        self.0.last()
    }
}

impl Comparison {
    /// Runs all contenders `rounds` times.
    pub(crate) fn run(backlog: Backlog, rounds: usize) -> Outcome<Comparison> {
        let slack = Slack::start(backlog)?;
        let scratch = tempfile::tempdir()?;
        let floor_of = |collected: Option<&TempDir>| Task::Floor {
            backlog,
            audit_url: slack.audit_url.clone(),
            file: scratch.path().join("pages.gz"),
            collected: collected.map(|directory| directory.path().to_owned()),
        };
        let (mut floor, mut floor_of_stored) = (Contender::default(), Contender::default());
        let mut collect = Contender::default();
        let mut collected = tempfile::tempdir()?;
        for _ in 0..rounds {
            collected = tempfile::tempdir()?;
            floor.0.push(floor_of(None).result()?);
            collect.0.push(collect_from(&slack, backlog, &collected)?);
            floor_of_stored.0.push(floor_of(Some(&collected)).result()?);
        }
        Ok(Comparison { backlog, floor, floor_of_stored, collect, collected })
    }
}

/// Collects another backlog once.
pub(crate) fn collect_once(backlog: Backlog) -> Outcome<Run> {
    collect_from(&Slack::start(backlog)?, backlog, &tempfile::tempdir()?)
}

fn collect_from(slack: &Slack, backlog: Backlog, directory: &TempDir) -> Outcome<Run> {
    let (audit_url, directory) = (slack.audit_url.clone(), directory.path().to_owned());
    Task::Collect { backlog, audit_url, directory }.result()
}
