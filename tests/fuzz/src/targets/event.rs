//! Events that invoke the poller.

use serde_json::{Value, json};
use slacktrail_core::source::SourceId;
use slacktrail_ports::event::{PollRequest, SHARD};

/// Checks that an event is rejected with a safe error, requests all sources, or contains a shard that is unchanged after it is encoded.
pub(super) fn event(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(bytes) else { return };
    match PollRequest::of(&event) {
        Ok(PollRequest::All) => {
            let scheduled = event["detail-type"] == "Scheduled Event";
            assert!(event == json!({}) || scheduled, "accepted an unexpected event: {event}");
        }
        Ok(PollRequest::Shard(shard)) => {
            assert!(
                event[SHARD].is_object() || event[SHARD].is_array(),
                "accepted an event without a shard as one: {event}"
            );
            assert_eq!(
                PollRequest::of(&json!({ SHARD: shard })).expect("a valid shard"),
                PollRequest::Shard(shard.clone())
            );
            let has = |id: &SourceId| shard.has(id);
            assert!(!shard.after.as_ref().is_some_and(has), "the shard contains a source of the previous shard");
            let is_empty = shard.after.as_ref().zip(shard.through.as_ref());
            let is_empty = is_empty.is_some_and(|(after, through)| after.sort_prefix() >= through.sort_prefix());
            assert!(
                shard.through.as_ref().is_none_or(|last| has(last) != is_empty),
                "the shard does not contain its last source"
            );
        }
        Err(error) => {
            // The message may quote the event's keys. They come from the invoker, not from Slack, so they may look like a token.
            assert!(error.message.len() <= 3_000 && !error.message.chars().any(char::is_control), "{error}");
        }
    }
}
