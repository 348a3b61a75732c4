//! The gaps, lag and silence that a tick reports, and the difference of clocks.

use slacktrail_core::health::State as Health;

use super::{Judge, at};
use crate::facts::Watch;

/// Clocks that differ by more than this are reported.
const SKEW_REPORTED_SECONDS: i64 = 60;

/// The maximum number of quiescent ticks in a row that leave more gaps than the tick before. No scenario has more new records than the calls of
/// so many ticks can collect, so the live gaps fit into the calls after a few ticks.
const GROWING_TICKS_MAX: u32 = 8;

impl Judge<'_> {
    /// Checks that everything that is neither stored nor newer than the lag is in a gap, that a tick with spare calls leaves no gap, and that
    /// gaps do not become more in tick after tick.
    pub(super) fn gaps(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
        let (summary, facts) = (self.summary, self.facts);
        if !summary.polled {
            return None;
        }
        let claimed = facts.clock.as_second() - summary.lag_seconds;
        if summary.gaps == 0
            && let Some(time) = unstored.iter().find(|time| **time < claimed)
        {
            return Some(format!(
                "gaps: the tick reports none, and a {:?} record of {} is not stored",
                self.log,
                at(*time)
            ));
        }
        if watch.growing_ticks > GROWING_TICKS_MAX {
            let (ticks, gaps) = (watch.growing_ticks, summary.gaps);
            return Some(format!(
                "gaps: each of {ticks} ticks of {:?} left more gaps than the one before, now {gaps}",
                self.log
            ));
        }
        let spare = self.own.calls + facts.shared.calls < self.calls_max();
        (self.quiescent && summary.code().is_none() && spare && summary.gaps > 0)
            .then(|| format!("gaps: a tick of {:?} with spare calls left {}", self.log, summary.gaps))
    }

    /// Checks that the lag is the age of the newest second up to which everything since the first tick is stored or was shown to be empty.
    pub(super) fn lag(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
        let (summary, facts, clock) = (self.summary, self.facts, self.facts.clock.as_second());
        if self.state.tampered.contains(&self.log) {
            return None; // until a tick saves the stream's cursor
        }
        let is_overtaken = !self.quiescent && watch.first_operation > facts.operations_before;
        if self.is_restarted() || is_overtaken {
            return None; // live collection starts with this tick, or started during it
        }
        let first = watch.first.filter(|_| self.state.cursors.keys().any(|stream| stream.log == self.log))?;
        if !summary.polled && matches!(summary.code(), Some("malformed_cursor" | "corrupt_cursor" | "newer_cursor")) {
            return None;
        }
        let first_unstored = unstored.iter().filter(|time| **time >= first).min().copied().unwrap_or(i64::MAX);
        let least = (clock - watch.shown.at.min(first_unstored) - watch.ahead).max(0);
        if summary.lag_seconds < least {
            let (shown, unstored) = (at(watch.shown.at), (first_unstored < i64::MAX).then(|| at(first_unstored)));
            return Some(format!(
                "lag: {} of {:?}, expected at least {least}: shown up to {shown}, first record not stored {unstored:?}",
                summary.lag_seconds, self.log
            ));
        }
        if !self.quiescent || !summary.polled || summary.code().is_some() {
            return None;
        }
        let reached = self.reached();
        // The collector may skip a round through an organization's workspaces in favor of the backlog.
        let up_to_date = summary.gaps == 0 && self.own.calls > 0 && (!self.is_by_workspace() || self.was_caught_up());
        // If a tick does not finish its own live gap, the lag counts from the previous tick, whatever overlap it reads again.
        let known = self.was_caught_up().then(|| self.watch().sure.min(reached));
        let most = [up_to_date.then_some(reached), known].into_iter().flatten().map(|time| clock - time).min()?.max(0);
        (summary.lag_seconds > most && facts.started.as_second() >= first)
            .then(|| format!("lag: {} of {:?}, expected at most {most}", summary.lag_seconds, self.log))
    }

    /// Checks that a stream is silent exactly if Slack has shown no record for longer than the source allows, whatever the backlog.
    pub(super) fn silence(&self, watch: &Watch) -> Option<String> {
        let (summary, clock) = (self.summary, self.facts.clock.as_second());
        let may_last =
            self.source.silent_after_seconds.filter(|_| self.log.expects_regular_traffic() && summary.polled)?;
        let connected = self.source.connected_at.get();
        let newest = watch.newest_shown.unwrap_or(i64::MIN).max(connected);
        let succeeded = summary.code().is_none() && matches!(summary.state, Health::Ok | Health::CatchingUp);
        if succeeded && clock - newest > may_last {
            return Some(format!(
                "silent-state: Slack has shown no {:?} row since {}, and the tick does not report it",
                self.log,
                at(newest)
            ));
        }
        let known = [self.own.newest, watch.newest_sure].into_iter().flatten().max().unwrap_or(i64::MIN).max(connected);
        (summary.state == Health::Silent && self.quiescent && clock - known <= may_last)
            .then(|| format!("silent-state: {:?} is silent, but Slack has shown a row of {}", self.log, at(known)))
    }

    /// Checks that a tick reports clocks that differ by more than a minute, and no others.
    pub(super) fn skew(&self) -> Option<String> {
        if !self.summary.polled {
            return None;
        }
        let reported_skew = self.summary.clock_skew_seconds;
        let both = || self.own.skews.iter().chain(&self.facts.shared.skews);
        let is_reportable = |skew: &&i64| skew.abs() > SKEW_REPORTED_SECONDS;
        let fits = match reported_skew {
            Some(skew) => is_reportable(&&skew) && both().any(|other| *other == skew),
            None => !self.own.skews.iter().any(|skew| is_reportable(&skew)),
        };
        (!fits).then(|| format!("skew: reported {reported_skew:?}, but the clocks differ by {:?}", both().max()))
    }
}
