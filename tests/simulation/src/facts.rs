//! The facts of a tick: what its process requested, was shown, created and saved. The ports record them, and the oracle judges the tick by
//! them.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::parse_http_date;
use slacktrail_simulator::{Response, Row, Shown};

use super::oracle::{Line, Unread, log_of_key as log_of};

/// How far Slack's clock may be behind the collector's clock if no response has a `Date`.
pub(super) const CLOCK_SKEW_SECONDS: i64 = 600;

#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Slack's time at the start.
    pub(super) started: Timestamp,
    /// The collector's clock at the start.
    pub(super) clock: Timestamp,
    /// Calls that the tick may make to each log. `None`: the production limit.
    pub(super) calls_max: Option<u32>,
    /// Operations of all processes before the tick, and operations of the tick.
    pub(super) operations_before: u64,
    pub(super) operations: u64,
    /// Whether an operation failed or the time was limited.
    pub(super) disturbed: bool,
    /// Streams whose cursor was already tampered with when the tick loaded it.
    pub(super) tampered: Vec<LogType>,
    /// The facts of the audit, access and integration logs.
    pub(super) logs: [LogFacts; 3],
    /// Calls that serve every log: `auth.test`.
    pub(super) shared: LogFacts,
    /// Calls that serve no log.
    pub(super) others: LogFacts,
}

#[derive(Clone, Debug, Default)]
pub(super) struct LogFacts {
    pub(super) calls: u32,
    /// Calls that returned what they requested.
    pub(super) answered: u32,
    /// Pages that arrived whole, and pages that broke off.
    pub(super) pages: u32,
    pub(super) broken_pages: u32,
    /// Responses that rejected the token, and whether the token was really invalid in one of them.
    pub(super) token_rejections: u32,
    pub(super) token_revoked: bool,
    /// The collector's clock minus the `Date` of each response, in seconds.
    pub(super) skews: Vec<i64>,
    /// The second that Slack's clock had certainly reached, by the earliest response.
    pub(super) reached: Option<i64>,
    /// The newest time of a shown row, and the newest last use of one.
    pub(super) newest: Option<i64>,
    pub(super) newest_use: Option<i64>,
    /// The current and the longest run of pages of one walk that showed no new row.
    idle_run: u32,
    pub(super) idle_max: u32,
    /// The rows that the current walk was shown, as JSON.
    rows_shown: HashSet<Arc<str>>,
    /// The page cursor or page number that continues the walk.
    follower: Option<String>,
    /// Whether an object already existed. An operation without a response may have stored its records.
    pub(super) found_existing: bool,
    /// Whether the last request for each workspace, by ID, returned a page.
    pub(super) workspaces: BTreeMap<String, bool>,
    /// Rows of whole pages that share their ID with an earlier row of the page and differ from it.
    pub(super) conflicting: u64,
    /// The lines of the created objects, and the counts of these objects.
    pub(super) created: Vec<Rc<Line>>,
    pub(super) actual: Stored,
    /// The counts of the objects whose create was acknowledged.
    pub(super) acknowledged: Stored,
    last: Stored,
    /// Whether the last write of the cursor succeeded. `None`: there was no write.
    pub(super) saved: Option<bool>,
}

/// Counts of stored records, objects and bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Stored {
    pub(super) records: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

