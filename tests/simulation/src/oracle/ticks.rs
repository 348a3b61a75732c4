//! Compares what a tick reports with what it did: its lag, silence, gaps and counts.
//!
//! The oracle knows the rows and when Slack shows each of them, the pages that the tick was shown, the objects that it created, and the
//! clocks. If these facts do not determine a value, the oracle checks bounds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slacktrail_core::health::State as Health;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::stream::{StreamOutcome, TickCounts};
use slacktrail_simulator::{Response, Row};

use super::{Book, Name};
use crate::facts::{Facts, LogFacts, Watch, log_of_call};
use crate::harness::simulated;
use crate::simulated_world::State;

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
/// Clocks that differ by more than this are reported.
const SKEW_REPORTED_SECONDS: i64 = 60;

/// Records a response that reached the collector.
pub(crate) fn note_response(
    state: &mut State,
    facts: &mut Facts,
    source: &Source,
    request: &Request,
    response: &Response,
) {
    let is_invalid = state.slack.settings().tokens.first().is_some_and(|token| state.slack.refuses(&token.text));
    if facts.note_response(source, request, response, is_invalid) {
        let asked = log_of_call(source, request.method);
        for log in LogType::ALL.into_iter().filter(|log| asked.is_none_or(|asked| asked == *log)) {
            state.book.watches[log as usize].note_rejection(state.operations, facts.clock.as_second());
        }
    }
    if let Some(log) = log_of_call(source, request.method) {
        // After a response without a `Date`, the collector no longer knows how far Slack has come.
        let watch = &mut state.book.watches[log as usize];
        watch.sure = watch.sure.min(facts.of(log).reached.unwrap_or(i64::MAX));
    }
    let team = request.arguments.iter().find(|(name, _)| *name == "team_id").map(|(_, id)| id.as_str());
    if let Some(log) = log_of_call(source, request.method) {
        match team {
            Some(team) => drop(facts.logs[log as usize].workspaces.insert(team.to_owned(), response.shown.is_some())),
            None if request.method == "auth.teams.list" => state.book.watches[log as usize].unread.note_list(response),
            None => {}
        }
    }
    let Some(shown) = &response.shown else {
        if let Some(team) = team.filter(|team| !state.book.failing.contains(*team)) {
            state.book.failing.insert(team.to_owned());
        }
        return;
    };
    let now = state.now;
    let (log, span) = match request.method {
        "logs" => (LogType::Audit, Some(state.book.watches[0].audit_page(request, shown, now))),
        "team.accessLogs" if team.is_none() => {
            (LogType::Access, Some(state.book.watches[1].access_page(request, shown, now)))
        }
        "team.accessLogs" => (LogType::Access, Some((i64::MIN, now.as_second()))),
        // The order of the rows, and how far back the collector must read, are unknown. This is the longest possible range.
        _ => (LogType::Integration, Some((i64::MIN, now.as_second()))),
    };
    let watch = &mut state.book.watches[log as usize];
    if let Some(span) = span {
        watch.shown.add(span);
    }
    if log != LogType::Integration && shown.whole {
        facts.logs[log as usize].conflicting += conflicting(&state.book, &shown.rows);
    }
    let watch = &mut state.book.watches[log as usize];
    shown.rows.iter().for_each(|row| watch.note_row(row));
    let newest = shown.rows.iter().map(|row| row.date_last.unwrap_or(row.time).as_second()).max();
    watch.newest_shown = watch.newest_shown.max(newest);
}

/// Records that the collection of a stream starts, for the first time or because its cursor was lost.
pub(crate) fn begin_stream(state: &mut State, log: LogType, facts: &Facts) {
    let (clock, started) = (facts.clock.as_second(), facts.started.as_second());
    // The user requests a lost backfill again.
    state.backfilled.retain(|(of, ..)| *of != simulated(log));
    state.tampered.retain(|tampered| *tampered != log);
    let watch = &mut state.book.watches[log as usize];
    watch.begin(clock.max(started));
    watch.first_operation = state.operations;
    watch.sure = clock.min(started).min(facts.of(log).reached.unwrap_or(clock));
}

