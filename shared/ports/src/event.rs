//! The events that invoke the poller.

use serde_json::Value;

use crate::shard::Shard;
use slacktrail_core::error::Error;
use slacktrail_core::source::shown_name;

/// The field of an event that contains a shard.
pub const SHARD: &str = "shard";

/// Maximum keys that the error of an unsupported event repeats.
const KEYS_SHOWN_MAX: usize = 8;

/// The sources that an invocation must poll.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PollRequest {
    /// All sources. If there are too many for one invocation, it dispatches them in shards.
    All,
    /// The sources of one shard.
    Shard(Shard),
}

impl PollRequest {
    /// Parses an event.
    ///
    /// The events of an EventBridge rule and of EventBridge Scheduler, and `{}`, request all sources. slacktrail's own event names a shard.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`Reconfigure`](slacktrail_core::error::ErrorKind::Reconfigure) that names the keys of any other event.
    pub fn of(event: &Value) -> Result<PollRequest, Error> {
        let scheduled = event.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event");
        let source = event.get("source").and_then(Value::as_str);
        if event.as_object().is_some_and(serde_json::Map::is_empty)
            || (scheduled && matches!(source, Some("aws.events" | "aws.scheduler")))
        {
            return Ok(PollRequest::All);
        }
        if let Some(shard) = event.get(SHARD).and_then(|shard| serde_json::from_value(shard.clone()).ok()) {
            return Ok(PollRequest::Shard(shard));
        }
        let what = match event.as_object() {
            None => "not a JSON object".to_owned(),
            Some(fields) => {
                let keys: Vec<String> = fields.keys().take(KEYS_SHOWN_MAX).map(|key| shown_name(key)).collect();
                format!("an object with the keys `{}`", keys.join("`, `"))
            }
        };
        Err(Error::deployment("unsupported_event", format!("the poller was invoked with an unsupported event: {what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(event: &str) -> Result<PollRequest, Error> {
        PollRequest::of(&serde_json::from_str(event).unwrap())
    }

    #[test]
    fn sample_events_are_accepted_and_others_are_rejected() {
        for event in [
            include_str!("../../../events/rule.json"),
            include_str!("../../../events/scheduler.json"),
            include_str!("../../../events/empty.json"),
        ] {
            assert_eq!(request(event).unwrap(), PollRequest::All);
        }
        let shard = Shard { after: Some("acme".parse().unwrap()), through: None };
        assert_eq!(PollRequest::of(&serde_json::json!({ SHARD: shard })).unwrap(), PollRequest::Shard(shard));
        for event in [
            r#"{"Records":[]}"#,
            "null",
            "[]",
            r#""x""#,
            r#"{"source":"aws.s3","detail-type":"Object Created"}"#,
            r#"{"source":"aws.s3","detail-type":"Scheduled Event"}"#,
            r#"{"source":"aws.events"}"#,
        ] {
            assert_eq!(request(event).unwrap_err().code, "unsupported_event");
        }
        let error = request(r#"{"Records":[]}"#).unwrap_err();
        assert!(error.message.contains("`Records`"), "{error}");
    }

    #[test]
    fn unexpected_event_cannot_break_or_flood_log_line() {
        let error = request(&format!(r#"{{"a\n`b":1,"{}":2}}"#, "y".repeat(9_000))).unwrap_err();
        assert!(error.message.contains("`ab`") && error.message.len() < 300, "{error}");
    }
}
