//! The oracle: checks the invariants. It compares what Slack has shown with what the bucket contains, and shares no code with the
//! collector. It takes the day of a record from Slack's time, and has its own object reader: `slacktrail_archive::reader` is part of what it judges.
//!
//! The oracle reads each object once, when it is created, because objects never change.

mod ticks;
mod workspaces;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::rc::Rc;
use std::sync::Arc;

use flate2::read::GzDecoder;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use slacktrail_core::source::Source;
use slacktrail_simulator::settings::{AccessTeam, Layout};
use slacktrail_simulator::{Log, Row};

use super::facts::{CLOCK_SKEW_SECONDS, Watch};
use super::simulated_world::State;

pub(super) use ticks::{begin_stream, judge_tick, log_of_key, record_response};
pub(super) use workspaces::Unread;

/// A stored line: its object, Slack's JSON, and the name of its record.
#[derive(Debug)]
pub(super) struct Line {
    key: String,
    log: Log,
    slack: Arc<str>,
    /// Slack's JSON without white space between its tokens.
    compact: Arc<str>,
    name: Name,
    /// Slack's time of the record in seconds. `None`: missing or impossible.
    time: Option<i64>,
    /// Whether the record has an ID and a time.
    readable: bool,
}

impl Line {
    pub(super) fn slack(&self) -> &str {
        &self.slack
    }
}

/// The unique name of a record: its log, workspace and ID.
type Name = Arc<str>;

/// The state of the oracle. A clone is independent, but shares the parse cache.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// The lines in the bucket.
    pub(super) lines: Vec<Rc<Line>>,
    /// How often each record is stored.
    stored: HashMap<Name, u32>,
    /// The number of each day log's last object.
    last_objects: BTreeMap<Rc<str>, u32>,
    /// Every text of an access row that Slack has shown. Slack updates these rows.
    shown: HashSet<Arc<str>>,
    /// What Slack has shown of the audit, access and integration logs.
    pub(super) watches: [Watch; 3],
    /// Workspaces that Slack has rejected at least once.
    pub(super) failing: HashSet<String>,
    /// Workspaces that Slack did not list for some time. A process notices within an hour that one is listed.
    pub(super) left: HashSet<String>,
    parsed: Rc<RefCell<ParseCache>>,
}

/// Results of parsing: the names of Slack's rows, and the lines of each object by key and bytes.
#[derive(Debug, Default)]
struct ParseCache {
    names: HashMap<Arc<str>, HashMap<Option<String>, Name>>,
    objects: HashMap<(String, Vec<u8>), Vec<Rc<Line>>>,
}

/// The maximum number of objects in the parse cache.
const OBJECTS_CACHED_MAX: usize = 4_096;

impl Book {
    /// Records the current texts of access rows. Slack updates the rows, and the collector may store these texts later.
    pub(super) fn record_shown<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) {
        for row in rows {
            if !self.shown.contains(&row.json) {
                self.shown.insert(row.json.clone());
            }
        }
    }

    /// Clears the rejections of the previous token.
    pub(super) fn record_connection(&mut self, now: Timestamp) {
        self.watches.iter_mut().for_each(|watch| watch.record_connection(now.as_second()));
    }

    fn name(&self, row: &Row, by_workspace: bool) -> Name {
        let workspace = if by_workspace { &row.workspace } else { &None };
        let mut parsed = self.parsed.borrow_mut();
        if let Some(name) = parsed.names.get(&row.json).and_then(|names| names.get(workspace)) {
            return name.clone();
        }
        let name = name(row.log, workspace.as_deref().unwrap_or(""), &value(&row.json), &row.json);
        parsed.names.entry(row.json.clone()).or_default().insert(workspace.clone(), name.clone());
        name
    }

    fn object_lines(&self, key: &str, bytes: &[u8]) -> Result<Vec<Rc<Line>>, String> {
        let object = (key.to_owned(), bytes.to_vec());
        if let Some(lines) = self.parsed.borrow().objects.get(&object) {
            return Ok(lines.clone());
        }
        let lines = read_object(key, bytes)?;
        let objects = &mut self.parsed.borrow_mut().objects;
        if objects.len() >= OBJECTS_CACHED_MAX {
            objects.clear();
        }
        objects.insert(object, lines.clone());
        Ok(lines)
    }
}

