//! The rare events of randomized runs: unreachable services, wrong clocks, lost cursors, restarted processes, and user actions. Users pause
//! a source, revoke its token, reconnect it, bar a workspace and request a backfill.

use jiff::SignedDuration;
use slacktrail_core::source::LogType;
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind};

use super::randomized::RandomizedRun;
use super::starting_point::StartingPoint;
use crate::harness::simulated;
use crate::rng::Rng;
use crate::simulated_world::Part;

impl RandomizedRun {
    /// Applies the disruptions of the next minute.
    pub(super) fn disruptions(&mut self) {
        self.outages();
        self.clocks();
        if self.rng.one_in(60) {
            self.world.trace_event(|| "the table loses the cursors".to_owned());
            // The requested backfills are lost with the cursors. The user requests them again.
            self.world.lose_cursors();
            self.world.with(|state| state.backfilled.clear());
        }
        if self.rng.one_in(200) {
            let all = self.rng.one_in(2);
            self.world.trace_event(|| format!("the year 2100 is written into the cursors; all times: {all}"));
            self.world.tamper(all);
        }
        if self.rng.one_in(20) {
            let process = self.start();
            self.processes[0] = process;
        }
        self.user_actions();
    }

    fn outages(&mut self) {
        if self.rng.one_in(25) {
            let down = self.rng.pick(&[
                vec![Part::Table],
                vec![Part::Bucket],
                vec![Part::Slack],
                vec![Part::Secrets],
                vec![Part::Table, Part::Bucket],
            ]);
            self.world.trace_event(|| format!("unreachable from now on: {down:?}"));
            self.world.with(|state| state.down = down);
        } else if self.rng.one_in(4) {
            self.world.with(|state| state.down.clear());
        }
    }

    fn clocks(&mut self) {
        if self.rng.one_in(20) {
            let ahead = self.rng.pick(&[-90, -60, -30, 0, 0, 30, 60, 90]);
            self.world.trace_event(|| format!("the collector's clock is {ahead} s ahead"));
            self.world.with(|state| state.clock_ahead = SignedDuration::from_secs(ahead));
        }
        let operations_max = self.rng.one_in(12).then(|| u32::try_from(1 + self.rng.below(30)).unwrap_or(1));
        self.world.with(|state| state.operations_max = operations_max);
    }

    /// Makes a log endless for some minutes.
    pub(super) fn endless(&mut self) {
        let kind = match self.start.log {
            LogType::Integration => FaultKind::Claims(1_000_000),
            _ => FaultKind::Endless(self.rng.pick(&[Endless::SameCursor, Endless::FreshCursor, Endless::OldRows])),
        };
        let (from, minutes) = (self.world.now(), self.rng.pick(&[2, 10, 40]));
        let until = from.saturating_add(SignedDuration::from_mins(minutes)).expect("in range");
        self.world.trace_event(|| format!("Slack fault for {minutes} minutes: {kind:?}"));
        let fault = Fault::during(from, until, CallMatcher::log(simulated(self.start.log)), kind);
        self.world.with(|state| state.slack.fault(fault));
    }

    fn user_actions(&mut self) {
        match self.rng.below(150) {
            0 => {
                self.world.trace_event(|| "Slack revokes the token".to_owned());
                self.world.revoke();
            }
            1..12 => self.connect(),
            12..14 => self.pause(true),
            14..30 => self.pause(false),
            30..34 => self.backfill(),
            34..38 => self.bar(true),
            38..52 => self.bar(false),
            _ => {}
        }
    }

    /// Bars the source from one of an organization's workspaces, or admits it to all of them.
    pub(super) fn bar(&mut self, barred: bool) {
        if !self.start.slack.organization {
            return;
        }
        let ids: &[&str] = if barred { &[self.rng.pick(&["T1", "T2"])] } else { &["T1", "T2"] };
        self.world.trace_event(|| format!("workspaces {ids:?}, barred: {barred}"));
        ids.iter().for_each(|id| self.world.bar(id, barred));
    }

    /// Reconnects the source.
    pub(super) fn connect(&mut self) {
        self.world.trace_event(|| "the source is reconnected".to_owned());
        self.world.connect();
    }

    pub(super) fn pause(&mut self, paused: bool) {
        self.world.trace_event(|| format!("the source, paused: {paused}"));
        self.world.with(|state| state.sources.values_mut().for_each(|source| source.paused = paused));
    }

    /// Requests a backfill of minutes or days, which may overlap with collected time or an earlier backfill.
    fn backfill(&mut self) {
        let oldest_ago = self.rng.seconds(21 * 86_400);
        let length = self.rng.pick(&[300, 86_400, 21 * 86_400]);
        self.world.backfill(self.start.log, oldest_ago, (oldest_ago - length).max(0));
        self.world.trace_event(|| format!("backfill request: from {oldest_ago} s ago, {length} s long"));
    }
}

pub(super) fn slack_fault(rng: &mut Rng, start: &StartingPoint, rows: u32) -> FaultKind {
    let token = start.slack.settings.tokens[0].text.clone();
    let row_number = usize::try_from(rng.below(u64::from(rows).max(1))).unwrap_or(0);
    rng.pick(&[
        FaultKind::StaleCursor,
        FaultKind::Endless(Endless::SameCursor),
        FaultKind::Endless(Endless::OldRows),
        FaultKind::Claims(1_000_000),
        FaultKind::EmptyPage,
        FaultKind::Oversize(7),
        FaultKind::Touch(row_number),
        FaultKind::Html(502),
        FaultKind::Html(200),
        FaultKind::Truncated,
        FaultKind::Hangup,
        FaultKind::HangupAfter,
        FaultKind::throttled("61"),
        FaultKind::throttled("soon"),
        FaultKind::Throttled { retry_after: None, body: Some(String::new()) },
        FaultKind::Status(500, format!("Authorization: Bearer {token}")),
        FaultKind::Status(200, format!("{{\"ok\":true,\"token\":\"{token}\"")),
        FaultKind::not_ok("internal_error"),
        FaultKind::not_ok("an_error_that_nobody_knows"),
        FaultKind::not_ok("invalid_auth"),
        FaultKind::not_ok("no_permission"),
        FaultKind::EmptyUnauthorized,
        FaultKind::AuditError(403, "feature_not_enabled".to_owned()),
        FaultKind::AuditError(400, "invalid_range".to_owned()),
        FaultKind::Status(404, String::new()),
        FaultKind::NoDate,
    ])
}
