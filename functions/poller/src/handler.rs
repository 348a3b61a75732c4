//! Handles one invocation: reads the event, sets the deadline, writes the log lines and returns the result.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use lambda_runtime::tracing::{error, info, warn};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use slacktrail_collector::dispatch::dispatch_shards;
use slacktrail_collector::tick::{Poller, ResourceLimits, Summary, TickLimits};
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::health::{Class, State};
use slacktrail_core::stream::{StreamOutcome, TickCounts};
use slacktrail_ports::event::PollRequest;
use slacktrail_ports::shard::SOURCES_MAX;
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Invoker, Slack};
use slacktrail_tokens::TokenRefreshSummary;

use crate::metrics;

/// The time before the invocation's deadline at which a tick stops starting work. It lets a call in progress finish, and the cursor be saved.
const RESERVE: Duration = Duration::from_secs(5);
/// The time after the last call to Slack that is reserved for saving the cursor and responding.
const SAVING: Duration = Duration::from_secs(2);

/// Returns the time by which calls to Slack must finish. Otherwise a slow response could exceed the deadline, and Lambda would stop the tick of
/// all streams.
pub(crate) fn calls_finish_by(deadline: SystemTime) -> Instant {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(SAVING)
}

/// Runs one tick, and returns a summary of each stream.
pub(crate) async fn handle<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore, I: Invoker>(
    poller: &Poller<S, D, T, K>,
    invoker: &I,
    event: LambdaEvent<Value>,
) -> Result<Summary, Diagnostic> {
    let outcome = match PollRequest::of(&event.payload) {
        Ok(request) => {
            let stop_at = event.context.deadline().checked_sub(RESERVE).unwrap_or(SystemTime::UNIX_EPOCH);
            let limits =
                TickLimits { resources: ResourceLimits::default(), deadline_reached: &|| SystemTime::now() >= stop_at };
            collect(poller, invoker, &request, &limits).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok((summary, None)) => {
            summary.token_refreshes.iter().for_each(log_token_refresh);
            summary.streams.iter().for_each(log_stream);
            metrics::write(&event.context.env_config.function_name, &summary, Timestamp::now());
            Ok(summary)
        }
        // The other shards are polled. The invocation still fails, so that Lambda's error metric counts the shards that are not.
        Ok((_, Some(dispatch_error))) => Err(failure(&dispatch_error)),
        Err(error) => {
            let hint = error.hint(Place::Poller, None);
            error!(code = error.code, hint, error_message = error.message, "no stream could be polled");
            Err(failure(&error))
        }
    }
}

/// Runs one tick, or dispatches the shards of a large deployment. Returns the first error of a shard that was not dispatched, too.
async fn collect<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore, I: Invoker>(
    poller: &Poller<S, D, T, K>,
    invoker: &I,
    request: &PollRequest,
    limits: &TickLimits<'_>,
) -> Result<(Summary, Option<Error>), Error> {
    let store = &poller.ports.deployment;
    let deployment = match request {
        PollRequest::Shard(shard) => Some(store.load_shard(shard).await?),
        PollRequest::All => store.load_at_most(SOURCES_MAX).await?,
    };
    match deployment {
        Some(deployment) => Ok((poller.tick(deployment, Timestamp::now(), limits).await?, None)),
        None => {
            let dispatched = dispatch_shards(store, invoker).await?;
            for error in &dispatched.errors {
                let hint = error.hint(Place::Poller, None);
                error!(code = error.code, hint, error_message = error.message, "shard dispatch failed");
            }
            info!(shards = dispatched.invoked, "shards dispatched");
            Ok((Summary::of_shards(dispatched.invoked), dispatched.errors.into_iter().next()))
        }
    }
}

/// Logs one line per stream and tick. The level is INFO for normal collection, WARN for a degraded stream that loses no data, and ERROR if action is
/// required.
fn log_stream(stream: &StreamOutcome) {
    let TickCounts { calls, pages, records, objects, bytes, malformed, repaired, conflicting, late, late_seconds_max } =
        stream.counts;
    macro_rules! line {
        ($level:ident, $text:literal) => {
            $level!(
                source = stream.source.as_str(),
                log = stream.log.map_or("", |log| log.name()),
                state = stream.state.name(),
                polled = stream.polled,
                records,
                objects,
                bytes,
                pages,
                calls,
                malformed,
                repaired,
                conflicting,
                late,
                late_seconds_max,
                lag_seconds = stream.lag_seconds,
                gaps = stream.gaps,
                clock_skew_seconds = stream.clock_skew_seconds,
                workspaces_failing = stream.workspaces_failing,
                code = stream.code(),
                error_message = stream.reason.as_ref().map(|error| error.message.as_str()),
                hint = stream.hint(Place::Poller),
                cause = stream.error().and_then(Error::causes),
                $text
            )
        };
    }
    let is_complete = malformed + repaired + conflicting == 0
        && stream.workspaces_failing == 0
        && stream.clock_skew_seconds.is_none();
    match stream.state.class() {
        Class::Stopped => line!(error, "stream requires action"),
        Class::Current | Class::Behind | Class::Paused if is_complete && stream.state != State::Silent => {
            match stream.polled {
                true => line!(info, "stream collected"),
                false => line!(info, "stream skipped"),
            }
        }
        _ => line!(warn, "stream degraded, no data lost"),
    }
}

/// Logs one line per token that was due for a refresh.
fn log_token_refresh(token_refresh: &TokenRefreshSummary) {
    let source = token_refresh.source.as_str();
    let Some(error) = &token_refresh.error else {
        info!(source, "token refreshed");
        return;
    };
    let (Error { code, message, .. }, hint) = (error, error.hint(Place::Poller, Some(token_refresh.source.as_str())));
    if token_refresh.refreshed {
        warn!(source, code, error_message = message, hint, "token refreshed");
    } else {
        warn!(source, code, error_message = message, hint, "token refresh failed");
    }
}

/// Returns an error as the invocation's failure, which Lambda's error metric counts. Lambda shows only this message, so it also contains the
/// hint and the causes.
fn failure(error: &Error) -> Diagnostic {
    let mut message = format!("{}; hint: {}", error.message, error.hint(Place::Poller, None));
    if let Some(causes) = error.causes() {
        message.push_str(&format!("; caused by: {causes}"));
    }
    Diagnostic { error_type: error.kind.name().to_owned(), error_message: message }
}
