//! The response of the poller, and its part for each stream.

use serde::Serialize;

use crate::collect::Report;
use crate::token_refresh::{RefreshFailure, RefreshOutcome};
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, SourceId, StreamId};

/// The response of the poller, with the outcome of a tick.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The streams, ordered by source and log type.
    pub streams: Vec<StreamSummary>,
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

/// The outcome of refreshing a source's token.
#[derive(Debug, Serialize)]
pub struct TokenRefreshSummary {
    /// The source ID.
    pub source: String,
    /// Whether the token was refreshed.
    pub refreshed: bool,
    /// Slack's or slacktrail's error code. Also set if an implausible stored time forced the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The next action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl TokenRefreshSummary {
    /// Returns the summary of a token that was due, or `None` if it was not due.
    pub(super) fn of(
        source: &SourceId,
        outcome: &Result<RefreshOutcome, RefreshFailure>,
    ) -> Option<TokenRefreshSummary> {
        let error = match outcome {
            Ok(RefreshOutcome::NotDue) => return None,
            Ok(RefreshOutcome::Refreshed { corrupt_field }) => corrupt_field.map(|field| corrupt(source, field)),
            Err(failure) => Some(failure.error.clone()),
        };
        Some(TokenRefreshSummary {
            source: source.to_string(),
            refreshed: outcome.is_ok(),
            code: error.as_ref().map(|error| error.code.clone()),
            message: error.as_ref().map(|error| error.message.clone()),
            hint: error.map(|error| error.hint),
        })
    }
}

fn corrupt(source: &SourceId, field: &str) -> Error {
    Error::deployment(
        ErrorKind::Investigate,
        "corrupt_secret",
        format!(
            "reading the secret of source `{source}`: the time in `{field}` is implausible, so the token was refreshed immediately"
        ),
        "find out what else writes to this secret; no data was lost",
    )
}

/// Returns the error with which the invocation fails: the first one, if every due stream failed because of the deployment.
pub(super) fn failure(streams: &[StreamSummary]) -> Option<Error> {
    let mut due = streams.iter().filter(|summary| summary.polled || summary.origin.is_some()).peekable();
    let error = due.peek()?.as_error()?;
    due.all(|summary| summary.origin == Some(Origin::Deployment)).then_some(error)
}

/// The outcome of one stream's tick.
#[derive(Debug, Serialize)]
pub struct StreamSummary {
    /// The source ID.
    pub source: String,
    /// The log type, or `None` if the source itself could not be read.
    pub log: Option<LogType>,
    /// The state after the tick.
    pub state: State,
    /// Whether the stream was polled. It is not polled if it is paused, must wait or cannot be read.
    pub polled: bool,
    /// Slack's or slacktrail's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The next action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The chain of underlying errors, as reported by the libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Number of calls to Slack.
    pub calls: u32,
    /// Number of pages read.
    pub pages: u32,
    /// Number of records stored.
    pub records: u64,
    /// Number of objects created.
    pub objects: u64,
    /// Compressed size of these objects.
    pub bytes: u64,
    /// Number of records that were stored although their ID or time was missing or invalid.
    pub malformed: u64,
    /// Number of stored records whose rows contained invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// Number of rows that were not stored because another row of the response has the same record ID and different content.
    pub conflicting: u64,
    /// Number of records that Slack published after a tick had already read their time.
    pub late: u64,
    /// The greatest delay among these late records.
    pub late_seconds_max: i64,
    /// Number of gaps that remain.
    pub gaps: usize,
    /// The delay of live collection.
    pub lag_seconds: i64,
    /// The local clock minus Slack's clock, if they differ by more than a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_seconds: Option<i64>,
    /// Number of workspaces that could not be read, plus entries without an ID in Slack's list of workspaces.
    pub workspaces_failing: usize,
    /// Whether Slack or the deployment caused the error.
    #[serde(skip)]
    pub origin: Option<Origin>,
    /// The kind of the error.
    #[serde(skip)]
    pub kind: Option<ErrorKind>,
}

impl StreamSummary {
    pub(super) fn of(source: &SourceId, log: Option<LogType>, state: State) -> StreamSummary {
        StreamSummary {
            source: source.to_string(),
            log,
            state,
            polled: false,
            code: None,
            message: None,
            hint: None,
            cause: None,
            calls: 0,
            pages: 0,
            records: 0,
            objects: 0,
            bytes: 0,
            malformed: 0,
            repaired: 0,
            conflicting: 0,
            late: 0,
            late_seconds_max: 0,
            gaps: 0,
            lag_seconds: 0,
            clock_skew_seconds: None,
            workspaces_failing: 0,
            origin: None,
            kind: None,
        }
    }

