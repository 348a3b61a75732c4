//! One stream's status: from its source and its cursor, at a time.

use serde::{Serialize, Serializer};
use slacktrail_core::cursor::{Cursor, Gap, GapKind};
use slacktrail_core::error::Error;
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::Walk;
use slacktrail_ports::Deployment;

use crate::duration;
use crate::hints::{self, Collector};

/// A quiet stream's cursor is saved each 15 minutes; one that was not for twice as long is not being collected.
const SILENT_SECONDS: i64 = 1_800;

/// Where a deployment is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// On AWS, where there is a tick each minute.
    Aws,
    /// In a directory, where there is one when somebody pulls.
    Directory,
}

/// One stream's status. The names are a contract: scripts read them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StreamStatus {
    pub(crate) source: String,
    /// `None` when the source itself cannot be read.
    pub(crate) log: Option<LogType>,
    pub(crate) state: State,
    pub(crate) code: Option<String>,
    pub(crate) hint: Option<String>,
    /// Since when it has been so.
    #[serde(serialize_with = "instant")]
    pub(crate) since: Option<Second>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_success: Option<Second>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_record: Option<Second>,
    pub(crate) lag_seconds: Option<i64>,
    pub(crate) gaps: Vec<GapEntry>,
}

/// A range of time that is not yet collected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GapEntry {
    kind: GapKind,
    #[serde(serialize_with = "instant")]
    oldest: Option<Second>,
    #[serde(serialize_with = "instant")]
    latest: Option<Second>,
}

/// RFC 3339 in UTC, or null.
fn instant<S: Serializer>(second: &Option<Second>, serializer: S) -> Result<S::Ok, S::Error> {
    second.map(|second| second.to_string()).serialize(serializer)
}

/// The status of every stream of a deployment, by source and log type. Disconnected sources have none.
pub(crate) fn statuses(deployment: &Deployment, target: Target, now: Second) -> Vec<StreamStatus> {
    let mut statuses = Vec::new();
    for (id, source) in &deployment.sources {
        match source {
            Err(error) => statuses.push(StreamStatus::unreadable(id, None, error)),
            Ok(source) if source.disconnected => {}
            Ok(source) => {
                let logs = LogType::ALL.into_iter().filter(|log| source.logs.contains(log));
                statuses.extend(logs.map(|log| StreamStatus::of(deployment, source, log, target, now)));
            }
        }
    }
    statuses
}

impl StreamStatus {
    /// The status of one stream.
    pub(crate) fn of(
        deployment: &Deployment,
        source: &Source,
        log: LogType,
        target: Target,
        now: Second,
    ) -> StreamStatus {
        let stream = StreamId { source: source.id.clone(), log };
        let status = match deployment.cursors.get(&stream) {
            None => StreamStatus::without_cursor(source, log, target),
            Some((_, Err(error))) => StreamStatus::unreadable(&source.id, Some(log), error),
            Some((_, Ok(cursor))) => {
                StreamStatus::of_cursor(source, log, cursor, now).apply_target(source, cursor, target, now)
            }
        };
        if source.paused {
            StreamStatus { state: State::Paused, code: None, hint: None, since: None, ..status }
        } else {
            status
        }
    }

    fn new(source: &SourceId, log: Option<LogType>, state: State) -> StreamStatus {
        StreamStatus {
            source: source.to_string(),
            log,
            state,
            code: None,
            hint: None,
            since: None,
            last_success: None,
            last_record: None,
            lag_seconds: None,
            gaps: Vec::new(),
        }
    }

    fn without_cursor(source: &Source, log: LogType, target: Target) -> StreamStatus {
        let hint = match target {
            Target::Aws => "waits for its first tick, which comes within a minute where the poller runs",
            Target::Directory => "waits for its first tick: run `slacktrail pull`",
        };
        StreamStatus {
            hint: Some(hint.to_owned()),
            since: Some(source.connected_at),
            ..StreamStatus::new(&source.id, Some(log), State::Waiting)
        }
    }

    fn unreadable(source: &SourceId, log: Option<LogType>, error: &Error) -> StreamStatus {
        StreamStatus {
            code: Some(error.code.clone()),
            hint: Some(format!("{error}; {}", error.hint)),
            ..StreamStatus::new(source, log, State::Failing)
        }
    }

