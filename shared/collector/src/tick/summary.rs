//! The response of the poller, and its part for each stream.

use serde::Serialize;

use slacktrail_core::error::{Error, Origin};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_tokens::TokenRefreshSummary;

/// The response of the poller, with the outcome of a tick.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The streams, ordered by source and log type.
    pub streams: Vec<StreamOutcome>,
    /// The number of dispatched shards, if the deployment is large. The invocation then polls no stream itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
    /// The sources whose tokens were due for a refresh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_refreshes: Vec<TokenRefreshSummary>,
}

impl Summary {
    /// Returns the summary of an invocation that dispatched `invoked` shards and polled nothing itself.
    pub fn of_shards(invoked: usize) -> Summary {
        Summary { streams: Vec::new(), shards: Some(invoked), token_refreshes: Vec::new() }
    }
}

/// Returns the error with which the invocation fails: the first one, if every due stream failed because of the deployment.
pub(super) fn failure(streams: &[StreamOutcome]) -> Option<Error> {
    let failed = |outcome: &StreamOutcome| {
        outcome.error().filter(|error| error.origin == Origin::Deployment && !outcome.recovered).cloned()
    };
    let mut due = streams.iter().filter(|outcome| outcome.polled || outcome.error().is_some()).peekable();
    let error = failed(due.peek()?)?;
    due.all(|outcome| failed(outcome).is_some()).then_some(error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use slacktrail_core::health::State;
    use slacktrail_core::source::{LogType, SourceId, StreamId};

    fn acme() -> SourceId {
        "acme".parse().unwrap()
    }

    fn stream(log: LogType) -> StreamId {
        StreamId { source: acme(), log }
    }

    fn polled(error: Option<&Error>) -> StreamOutcome {
        let reason = error.cloned();
        StreamOutcome { polled: true, reason, ..StreamOutcome::initial(&stream(LogType::Audit), State::Ok) }
    }

    #[test]
    fn invocation_fails_if_every_due_stream_fails_in_deployment() {
        let deployment = Error::deployment("access_denied", "denied");
        let slack = Error::slack("ratelimited", "limited");
        let paused = || StreamOutcome::initial(&stream(LogType::Access), State::Paused);
        let unreadable = || StreamOutcome::unreadable(acme(), None, deployment.clone());
        for (streams, fails) in [
            (vec![], false),
            (vec![paused()], false),
            (vec![polled(None)], false),
            (vec![polled(Some(&deployment))], true),
            (vec![unreadable()], true),
            (vec![paused(), polled(Some(&deployment)), unreadable()], true),
            (vec![polled(Some(&deployment)), polled(None)], false),
            (vec![polled(None), polled(Some(&deployment))], false),
            (vec![polled(Some(&slack))], false),
            (vec![polled(Some(&deployment)), polled(Some(&slack))], false),
            (vec![StreamOutcome { recovered: true, ..polled(Some(&deployment)) }], false),
        ] {
            assert_eq!(failure(&streams).is_some(), fails, "{streams:?}");
        }
    }

    #[test]
    fn response_has_message_hint_and_causes_of_error() {
        let cause = std::io::Error::other("broken pipe");
        let error = Error::slack("http_500", "Slack gave no response");
        let shown = |error: Error| serde_json::to_value(StreamOutcome::unreadable(acme(), None, error)).unwrap();
        let with_cause = shown(error.clone().with_source(cause));
        let texts = ["code", "message", "hint", "cause"].map(|field| with_cause[field].as_str().unwrap());
        assert_eq!(texts, ["http_500", "Slack gave no response", "wait for the next tick", "broken pipe"]);
        assert_eq!((&with_cause["log"], &with_cause["records"]), (&json!(null), &json!(0)));
        assert!(shown(error.clone()).get("cause").is_none());
        let waiting = StreamOutcome { is_reason_stored: true, ..polled(Some(&error)) };
        let waiting = serde_json::to_value(waiting).unwrap();
        assert_eq!((&waiting["code"], &waiting["hint"]), (&json!("http_500"), &json!("wait for the next tick")));
        assert!(serde_json::to_value(polled(None)).unwrap().get("code").is_none());
    }
}