/// Judges what a tick reports about each stream.
pub(crate) fn judge_tick(state: &mut State, facts: &Facts, streams: &[StreamOutcome]) {
    if !state.is_judged() {
        return;
    }
    let alone = state.operations - facts.operations_before == facts.operations && state.now == facts.started;
    let Some(source) = state.sources.values().next().cloned() else { return };
    for summary in streams {
        let Some(log) = summary.log else { continue };
        let judge = Judge {
            state,
            source: &source,
            summary,
            log,
            facts,
            own: facts.of(log),
            quiescent: alone && !facts.disturbed,
        };
        let (invariant, watch) = judge.judge();
        let restarted = judge.is_restarted() && judge.own.saved == Some(true);
        // Otherwise the restart is known since the cursor was saved, and another tick may have restarted the stream since.
        let is_news = watch.first_operation <= facts.operations_before;
        state.book.watches[log as usize] = watch;
        if restarted && is_news {
            begin_stream(state, log, facts);
        }
        if let Some(invariant) = invariant {
            state.broken.get_or_insert(format!("{invariant}; the tick reports: {}", describe(summary)));
        }
    }
}

/// Formats the part of a summary that the oracle judges.
fn describe(summary: &StreamOutcome) -> String {
    let StreamOutcome { state, lag_seconds, gaps, counts, .. } = summary;
    let (code, TickCounts { calls, pages, records, late, .. }) = (summary.code(), counts);
    format!(
        "{state:?} {code:?} lag {lag_seconds} gaps {gaps} calls {calls} pages {pages} records {records} late {late}"
    )
}

struct Judge<'a> {
    state: &'a State,
    source: &'a Source,
    summary: &'a StreamOutcome,
    log: LogType,
    facts: &'a Facts,
    own: &'a LogFacts,
    /// Whether nothing failed, the time was not limited, and no other process ran.
    quiescent: bool,
}

