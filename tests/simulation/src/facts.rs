//! The facts of a tick: what its process asked, was shown, created and saved. The ports note them, and the oracle judges by them.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use slacktrail_core::slack::Request;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::parse_http_date;
use slacktrail_simulator::{Response, Row, Shown};

use super::oracle::{Line, Unread, log_of_key as log_of};

/// Without a `Date` in a reply the collector may take Slack's clock to be so far behind its own.
pub(super) const CLOCK_SKEW_SECONDS: i64 = 600;

/// The facts of one tick.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Slack's time when it began.
    pub(super) begun: Timestamp,
    /// The collector's clock when it began.
    pub(super) clock: Timestamp,
    /// Calls that it may make to each log, if they are few.
    pub(super) calls_max: Option<u32>,
    /// Operations of all processes before it, and its own.
    pub(super) operations_before: u64,
    pub(super) operations: u64,
    /// Whether an operation of it failed, or its time was limited.
    pub(super) disturbed: bool,
    /// Streams of which it found a cursor of another century.
    pub(super) tampered: Vec<LogType>,
    /// Audit, access, integration.
    pub(super) logs: [LogFacts; 3],
    /// Calls that can be of any log: `auth.test`.
    pub(super) shared: LogFacts,
    /// Calls that are of no log.
    pub(super) others: LogFacts,
}

/// The facts of one log.
#[derive(Clone, Debug, Default)]
pub(super) struct LogFacts {
    /// Calls to Slack.
    pub(super) calls: u32,
    /// Of these, the ones that brought what was asked for.
    pub(super) answered: u32,
    /// Pages of the log that arrived whole, and ones that were broken off.
    pub(super) pages: u32,
    pub(super) broken_pages: u32,
    /// Replies that refused the token, whoever was at fault, and those of a Slack that truly refuses it.
    pub(super) token_refusals: u32,
    pub(super) told_revoked: bool,
    /// The collector's clock less each `Date`, in seconds.
    pub(super) skews: Vec<i64>,
    /// How far Slack's clock had come for certain, by the earliest reply.
    pub(super) reached: Option<i64>,
    /// The newest time of a row that was shown, and of its last use.
    pub(super) newest: Option<i64>,
    pub(super) newest_use: Option<i64>,
    /// Pages in a row of one walk that showed nothing new, and the most of them.
    idle_run: u32,
    pub(super) idle_max: u32,
    /// Rows that the walk was shown, by their texts.
    rows_shown: HashSet<Arc<str>>,
    /// The page cursor or number that goes on with the walk.
    follower: Option<String>,
    /// Whether an object was there before: what it holds may have been stored by an operation that had no reply.
    pub(super) met_others: bool,
    /// Whether Slack showed a page when a workspace was last asked for, by its ID.
    pub(super) workspaces: BTreeMap<String, bool>,
    /// Rows on whole pages that share their identity with a row before them and differ from it.
    pub(super) conflicting: u64,
    /// What was created, in truth.
    pub(super) created: Vec<Rc<Line>>,
    pub(super) truly: Stored,
    /// What was created by operations whose reply said so.
    pub(super) told: Stored,
    last: Stored,
    /// Whether the cursor was saved last, or somebody else had been faster.
    pub(super) saved: Option<bool>,
}