    fn of_cursor(source: &Source, log: LogType, cursor: &Cursor, now: Second) -> StreamStatus {
        let health = &cursor.health;
        let mut gaps: Vec<&Gap> = cursor.gaps.iter().collect();
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.latest));
        let workspaces = workspaces(cursor);
        StreamStatus {
            code: health.code.clone().or_else(|| workspaces.as_ref().map(|(code, _)| code.clone())),
            hint: health.hint.clone().or_else(|| workspaces.map(|(_, hint)| hint)),
            since: health.since,
            last_success: last_success(cursor),
            last_record: health.last_record,
            lag_seconds: Some(cursor.lag_seconds(now)),
            gaps: gaps.into_iter().map(GapEntry::of).collect(),
            ..StreamStatus::new(&source.id, Some(log), health.state)
        }
    }

    /// What the cursor cannot tell: that the source was connected again since, and that no tick comes. A directory's ticks come
    /// when somebody pulls, and each of them connects again.
    fn apply_target(self, source: &Source, cursor: &Cursor, target: Target, now: Second) -> StreamStatus {
        let collector = if target == Target::Aws { Collector::Poller } else { Collector::Pull };
        let hint = self.hint.as_deref().map(|hint| hints::of_stream(hint, collector));
        let status = StreamStatus { hint, ..self };
        if target == Target::Directory {
            return status;
        }
        let silent_since = cursor.saved_at.max(source.connected_at);
        let is_outdated = cursor.health.predates_reconnect(source);
        if now.since(silent_since) >= SILENT_SECONDS && (is_outdated || status.state != State::Failing) {
            return StreamStatus {
                state: State::Failing,
                code: Some("poller_not_running".to_owned()),
                hint: Some(format!(
                    "no tick has come since {silent_since}; see whether the poller is scheduled and what its log says"
                )),
                since: Some(silent_since),
                ..status
            };
        }
        if !is_outdated {
            return status;
        }
        StreamStatus {
            state: State::Waiting,
            code: None,
            hint: Some("connected again; the poller tries within a minute".to_owned()),
            since: Some(source.connected_at),
            ..status
        }
    }

    /// Whether it stays so until somebody does something.
    pub(crate) fn requires_action(&self) -> bool {
        match self.state {
            State::Reauthorize | State::Reconfigure | State::Failing | State::Silent => true,
            // All is collected but of some workspaces that cannot be read.
            State::Ok | State::CatchingUp => self.code.is_some(),
            State::Waiting | State::Paused => false,
        }
    }

    /// The stream's name, as in `acme/audit`.
    pub(crate) fn name(&self) -> String {
        match self.log {
            Some(log) => format!("{}/{log}", self.source),
            None => self.source.clone(),
        }
    }

    /// How much time is not collected. What is merely read again counts only where there is nothing else.
    pub(crate) fn backlog(&self) -> String {
        let missing: Vec<i64> =
            self.gaps.iter().filter(|gap| gap.kind != GapKind::Reread).map(GapEntry::seconds).collect();
        match (self.gaps.len(), missing.len()) {
            (0, _) => "-".to_owned(),
            (_, 0) => "re-read".to_owned(),
            _ => duration::words(missing.iter().sum()),
        }
    }
}

impl GapEntry {
    fn of(gap: &Gap) -> GapEntry {
        // An access gap's own range only filters rows; what is not collected is where its walk has still to go.
        let oldest = match &gap.walk {
            Walk::Access(walk) => walk.stop,
            Walk::Audit(_) | Walk::Integration(_) => gap.oldest,
        };
        GapEntry { kind: gap.kind, oldest: Some(oldest), latest: Some(gap.latest) }
    }

    fn seconds(&self) -> i64 {
        self.latest.zip(self.oldest).map_or(0, |(latest, oldest)| latest.since(oldest).max(0))
    }
}

/// When a tick last went without error. A tick that meets error records that, so a cursor that tells of none was itself
/// written by a tick that went well.
fn last_success(cursor: &Cursor) -> Option<Second> {
    match cursor.health.state {
        State::Ok | State::CatchingUp | State::Silent => cursor.health.last_success.max(Some(cursor.saved_at)),
        _ => cursor.health.last_success,
    }
}

/// The code and the remedy of an organization's workspaces that cannot be read while the others are.
fn workspaces(cursor: &Cursor) -> Option<(String, String)> {
    let failing = || cursor.workspaces.iter().filter_map(|(id, state)| Some((id, state.code.as_ref()?)));
    let (_, code) = failing().next()?;
    let names: Vec<String> = failing().map(|(id, code)| format!("{id} (`{code}`)")).collect();
    let hint = format!(
        "these workspaces cannot be read: {}; add the app to them and let its owner join them: what is missing is collected then",
        names.join(", ")
    );
    Some((code.clone(), hint))
}

#[cfg(test)]
pub(crate) mod tests;
