//! The oracle: checks the laws from what Slack has shown and what lies in the bucket. It shares no code with the collector:
//! it has its own way to read an object.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::{Log, Row, World};

use slacktrail_shared::source::Source;

use super::stage::State;

/// A stored line: where it is, what Slack's part of it is, and what tells it from every other.
#[derive(Clone, Debug)]
pub(super) struct Line {
    key: String,
    log: Log,
    slack: String,
    /// The same without white space between its tokens.
    compact: String,
    workspace: String,
    identity: String,
    event_time: String,
}

impl Line {
    pub(super) fn slack(&self) -> &str {
        &self.slack
    }

    fn name(&self) -> Named<'_> {
        (&self.workspace, &self.identity)
    }
}

/// What tells each of Slack's rows from every other, by the row's text: read once.
#[derive(Debug, Default)]
pub(super) struct Identities(HashMap<Arc<str>, String>);

impl Identities {
    /// Learns the rows that are new since the last time.
    pub(super) fn learn(&mut self, slack: &World) {
        for row in Log::ALL.into_iter().flat_map(|log| slack.rows(log)) {
            if !self.0.contains_key(&row.json) {
                self.0.insert(row.json.clone(), identity(row.log, &row.json));
            }
        }
    }

    /// The rows that Slack has been able to show by now, with their identities and workspaces.
    fn truth<'a>(&'a self, state: &'a State, log: Log) -> impl Iterator<Item = (Named<'a>, &'a Row)> {
        let by_workspace = log == Log::Integration && state.sources.values().any(|source| source.organisation);
        state.slack.truth(log, state.now).map(move |row| {
            let workspace = row.workspace.as_deref().filter(|_| by_workspace).unwrap_or("");
            ((workspace, self.0.get(&row.json).map_or("", String::as_str)), row)
        })
    }
}

/// A workspace, and an identity in it.
type Named<'a> = (&'a str, &'a str);

/// Checks what must hold after every single operation.
///
/// # Errors
/// The law that is broken, with the record or the key.
pub fn check_step(state: &mut State) -> Result<(), String> {
    state.identities.learn(&state.slack);
    check_numbers(state)?;
    check_cursor_claims(state)?;
    check_each_line(state)?;
    state.checked_lines = state.lines.len();
    check_not_twice(state)
}

/// Checks what must hold once nothing fails any more and the collector has had its ticks.
///
/// # Errors
/// As [`check_step`]; and each record that is missing.
pub fn check_end(state: &mut State) -> Result<(), String> {
    check_step(state)?;
    if let Some(law) = &state.broken {
        return Err(law.clone());
    }
    for (log, since) in collected_logs(state) {
        let mut stored = count(state.lines.iter().filter(|line| line.log == log).map(Line::name));
        for (id, row) in state.identities.truth(state, log).filter(|(_, row)| row.time >= since) {
            match stored.get_mut(&id) {
                Some(n) if *n > 0 => *n -= 1,
                _ => return Err(format!("lost: Slack has shown {} of {}, and it is not stored", row.json, row.time)),
            }
        }
    }
    for stored in state.cursors.values() {
        if stored.text.contains("xoxp") {
            return Err("a secret is in a cursor".to_owned());
        }
    }
    Ok(())
}

/// The logs that are collected, and from when.
fn collected_logs(state: &State) -> impl Iterator<Item = (Log, Timestamp)> {
    let of_source = |source: &Source| {
        source.logs.iter().map(|log| (log_of(log.name()), source.since.instant())).collect::<Vec<_>>()
    };
    state.sources.values().flat_map(of_source)
}

fn log_of(key: &str) -> Log {
    match key.split('/').next() {
        Some("audit") => Log::Audit,
        Some("access") => Log::Access,
        _ => Log::Integration,
    }
}

/// JSON without white space between its tokens: Slack may lay out a reply as it likes.
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

/// The lines of an object.
pub(super) fn read_object(key: &str, bytes: &[u8]) -> Result<Vec<Line>, String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).map_err(|error| format!("`{key}` cannot be read: {error}"))?;
    if text.is_empty() || !text.ends_with('\n') {
        return Err(format!("`{key}` has no line, or its last line does not end"));
    }
    text.lines().map(|line| read_line(key, line)).collect()
}