impl Stored {
    fn add(&mut self, other: Stored) {
        self.records += other.records;
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

impl LogFacts {
    /// Updates the run of pages that show no row that is new to their walk.
    fn record_progress(&mut self, request: &Request, shown: &Shown) {
        let argument =
            |name: &str| request.arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let position = argument("cursor").or_else(|| argument("page"));
        let follows = position.is_some() && position == self.follower;
        if !follows {
            self.rows_shown.clear();
            self.idle_run = 0;
        }
        let news = shown.rows.iter().filter(|row| self.rows_shown.insert(row.json.clone())).count();
        self.idle_run = if news == 0 { self.idle_run + 1 } else { 0 };
        self.idle_max = self.idle_max.max(self.idle_run);
        let numbered = || argument("page").and_then(|page| page.parse::<u64>().ok()).map(|page| (page + 1).to_string());
        self.follower = shown.next.clone().or_else(numbered);
    }
}

impl Facts {
    pub(super) fn of(&self, log: LogType) -> &LogFacts {
        &self.logs[log as usize]
    }

    /// Returns the facts of the log that a call of this method serves.
    pub(super) fn of_call(&mut self, source: &Source, method: &str) -> &mut LogFacts {
        match log_of_call(source, method) {
            Some(log) => &mut self.logs[log as usize],
            None if method == "auth.test" => &mut self.shared,
            None => &mut self.others,
        }
    }

    /// Counts a call. Returns the violation if the tick may not make it.
    ///
    /// By default, a tick may make half of the 50 audit calls that Slack allows per organization and minute, and half of the 20 calls that it
    /// allows for each other method.
    pub(super) fn count_call(&mut self, source: &Source, method: &str) -> Option<String> {
        let log = log_of_call(source, method);
        let max = self.calls_max.unwrap_or(if log == Some(LogType::Audit) { 25 } else { 10 });
        let calls = &mut self.of_call(source, method).calls;
        *calls += 1;
        (log.is_some() && *calls > max)
            .then(|| format!("budget: call {calls}, of `{method}`, in a tick that may make {max} calls to this log"))
    }

    /// Records that an object with these lines was created.
    pub(super) fn record_created(&mut self, key: &str, bytes: &[u8], lines: &[Rc<Line>]) {
        let facts = &mut self.logs[log_of(key) as usize];
        facts.created.extend(lines.iter().cloned());
        facts.last = Stored { records: lines.len() as u64, objects: 1, bytes: bytes.len() as u64 };
        facts.actual.add(facts.last);
    }

    /// Records that the object already existed.
    pub(super) fn record_exists(&mut self, key: &str) {
        self.logs[log_of(key) as usize].found_existing = true;
    }

    /// Records whether the cursor was saved. The next page belongs to another walk, even if its page cursor has the same text.
    pub(super) fn record_saved(&mut self, log: LogType, saved: bool) {
        let facts = &mut self.logs[log as usize];
        facts.saved = Some(saved);
        facts.follower = None;
    }

    /// Records that the create was acknowledged.
    pub(super) fn record_acknowledged(&mut self, key: &str) {
        let facts = &mut self.logs[log_of(key) as usize];
        facts.acknowledged.add(std::mem::take(&mut facts.last));
    }

    /// Records a response that reached the collector, and returns whether it rejected the token. `is_invalid` states whether the token is
    /// really invalid.
    pub(super) fn record_response(
        &mut self,
        source: &Source,
        request: &Request,
        response: &Response,
        is_invalid: bool,
    ) -> bool {
        let clock = self.clock.as_second();
        let facts = self.of_call(source, request.method);
        let date = response.header("Date").and_then(parse_http_date).map(Timestamp::as_second);
        facts.skews.extend(date.map(|date| clock - date));
        let reached = date.unwrap_or(clock - CLOCK_SKEW_SECONDS);
        facts.reached = Some(facts.reached.map_or(reached, |before| before.min(reached)));
        let text = || String::from_utf8_lossy(&response.body);
        let mut rejected = false;
        match &response.shown {
            Some(shown) => {
                facts.answered += 1;
                facts.record_progress(request, shown);
                let pages = if shown.whole { &mut facts.pages } else { &mut facts.broken_pages };
                *pages += 1;
                for row in &shown.rows {
                    let last_use = row.date_last.unwrap_or(row.time).as_second();
                    facts.newest = facts.newest.max(Some(row.time.as_second()));
                    facts.newest_use = facts.newest_use.max(Some(last_use));
                }
            }
            None if response.status == 200
                && text().replace(' ', "").contains("\"ok\":true")
                && !text().contains("xox") =>
            {
                facts.answered += 1
            }
            None => {
                // Only the Audit Logs API rejects a token with a status and without a code.
                let has_status = response.status == 401 && request.method == "logs";
                rejected = has_status || TOKEN_CODES.iter().any(|code| text().contains(code));
                facts.token_rejections += u32::from(rejected);
                facts.token_revoked |= rejected && is_invalid;
            }
        }
        rejected
    }
}

/// Returns the log that a call of this method serves, if it serves only one.
pub(super) fn log_of_call(source: &Source, method: &str) -> Option<LogType> {
    match method {
        "logs" => Some(LogType::Audit),
        "team.accessLogs" => Some(LogType::Access),
        "team.integrationLogs" => Some(LogType::Integration),
        // Every log that is read per workspace needs this list.
        "auth.teams.list" if source.logs.contains(&LogType::Integration) => Some(LogType::Integration),
        "auth.teams.list" => Some(LogType::Access),
        _ => None,
    }
}

/// Slack's error codes for a token that it does not accept.
const TOKEN_CODES: [&str; 4] = ["token_revoked", "invalid_auth", "token_expired", "account_inactive"];

/// What the oracle knows of a log's pages, so that it can derive which times Slack has shown completely. A clone is independent.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The start of live collection. Earlier history is backlog.
    pub(super) first: Option<i64>,
    /// The start of live collection, in operations of all processes.
    pub(super) first_operation: u64,
    /// All time up to here was shown to a tick, whether or not it is stored.
    pub(super) shown: Frontier,
    /// All time up to here was shown to a tick that left no gap and saved its cursor.
    pub(super) sure: i64,
    /// The maximum lead of the collector's clock in a tick without a `Date` in any response.
    pub(super) ahead: i64,
    /// The newest row shown to a tick that succeeded and saved its cursor.
    pub(super) newest_sure: Option<i64>,
    /// The newest row, or last use of a row, that any tick was shown.
    pub(super) newest_shown: Option<i64>,
    /// The time at which the page of each recent page cursor starts.
    page_starts: Vec<(u64, i64)>,
    /// The number of stored records, now and at the end of the last tick.
    pub(super) stored: u64,
    stored_before: u64,
    /// Polled ticks in a row that stored nothing and showed no row that the tick before had not shown, although Slack can show a missing
    /// record.
    pub(super) dry_ticks: u32,
    /// Polled ticks in a row that stored nothing, closed no gap, and showed no row that was new since the last stored record, although a
    /// record is missing or a gap is left.
    pub(super) stale_ticks: u32,
    /// The gaps that the last tick left, and quiescent ticks in a row that left more gaps than the tick before.
    gaps_before: usize,
    pub(super) growing_ticks: u32,
    /// The fewest gaps that one of the stale ticks left.
    gaps_least: usize,
    /// The rows shown since the last tick, and those of the tick before, without the fields that change.
    rows: HashSet<u64>,
    rows_before: HashSet<u64>,
    /// All rows shown since the last stored record.
    rows_since_stored: HashSet<u64>,
    /// Responses that rejected the token.
    rejections: Vec<Rejection>,
    /// The latest time up to which Slack asked to wait, by the collector's clock.
    pub(super) wait_until: Option<i64>,
    /// Workspaces that cannot be read.
    pub(super) unread: Unread,
    /// The last tick, if it certainly left nothing to collect and needed at most half of its calls: operations of all processes at its end,
    /// and Slack's time at its start.
    pub(super) caught_up_at: Option<(u64, Timestamp)>,
}

/// A response that rejected the token.
#[derive(Clone, Copy, Debug)]
struct Rejection {
    /// When it arrived, in operations of all processes.
    at: u64,
    /// The collector's clock in that tick.
    clock: i64,
    /// The end of the first tick that started later, was not rejected and saved its cursor, in operations of all processes.
    honored: Option<u64>,
}

/// The maximum number of page cursors that the oracle remembers.
const PAGE_STARTS_MAX: usize = 1_000;

/// The second up to which all time since the stream's first tick was shown, and ranges beyond it.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    pub(super) at: i64,
    beyond: Vec<(i64, i64)>,
}

