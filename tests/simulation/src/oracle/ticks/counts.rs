//! What a tick counts, and how late its records are.

use std::collections::BTreeMap;

use slacktrail_core::source::LogType;
use slacktrail_simulator::Row;

use super::Judge;
use crate::facts::Stored;
use crate::harness::simulated;
use crate::oracle::Name;

impl Judge<'_> {
    /// Checks that the counts are what the tick's process did.
    pub(super) fn counts(&self) -> Option<String> {
        let (summary, own, shared) = (self.summary, self.own, &self.facts.shared);
        let alone = self.source.logs.len() == 1;
        let calls = own.calls + if alone { shared.calls } else { 0 }..=own.calls + shared.calls;
        let succeeded = summary.polled && summary.code().is_none();
        let pages = if succeeded { own.pages } else { 0 }..=own.pages + own.broken_pages;
        let created = |of: fn(&Stored) -> u64| of(&own.acknowledged)..=of(&own.actual);
        let exact = succeeded && self.quiescent;
        let malformed = own.created.iter().filter(|line| !line.readable).count() as u64;
        let repaired = self.repaired();
        // The tick that finds the result of an operation without a response may count it.
        let up_to = |count: u64| if exact { count } else { 0 }..=if own.found_existing { u64::MAX } else { count };
        let counts = [
            ("calls", u64::from(summary.counts.calls), u64::from(*calls.start())..=u64::from(*calls.end())),
            ("pages", u64::from(summary.counts.pages), u64::from(*pages.start())..=u64::from(*pages.end())),
            ("records", summary.counts.records, created(|stored| stored.records)),
            ("objects", summary.counts.objects, created(|stored| stored.objects)),
            ("bytes", summary.counts.bytes, created(|stored| stored.bytes)),
            ("malformed", summary.counts.malformed, up_to(malformed)),
            ("repaired", summary.counts.repaired, up_to(repaired)),
            ("conflicting", summary.counts.conflicting, up_to(own.conflicting)),
        ];
        let wrong = counts.into_iter().find(|(_, reported, expected)| !expected.contains(reported));
        wrong.map(|(name, reported, expected)| {
            format!("counts: {reported} {name} of {:?}, expected {expected:?}", self.log)
        })
    }

    /// Returns how many of the created lines come from damaged rows.
    fn repaired(&self) -> u64 {
        let created = &self.own.created;
        if created.iter().all(|line| !line.slack.contains(char::REPLACEMENT_CHARACTER)) {
            return 0;
        }
        let damaged = self.state.slack.rows(simulated(self.log)).iter().filter(|row| row.is_damaged);
        let names: Vec<Name> = damaged.map(|row| self.state.book.name(row, self.is_by_workspace())).collect();
        created.iter().filter(|line| names.contains(&line.name)).count() as u64
    }

    /// Checks that a tick counts as late only records that Slack showed late or that late records moved, and that it reports the age of the
    /// latest one.
    pub(super) fn lateness(&self) -> Option<String> {
        let (summary, own) = (self.summary, self.own);
        if own.found_existing
            || (summary.counts.late == 0 && summary.counts.late_seconds_max == 0 && own.created.is_empty())
        {
            return None;
        }
        let by_workspace = self.is_by_workspace();
        let names: Vec<Name> =
            self.late_or_moved().into_iter().map(|row| self.state.book.name(row, by_workspace)).collect();
        let late: Vec<i64> =
            own.created.iter().filter(|line| names.contains(&line.name)).filter_map(|line| line.time).collect();
        let ages = || late.iter().map(|time| self.facts.clock.as_second() - time);
        // These records are certainly late: a tick that left nothing to collect had been shown their time completely.
        let watch = self.watch();
        let passed = |time: &&i64| {
            self.log == LogType::Audit && watch.first.is_some_and(|first| first < **time) && **time < watch.sure
        };
        let exact =
            self.quiescent && summary.code().is_none() && self.was_caught_up() && self.state.backfilled.is_empty();
        let least = if exact { late.iter().filter(passed).count() as u64 } else { 0 };
        if summary.counts.late > late.len() as u64 || summary.counts.late < least {
            return Some(format!(
                "counts: {} late of {:?}, expected {least} to {}",
                summary.counts.late,
                self.log,
                late.len()
            ));
        }
        let most = ages().max().filter(|_| summary.counts.late > 0).unwrap_or(0).max(0);
        let least = if summary.counts.late == late.len() as u64 { most } else { 0 };
        (!(least..=most).contains(&summary.counts.late_seconds_max)).then(|| {
            format!(
                "counts: maximum lateness of {} s of {:?}, expected {least} to {most}",
                summary.counts.late_seconds_max, self.log
            )
        })
    }

    /// Returns the rows that Slack showed late. With numbered pages, this includes rows that a late row moved to another page: a walk
    /// between the two pages misses such a row, and the next re-read finds it.
    fn late_or_moved(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.state.slack.rows(simulated(self.log)).iter().collect();
        rows.sort_by_key(|row| row.time);
        let mut shown_all = BTreeMap::new(); // when Slack had shown all rows of a workspace up to here
        rows.retain(|row| {
            let shown_all = shown_all.entry(&row.workspace).or_insert(row.visible_at);
            *shown_all = row.visible_at.max(*shown_all);
            let shown = if self.log == LogType::Audit { row.visible_at } else { *shown_all };
            shown > row.time
        });
        rows
    }
}