/// Checks an object that was just created, and records its lines.
///
/// # Errors
/// Returns the violation, with the record or the key.
pub(super) fn check_object(state: &mut State, key: &str, bytes: &[u8]) -> Result<(), String> {
    check_number(&mut state.book.last_objects, key)?;
    let lines = state.book.object_lines(key, bytes)?;
    let mut shown: Option<HashMap<Name, u32>> = None;
    for line in &lines {
        check_line(state, line)?;
        let shown = shown.get_or_insert_with(|| shown_names(state, line.log));
        let times = state.book.stored.entry(line.name.clone()).or_insert(0);
        *times += 1;
        if *times > shown.get(&line.name).copied().unwrap_or(0) {
            let first = state.book.lines.iter().find(|before| before.name == line.name).map(|before| &before.key);
            return Err(format!("duplicate: {} in `{key}`, and in {first:?}", line.slack));
        }
    }
    state.book.watches[log_of_key(key) as usize].stored += lines.len() as u64;
    state.book.lines.extend(lines);
    Ok(())
}

/// Returns how often Slack can have shown each record so far.
fn shown_names(state: &State, log: Log) -> HashMap<Name, u32> {
    let by_workspace = by_workspace(state, log);
    let mut names = HashMap::new();
    for row in state.slack.visible_rows(log, state.now) {
        let times = names.entry(state.book.name(row, by_workspace)).or_insert(0);
        *times = if log == Log::Integration { *times + 1 } else { 1 };
    }
    names
}

fn by_workspace(state: &State, log: Log) -> bool {
    let reads_per_workspace = match log {
        Log::Audit => false,
        Log::Access => state.slack.settings().access_team == AccessTeam::Required,
        Log::Integration => true,
    };
    reads_per_workspace && state.sources.values().any(|source| source.organization)
}

/// Checks that Slack has shown the line, byte for byte, and that it is in the day log of its own day.
fn check_line(state: &State, line: &Line) -> Result<(), String> {
    check_no_secret(state, &format!("a line in `{}`", line.key), &line.slack)?;
    let book = &state.book;
    // A stored line keeps the layout of the response. A pretty-printed one is compared in compact form.
    let text = if state.slack.settings().layout == Layout::Pretty { &line.compact } else { &line.slack };
    let of_a_row = || book.parsed.borrow().names.contains_key(text);
    let shown = match line.log {
        Log::Access => book.shown.contains(text),
        _ => {
            of_a_row() || {
                shown_names(state, line.log); // adds the new rows to the parse cache
                of_a_row()
            }
        }
    };
    if !shown {
        return Err(format!("altered: `{}` contains a record that Slack never showed: {}", line.key, line.slack));
    }
    let day = Timestamp::from_second(line.time.unwrap_or(0)).map_err(|error| error.to_string())?;
    let day = day.to_zoned(TimeZone::UTC).strftime("/%Y/%m/%d/").to_string();
    if !line.key.contains(&day) {
        return Err(format!("wrong-day: a record of {day} is in `{}`", line.key));
    }
    Ok(())
}

/// Checks that the objects of a day log are numbered 1, 2, 3 and so on.
fn check_number(last_objects: &mut BTreeMap<Rc<str>, u32>, key: &str) -> Result<(), String> {
    let (log, number) = key
        .strip_suffix(".json.gz")
        .and_then(|key| key.rsplit_once('-'))
        .ok_or_else(|| format!("numbers: `{key}` is not a valid key"))?;
    let expected = last_objects.get(log).map_or(1, |last| last + 1);
    last_objects.insert(log.into(), expected);
    if number.parse() == Ok(expected) {
        return Ok(());
    }
    Err(format!("numbers: `{key}` was created instead of number {expected}"))
}

/// Clears the lines of a day log whose objects were deleted, so that each of its records must be stored once again.
pub(super) fn clear_day_log(state: &mut State, prefix: &str) {
    let book = &mut state.book;
    for line in book.lines.extract_if(.., |line| line.key.starts_with(prefix)) {
        if let Some(times) = book.stored.get_mut(&line.name) {
            *times -= 1;
        }
    }
    book.last_objects.retain(|log, _| !log.starts_with(prefix));
}

