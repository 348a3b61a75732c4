//! What the poller is invoked with.

use serde_json::{Value, json};
use slacktrail_shared::event::{SHARE, Work};
use slacktrail_shared::source::SourceId;

/// An event is refused in words that a log may hold, or it is for all sources, or for a share that comes back as it was.
pub(super) fn event(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(bytes) else { return };
    match Work::of(&event) {
        Ok(Work::All) => {
            let scheduled = event["detail-type"] == "Scheduled Event";
            assert!(event == json!({}) || scheduled, "somebody else's event was taken: {event}");
        }
        Ok(Work::Share(share)) => {
            assert!(event[SHARE].is_object() || event[SHARE].is_array(), "no share, and yet taken for one: {event}");
            assert_eq!(Work::of(&json!({ SHARE: share })).expect("it is a share"), Work::Share(share.clone()));
            let has = |id: &SourceId| share.has(id);
            assert!(!share.after.as_ref().is_some_and(has), "a source of the share before");
            let is_empty = share.after.as_ref().zip(share.through.as_ref());
            let is_empty = is_empty.is_some_and(|(after, through)| after.place() >= through.place());
            assert!(share.through.as_ref().is_none_or(|last| has(last) != is_empty), "its last source is not of it");
        }
        Err(error) => {
            // Its keys are the words of whoever may invoke the function; Slack has no part in them.
            assert!(error.message.len() <= 3_000 && !error.message.chars().any(char::is_control), "{error}");
        }
    }
}