impl Frontier {
    /// Adds a range of seconds that was shown completely.
    pub(super) fn add(&mut self, span: (i64, i64)) {
        if span.1 <= self.at || span.0 > span.1 {
            return;
        }
        if !self.beyond.contains(&span) {
            self.beyond.push(span);
        }
        while let Some(index) = self.beyond.iter().position(|span| span.0 <= self.at + 1) {
            self.at = self.at.max(self.beyond.swap_remove(index).1);
        }
    }
}

impl Watch {
    /// Records that Slack showed a row.
    pub(super) fn record_row(&mut self, row: &Row) {
        // The fields that change start with `date_last`.
        let constant = row.json.split("\"date_last\"").next().unwrap_or_default();
        self.rows.insert(hash(constant));
    }

    /// Records the end of a polled tick. `is_missing` states whether Slack can show a record that is not stored. `gaps` counts the gaps
    /// that the tick left.
    pub(super) fn end_tick(&mut self, is_missing: bool, gaps: usize) {
        let stored_nothing = self.stored == self.stored_before;
        let is_dry = is_missing && stored_nothing && self.rows.is_subset(&self.rows_before);
        self.dry_ticks = if is_dry { self.dry_ticks + 1 } else { 0 };
        let shows_nothing = stored_nothing && self.rows.is_subset(&self.rows_since_stored);
        let is_stale = (is_missing || gaps > 0) && shows_nothing && gaps >= self.gaps_least;
        self.stale_ticks = if is_stale { self.stale_ticks + 1 } else { 0 };
        self.gaps_least = if is_stale { self.gaps_least.min(gaps) } else { gaps };
        if !stored_nothing {
            self.rows_since_stored.clear();
        }
        self.rows_since_stored.extend(&self.rows);
        self.stored_before = self.stored;
        self.rows_before = std::mem::take(&mut self.rows);
    }

    /// Records how long a response asks to wait, if it does. `clock` is the collector's clock.
    pub(super) fn record_wait(&mut self, response: &Response, clock: i64) {
        let is_limited = || response.status == 429 || String::from_utf8_lossy(&response.body).contains("ratelimited");
        let text = response.header("Retry-After");
        let date = |text: &str| parse_http_date(text).map(Timestamp::as_second);
        // A date is a time of Slack's clock, which the collector knows only from `Date`.
        let ahead = response.header("Date").and_then(date).map_or(0, |now| clock - now);
        let seconds = text.and_then(|text| text.parse::<i64>().ok()).map(|seconds| clock + seconds);
        let until = seconds.or_else(|| text.and_then(date).map(|until| until + ahead)).unwrap_or(clock + 60);
        if text.is_some() || (response.shown.is_none() && is_limited()) {
            self.wait_until = self.wait_until.max(Some(until));
        }
    }