impl Judge<'_> {
    fn judge(&self) -> (Option<String>, Watch) {
        let mut watch = self.watch().clone();
        let unstored = self.unstored();
        let succeeded = self.summary.polled && self.summary.code().is_none();
        let workspaces = self.state.slack.settings().tenant.workspaces().len();
        let unread = watch.unread.end_tick(self.own, self.summary, self.facts.clock.as_second(), workspaces);
        if succeeded && self.own.saved == Some(true) {
            if self.summary.gaps == 0 && self.quiescent && !self.is_by_workspace() {
                watch.sure = watch.sure.max(self.reached());
            }
            watch.newest_sure = watch.newest_sure.max(self.own.newest);
        }
        if self.own.skews.is_empty() {
            watch.ahead = watch.ahead.max(self.facts.clock.duration_since(self.facts.started).as_secs());
        }
        if self.summary.polled {
            watch.end_tick(!unstored.is_empty(), self.summary.gaps);
        }
        let invariant = self
            .tampering()
            .or_else(|| self.rejections())
            .or_else(|| self.hiccup())
            .or(unread)
            .or_else(|| self.gaps(&unstored))
            .or_else(|| self.lag(&watch, &unstored))
            .or_else(|| self.silence(&watch))
            .or_else(|| self.skew())
            .or_else(|| self.counts())
            .or_else(|| self.lateness())
            .or_else(|| self.freshness())
            .or_else(|| self.rows())
            .or_else(|| self.progress(&watch, &unstored));
        if self.summary.polled {
            let rejections = self.own.token_rejections + self.facts.shared.token_rejections;
            // A tick that read nothing and met no error of its own leaves the earlier error in the cursor.
            let says_more = self.own.pages > 0 || self.summary.error().is_some();
            if rejections == 0 && says_more && self.own.saved == Some(true) {
                watch.note_honored(self.facts.operations_before, self.state.operations);
            }
            let caught_up =
                self.quiescent && succeeded && self.summary.gaps == 0 && self.needed_at_most_half_of_its_calls();
            watch.caught_up_at = caught_up.then_some((self.state.operations, self.facts.started));
        }
        (invariant, watch)
    }

    fn watch(&self) -> &Watch {
        &self.state.book.watches[self.log as usize]
    }

    fn calls_max(&self) -> u32 {
        self.facts.calls_max.unwrap_or_else(|| self.log.calls_per_tick_max())
    }

    /// Returns `true` if the tick needed at most half of its calls.
    fn needed_at_most_half_of_its_calls(&self) -> bool {
        2 * self.own.calls <= self.calls_max()
    }

    /// Returns `true` if the last tick left nothing to collect, and no other operation has run since.
    fn was_caught_up(&self) -> bool {
        self.watch().caught_up_at.is_some_and(|(operations, _)| operations == self.facts.operations_before)
    }

    /// Returns the second that Slack's clock and the collector's clock had certainly reached.
    fn reached(&self) -> i64 {
        let clock = self.facts.clock.as_second();
        clock.min(self.own.reached.unwrap_or(clock))
    }

    /// Returns `true` if the log is read per workspace.
    fn is_by_workspace(&self) -> bool {
        super::by_workspace(self.state, simulated(self.log))
    }

    /// Returns the times of rows that are wanted, were shown in time and before this tick, and are not stored. A late row may wait for a
    /// re-read. A failing workspace does not count for the whole stream.
    fn unstored(&self) -> Vec<i64> {
        // Some workspaces are skipped, for example because their pages lead nowhere, and the stream reports it, or the tick's own error.
        if self.summary.workspaces_failing > 0 && self.summary.code().is_some() {
            return Vec::new();
        }
        let (state, by_workspace) = (self.state, self.is_by_workspace());
        let since = self.source.since.instant();
        let in_time = |row: &&Row| row.visible_at == row.time && row.time >= since && row.time < self.facts.started;
        let healthy = |row: &&Row| {
            !by_workspace || row.workspace.as_ref().is_some_and(|workspace| !state.book.failing.contains(workspace))
        };
        let rows = state.slack.visible_rows(simulated(self.log), state.now).filter(in_time).filter(healthy);
        super::not_stored(state, rows, by_workspace).map(|row| row.time.as_second()).collect()
    }

    /// Checks that a tick rejects a cursor with times of the year 2100 and reports it, and that it accepts a valid cursor.
    fn tampering(&self) -> Option<String> {
        let (tampered, polled) = (self.facts.tampered.contains(&self.log), self.summary.polled);
        if tampered && polled && self.summary.code().is_none() {
            return Some(format!(
                "tampered: the cursor of {:?} contained the year 2100, and the tick reports no error",
                self.log
            ));
        }
        // A tick that was suspended for long compares the cursor with an old clock.
        let in_time = self.state.now.duration_since(self.facts.started).as_secs() < 500;
        (self.is_restarted() && !tampered && in_time)
            .then(|| format!("tampered: the tick rejected a valid cursor of {:?}", self.log))
    }

    /// Returns `true` if the tick rejected its cursor and restarts the stream.
    fn is_restarted(&self) -> bool {
        let summary = self.summary;
        // An error of an earlier tick has no message.
        summary.polled && summary.error().is_some() && summary.code() == Some("corrupt_cursor")
    }

    /// Checks that a tick reports rejections: every call rejected, a revoked token, and a rejection that `auth.test` confirms.
    fn rejections(&self) -> Option<String> {
        let (summary, own, shared, log) = (self.summary, self.own, &self.facts.shared, self.log);
        if !summary.polled {
            return None;
        }
        if own.calls > 0 && own.answered == 0 && summary.code().is_none() {
            return Some(format!("refused: Slack answered no call of {log:?}, and the tick reports no error"));
        }
        // A response to a shared call may concern another stream.
        let token_revoked = own.token_revoked || (shared.token_revoked && self.source.logs.len() == 1);
        if token_revoked && summary.code().is_none() {
            return Some(format!("unreported-error: the token of {log:?} is revoked, and the tick reports no error"));
        }
        let is_confirmed = own.token_revoked && shared.token_revoked && self.is_token_revoked() && self.quiescent;
        (is_confirmed && !self.is_by_workspace() && summary.state != Health::Reauthorize).then(|| {
            format!("unreported-error: `auth.test` confirms that the token of {log:?} is revoked, and the tick requires no new one")
        })
    }

    /// Returns `true` if Slack rejects the token now, and the collector cannot refresh it.
    fn is_token_revoked(&self) -> bool {
        let mut tokens = self.state.slack.settings().tokens.iter();
        self.state.credentials.is_empty() && tokens.next().is_some_and(|token| self.state.slack.refuses(&token.text))
    }

    /// Checks that a single rejection does not count as a revoked token.
    fn hiccup(&self) -> Option<String> {
        let (own, shared) = (self.own, &self.facts.shared);
        // The simulation records at the time of the rejection whether the token is valid, because a revoked token may be valid again when
        // the tick ends.
        let honored = !own.token_revoked && !shared.token_revoked;
        let rejections = own.token_rejections + shared.token_rejections;
        // A page in this tick overrides the rejections of earlier ticks.
        let once = rejections == 1 && (own.pages > 0 || self.watch().rejections(self.facts.operations_before) == 1);
        (self.summary.polled
            && self.summary.state == Health::Reauthorize
            && honored
            && once
            && self.state.credentials.is_empty()
            && !self.is_by_workspace())
        .then(|| format!("hiccup: {:?} requires a new token after a single rejection of a valid one", self.log))
    }

    /// Checks that everything that is neither stored nor newer than the lag is in a gap, and that a tick with spare calls leaves no gap.
    fn gaps(&self, unstored: &[i64]) -> Option<String> {
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
        let spare = self.own.calls + facts.shared.calls < self.calls_max();
        (self.quiescent && summary.code().is_none() && spare && summary.gaps > 0)
            .then(|| format!("gaps: a tick of {:?} with spare calls left {}", self.log, summary.gaps))
    }

    /// Checks that the lag is the age of the newest second up to which everything since the first tick is stored or was shown to be empty.
    fn lag(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
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
    fn silence(&self, watch: &Watch) -> Option<String> {
        let (summary, clock) = (self.summary, self.facts.clock.as_second());
        let may_last =
            self.source.silent_after_seconds.filter(|_| self.log.expects_regular_traffic() && summary.polled)?;
        let connected = self.source.connected_at.get();
        let newest = watch.newest_shown.unwrap_or(i64::MIN).max(connected);
        let succeeded = summary.code().is_none() && matches!(summary.state, Health::Ok | Health::CatchingUp);
        if succeeded && clock - newest > may_last {
            return Some(format!(
                "silence: Slack has shown no {:?} row since {}, and the tick does not report it",
                self.log,
                at(newest)
            ));
        }
        let known = [self.own.newest, watch.newest_sure].into_iter().flatten().max().unwrap_or(i64::MIN).max(connected);
        (summary.state == Health::Silent && self.quiescent && clock - known <= may_last)
            .then(|| format!("silence: {:?} is silent, but Slack has shown a row of {}", self.log, at(known)))
    }

    /// Checks that a tick reports clocks that differ by more than a minute, and no others.
    fn skew(&self) -> Option<String> {
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

    /// Checks that the counts are what the tick's process did.
    fn counts(&self) -> Option<String> {
        let (summary, own, shared) = (self.summary, self.own, &self.facts.shared);
        let alone = self.source.logs.len() == 1;
        let calls = own.calls + if alone { shared.calls } else { 0 }..=own.calls + shared.calls;
        let succeeded = summary.polled && summary.code().is_none();
        let pages = if succeeded { own.pages } else { 0 }..=own.pages + own.broken_pages;
        let created = |of: fn(&crate::facts::Stored) -> u64| of(&own.acknowledged)..=of(&own.actual);
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
    fn lateness(&self) -> Option<String> {
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

    /// Checks that the next tick stores what Slack shows up to five minutes late, if the calls suffice.
    fn freshness(&self) -> Option<String> {
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
        let row = super::not_stored(self.state, rows, by_workspace).next()?;
        Some(format!("fresh: a {:?} record of {}, shown from {}, is not stored", self.log, row.time, row.visible_at))
    }

    /// Checks that the collector reads every page that arrives whole, whatever the fields around its rows.
    fn rows(&self) -> Option<String> {
        let own = self.own;
        let whole = self.quiescent && own.pages == own.calls && own.broken_pages == 0;
        let is_own = self.summary.error().is_some(); // an error of an earlier tick has no message
        (whole && self.summary.polled && is_own && self.summary.code() == Some("invalid_response"))
            .then(|| format!("rows: {:?} pages that arrived whole were not read", self.log))
    }

    /// Checks that a stream which stores nothing for long reports it, if something is left to store.
    fn progress(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
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
            format!("no-progress: {:?} has stored nothing for {ticks} ticks and reports no error, with {gaps} gaps; the first missing record is of {missing:?}", self.log)
        })
    }
}

/// Returns how many rows of a page share their ID with an earlier row and differ from it.
fn conflicting(book: &Book, rows: &[Row]) -> u64 {
    let differs = |index: usize| {
        let row = &rows[index];
        let mut before = rows[..index].iter().filter(|other| other.time == row.time);
        let first = before.rfind(|other| book.name(other, true) == book.name(row, true));
        first.is_some_and(|first| first.json != row.json)
    };
    (0..rows.len()).filter(|index| differs(*index)).count() as u64
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

/// Returns the log of an object.
pub(crate) fn log_of_key(key: &str) -> LogType {
    super::log_of(key).name().parse().expect("a log type")
}
