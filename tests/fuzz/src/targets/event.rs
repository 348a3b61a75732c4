//! What the poller is invoked with.

use serde_json::{Value, json};
use slacktrail_core::event::{PollRequest, SHARD};
use slacktrail_core::source::SourceId;

/// An event is refused in words that a log may hold, or it is for all sources, or for a share that comes back as it was.
pub(super) fn event(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(bytes) else { return };
    match PollRequest::of(&event) {
        Ok(PollRequest::All) => {
            let scheduled = event["detail-type"] == "Scheduled Event";
            assert!(event == json!({}) || scheduled, "somebody else's event was taken: {event}");
        }
        Ok(PollRequest::Shard(shard)) => {
            assert!(event[SHARD].is_object() || event[SHARD].is_array(), "no shard, and yet taken for one: {event}");
            assert_eq!(
                PollRequest::of(&json!({ SHARD: shard })).expect("it is a shard"),
                PollRequest::Shard(shard.clone())
            );
            let has = |id: &SourceId| shard.has(id);
            assert!(!shard.after.as_ref().is_some_and(has), "a source of the shard before");
            let is_empty = shard.after.as_ref().zip(shard.through.as_ref());
            let is_empty = is_empty.is_some_and(|(after, through)| after.sort_prefix() >= through.sort_prefix());
            assert!(shard.through.as_ref().is_none_or(|last| has(last) != is_empty), "its last source is not of it");
        }
        Err(error) => {
            // Its keys are the words of whoever may invoke the function; Slack has no part in them.
            assert!(error.message.len() <= 3_000 && !error.message.chars().any(char::is_control), "{error}");
        }
    }
}
