//! Compares what a tick reports with what it did: its lag, silence, gaps and counts.
//!
//! The oracle knows the rows and when Slack shows each of them, the pages that the tick was shown, the objects that it created, and the
//! clocks. If these facts do not determine a value, the oracle checks bounds. Each module checks one group of invariants.

mod counts;
mod lag;
mod progress;
mod rejections;

use jiff::Timestamp;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::stream::{StreamOutcome, TickCounts};
use slacktrail_simulator::{Response, Row};

use super::Book;
use crate::facts::{Facts, LogFacts, Watch, log_of_call};
use crate::harness::simulated;
use crate::simulated_world::State;

/// Records a response that reached the collector.
pub(crate) fn record_response(
    state: &mut State,
    facts: &mut Facts,
    source: &Source,
    request: &Request,
    response: &Response,
) {
    let asked = log_of_call(source, request.method);
    let served = || LogType::ALL.into_iter().filter(|log| asked.is_none_or(|asked| asked == *log));
    let is_invalid = state.slack.settings().tokens.first().is_some_and(|token| state.slack.refuses(&token.text));
    if facts.record_response(source, request, response, is_invalid) {
        for log in served() {
            state.book.watches[log as usize].record_rejection(state.operations, facts.clock.as_second());
        }
    }
    for log in served() {
        state.book.watches[log as usize].record_wait(response, facts.clock.as_second());
    }
    if let Some(log) = asked {
        // After a response without a `Date`, the collector no longer knows how far Slack has come.
        let watch = &mut state.book.watches[log as usize];
        watch.sure = watch.sure.min(facts.of(log).reached.unwrap_or(i64::MAX));
    }
    let team = request.arguments.iter().find(|(name, _)| *name == "team_id").map(|(_, id)| id.as_str());
    if let Some(log) = asked {
        match team {
            Some(team) => drop(facts.logs[log as usize].workspaces.insert(team.to_owned(), response.shown.is_some())),
            None if request.method == "auth.teams.list" => {
                state.book.watches[log as usize].unread.record_list(response)
            }
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
    shown.rows.iter().for_each(|row| watch.record_row(row));
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
            // With fewer calls, tests let more records appear than the calls can collect.
            let has_all_calls = self.facts.calls_max.is_none();
            watch.record_gaps(self.summary.gaps, self.quiescent && succeeded && has_all_calls);
        }
        let invariant = self
            .tampering()
            .or_else(|| self.rejections())
            .or_else(|| self.single_rejection())
            .or_else(|| self.wait())
            .or(unread)
            .or_else(|| self.gaps(&watch, &unstored))
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
                watch.record_honored(self.facts.operations_before, self.state.operations);
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
    /// re-read. A workspace that fails or is not listed does not count for the whole stream.
    fn unstored(&self) -> Vec<i64> {
        // Some workspaces are skipped, for example because their pages lead nowhere, and the stream reports it, or the tick's own error.
        if self.summary.workspaces_failing > 0 && self.summary.code().is_some() {
            return Vec::new();
        }
        let (state, by_workspace) = (self.state, self.is_by_workspace());
        let since = self.source.since.instant();
        let in_time = |row: &&Row| row.visible_at == row.time && row.time >= since && row.time < self.facts.started;
        let (failing, left) = (&state.book.failing, &state.book.left);
        let is_read = |workspace: &String| !failing.contains(workspace) && !left.contains(workspace);
        let healthy = |row: &&Row| !by_workspace || row.workspace.as_ref().is_some_and(is_read);
        let rows = state.slack.visible_rows(simulated(self.log), state.now).filter(in_time).filter(healthy);
        super::not_stored(state, rows, by_workspace).map(|row| row.time.as_second()).collect()
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

pub(crate) fn log_of_key(key: &str) -> LogType {
    super::log_of(key).name().parse().expect("a log type")
}
