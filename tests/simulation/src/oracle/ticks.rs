//! What a tick says of itself, compared with what it did: its lag, its silence, its gaps and its counts.
//!
//! The oracle knows the rows and from when Slack shows each; which pages the tick was shown; what it created; and the clocks. Where that does
//! not decide a value, it knows between which bounds the value lies.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slacktrail_collector::tick::StreamSummary;
use slacktrail_core::health::State as Health;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::{Log, Response, Row};

use super::{Book, Name};
use crate::facts::{Facts, LogFacts, Watch, log_of_call};
use crate::harness::simulated;
use crate::simulated_world::State;

/// Polled ticks in a row that may store nothing and show no other row than the one before, without a code, though Slack could show something that is missing.
const DRY_TICKS_MAX: u32 = 15;
/// The same, where they show only rows that were shown since something was stored last and close no gap, and something is missing or in a gap.
/// Pages of three rows and ten calls a tick make the most of what one gap leaves to read.
const STALE_TICKS_MAX: u32 = 300;
/// The lag that raises an alarm, by the template's default.
const LAG_ALARM_SECONDS: i64 = 30 * 60;
/// Pages in a row that may follow on each other, show nothing new, and leave the tick without a code.
const IDLE_PAGES_MAX: u32 = 5;
/// What is shown later than this may wait for a re-read.
const FRESH_SECONDS: i64 = 300;
/// Clocks that are further apart are reported.
const SKEW_REPORTED_SECONDS: i64 = 60;

/// Takes in a reply that reached the collector.
pub(crate) fn note_response(
    state: &mut State,
    facts: &mut Facts,
    source: &Source,
    request: &Request,
    response: &Response,
) {
    let refuses = state.slack.settings().tokens.first().is_some_and(|token| state.slack.refuses(&token.text));
    if facts.note_response(source, request, response, refuses) {
        let asked = log_of_call(source, request.method);
        for log in LogType::ALL.into_iter().filter(|log| asked.is_none_or(|asked| asked == *log)) {
            state.book.watches[log as usize].note_refusal(state.operations, facts.clock.as_second());
        }
    }
    if let Some(log) = log_of_call(source, request.method) {
        // A reply without a `Date` takes back what was certain: the collector knows no more of how far Slack has come.
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
        // In which order, and how far back it must be read, is not told: this is the most that was shown.
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

/// A stream is collected for the first time, or anew after its cursor was lost.
pub(crate) fn begin_stream(state: &mut State, log: LogType, facts: &Facts) {
    let (clock, begun) = (facts.clock.as_second(), facts.begun.as_second());
    // Whoever wants a backfill asks again.
    state.backfilled.retain(|(of, ..)| *of != simulated(log));
    state.tampered.retain(|tampered| *tampered != log);
    let watch = &mut state.book.watches[log as usize];
    watch.begin(clock.max(begun));
    watch.first_operation = state.operations;
    watch.sure = clock.min(begun).min(facts.of(log).reached.unwrap_or(clock));
}

/// Judges what a tick says of each stream.
pub(crate) fn judge_tick(state: &mut State, facts: &Facts, streams: &[StreamSummary]) {
    if !state.is_judged() {
        return;
    }
    let alone = state.operations - facts.operations_before == facts.operations && state.now == facts.begun;
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
        // Else this is known since the cursor was saved, and another tick may have begun the stream again after that.
        let is_news = watch.first_operation <= facts.operations_before;
        state.book.watches[log as usize] = watch;
        if restarted && is_news {
            begin_stream(state, log, facts);
        }
        if let Some(invariant) = invariant {
            state.broken.get_or_insert(format!("{invariant}; the tick says: {}", said(summary)));
        }
    }
}

/// The part of a summary that is judged.
fn said(summary: &StreamSummary) -> String {
    let StreamSummary { state, code, lag_seconds, gaps, calls, pages, records, late, .. } = summary;
    format!(
        "{state:?} {code:?} lag {lag_seconds} gaps {gaps} calls {calls} pages {pages} records {records} late {late}"
    )
}

struct Judge<'a> {
    state: &'a State,
    source: &'a Source,
    summary: &'a StreamSummary,
    log: LogType,
    facts: &'a Facts,
    own: &'a LogFacts,
    /// Nothing failed, time was not short, and nobody else did anything meanwhile.
    quiescent: bool,
}