    /// Returns the error that this summary reports.
    pub(super) fn as_error(&self) -> Option<Error> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let error = Error::deployment(self.kind?, text(&self.code), text(&self.message), text(&self.hint));
        Some(match &self.cause {
            Some(cause) => error.with_source(cause.as_str()),
            None => error,
        })
    }

    pub(super) fn of_error(source: &SourceId, log: Option<LogType>, error: &Error) -> StreamSummary {
        StreamSummary::of(source, log, State::Failing).with_error(error)
    }

    pub(super) fn of_report(stream: &StreamId, report: Report) -> StreamSummary {
        let mut summary = StreamSummary::of(&stream.source, Some(stream.log), report.state);
        if let Some(error) = &report.error {
            summary = summary.with_error(error);
            summary.origin = summary.origin.filter(|_| !report.recovered);
        } else if let Some((code, hint)) = report.standing {
            (summary.code, summary.hint) = (Some(code), hint);
        }
        StreamSummary {
            polled: true,
            calls: report.calls,
            pages: report.pages,
            records: report.appended.records,
            objects: report.appended.objects,
            bytes: report.appended.bytes,
            malformed: report.malformed,
            repaired: report.repaired,
            conflicting: report.conflicting,
            late: report.late,
            late_seconds_max: report.late_seconds_max,
            gaps: report.gaps,
            lag_seconds: report.lag_seconds,
            clock_skew_seconds: report.clock_skew_seconds,
            workspaces_failing: report.workspaces_failing,
            ..summary
        }
    }

    fn with_error(self, error: &Error) -> StreamSummary {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let cause = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        StreamSummary {
            code: Some(error.code.clone()),
            message: Some(error.message.clone()),
            hint: Some(error.hint.clone()),
            cause: (!cause.is_empty()).then_some(cause),
            origin: Some(error.origin),
            kind: Some(error.kind),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> SourceId {
        "acme".parse().unwrap()
    }

    fn polled(error: Option<&Error>) -> StreamSummary {
        let summary = StreamSummary::of(&acme(), Some(LogType::Audit), State::Ok);
        let summary = StreamSummary { polled: true, ..summary };
        error.into_iter().fold(summary, StreamSummary::with_error)
    }

    #[test]
    fn invocation_fails_if_every_due_stream_fails_in_deployment() {
        let deployment = Error::deployment(ErrorKind::Reconfigure, "access_denied", "denied", "allow it");
        let mut slack = Error::deployment(ErrorKind::Retry, "ratelimited", "limited", "wait");
        slack.origin = Origin::Slack;
        let paused = || StreamSummary::of(&acme(), Some(LogType::Access), State::Paused);
        let unreadable = || StreamSummary::of_error(&acme(), None, &deployment);
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
        ] {
            assert_eq!(failure(&streams).is_some(), fails, "{streams:?}");
        }
    }

    #[test]
    fn token_refresh_is_reported_when_due() {
        assert!(TokenRefreshSummary::of(&acme(), &Ok(RefreshOutcome::NotDue)).is_none());
        let refreshed =
            TokenRefreshSummary::of(&acme(), &Ok(RefreshOutcome::Refreshed { corrupt_field: None })).unwrap();
        assert_eq!((refreshed.refreshed, refreshed.code), (true, None));
        let forced =
            TokenRefreshSummary::of(&acme(), &Ok(RefreshOutcome::Refreshed { corrupt_field: Some("expires_at") }))
                .unwrap();
        assert_eq!((forced.refreshed, forced.code.as_deref()), (true, Some("corrupt_secret")));
        assert!(forced.message.unwrap().contains("`expires_at`") && forced.hint.is_some());
        let error = Error::deployment(ErrorKind::Reconfigure, "access_denied", "denied", "allow it");
        let refused = TokenRefreshSummary::of(&acme(), &Err(RefreshFailure { error, token_expired: false })).unwrap();
        assert_eq!((refused.refreshed, refused.code.as_deref()), (false, Some("access_denied")));
        assert_eq!((refused.message.as_deref(), refused.hint.as_deref()), (Some("denied"), Some("allow it")));
    }

    #[test]
    fn summary_of_error_has_message_hint_and_causes() {
        let cause = std::io::Error::other("broken pipe");
        let error =
            Error::deployment(ErrorKind::Retry, "no_response", "AWS gave no response", "wait").with_source(cause);
        let summary = StreamSummary::of_error(&acme(), None, &error);
        assert_eq!(
            (summary.code.as_deref(), summary.message.as_deref()),
            (Some("no_response"), Some("AWS gave no response"))
        );
        assert_eq!((summary.hint.as_deref(), summary.cause.as_deref()), (Some("wait"), Some("broken pipe")));
        let error = Error::deployment(ErrorKind::Retry, "no_response", "AWS gave no response", "wait");
        assert_eq!(StreamSummary::of_error(&acme(), None, &error).cause, None);
    }
}