fn read_line(key: &str, line: &str) -> Result<Line, String> {
    let end = line.rfind(",\"p_log_type\":").ok_or_else(|| format!("`{key}` has a line without our fields"))?;
    let ours = format!("{{{}", &line[end + 1..]);
    let value: Value =
        serde_json::from_str(&ours).map_err(|error| format!("`{key}` has a line that ends wrong: {error}"))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (log, slack) = (log_of(key), format!("{}}}", &line[..end]));
    let (workspace, identity) = (field("p_workspace_id").unwrap_or_default(), identity(log, &slack));
    Ok(Line {
        key: key.to_owned(),
        log,
        compact: compact(&slack),
        slack,
        workspace,
        identity,
        event_time: field("p_event_time").unwrap_or_default(),
    })
}

/// What tells a stored or shown record from every other of its workspace, by the oracle's own reading.
fn identity(log: Log, json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let field = |name: &str| value.get(name).map(Value::to_string).unwrap_or_default();
    match log {
        Log::Audit => field("id"),
        Log::Access => [field("user_id"), field("ip"), field("user_agent"), field("date_first")].join("|"),
        Log::Integration => json.to_owned(),
    }
}

fn count<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, u32> {
    items.fold(BTreeMap::new(), |mut counts, item| {
        *counts.entry(item).or_insert(0) += 1;
        counts
    })
}

/// Byte for byte what Slack has shown, in the day of its own time.
fn check_each_line(state: &State) -> Result<(), String> {
    for line in &state.lines[state.checked_lines..] {
        let shown = state.shown.contains(&line.slack)
            || state.slack.truth(line.log, state.now).any(|row| *row.json == line.slack || *row.json == line.compact);
        if !shown {
            return Err(format!("`{}` holds what Slack never showed: {}", line.key, line.slack));
        }
        let day = line.event_time.get(..10).unwrap_or_default().replace('-', "/");
        if !line.key.contains(&day) {
            return Err(format!("a record of {} lies in `{}`", line.event_time, line.key));
        }
    }
    Ok(())
}

/// No record in two lines; of equal integration rows no more than Slack has.
fn check_not_twice(state: &State) -> Result<(), String> {
    for log in Log::ALL {
        let mut may = count(state.identities.truth(state, log).map(|(id, _)| id));
        for line in state.lines.iter().filter(|line| line.log == log) {
            match may.get_mut(&line.name()) {
                Some(n) if *n > 0 => *n -= 1,
                _ => return Err(format!("twice: {} in `{}`", line.slack, line.key)),
            }
        }
    }
    Ok(())
}

/// Day logs are numbered 1, 2, 3 ... without holes.
fn check_numbers(state: &State) -> Result<(), String> {
    let mut heads: BTreeMap<&str, u32> = BTreeMap::new();
    for key in state.objects.keys() {
        let (log, number) = key
            .strip_suffix(".json.gz")
            .and_then(|key| key.rsplit_once('-'))
            .ok_or_else(|| format!("`{key}` is no key"))?;
        let head = heads.entry(log).or_insert(0);
        *head += 1;
        if number.parse() != Ok(*head) {
            return Err(format!("`{key}` stands where number {head} should"));
        }
    }
    Ok(())
}

/// A cursor claims only what is stored: a record that was visible at once, from before `top` and in no gap, is in the bucket.
fn check_cursor_claims(state: &State) -> Result<(), String> {
    let mut stored: Option<BTreeSet<&str>> = None;
    for (stream, cursor) in &state.cursors {
        if stream.log.name() != "audit" {
            continue; // the other two walk by other things than time; the end tells
        }
        let cursor: Value = serde_json::from_str(&cursor.text).map_err(|error| error.to_string())?;
        let top = cursor["top"].as_i64().unwrap_or_default();
        let since = state.sources.values().map(|source| source.since.get()).min().unwrap_or_default();
        let in_gap = |second: i64| {
            let gaps = cursor["gaps"].as_array().map(Vec::as_slice).unwrap_or_default();
            gaps.iter().any(|gap| (gap["oldest"].as_i64() <= Some(second)) && (Some(second) <= gap["latest"].as_i64()))
        };
        for row in state.slack.rows(Log::Audit).iter().filter(|row| row.visible_at == row.time) {
            let second = row.time.as_second();
            if second >= since && second < top - 10 && !in_gap(second) {
                let stored =
                    stored.get_or_insert_with(|| state.lines.iter().map(|line| line.compact.as_str()).collect());
                if !stored.contains(&*row.json) {
                    return Err(format!("the cursor claims {} of {}, which is not stored", row.json, row.time));
                }
            }
        }
    }
    Ok(())
}