impl Judge<'_> {
    fn judge(&self) -> (Option<String>, Watch) {
        let mut watch = self.watch().clone();
        let unstored = self.unstored();
        let went_well = self.summary.polled && self.summary.code.is_none();
        let workspaces = self.state.slack.settings().tenant.workspaces().len();
        let unread = watch.unread.end_tick(self.own, self.summary, self.facts.clock.as_second(), workspaces);
        if went_well && self.own.saved == Some(true) {
            if self.summary.gaps == 0 && self.quiescent && !self.is_by_workspace() {
                watch.sure = watch.sure.max(self.reached());
            }
            watch.newest_sure = watch.newest_sure.max(self.own.newest);
        }
        if self.own.skews.is_empty() {
            watch.ahead = watch.ahead.max(self.facts.clock.duration_since(self.facts.begun).as_secs());
        }
        if self.summary.polled {
            watch.end_tick(!unstored.is_empty(), self.summary.gaps);
        }
        let invariant = self
            .tampering()
            .or_else(|| self.refusals())
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
            let refusals = self.own.token_refusals + self.facts.shared.token_refusals;
            // A tick that read nothing and met no error of its own leaves the earlier error in the cursor.
            let says_more = self.own.pages > 0 || self.summary.message.is_some();
            if refusals == 0 && says_more && self.own.saved == Some(true) {
                watch.note_honored(self.facts.operations_before, self.state.operations);
            }
            let through = self.quiescent && went_well && self.summary.gaps == 0 && self.is_at_leisure();
            watch.through_at = through.then_some((self.state.operations, self.facts.begun));
        }
        (invariant, watch)
    }

    fn watch(&self) -> &Watch {
        &self.state.book.watches[self.log as usize]
    }

    fn calls_max(&self) -> u32 {
        self.facts.calls_max.unwrap_or_else(|| self.log.calls_per_tick_max())
    }

    /// Whether half of the tick's calls were enough.
    fn is_at_leisure(&self) -> bool {
        2 * self.own.calls <= self.calls_max()
    }

    /// Whether a tick left nothing to collect, and nobody has done anything since.
    fn was_through(&self) -> bool {
        self.watch().through_at.is_some_and(|(operations, _)| operations == self.facts.operations_before)
    }

    /// How far Slack's clock and the collector's had come for certain.
    fn reached(&self) -> i64 {
        let clock = self.facts.clock.as_second();
        clock.min(self.own.reached.unwrap_or(clock))
    }

    /// Whether the log is read workspace by workspace.
    fn is_by_workspace(&self) -> bool {
        super::by_workspace(self.state, simulated(self.log))
    }

    /// Times of the rows that are wanted, were shown in time, before this tick began, and are not stored: a row that Slack showed late may
    /// wait for a re-read, and a workspace in error is no matter of the whole stream.
    fn unstored(&self) -> Vec<i64> {
        if self.summary.code.as_deref() == Some("workspaces_unreadable") {
            return Vec::new(); // some are passed over, also for pages that lead nowhere, and the stream says so
        }
        let (state, by_workspace) = (self.state, self.is_by_workspace());
        let since = self.source.since.instant();
        let in_time = |row: &&Row| row.visible_at == row.time && row.time >= since && row.time < self.facts.begun;
        let healthy = |row: &&Row| {
            !by_workspace || row.workspace.as_ref().is_some_and(|workspace| !state.book.failing.contains(workspace))
        };
        let rows = state.slack.visible_rows(simulated(self.log), state.now).filter(in_time).filter(healthy);
        super::not_stored(state, rows, by_workspace).map(|row| row.time.as_second()).collect()
    }

    /// A cursor of another century is not believed, and a tick that meets one says so.
    fn tampering(&self) -> Option<String> {
        let (tampered, polled) = (self.facts.tampered.contains(&self.log), self.summary.polled);
        if tampered && polled && self.summary.code.is_none() {
            return Some(format!("tampered: {:?} is well, says a tick that found a cursor of the year 2100", self.log));
        }
        // A tick that was held up for long compares with a clock of long ago.
        let in_time = self.state.now.duration_since(self.facts.begun).as_secs() < 500;
        (self.is_restarted() && !tampered && in_time)
            .then(|| format!("tampered: a good cursor of {:?} is not believed", self.log))
    }

    /// Whether the tick has not believed its cursor, and collects the stream anew.
    fn is_restarted(&self) -> bool {
        let summary = self.summary;
        // Of an error that an earlier tick met, and that this one read nothing to end, there is no message.
        summary.polled && summary.message.is_some() && summary.code.as_deref() == Some("corrupt_cursor")
    }

    /// A tick that was only refused is not well; nor is one that was told that the token is revoked. A single refusal is no revoked token.
    fn refusals(&self) -> Option<String> {
        let (summary, own, shared) = (self.summary, self.own, &self.facts.shared);
        if !summary.polled {
            return None;
        }
        if own.calls > 0 && own.answered == 0 && summary.code.is_none() {
            return Some(format!("refused: {:?} is well, says a tick of which no call was answered", self.log));
        }
        // What shared calls were told may be another stream's matter.
        let told_revoked = own.told_revoked || (shared.told_revoked && self.source.logs.len() == 1);
        if told_revoked && summary.code.is_none() {
            return Some(format!(
                "unreported-error: {:?} is well, says a tick that was told that its token is revoked",
                self.log
            ));
        }
        // Whether Slack honored it is asked when it refuses: a revoked token may be honored again when the tick ends.
        let honored = !own.told_revoked && !shared.told_revoked;
        let refusals = own.token_refusals + shared.token_refusals;
        // What an earlier tick was told is void where this one was shown a page.
        let once = refusals == 1 && (own.pages > 0 || self.watch().refusals(self.facts.operations_before) == 1);
        (summary.state == Health::Reauthorize
            && honored
            && once
            && self.state.credentials.is_empty()
            && !self.is_by_workspace())
        .then(|| format!("hiccup: {:?} wants another token after a single refusal of one that Slack honors", self.log))
    }

    /// What is neither stored nor later than the lag says is in a gap; and a tick with calls to spare leaves none.
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
                "gaps: none, says the tick, and a {:?} record of {} is not stored",
                self.log,
                at(*time)
            ));
        }
        let spare = self.own.calls + facts.shared.calls < self.calls_max();
        (self.quiescent && summary.code.is_none() && spare && summary.gaps > 0)
            .then(|| format!("gaps: a tick of {:?} logs with calls to spare left {}", self.log, summary.gaps))
    }

    /// The lag is the age of the newest time up to which everything since the first tick is stored, or was shown to be empty.
    fn lag(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
        let (summary, facts, clock) = (self.summary, self.facts, self.facts.clock.as_second());
        if self.state.tampered.contains(&self.log) {
            return None; // until the stream's cursor is its own again
        }
        let is_overtaken = !self.quiescent && watch.first_operation > facts.operations_before;
        if self.is_restarted() || is_overtaken {
            return None; // live collection begins with this tick, or began during it
        }
        let first = watch.first.filter(|_| self.state.cursors.keys().any(|stream| stream.log == self.log))?;
        if !summary.polled
            && matches!(summary.code.as_deref(), Some("malformed_cursor" | "corrupt_cursor" | "newer_cursor"))
        {
            return None;
        }
        let first_unstored = unstored.iter().filter(|time| **time >= first).min().copied().unwrap_or(i64::MAX);
        let least = (clock - watch.shown.at.min(first_unstored) - watch.ahead).max(0);
        if summary.lag_seconds < least {
            let (shown, unstored) = (at(watch.shown.at), (first_unstored < i64::MAX).then(|| at(first_unstored)));
            return Some(format!(
                "lag: {} of {:?}, and at the least it is {least}: shown up to {shown}, first record not stored {unstored:?}",
                summary.lag_seconds, self.log
            ));
        }
        if !self.quiescent || !summary.polled || summary.code.is_some() {
            return None;
        }
        let reached = self.reached();
        // A round through an organization's workspaces may be left out, so that others have their turn.
        let up_to_date = summary.gaps == 0 && self.own.calls > 0 && (!self.is_by_workspace() || self.was_through());
        // What a tick leaves of its own gap is as old as the tick before, whatever overlap it reads again.
        let known = self.was_through().then(|| self.watch().sure.min(reached));
        let most = [up_to_date.then_some(reached), known].into_iter().flatten().map(|time| clock - time).min()?.max(0);
        (summary.lag_seconds > most && facts.begun.as_second() >= first)
            .then(|| format!("lag: {} of {:?}, and at the most it is {most}", summary.lag_seconds, self.log))
    }

    /// A stream is silent if Slack has shown no record for longer than the source allows, whatever is left to collect.
    fn silence(&self, watch: &Watch) -> Option<String> {
        let (summary, clock) = (self.summary, self.facts.clock.as_second());
        let may_last =
            self.source.silent_after_seconds.filter(|_| self.log.expects_regular_traffic() && summary.polled)?;
        let connected = self.source.connected_at.get();
        let newest = watch.newest_shown.unwrap_or(i64::MIN).max(connected);
        let well = summary.code.is_none() && matches!(summary.state, Health::Ok | Health::CatchingUp);
        if well && clock - newest > may_last {
            return Some(format!(
                "silence: Slack has shown no {:?} row since {}, and nobody is told",
                self.log,
                at(newest)
            ));
        }
        let known = [self.own.newest, watch.newest_sure].into_iter().flatten().max().unwrap_or(i64::MIN).max(connected);
        (summary.state == Health::Silent && self.quiescent && clock - known <= may_last)
            .then(|| format!("silence: of {:?}, and Slack has shown a row of {}", self.log, at(known)))
    }

    /// Clocks that are more than a minute apart are told.
    fn skew(&self) -> Option<String> {
        if !self.summary.polled {
            return None;
        }
        let told = self.summary.clock_skew_seconds;
        let both = || self.own.skews.iter().chain(&self.facts.shared.skews);
        let reported = |skew: &&i64| skew.abs() > SKEW_REPORTED_SECONDS;
        let fits = match told {
            Some(told) => reported(&&told) && both().any(|skew| *skew == told),
            None => !self.own.skews.iter().any(|skew| reported(&skew)),
        };
        (!fits).then(|| format!("skew: {told:?}, and the clocks are {:?} apart", both().max()))
    }

    /// Counts are of what the tick's process did.
    fn counts(&self) -> Option<String> {
        let (summary, own, shared) = (self.summary, self.own, &self.facts.shared);
        let alone = self.source.logs.len() == 1;
        let calls = own.calls + if alone { shared.calls } else { 0 }..=own.calls + shared.calls;
        let well = summary.polled && summary.code.is_none();
        let pages = if well { own.pages } else { 0 }..=own.pages + own.broken_pages;
        let created = |of: fn(&crate::facts::Stored) -> u64| of(&own.told)..=of(&own.truly);
        let exact = well && self.quiescent;
        let malformed = own.created.iter().filter(|line| !line.readable).count() as u64;
        let repaired = self.repaired();
        // What an operation without a reply has stored is counted when it is found.
        let up_to = |count: u64| if exact { count } else { 0 }..=if own.met_others { u64::MAX } else { count };
        let counts = [
            ("calls", u64::from(summary.calls), u64::from(*calls.start())..=u64::from(*calls.end())),
            ("pages", u64::from(summary.pages), u64::from(*pages.start())..=u64::from(*pages.end())),
            ("records", summary.records, created(|stored| stored.records)),
            ("objects", summary.objects, created(|stored| stored.objects)),
            ("bytes", summary.bytes, created(|stored| stored.bytes)),
            ("malformed", summary.malformed, up_to(malformed)),
            ("repaired", summary.repaired, up_to(repaired)),
            ("conflicting", summary.conflicting, up_to(own.conflicting)),
        ];
        let wrong = counts.into_iter().find(|(_, told, truly)| !truly.contains(told));
        wrong.map(|(name, told, truly)| format!("counts: {told} {name} of {:?}, and it was {truly:?}", self.log))
    }

    /// How many of the lines are of rows that were damaged.
    fn repaired(&self) -> u64 {
        let created = &self.own.created;
        if created.iter().all(|line| !line.slack.contains(char::REPLACEMENT_CHARACTER)) {
            return 0;
        }
        let damaged = self.state.slack.rows(simulated(self.log)).iter().filter(|row| row.is_damaged);
        let names: Vec<Name> = damaged.map(|row| self.state.book.name(row, self.is_by_workspace())).collect();
        created.iter().filter(|line| names.contains(&line.name)).count() as u64
    }

    /// Late are records that Slack showed late or that others moved, no others; how late is their age.
    fn lateness(&self) -> Option<String> {
        let (summary, own) = (self.summary, self.own);
        if own.met_others || (summary.late == 0 && summary.late_seconds_max == 0 && own.created.is_empty()) {
            return None;
        }
        let by_workspace = self.is_by_workspace();
        let names: Vec<Name> =
            self.late_or_moved().into_iter().map(|row| self.state.book.name(row, by_workspace)).collect();
        let late: Vec<i64> =
            own.created.iter().filter(|line| names.contains(&line.name)).filter_map(|line| line.time).collect();
        let ages = || late.iter().map(|time| self.facts.clock.as_second() - time);
        // For certain: a time that was shown whole to a tick that left nothing else to do.
        let watch = self.watch();
        let passed = |time: &&i64| {
            self.log == LogType::Audit && watch.first.is_some_and(|first| first < **time) && **time < watch.sure
        };
        let exact = self.quiescent && summary.code.is_none() && self.was_through() && self.state.backfilled.is_empty();
        let least = if exact { late.iter().filter(passed).count() as u64 } else { 0 };
        if summary.late > late.len() as u64 || summary.late < least {
            return Some(format!(
                "counts: {} late of {:?}, and it was {least} to {}",
                summary.late,
                self.log,
                late.len()
            ));
        }
        let most = ages().max().filter(|_| summary.late > 0).unwrap_or(0).max(0);
        let least = if summary.late == late.len() as u64 { most } else { 0 };
        (!(least..=most).contains(&summary.late_seconds_max)).then(|| {
            format!(
                "counts: {} s late at the most of {:?}, and it was {least} to {most}",
                summary.late_seconds_max, self.log
            )
        })
    }

    /// The rows that Slack showed late. In logs with page numbers also those that a late row before them moved to another page: a walk
    /// that is between two pages misses such a row, and the next re-read finds it.
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

    /// What Slack shows up to five minutes late is stored by the next tick, where the calls suffice.
    fn freshness(&self) -> Option<String> {
        let (_, last_tick) = self.watch().through_at.filter(|_| self.was_through())?;
        let by_workspace = self.is_by_workspace();
        let well = self.summary.polled && self.summary.code.is_none();
        if !self.quiescent || !well || self.summary.gaps > 0 || !self.is_at_leisure() || by_workspace {
            return None;
        }
        let begun = self.facts.begun;
        let since = self.source.since.instant();
        let is_fresh = |row: &&Row| {
            row.visible_at > last_tick
                && row.visible_at <= begun
                && row.visible_at > row.time
                && row.visible_at.duration_since(row.time).as_secs() <= FRESH_SECONDS
                && (since..begun).contains(&row.time)
                && row.time <= self.facts.clock
        };
        let rows = self.state.slack.rows(simulated(self.log)).iter().filter(is_fresh);
        let row = super::not_stored(self.state, rows, by_workspace).next()?;
        Some(format!("fresh: a {:?} record of {}, shown from {}, waits", self.log, row.time, row.visible_at))
    }

    /// Rows decide: a page whose rows can be told is read, whatever stands around them.
    fn rows(&self) -> Option<String> {
        let own = self.own;
        let whole = self.quiescent && own.pages == own.calls && own.broken_pages == 0;
        (whole && self.summary.polled && self.summary.code.as_deref() == Some("invalid_response"))
            .then(|| format!("rows: {:?} pages that came whole could not be read", self.log))
    }

    /// A stream that stores nothing for long, though there is something, says so.
    fn progress(&self, watch: &Watch, unstored: &[i64]) -> Option<String> {
        if self.quiescent && self.own.idle_max > IDLE_PAGES_MAX && self.summary.code.is_none() {
            let idle = self.own.idle_max;
            return Some(format!(
                "no-progress: {idle} pages of {:?} followed on each other and showed nothing new",
                self.log
            ));
        }
        // With a local clock that is behind, the newest records are out of reach: then the difference is what is reported. A walk through
        // many small pages of known rows advances without a new one: then the lag, which another invariant checks, raises its alarm.
        let lags = self.summary.lag_seconds > LAG_ALARM_SECONDS;
        let is_reported = self.summary.code.is_some() || self.summary.clock_skew_seconds.is_some() || lags;
        let is_idle = watch.dry_ticks >= DRY_TICKS_MAX || watch.stale_ticks >= STALE_TICKS_MAX;
        (self.summary.polled && is_idle && !is_reported).then(|| {
            let (ticks, missing) = (watch.dry_ticks.max(watch.stale_ticks), unstored.first().map(|time| at(*time)));
            let gaps = self.summary.gaps;
            format!("no-progress: {:?} has stored nothing for {ticks} ticks, nobody is told, {gaps} gaps are left, and the first record that is missing is of {missing:?}", self.log)
        })
    }
}

/// How many rows of a page share their identity with one before them and differ from it.
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

/// The simulator's log of a stream.
pub(crate) fn log_of_key(key: &str) -> LogType {
    match super::log_of(key) {
        Log::Audit => LogType::Audit,
        Log::Access => LogType::Access,
        Log::Integration => LogType::Integration,
    }
}
