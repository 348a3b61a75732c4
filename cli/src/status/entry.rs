//! One stream's status: from its source and its cursor, at a time.

use serde::{Serialize, Serializer};
use slacktrail_shared::cursor::{Cursor, Gap, GapKind};
use slacktrail_shared::health::State;
use slacktrail_shared::ports::Deployment;
use slacktrail_shared::source::{LogType, Source, SourceId, StreamId};
use slacktrail_shared::time::Second;
use slacktrail_shared::trouble::Trouble;
use slacktrail_shared::walk::Walk;

use crate::environment::as_pulled;
use crate::span;

/// A quiet stream's cursor is saved each 15 minutes; one that was not for twice as long is not being collected.
const SILENT_SECONDS: i64 = 1_800;

/// Where a deployment is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// On AWS, where there is a tick each minute.
    Aws,
    /// In a directory, where there is one when somebody pulls.
    Directory,
}

/// One stream's status. The names are a contract: scripts read them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) source: String,
    /// `None` when the source itself cannot be read.
    pub(crate) log: Option<LogType>,
    pub(crate) state: State,
    pub(crate) code: Option<String>,
    pub(crate) remedy: Option<String>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_success: Option<Second>,
    #[serde(serialize_with = "instant")]
    pub(crate) last_record: Option<Second>,
    pub(crate) lag_seconds: Option<i64>,
    pub(crate) gaps: Vec<GapEntry>,
}

/// A range of time that is not yet collected.
#[derive(Clone, Debug, Serialize)]
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

/// The status of every stream of a deployment, by source and log type.
pub(crate) fn entries(deployment: &Deployment, place: Place, now: Second) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (id, source) in &deployment.sources {
        match source {
            Err(trouble) => entries.push(Entry::unreadable(id, None, trouble)),
            Ok(source) => {
                let logs = LogType::ALL.into_iter().filter(|log| source.logs.contains(log));
                entries.extend(logs.map(|log| Entry::of(deployment, source, log, place, now)));
            }
        }
    }
    entries
}

impl Entry {
    fn of(deployment: &Deployment, source: &Source, log: LogType, place: Place, now: Second) -> Entry {
        let stream = StreamId { source: source.id.clone(), log };
        let entry = match deployment.cursors.get(&stream) {
            None => Entry::without_cursor(&source.id, log, place),
            Some((_, Err(trouble))) => Entry::unreadable(&source.id, Some(log), trouble),
            Some((_, Ok(cursor))) => Entry::of_cursor(&source.id, log, cursor, now).heed_silence(cursor, place, now),
        };
        let entry = match place {
            Place::Aws => entry,
            Place::Directory => Entry { remedy: entry.remedy.as_deref().map(as_pulled), ..entry },
        };
        if source.paused { Entry { state: State::Paused, code: None, remedy: None, ..entry } } else { entry }
    }

    fn new(source: &SourceId, log: Option<LogType>, state: State) -> Entry {
        Entry {
            source: source.to_string(),
            log,
            state,
            code: None,
            remedy: None,
            last_success: None,
            last_record: None,
            lag_seconds: None,
            gaps: Vec::new(),
        }
    }

    fn without_cursor(source: &SourceId, log: LogType, place: Place) -> Entry {
        let remedy = match place {
            Place::Aws => "waits for its first tick, which comes within a minute where the poller runs",
            Place::Directory => "waits for its first tick: run `slacktrail pull`",
        };
        Entry { remedy: Some(remedy.to_owned()), ..Entry::new(source, Some(log), State::Waiting) }
    }

    fn unreadable(source: &SourceId, log: Option<LogType>, trouble: &Trouble) -> Entry {
        Entry {
            code: Some(trouble.code.clone()),
            remedy: Some(format!("{trouble}; {}", trouble.hint)),
            ..Entry::new(source, log, State::Failing)
        }
    }

