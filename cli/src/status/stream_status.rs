//! Computes a stream's status from its source, its cursor and the current time.

use serde::Serialize;
use slacktrail_core::codes::Place;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::health::{Class, State};
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::{Gap, GapKind};
use slacktrail_ports::{Deployment, StoredCursor};

use super::collected::Collection;
use crate::format::{self, instant};
use crate::source::stream_name;
use crate::state;

/// The maximum age of a running poller's cursor. The poller saves an idle stream's cursor every 15 minutes.
const CURSOR_AGE_SECONDS_MAX: i64 = 1_800;

/// A stream's status. Scripts rely on the field names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StreamStatus {
    pub(crate) source: String,
    /// The log type, or `None` if the source itself cannot be read.
    pub(crate) log: Option<LogType>,
    pub(crate) state: State,
    pub(crate) code: Option<String>,
    /// What is wrong.
    pub(crate) error: Option<String>,
    /// The next action.
    pub(crate) hint: Option<String>,
    /// The time since which the stream has been in this state.
    #[serde(serialize_with = "instant")]
    pub(crate) since: Option<Second>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_success: Option<Second>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_record: Option<Second>,
    pub(crate) lag_seconds: Option<i64>,
    pub(crate) gaps: Vec<GapEntry>,
    /// When a directory's stream was last collected. `None` in a deployment on AWS.
    #[serde(flatten)]
    pub(crate) collection: Option<Collection>,
}

/// A time range that is not completely collected yet. Both ends are inclusive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GapEntry {
    kind: GapKind,
    #[serde(serialize_with = "instant")]
    oldest: Second,
    #[serde(serialize_with = "instant")]
    latest: Second,
}

/// Returns the status of every stream, ordered by source and log type. Disconnected sources have none. `place` is where ticks run.
pub(crate) fn statuses(deployment: &Deployment, place: Place, now: Second) -> Vec<StreamStatus> {
    let mut statuses = Vec::new();
    for (id, source) in &deployment.sources {
        match source {
            Err(error) => statuses.push(StreamStatus::unreadable(id, None, error, place)),
            Ok(source) if source.disconnected => {}
            Ok(source) => {
                let logs = LogType::ALL.into_iter().filter(|log| source.logs.contains(log));
                statuses.extend(logs.map(|log| {
                    let stream = StreamId { source: source.id.clone(), log };
                    StreamStatus::of(deployment.cursors.get(&stream), source, log, place, now)
                }));
            }
        }
    }
    statuses
}

impl StreamStatus {
    /// Returns the status of one stream with this cursor, if it has one.
    pub(crate) fn of(
        stored: Option<&StoredCursor>,
        source: &Source,
        log: LogType,
        place: Place,
        now: Second,
    ) -> StreamStatus {
        let status = match stored {
            None => StreamStatus::without_cursor(source, log, place),
            Some((_, Err(error))) => StreamStatus::unreadable(&source.id, Some(log), error, place),
            Some((_, Ok(cursor))) => {
                let status = StreamStatus::of_cursor(source, log, cursor, place, now);
                if place == Place::Poller { status.apply_poller(source, cursor, now) } else { status }
            }
        };
        if source.paused { StreamStatus { since: None, ..status.without_error(State::Paused) } } else { status }
    }

    fn new(source: &SourceId, log: Option<LogType>, state: State) -> StreamStatus {
        StreamStatus {
            source: source.to_string(),
            log,
            state,
            code: None,
            error: None,
            hint: None,
            since: None,
            last_success: None,
            last_record: None,
            lag_seconds: None,
            gaps: Vec::new(),
            collection: None,
        }
    }

    fn without_cursor(source: &Source, log: LogType, place: Place) -> StreamStatus {
        let hint = match place {
            Place::Pull => format!("run `slacktrail pull {} --dir DIR` to start the first tick", source.id),
            _ => "wait for the first tick, which starts within a minute if the poller runs".to_owned(),
        };
        StreamStatus {
            hint: Some(hint),
            since: Some(source.connected_at),
            ..StreamStatus::new(&source.id, Some(log), State::Waiting)
        }
    }

    fn unreadable(source: &SourceId, log: Option<LogType>, error: &Error, place: Place) -> StreamStatus {
        StreamStatus::new(source, log, State::Failing).with_error(error, place)
    }

    /// Returns the status with an error of the stream, and with the hint for `place`.
    pub(super) fn with_error(self, error: &Error, place: Place) -> StreamStatus {
        StreamStatus {
            code: Some(error.code.clone()),
            error: Some(error.message.clone()),
            hint: Some(error.hint(place, Some(&self.source))),
            ..self
        }
    }

    fn without_error(self, state: State) -> StreamStatus {
        StreamStatus { state, code: None, error: None, hint: None, ..self }
    }

