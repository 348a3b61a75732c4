//! Determines when the streams of a directory were last collected. A directory has no schedule, so a high age alone is not an error. It is
//! an error if the age exceeds `--max-age`, or if a process collects the stream but no recent tick has succeeded.

use std::path::Path;

use serde::{Serialize, Serializer};
use slacktrail_adapters::directory::DirectoryCollectors;
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::health::{Class, State};
use slacktrail_core::source::{SourceId, StreamId};
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};
use slacktrail_ports::Deployment;

use super::stream_status::StreamStatus;
use crate::cli_error::CliError;
use crate::format::{self, instant};

/// The default maximum age while a process collects the stream. A tick starts every minute and takes less than a minute.
const AGE_SECONDS_MAX: i64 = 180;
/// The same for a stream that is waiting. After this time, a transient error also makes a stream `failing`.
const WAITING_SECONDS_MAX: i64 = 900;

/// When a stream was last collected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Collection {
    /// The start of the last tick that collected the stream without an error.
    #[serde(serialize_with = "instant")]
    pub(super) last_collected: Option<Second>,
    /// Since when a process collects the stream, or `None` if none does.
    #[serde(rename = "collecting", serialize_with = "is_some")]
    pub(super) collecting_since: Option<Second>,
}

/// Adds to each status when the stream was last collected. A healthy stream becomes `failing` if that is more than `max_age` seconds ago.
pub(super) fn add(
    statuses: &mut [StreamStatus],
    (directory, deployment): (&Path, &Deployment),
    max_age: Option<i64>,
    now: Second,
) -> Result<(), CliError> {
    let collectors = DirectoryCollectors::new(directory);
    for status in statuses {
        let (Ok(id), Some(log)) = (status.source.parse::<SourceId>(), status.log) else { continue };
        let Some(Ok(source)) = deployment.sources.get(&id) else { continue };
        let stream = StreamId { source: id, log };
        let saved = collectors.last_collected(&stream)?.filter(|at| *at <= now.plus(CLOCK_SKEW_SECONDS));
        if let (Some(at), Some((_, Ok(cursor)))) = (saved, deployment.cursors.get(&stream)) {
            status.apply_tick(cursor, at, now);
        }
        let collection = Collection {
            last_collected: saved.max(status.last_success),
            collecting_since: collectors.collecting_since(&stream)?,
        };
        if let Some((since, limit)) = exceeded(status, &collection, source.connected_at, max_age, now) {
            let limit = format::duration(limit);
            let message = format!("no tick has collected this stream since {since}, which is more than {limit} ago");
            let error = Error::deployment("not_collected", message);
            let failing = StreamStatus { state: State::Failing, since: Some(since), ..status.clone() };
            *status = failing.with_error(&error, Place::Pull);
        }
        status.collection = Some(collection);
    }
    Ok(())
}

/// Returns the time since which the stream was not collected and the maximum age in seconds, if the age exceeds it.
fn exceeded(
    status: &StreamStatus,
    collection: &Collection,
    connected_at: Second,
    max_age: Option<i64>,
    now: Second,
) -> Option<(Second, i64)> {
    let limit = match (status.state.class(), max_age, collection.collecting_since.is_some()) {
        (Class::Paused | Class::Stopped, ..) => return None,
        (_, Some(max_age), _) => max_age,
        (_, None, false) => return None,
        (Class::Retrying, None, true) => WAITING_SECONDS_MAX,
        (Class::Current | Class::Behind, None, true) => AGE_SECONDS_MAX,
    };
    // A process that collects the stream may not have ended its first tick yet.
    let since = collection.last_collected.max(collection.collecting_since).unwrap_or(connected_at);
    (now.since(since) > limit && !status.requires_action()).then_some((since, limit))
}

fn is_some<S: Serializer>(value: &Option<Second>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(value.is_some())
}