/// What was stored.
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
    /// Takes in whether a page shows anything that the pages before it in its walk have not.
    fn note_progress(&mut self, request: &Request, shown: &Shown) {
        let argument =
            |name: &str| request.arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let place = argument("cursor").or_else(|| argument("page"));
        let follows = place.is_some() && place == self.follower;
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

    /// The facts of the log that a call of this method is for.
    pub(super) fn of_call(&mut self, source: &Source, method: &str) -> &mut LogFacts {
        match log_of_call(source, method) {
            Some(log) => &mut self.logs[log as usize],
            None if method == "auth.test" => &mut self.shared,
            None => &mut self.others,
        }
    }

    /// Takes in that an object came into being with these lines.
    pub(super) fn note_created(&mut self, key: &str, bytes: &[u8], lines: &[Rc<Line>]) {
        let facts = &mut self.logs[log_of(key) as usize];
        facts.created.extend(lines.iter().cloned());
        facts.last = Stored { records: lines.len() as u64, objects: 1, bytes: bytes.len() as u64 };
        facts.truly.add(facts.last);
    }

    /// Takes in that the object was there before.
    pub(super) fn note_exists(&mut self, key: &str) {
        self.logs[log_of(key) as usize].met_others = true;
    }

    /// Takes in that the cursor was saved, or that somebody else had been faster. The next page is another walk's, though its page cursor may
    /// be the same text.
    pub(super) fn note_saved(&mut self, log: LogType, saved: bool) {
        let facts = &mut self.logs[log as usize];
        facts.saved = Some(saved);
        facts.follower = None;
    }

    /// Takes in that the collector was told so.
    pub(super) fn note_told(&mut self, key: &str) {
        let facts = &mut self.logs[log_of(key) as usize];
        facts.told.add(std::mem::take(&mut facts.last));
    }

    /// Takes in a reply that reached the collector, and returns whether it refused the token. `refuses`: whether Slack truly does.
    pub(super) fn note_response(
        &mut self,
        source: &Source,
        request: &Request,
        response: &Response,
        refuses: bool,
    ) -> bool {
        let clock = self.clock.as_second();
        let facts = self.of_call(source, request.method);
        let date = response.header("Date").and_then(parse_http_date).map(Timestamp::as_second);
        facts.skews.extend(date.map(|date| clock - date));
        let reached = date.unwrap_or(clock - CLOCK_SKEW_SECONDS);
        facts.reached = Some(facts.reached.map_or(reached, |before| before.min(reached)));
        let text = || String::from_utf8_lossy(&response.body);
        let mut refused = false;
        match &response.shown {
            Some(shown) => {
                facts.answered += 1;
                facts.note_progress(request, shown);
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
                refused = response.status == 401 || TOKEN_CODES.iter().any(|code| text().contains(code));
                facts.token_refusals += u32::from(refused);
                facts.told_revoked |= refused && refuses;
            }
        }
        refused
    }
}

/// The log that a call of this method is for, if it is for one alone.
pub(super) fn log_of_call(source: &Source, method: &str) -> Option<LogType> {
    match method {
        "logs" => Some(LogType::Audit),
        "team.accessLogs" => Some(LogType::Access),
        "team.integrationLogs" => Some(LogType::Integration),
        // Read for whatever is read workspace by workspace.
        "auth.teams.list" if source.logs.contains(&LogType::Integration) => Some(LogType::Integration),
        "auth.teams.list" => Some(LogType::Access),
        _ => None,
    }
}

/// What Slack says of a token that it does not honor.
const TOKEN_CODES: [&str; 4] = ["token_revoked", "invalid_auth", "token_expired", "account_inactive"];

/// What the oracle remembers of a log's pages, so that it knows which time Slack has shown whole. A clone goes its own way.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// When the stream was first collected: live collection begins here. History before it is backlog.
    pub(super) first: Option<i64>,
    /// The same in operations of all processes.
    pub(super) first_operation: u64,
    /// All time up to here was shown to somebody, whether or not it is stored.
    pub(super) shown: Frontier,
    /// All time up to here was shown to a tick that left nothing to collect and saved its cursor.
    pub(super) sure: i64,
    /// The most by which the collector's clock was ahead of Slack's in a tick that no reply told so.
    pub(super) ahead: i64,
    /// The newest row that such a tick was shown.
    pub(super) newest_sure: Option<i64>,
    /// The newest row, or last use of one, that anybody was shown.
    pub(super) newest_shown: Option<i64>,
    /// Where the page of each page cursor begins: the last of them.
    places: Vec<(u64, i64)>,
    /// Records that were stored so far, and how many it were when a tick ended.
    pub(super) stored: u64,
    stored_before: u64,
    /// Polled ticks in a row that showed no other row than the one before, and during which nothing was stored, though Slack could show
    /// something that is missing.
    pub(super) dry_ticks: u32,
    /// The same of ticks that showed no other row than was shown since something was stored last, and left as many gaps as before, though
    /// something is missing or in a gap.
    pub(super) stale_ticks: u32,
    /// The fewest gaps that one of them left.
    gaps_least: usize,
    /// The rows that were shown since the last of them ended, without what moves in them, and those of the one before.
    rows: HashSet<u64>,
    rows_before: HashSet<u64>,
    /// All rows that were shown since something was stored last.
    rows_since_stored: HashSet<u64>,
    /// Replies that refused the token.
    refusals: Vec<Refusal>,
    /// Workspaces that cannot be read.
    pub(super) unread: Unread,
    /// When a tick had left nothing to collect, for certain, with half of its calls to spare: operations of all processes, and Slack's time.
    pub(super) through_at: Option<(u64, Timestamp)>,
}

/// A reply that refused the token.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// When it came, in operations of all processes.
    at: u64,
    /// The collector's clock at that tick.
    clock: i64,
    /// When a tick ended that began later, was not refused, and saved the cursor: in operations of all processes.
    honored: Option<u64>,
}