    fn of_cursor(source: &Source, log: LogType, cursor: &Cursor, place: Place, now: Second) -> StreamStatus {
        let health = &cursor.health;
        let mut gaps: Vec<&Gap> = cursor.gaps.iter().collect();
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.latest));
        let status = StreamStatus {
            since: health.since,
            last_success: last_success(cursor),
            last_record: health.last_record,
            lag_seconds: Some(cursor.stored_lag_seconds(now)),
            gaps: gaps.into_iter().map(GapEntry::of).collect(),
            ..StreamStatus::new(&source.id, Some(log), health.state)
        };
        match health.error() {
            Some(error) => status.with_error(&error, place),
            None => status.with_workspaces(cursor),
        }
    }

    /// Returns the status with the error of an organization's workspaces that cannot be read, if there are any.
    fn with_workspaces(self, cursor: &Cursor) -> StreamStatus {
        let Some((_, code)) = cursor.workspaces.failing().next() else { return self };
        let names: Vec<String> = cursor.workspaces.failing().map(|(id, code)| format!("{id} (`{code}`)")).collect();
        let hint = "add the app to them, and ask the user who installed the app to join them; slacktrail then collects the missing records";
        StreamStatus {
            code: Some(code.to_owned()),
            error: Some(format!("some workspaces cannot be read: {}", names.join(", "))),
            hint: Some(hint.to_owned()),
            ..self
        }
    }

    /// Adds what the cursor does not show: that the source was reconnected after the last tick, or that the poller does not run.
    ///
    /// Neither applies to a directory. There, ticks run only during `slacktrail pull`, which reconnects the source if that is necessary.
    fn apply_poller(self, source: &Source, cursor: &Cursor, now: Second) -> StreamStatus {
        let is_outdated = cursor.health.was_reconnected_since_error(source);
        // During a wait that Slack demanded, no tick saves the cursor. A reconnect ends the wait.
        let waits_until = cursor.waits_until(now).filter(|_| !is_outdated).unwrap_or(cursor.saved_at);
        let idle_since = cursor.saved_at.max(source.connected_at).max(waits_until);
        if now.since(idle_since) >= CURSOR_AGE_SECONDS_MAX && (is_outdated || self.state != State::Failing) {
            let error = Error::deployment("poller_not_running", format!("no tick has run since {idle_since}"));
            let failing = StreamStatus { state: State::Failing, since: Some(idle_since), ..self };
            return failing.with_error(&error, Place::Poller);
        }
        if !is_outdated {
            return self;
        }
        StreamStatus {
            hint: Some("wait a minute: the source was reconnected, and the poller retries".to_owned()),
            since: Some(source.connected_at),
            ..self.without_error(State::Waiting)
        }
    }

    /// Applies a tick that collected the stream at `at`. If it found nothing new, it did not save the cursor.
    pub(crate) fn apply_tick(&mut self, cursor: &Cursor, at: Second, now: Second) {
        if at <= cursor.saved_at {
            return;
        }
        self.last_success = self.last_success.max(Some(at));
        if cursor.health.state.class() == Class::Current {
            let mut saved = cursor.clone();
            (saved.watermark, saved.saved_at) = (cursor.watermark.max(at), at);
            self.lag_seconds = Some(saved.stored_lag_seconds(now));
        }
    }

    /// Returns `true` if the state persists until a user acts.
    pub(crate) fn requires_action(&self) -> bool {
        state::requires_action(self.state, self.code.as_deref())
    }

    /// Returns the stream's name, for example `acme/audit`.
    pub(crate) fn name(&self) -> String {
        stream_name(&self.source, self.log)
    }

    /// Returns the time that is in a gap other than a re-read, `re-read` if all gaps are re-reads, or `-` without a gap.
    pub(crate) fn backlog(&self) -> String {
        match seconds_in(self.gaps.iter().filter(|gap| gap.kind != GapKind::Reread)) {
            0 if self.gaps.is_empty() => "-".to_owned(),
            0 => "re-read".to_owned(),
            seconds => format::duration(seconds),
        }
    }
}

impl GapEntry {
    fn of(gap: &Gap) -> GapEntry {
        // Only an audit walk follows the time of records, and moves `latest`. Rows of the other logs move during a walk, so that each second of
        // the gap may lack a row until the walk is complete. A live gap starts with an overlap, which an earlier tick has collected.
        let uncollected_since = gap.uncollected_since.filter(|_| gap.kind == GapKind::Live);
        let oldest = uncollected_since.map_or(gap.oldest, |since| since.clamp(gap.oldest, gap.latest));
        GapEntry { kind: gap.kind, oldest, latest: gap.latest }
    }
}

/// Returns the number of seconds in at least one of the gaps. A backfill may overlap with another gap.
fn seconds_in<'a>(gaps: impl Iterator<Item = &'a GapEntry>) -> i64 {
    let mut ranges: Vec<(Second, Second)> = gaps.map(|gap| (gap.oldest, gap.latest)).collect();
    ranges.sort_unstable();
    let (mut seconds, mut counted_to) = (0, None);
    for (oldest, latest) in ranges {
        let from = counted_to.map_or(oldest, |to: Second| oldest.max(to.plus(1)));
        seconds += (latest.since(from) + 1).max(0);
        counted_to = counted_to.max(Some(latest));
    }
    seconds
}

/// Returns the time of the last tick without an error. A cursor without an error was saved by such a tick.
fn last_success(cursor: &Cursor) -> Option<Second> {
    match cursor.health.state.class() {
        Class::Current | Class::Behind => cursor.health.last_success.max(Some(cursor.saved_at)),
        _ => cursor.health.last_success,
    }
}

#[cfg(test)]
pub(crate) mod tests;