    fn of_cursor(source: &SourceId, log: LogType, cursor: &Cursor, now: Second) -> Entry {
        let health = &cursor.health;
        let mut gaps: Vec<&Gap> = cursor.gaps.iter().collect();
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.latest));
        let workspaces = workspaces(cursor);
        Entry {
            code: health.code.clone().or_else(|| workspaces.as_ref().map(|(code, _)| code.clone())),
            remedy: health.remedy.clone().or_else(|| workspaces.map(|(_, remedy)| remedy)),
            last_success: last_success(cursor),
            last_record: health.last_record,
            lag_seconds: Some(cursor.lag_seconds(now)),
            gaps: gaps.into_iter().map(GapEntry::of).collect(),
            ..Entry::new(source, Some(log), health.state)
        }
    }

    /// A poller that does not run records nothing, least of all that it does not run.
    fn heed_silence(self, cursor: &Cursor, place: Place, now: Second) -> Entry {
        let silent = now.since(cursor.saved_at);
        if place == Place::Directory || silent < SILENT_SECONDS || self.state == State::Failing {
            return self;
        }
        Entry {
            state: State::Failing,
            code: Some("no_ticks".to_owned()),
            remedy: Some(format!(
                "no tick has come for {}; see whether the poller is scheduled and what its log says",
                span::words(silent)
            )),
            ..self
        }
    }

    /// The stream's name, as in `acme/audit`.
    pub(crate) fn name(&self) -> String {
        match self.log {
            Some(log) => format!("{}/{log}", self.source),
            None => self.source.clone(),
        }
    }

    /// How many gaps there are, and how much time is not collected; merely to be read again does not count.
    pub(crate) fn gaps_in_words(&self) -> String {
        let missing = self.gaps.iter().filter(|gap| gap.kind != GapKind::Reread);
        let seconds: i64 = missing.filter_map(|gap| Some(gap.latest?.since(gap.oldest?))).sum();
        match (self.gaps.len(), seconds) {
            (number, 0) => number.to_string(),
            (number, seconds) => format!("{number} ({})", span::words(seconds)),
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
}

/// When a tick last went without trouble. A tick that meets trouble records that, so a cursor that tells of none was itself
/// written by a tick that went well.
fn last_success(cursor: &Cursor) -> Option<Second> {
    match cursor.health.state {
        State::Ok | State::CatchingUp => cursor.health.last_success.max(Some(cursor.saved_at)),
        _ => cursor.health.last_success,
    }
}

/// The code and the remedy of an organisation's workspaces that cannot be read while the others are.
fn workspaces(cursor: &Cursor) -> Option<(String, String)> {
    let troubled = || cursor.workspaces.iter().filter_map(|(id, state)| Some((id, state.code.as_ref()?)));
    let (_, code) = troubled().next()?;
    let names: Vec<String> = troubled().map(|(id, code)| format!("{id} (`{code}`)")).collect();
    let remedy = format!(
        "these workspaces cannot be read: {}; add the app to them and let its owner join them: what is missing is collected then",
        names.join(", ")
    );
    Some((code.clone(), remedy))
}

#[cfg(test)]
pub(crate) mod tests {
    use slacktrail_shared::ports::Version;
    use slacktrail_shared::source::Plan;

    use super::*;

    pub(crate) fn entry_of(source: &str) -> Entry {
        let span =
            GapEntry { kind: GapKind::Backlog, oldest: Some(Second::EPOCH), latest: Some(Second::EPOCH.plus(900_000)) };
        Entry {
            last_success: Some(Second::EPOCH),
            last_record: Some(Second::EPOCH),
            lag_seconds: Some(90_061),
            gaps: vec![span; 16],
            ..Entry::new(&source.parse().unwrap(), Some(LogType::Integration), State::CatchingUp)
        }
    }

    pub(crate) fn troubled() -> Entry {
        Entry {
            code: Some("token_revoked".to_owned()),
            remedy: Some("connect the source again".to_owned()),
            ..Entry::new(&"acme".parse().unwrap(), Some(LogType::Audit), State::Reauthorize)
        }
    }

    fn source() -> Source {
        Source {
            logs: vec![LogType::Audit],
            organisation: true,
            ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
        }
    }

    fn one(deployment: &Deployment, place: Place, now: Second) -> Entry {
        let entries = entries(deployment, place, now);
        assert_eq!(entries.len(), 1);
        entries[0].clone()
    }

    fn deployment(source: Source, cursor: Option<Cursor>) -> Deployment {
        let mut deployment = Deployment::default();
        if let Some(cursor) = cursor {
            let stream = StreamId { source: source.id.clone(), log: LogType::Audit };
            deployment.cursors.insert(stream, (Version(1), Ok(cursor)));
        }
        deployment.sources.insert(source.id.clone(), Ok(source));
        deployment
    }

    #[test]
    fn a_stream_without_a_cursor_waits_for_its_first_tick() {
        let entry = one(&deployment(source(), None), Place::Aws, Second::EPOCH);
        assert_eq!((entry.state, entry.lag_seconds), (State::Waiting, None));
        assert!(entry.remedy.unwrap().contains("first tick"));
    }

    #[test]
    fn a_paused_source_is_paused_whatever_its_cursor_says() {
        let paused = Source { paused: true, ..source() };
        let cursor = Cursor::first(&paused, LogType::Audit, Second::EPOCH);
        let entry = one(&deployment(paused, Some(cursor)), Place::Aws, Second::EPOCH.plus(999_999));
        assert_eq!((entry.state, entry.code, entry.remedy), (State::Paused, None, None));
    }

    #[test]
    fn a_poller_that_fell_silent_is_failing_and_a_directory_is_not() {
        let cursor = Cursor::first(&source(), LogType::Audit, Second::EPOCH);
        let deployment = deployment(source(), Some(cursor));
        let later = Second::EPOCH.plus(7_200);
        let entry = one(&deployment, Place::Aws, later);
        assert_eq!((entry.state, entry.code.as_deref()), (State::Failing, Some("no_ticks")));
        assert_eq!(one(&deployment, Place::Directory, later).state, State::Ok);
        assert_eq!(one(&deployment, Place::Aws, Second::EPOCH.plus(900)).state, State::Ok);
    }

    #[test]
    fn json_has_the_keys_of_the_contract_and_times_in_utc() {
        let cursor = Cursor::first(&source(), LogType::Audit, Second::EPOCH.plus(60));
        let entry = one(&deployment(source(), Some(cursor)), Place::Directory, Second::EPOCH.plus(65));
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"source":"acme","log":"audit","state":"ok","code":null,"remedy":null,"last_success":"1970-01-01T00:01:00Z","last_record":null,"#,
                r#""lag_seconds":5,"gaps":[{"kind":"backlog","oldest":"1970-01-01T00:00:00Z","latest":"1970-01-01T00:01:00Z"}]}"#
            )
        );
    }
}