/// Page cursors that are remembered.
const PLACES_MAX: usize = 1_000;

/// All time from the stream's first tick up to a second, and ranges beyond it.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    pub(super) at: i64,
    beyond: Vec<(i64, i64)>,
}

impl Frontier {
    /// Takes in that all of these seconds were shown.
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
    /// Takes in that Slack showed a row.
    pub(super) fn note_row(&mut self, row: &Row) {
        // What moves in a row comes after its time.
        let steady = row.json.split("\"date_last\"").next().unwrap_or_default();
        self.rows.insert(hash(steady));
    }

    /// Takes in that a polled tick ended. `is_missing`: whether Slack could show something that is not stored. `gaps`: how many the tick left.
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

    /// Live collection begins.
    pub(super) fn begin(&mut self, at: i64) {
        let refusals = std::mem::take(&mut self.refusals); // some came before the cursor was written
        *self = Watch { newest_shown: self.newest_shown, stored: self.stored, refusals, ..Watch::default() };
        (self.first, self.shown.at, self.sure) = (Some(at), at, at);
    }

    /// Takes in a reply that refused the token, at this operation and in a tick of this clock.
    pub(super) fn note_refusal(&mut self, at: u64, clock: i64) {
        self.refusals.push(Refusal { at, clock, honored: None });
    }

    /// Takes in that a tick which began after `began` operations was not refused, and that the cursor says so since `ended`.
    pub(super) fn note_honored(&mut self, began: u64, ended: u64) {
        for refusal in self.refusals.iter_mut().filter(|refusal| refusal.at <= began) {
            refusal.honored.get_or_insert(ended);
        }
    }

    /// What was refused until now was another token. Where the collector's clock was ahead, it cannot know that.
    pub(super) fn note_connection(&mut self, now: i64) {
        self.unread = Unread::default();
        self.refusals.retain(|refusal| refusal.clock >= now);
    }

    /// How often the token was refused, as the cursor may say that a tick finds which began after so many operations. Of ticks that overlap,
    /// any may have had the last word in the cursor, even one that was killed.
    pub(super) fn refusals(&self, began: u64) -> usize {
        self.refusals.iter().filter(|refusal| refusal.honored.is_none_or(|honored| honored > began)).count()
    }

    /// Which time a page of audit logs shows whole. Where the next one begins is remembered.
    pub(super) fn audit_page(&mut self, request: &Request, shown: &Shown, now: Timestamp) -> (i64, i64) {
        let argument =
            |name: &str| request.arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let second = |name| argument(name).and_then(|text| text.parse::<i64>().ok());
        let at = match argument("cursor") {
            None => second("latest").unwrap_or(i64::MAX).min(now.as_second()),
            Some(cursor) => self.place(cursor).unwrap_or(now.as_second()), // the most, where it is not known
        };
        let last = shown.rows.iter().map(|row| row.time.as_second()).min();
        let begun = last.map_or(at, |last| last.min(at));
        if let Some(next) = shown.next.as_ref().filter(|_| shown.whole) {
            self.remember(next, begun);
        }
        let is_last = shown.next.is_none() && shown.whole;
        (if is_last { second("oldest").unwrap_or(0) } else { begun + 1 }, at)
    }

    /// Which time the pages of access logs up to this one may have shown whole: their order is not told, so this is the most.
    pub(super) fn access_page(&mut self, request: &Request, shown: &Shown, now: Timestamp) -> (i64, i64) {
        let cursor = request.arguments.iter().find(|(name, _)| *name == "cursor").map(|(_, value)| value.as_str());
        let is_first = cursor.is_none() && request.arguments.iter().all(|(name, _)| *name != "page");
        let head = match cursor.and_then(|cursor| self.place(cursor)) {
            Some(head) if !is_first => head,
            _ => now.as_second(),
        };
        if let Some(next) = &shown.next {
            self.remember(next, head);
        }
        let last = shown.rows.iter().map(|row| row.time.as_second()).min();
        let begun = if shown.next.is_none() { Some(i64::MIN) } else { last.map(|last| last + 1) };
        (begun.unwrap_or(i64::MAX), head)
    }

    fn place(&self, cursor: &str) -> Option<i64> {
        let key = hash(cursor);
        self.places.iter().rev().find(|(known, _)| *known == key).map(|(_, place)| *place)
    }

    fn remember(&mut self, cursor: &str, place: i64) {
        let key = hash(cursor);
        self.places.retain(|(known, _)| *known != key);
        if self.places.len() >= PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push((key, place));
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