/// Checks the invariants after the quiescent ticks at the end of a run.
///
/// # Errors
/// Returns the violation, with the record or the key.
pub fn check_end(state: &mut State) -> Result<(), String> {
    if let Some(invariant) = &state.broken {
        return Err(invariant.clone());
    }
    let mut last_objects = BTreeMap::new();
    state.objects.keys().try_for_each(|key| check_number(&mut last_objects, key))?;
    for (stream, cursor) in &state.cursors {
        check_cursor(state, stream.log.name() == "audit", &cursor.text)?;
    }
    missing(state, |_| true).map_or(Ok(()), Err)
}

/// Returns the violation for the first record that `must` be stored and is not.
pub fn missing(state: &State, must: impl Fn(&Row) -> bool) -> Option<String> {
    for (log, from, to) in wanted_times(state) {
        let by_workspace = by_workspace(state, log);
        let is_wanted =
            |row: &&Row| (from..=to).contains(&row.time) && must(row) && !(by_workspace && is_barred(state, row));
        let wanted = state.slack.visible_rows(log, state.now).filter(is_wanted);
        if let Some(row) = not_stored(state, wanted, by_workspace).next() {
            let shown = row.visible_at;
            return Some(format!("missing: {} of {}, shown from {shown}, is not stored", row.json, row.time));
        }
    }
    None
}

/// Returns those of the rows that are not stored. Each of several equal integration rows is a record. In the other logs, rows with the same
/// ID are one record.
fn not_stored<'a>(
    state: &'a State,
    rows: impl Iterator<Item = &'a Row>,
    by_workspace: bool,
) -> impl Iterator<Item = &'a Row> {
    let mut counted: HashMap<Name, u32> = HashMap::new();
    rows.filter(move |row| {
        let name = state.book.name(row, by_workspace);
        let stored = state.book.stored.get(&name).copied().unwrap_or(0);
        if row.log != Log::Integration {
            return stored == 0;
        }
        let counted = counted.entry(name).or_insert(0);
        *counted += 1;
        *counted > stored
    })
}

/// Returns `true` if Slack bars the source from the workspace of this row, or does not list the workspace.
fn is_barred(state: &State, row: &Row) -> bool {
    let mut workspaces = state.slack.settings().tenant.workspaces().iter();
    let of_row = workspaces.find(|workspace| row.workspace.as_ref() == Some(&workspace.id));
    of_row.is_some_and(|workspace| !workspace.owner_belongs || !workspace.app_added)
}

/// Returns the violation for the first record of the last minute that is not stored, although a tick has just succeeded. Records of the
/// tick's own second do not count, because they may appear after its requests. With a slow clock, records wait until it reaches their time.
pub fn late(state: &mut State) -> Option<String> {
    if state.clock_ahead.as_secs() < -CLOCK_SKEW_SECONDS {
        return None;
    }
    let ago = |seconds| state.now.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(state.now);
    let minute = ago(60)..=ago(1);
    let is_listed = |row: &Row| row.workspace.as_ref().is_none_or(|workspace| !state.book.left.contains(workspace));
    missing(state, |row| minute.contains(&row.time) && row.visible_at == row.time && is_listed(row))
        .map(|invariant| invariant.replacen("missing:", "stale: a tick succeeded, but", 1))
}

/// Returns the collected logs with their time ranges: those of the sources, and the backfills.
fn wanted_times(state: &State) -> Vec<(Log, Timestamp, Timestamp)> {
    let of_source = |source: &Source| {
        source.logs.iter().map(|log| (log_of(log.name()), source.since.instant(), Timestamp::MAX)).collect::<Vec<_>>()
    };
    state.sources.values().flat_map(of_source).chain(state.backfilled.iter().copied()).collect()
}

fn log_of(key: &str) -> Log {
    Log::ALL.into_iter().find(|log| key.split('/').next() == Some(log.name())).unwrap_or(Log::Integration)
}

/// Removes white space between JSON tokens, because Slack may use any layout.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let significant = |c: &char| {
        let keep = in_string || !c.is_ascii_whitespace();
        in_string ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        keep
    };
    json.chars().filter(significant).collect()
}

fn read_object(key: &str, bytes: &[u8]) -> Result<Vec<Rc<Line>>, String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).map_err(|error| format!("corrupt: `{key}`: {error}"))?;
    if text.is_empty() || !text.ends_with('\n') {
        return Err(format!("corrupt: `{key}` is empty or does not end with a line break"));
    }
    text.lines().map(|line| read_line(key, line).map(Rc::new)).collect()
}