    /// Records how many gaps a polled tick left. `counts` states whether nothing but the collector's decisions determined it.
    pub(super) fn record_gaps(&mut self, gaps: usize, counts: bool) {
        self.growing_ticks = if counts && gaps > self.gaps_before { self.growing_ticks + 1 } else { 0 };
        self.gaps_before = gaps;
    }

    /// Starts live collection.
    pub(super) fn begin(&mut self, at: i64) {
        let rejections = std::mem::take(&mut self.rejections); // some came before the cursor was written
        let (newest_shown, stored, wait_until) = (self.newest_shown, self.stored, self.wait_until);
        *self = Watch { newest_shown, stored, wait_until, rejections, ..Watch::default() };
        (self.first, self.shown.at, self.sure) = (Some(at), at, at);
    }

    /// Records a response that rejected the token.
    pub(super) fn record_rejection(&mut self, at: u64, clock: i64) {
        self.rejections.push(Rejection { at, clock, honored: None });
    }

    /// Records that a tick which started after `began` operations was not rejected, and that the cursor contains this since `ended`.
    pub(super) fn record_honored(&mut self, began: u64, ended: u64) {
        for rejection in self.rejections.iter_mut().filter(|rejection| rejection.at <= began) {
            rejection.honored.get_or_insert(ended);
        }
    }

    /// Clears the rejections of the previous token. Those seen by a clock ahead of `now` stay, because the collector cannot tell that they
    /// are older.
    pub(super) fn record_connection(&mut self, now: i64) {
        self.unread = Unread::default();
        self.rejections.retain(|rejection| rejection.clock >= now);
    }

    /// Returns how many rejections the cursor may hold for a tick that starts after `began` operations. Of overlapping ticks, any may have
    /// written the cursor last, even a killed one.
    pub(super) fn rejections(&self, began: u64) -> usize {
        self.rejections.iter().filter(|rejection| rejection.honored.is_none_or(|honored| honored > began)).count()
    }

    /// Returns the time range that a page of audit logs shows completely, and stores where the next page starts.
    pub(super) fn audit_page(&mut self, request: &Request, shown: &Shown, now: Timestamp) -> (i64, i64) {
        let argument =
            |name: &str| request.arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let second = |name| argument(name).and_then(|text| text.parse::<i64>().ok());
        let at = match argument("cursor") {
            None => second("latest").unwrap_or(i64::MAX).min(now.as_second()),
            Some(cursor) => self.page_start(cursor).unwrap_or(now.as_second()), // the latest possible time if it is unknown
        };
        let last = shown.rows.iter().map(|row| row.time.as_second()).min();
        let start = last.map_or(at, |last| last.min(at));
        if let Some(next) = shown.next.as_ref().filter(|_| shown.whole) {
            self.store_page_start(next, start);
        }
        let is_last = shown.next.is_none() && shown.whole;
        (if is_last { second("oldest").unwrap_or(0) } else { start + 1 }, at)
    }

    /// Returns the longest time range that the pages of access logs up to this one may have shown completely. The order of the rows is
    /// unknown.
    pub(super) fn access_page(&mut self, request: &Request, shown: &Shown, now: Timestamp) -> (i64, i64) {
        let cursor = request.arguments.iter().find(|(name, _)| *name == "cursor").map(|(_, value)| value.as_str());
        let is_first = cursor.is_none() && request.arguments.iter().all(|(name, _)| *name != "page");
        let latest = match cursor.and_then(|cursor| self.page_start(cursor)) {
            Some(latest) if !is_first => latest,
            _ => now.as_second(),
        };
        if let Some(next) = &shown.next {
            self.store_page_start(next, latest);
        }
        let last = shown.rows.iter().map(|row| row.time.as_second()).min();
        let start = if shown.next.is_none() { Some(i64::MIN) } else { last.map(|last| last + 1) };
        (start.unwrap_or(i64::MAX), latest)
    }

    fn page_start(&self, cursor: &str) -> Option<i64> {
        let key = hash(cursor);
        self.page_starts.iter().rev().find(|(known, _)| *known == key).map(|(_, start)| *start)
    }

    fn store_page_start(&mut self, cursor: &str, start: i64) {
        let key = hash(cursor);
        self.page_starts.retain(|(known, _)| *known != key);
        if self.page_starts.len() >= PAGE_STARTS_MAX {
            self.page_starts.remove(0);
        }
        self.page_starts.push((key, start));
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
