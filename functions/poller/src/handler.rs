//! One invocation: the event, the deadline, the log lines, the answer.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lambda_runtime::tracing::{error, info, warn};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use slacktrail_shared::ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};
use slacktrail_shared::tick::{Bounds, Poller, RotationSummary, StreamSummary, Summary, TickLimits};
use slacktrail_shared::trouble::{Remedy, Trouble};

/// Time kept before the invocation's deadline: a call may be under way, and the cursor is still to be saved.
const RESERVE: Duration = Duration::from_secs(5);

/// Collects once and answers with a summary of each stream.
pub(crate) async fn handle<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore>(
    poller: &Poller<S, D, T, K>,
    event: LambdaEvent<Value>,
) -> Result<Summary, Diagnostic> {
    let outcome = match accept(&event.payload) {
        Ok(()) => {
            let stop_at = event.context.deadline().checked_sub(RESERVE).unwrap_or(SystemTime::UNIX_EPOCH);
            let limits = TickLimits {
                calls_max: None,
                bounds: Bounds::default(),
                out_of_time: &|| SystemTime::now() >= stop_at,
            };
            poller.tick(Timestamp::now(), &limits).await
        }
        Err(trouble) => Err(trouble),
    };
    match outcome {
        Ok(summary) => {
            summary.rotations.iter().for_each(log_rotation);
            summary.streams.iter().for_each(log_stream);
            Ok(summary)
        }
        Err(trouble) => Err(fail(&trouble)),
    }
}

/// The EventBridge rule's event, the Scheduler's, and `{}` all mean: collect now. Anything else was meant for somebody else.
fn accept(event: &Value) -> Result<(), Trouble> {
    let scheduled = event.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event");
    let source = event.get("source").and_then(Value::as_str);
    if event.as_object().is_some_and(serde_json::Map::is_empty)
        || (scheduled && matches!(source, Some("aws.events" | "aws.scheduler")))
    {
        return Ok(());
    }
    let keys = event.as_object().map(|event| event.keys().take(8).cloned().collect::<Vec<_>>().join("`, `"));
    let what = keys.map_or("no JSON object".to_owned(), |keys| format!("an object with the keys `{keys}`"));
    let message = format!("the poller was invoked with an event that it does not accept: {what}");
    Err(Trouble::ours(
        Remedy::Reconfigure,
        "unknown_event",
        message,
        "invoke it from an EventBridge rule or Scheduler, or with `{}`",
    ))
}

/// One line per stream and tick: INFO when all is well, WARN when nothing is lost, ERROR when a person must act.
fn log_stream(stream: &StreamSummary) {
    use slacktrail_shared::health::State;
    let log = stream.log.map_or("", |log| log.name());
    macro_rules! line {
        ($level:ident, $text:literal) => {
            $level!(
                source = stream.source,
                log,
                state = stream.state.name(),
                polled = stream.polled,
                records = stream.records,
                objects = stream.objects,
                bytes = stream.bytes,
                pages = stream.pages,
                calls = stream.calls,
                unreadable = stream.unreadable,
                late = stream.late,
                late_seconds_max = stream.late_seconds_max,
                lag_seconds = stream.lag_seconds,
                gaps = stream.gaps,
                clock_skew_seconds = stream.clock_skew_seconds,
                workspaces_in_trouble = stream.workspaces_in_trouble,
                code = stream.code,
                message_text = stream.message,
                remedy = stream.remedy,
                cause = stream.cause,
                $text
            )
        };
    }
    match stream.state {
        State::Ok | State::CatchingUp | State::Paused
            if stream.unreadable == 0 && stream.clock_skew_seconds.is_none() =>
        {
            line!(info, "stream collected");
        }
        State::Ok | State::CatchingUp | State::Paused | State::Waiting | State::Silent => {
            line!(warn, "stream needs attention, nothing is lost")
        }
        State::Reauthorize | State::Reconfigure | State::Failing => line!(error, "stream needs a person"),
    }
}

/// One line for each token that was rotated, or should have been.
fn log_rotation(rotation: &RotationSummary) {
    let RotationSummary { source, code, message, remedy, rotated } = rotation;
    if *rotated {
        info!(source, "token rotated");
    } else {
        warn!(source, code, message_text = message, remedy, "token not rotated");
    }
}

/// The invocation fails, so that Lambda's own metric of errors moves. Lambda shows only this message, so it stands alone.
fn fail(trouble: &Trouble) -> Diagnostic {
    let mut message = format!("{}; hint: {}", trouble.message, trouble.hint);
    let causes = std::iter::successors(std::error::Error::source(trouble), |cause| cause.source());
    for cause in causes {
        message.push_str(&format!("; caused by: {cause}"));
    }
    error!(code = trouble.code, remedy = trouble.hint, message_text = trouble.message, "no stream could be polled");
    Diagnostic { error_type: trouble.remedy.name().to_owned(), error_message: message }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may end in a panic")]
    use super::*;

    #[test]
    fn the_sample_events_are_accepted_and_nothing_else_is() {
        for event in [
            include_str!("../../../events/rule.json"),
            include_str!("../../../events/scheduler.json"),
            include_str!("../../../events/empty.json"),
        ] {
            accept(&serde_json::from_str(event).unwrap()).unwrap();
        }
        for event in
            [r#"{"Records":[]}"#, "null", "[]", r#""x""#, r#"{"source":"aws.s3","detail-type":"Object Created"}"#]
        {
            let trouble = accept(&serde_json::from_str(event).unwrap()).unwrap_err();
            assert_eq!(trouble.code, "unknown_event");
        }
        let trouble = accept(&serde_json::from_str(r#"{"Records":[]}"#).unwrap()).unwrap_err();
        assert!(trouble.message.contains("`Records`"), "{trouble}");
    }
}