fn read_line(key: &str, line: &str) -> Result<Line, String> {
    let corrupt = |what: &str| format!("corrupt: `{key}` has a line {what}");
    let end = line.rfind(",\"p_log_type\":").ok_or_else(|| corrupt("without slacktrail's fields"))?;
    let fields: Value =
        serde_json::from_str(&format!("{{{}", &line[end + 1..])).map_err(|_| corrupt("with an invalid end"))?;
    let (log, slack) = (log_of(key), format!("{}}}", &line[..end]));
    let workspace = fields.get("p_workspace_id").and_then(Value::as_str).unwrap_or_default();
    let row = value(&slack);
    let compact: Arc<str> = if slack.contains(['\n', ' ']) { compact(&slack).into() } else { slack.as_str().into() };
    let column = match log {
        Log::Audit => "date_create",
        Log::Access => "date_first",
        Log::Integration => "date",
    };
    let time = row.get(column).and_then(|time| time.as_i64().or_else(|| time.as_str()?.parse().ok()));
    let time = time.filter(|time| POSSIBLE_TIMES.contains(time));
    let name = name(log, workspace, &row, &compact);
    let readable = time.is_some() && (log != Log::Audit || row.get("id").is_some());
    Ok(Line { key: key.to_owned(), log, name, compact, slack: slack.into(), time, readable })
}

/// Returns the fields of a row, except those whose text is not valid Unicode (half of a surrogate pair).
fn value(json: &str) -> Value {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    let read = |(name, raw): (String, &RawValue)| Some((name, serde_json::from_str(raw.get()).ok()?));
    Value::Object(fields.into_iter().filter_map(read).collect())
}

/// The times that a row of Slack can have: from 2009 until 2100.
const POSSIBLE_TIMES: std::ops::Range<i64> = 1_230_768_000..4_102_444_800;

/// Returns the name of a stored or shown record.
fn name(log: Log, workspace: &str, row: &Value, json: &str) -> Name {
    let field = |name: &str| row.get(name).map(Value::to_string).unwrap_or_default();
    let identity = match log {
        Log::Audit if row.get("id").is_none() => json.to_owned(),
        Log::Audit => field("id"),
        Log::Access => [field("user_id"), field("ip"), field("user_agent"), field("date_first")].join("|"),
        Log::Integration => json.to_owned(),
    };
    format!("{}|{workspace}|{identity}", log.path()).into()
}

/// The times that a cursor claims as collected.
#[derive(Deserialize)]
struct Claim {
    watermark: i64,
    gaps: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    oldest: i64,
    latest: i64,
}

/// Checks that an audit cursor claims only what is stored, and that a cursor contains no secret. The claim covers records that were visible
/// at once, are older than `watermark`, and are in no gap. Slack does not page the other two logs by time, so only the check at the end
/// covers them.
pub(super) fn check_cursor(state: &State, audit: bool, text: &str) -> Result<(), String> {
    check_no_secret(state, "a cursor", text)?;
    if !audit {
        return Ok(());
    }
    let claim: Claim = serde_json::from_str(text).map_err(|error| format!("cursor-ahead: invalid cursor: {error}"))?;
    let since = state.sources.values().map(|source| source.since.get()).min().unwrap_or_default();
    for row in state.slack.rows(Log::Audit).iter().filter(|row| row.visible_at == row.time) {
        let second = row.time.as_second();
        let claimed = second >= since
            && second < claim.watermark - 10
            && !claim.gaps.iter().any(|gap| (gap.oldest..=gap.latest).contains(&second));
        if claimed && !state.book.stored.contains_key(&state.book.name(row, false)) {
            return Err(format!("cursor-ahead: the cursor claims {} of {}, which is not stored", row.json, row.time));
        }
    }
    Ok(())
}

/// Checks that a text contains no access token and no client secret.
///
/// # Errors
/// Returns the violation, with the location of the secret.
pub fn check_no_secret(state: &State, location: &str, text: &str) -> Result<(), String> {
    let settings = state.slack.settings();
    let tokens = settings.tokens.iter().map(|token| token.text.as_str());
    let secrets = tokens.chain(settings.apps.iter().map(|app| app.client_secret.as_str()));
    match secrets.into_iter().any(|secret| text.contains(secret)) {
        false => Ok(()),
        true => Err(format!("secret-leak: {location} contains a secret")),
    }
}