/// Returns a sentence for each source, or for each stream if the streams of the source differ.
pub(super) fn sentences(statuses: &[StreamStatus], now: Second) -> Vec<String> {
    let sentence = |status: &StreamStatus, collection: &Collection| {
        let last = match collection.last_collected {
            Some(last) => format!("last collected {}", format::age(Some(last), now)),
            None => "never collected".to_owned(),
        };
        let running = match collection.collecting_since {
            _ if status.state == State::Paused => "paused",
            Some(_) => "running",
            None => "not running",
        };
        format!("{last}; collection is {running}")
    };
    let mut sentences: Vec<(&str, String, Vec<String>)> = Vec::new();
    for status in statuses {
        let Some(collection) = &status.collection else { continue };
        let text = sentence(status, collection);
        match sentences.last_mut() {
            Some((source, same, streams)) if *source == status.source && *same == text => streams.push(status.name()),
            _ => sentences.push((&status.source, text, vec![status.name()])),
        }
    }
    let is_split = |source: &str| sentences.iter().filter(|(other, ..)| *other == source).count() > 1;
    let shown = sentences.iter().map(|(source, text, streams)| match is_split(source) {
        true => format!("{}: {text}", streams.join(", ")),
        false => format!("{source}: {text}"),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::super::stream_status::tests::status_of;
    use super::*;

    const NOW: i64 = 1_000_000;

    fn now() -> Second {
        Second::EPOCH.plus(NOW)
    }

    fn collection(age: Option<i64>, is_collecting: bool) -> Collection {
        let collecting_since = is_collecting.then(|| now().plus(-2_000_000));
        Collection { last_collected: age.map(|age| now().plus(-age)), collecting_since }
    }

    fn status(state: State) -> StreamStatus {
        StreamStatus { state, ..status_of("acme") }
    }

    #[test]
    fn age_is_error_only_with_max_age_or_running_collector() {
        for (state, age, collecting, max_age, expected) in [
            (State::Ok, Some(90_000), false, None, None),
            (State::Ok, Some(3_600), false, Some(3_600), None),
            (State::Ok, Some(3_601), false, Some(3_600), Some(3_600)),
            (State::Ok, Some(180), true, None, None),
            (State::Ok, Some(181), true, None, Some(180)),
            (State::CatchingUp, Some(181), true, None, Some(180)),
            (State::Waiting, Some(900), true, None, None),
            (State::Waiting, Some(901), true, None, Some(900)),
            (State::Waiting, Some(61), true, Some(60), Some(60)),
            (State::Ok, None, false, Some(60), Some(60)),
            (State::Paused, Some(90_000), false, Some(60), None),
            (State::Reauthorize, Some(90_000), true, Some(60), None),
        ] {
            let found = exceeded(&status(state), &collection(age, collecting), Second::EPOCH, max_age, now());
            assert_eq!(found.map(|(_, limit)| limit), expected, "{state:?} {age:?} {collecting} {max_age:?}");
        }
    }

    #[test]
    fn first_tick_of_new_run_has_time_to_end() {
        for (started, expected) in [(180, None), (181, Some(now().plus(-181)))] {
            let started_at = Some(now().plus(-started));
            let run = Collection { collecting_since: started_at, ..collection(Some(90_000), true) };
            let found = exceeded(&status(State::Ok), &run, Second::EPOCH, None, now());
            assert_eq!(found.map(|(since, _)| since), expected);
        }
    }

    #[test]
    fn streams_are_named_only_if_source_was_not_collected_as_whole() {
        let at = |source: &str, age, collecting| StreamStatus {
            collection: Some(collection(age, collecting)),
            ..status_of(source)
        };
        let same = [at("a", Some(5), true), at("a", Some(5), true), at("b", None, false)];
        insta::assert_snapshot!(sentences(&same, now()).join("\n"), @r"
        a: last collected 5 s ago; collection is running
        b: never collected; collection is not running
        ");
        let paused = StreamStatus { state: State::Paused, ..at("a", Some(5), true) };
        assert_eq!(sentences(&[paused], now()), ["a: last collected 5 s ago; collection is paused"]);
        let split = [at("a", Some(5), true), at("a", Some(7_200), false)];
        insta::assert_snapshot!(sentences(&split, now()).join("\n"), @r"
        a/integration: last collected 5 s ago; collection is running
        a/integration: last collected 2 h ago; collection is not running
        ");
    }
}
