//! Checks that a tick stores what Slack shows, and that it reports an error if it does not advance.

use slacktrail_simulator::Row;

use super::{Judge, at};
use crate::facts::Watch;
use crate::harness::simulated;
use crate::oracle::not_stored;

/// The limit of `Watch::dry_ticks` for a stream without an error code.
const DRY_TICKS_MAX: u32 = 15;
/// The limit of `Watch::stale_ticks` for a stream without an error code. With pages of three rows and ten calls per tick, one gap can take
/// this long.
const STALE_TICKS_MAX: u32 = 300;
/// The lag that raises an alarm, by the template's default.
const LAG_ALARM_SECONDS: i64 = 30 * 60;
/// The maximum number of consecutive pages of a walk that show nothing new in a tick without an error code.
const IDLE_PAGES_MAX: u32 = 5;
/// Records that Slack shows later than this may wait for a re-read.
const FRESH_SECONDS: i64 = 300;

impl Judge<'_> {
    /// Checks that the next tick stores what Slack shows up to five minutes late, if the calls suffice.
    pub(super) fn freshness(&self) -> Option<String> {
        let (_, last_tick) = self.watch().caught_up_at.filter(|_| self.was_caught_up())?;
        let by_workspace = self.is_by_workspace();
        let succeeded = self.summary.polled && self.summary.code().is_none();
        if !self.quiescent
            || !succeeded
            || self.summary.gaps > 0
            || !self.needed_at_most_half_of_its_calls()
            || by_workspace
        {
            return None;
        }
        let started = self.facts.started;
        let since = self.source.since.instant();
        let is_fresh = |row: &&Row| {
            row.visible_at > last_tick
                && row.visible_at <= started
                && row.visible_at > row.time
                && row.visible_at.duration_since(row.time).as_secs() <= FRESH_SECONDS
                && (since..started).contains(&row.time)
                && row.time <= self.facts.clock
        };
        let rows = self.state.slack.rows(simulated(self.log)).iter().filter(is_fresh);
        let row = not_stored(self.state, rows, by_workspace).next()?;
        Some(format!("fresh: a {:?} record of {}, shown from {}, is not stored", self.log, row.time, row.visible_at))
    }

    /// Checks that the collector reads every page that arrives whole, whatever the fields around its rows.
    pub(super) fn rows(&self) -> Option<String> {
        let own = self.own;
        let whole = self.quiescent && own.pages == own.calls && own.broken_pages == 0;
        let is_own = self.summary.error().is_some(); // an error of an earlier tick has no message
        (whole && self.summary.polled && is_own && self.summary.code() == Some("invalid_response"))
            .then(|| format!("rows: {:?} pages that arrived whole were not read", self.log))
    }

    /// Checks that a stream which stores nothing for long reports it, if something is left to store.
    pub(super) fn progress(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
        if self.quiescent && self.own.idle_max > IDLE_PAGES_MAX && self.summary.code().is_none() {
            let idle = self.own.idle_max;
            return Some(format!("no-progress: {idle} consecutive pages of {:?} showed nothing new", self.log));
        }
        // With a local clock that is behind, the newest records are out of reach, and the tick reports the clock difference. A walk through
        // many small pages of known rows advances without a new row, and its lag, which another invariant checks, raises the alarm.
        let lags = self.summary.lag_seconds > LAG_ALARM_SECONDS;
        let is_reported = self.summary.code().is_some() || self.summary.clock_skew_seconds.is_some() || lags;
        let is_idle = watch.dry_ticks >= DRY_TICKS_MAX || watch.stale_ticks >= STALE_TICKS_MAX;
        (self.summary.polled && is_idle && !is_reported).then(|| {
            let (ticks, missing) = (watch.dry_ticks.max(watch.stale_ticks), unstored.first().map(|time| at(*time)));
            let gaps = self.summary.gaps;
            format!(
                "no-progress: {:?} has stored nothing for {ticks} ticks and reports no error, with {gaps} gaps; \
                 the first missing record is of {missing:?}",
                self.log
            )
        })
    }
}
