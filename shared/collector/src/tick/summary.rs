//! The poller's answer: how the tick of each stream went.

use serde::Serialize;

use crate::collect::Report;
use crate::token_refresh::{RefreshFailure, RefreshOutcome};
use slacktrail_core::error::{Error, ErrorKind, Origin};
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, SourceId, StreamId};

/// How a tick went: the poller's answer.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The streams, by source and log type.
    pub streams: Vec<StreamSummary>,
    /// How many shares were handed out instead, of a large deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
    /// The sources whose token was due.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_refreshes: Vec<TokenRefreshSummary>,
}

impl Summary {
    /// Of an invocation that has handed out shares and polled nothing itself.
    pub fn of_shards(invoked: usize) -> Summary {
        Summary { streams: Vec::new(), shards: Some(invoked), token_refreshes: Vec::new() }
    }
}

/// The outcome of refreshing a source's token.
#[derive(Debug, Serialize)]
pub struct TokenRefreshSummary {
    /// Whose token.
    pub source: String,
    /// Whether there is a new one.
    pub refreshed: bool,
    /// Slack's or slacktrail's error code. Also set if an implausible stored time forced the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl TokenRefreshSummary {
    /// Returns the summary of a token that was due; `None` if it was not due.
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
            "reading the secret of source `{source}`: the time in its `{field}` cannot be true, so the token was refreshed at once"
        ),
        "find out who writes to the secret; nothing is lost",
    )
}

/// Returns the error for which an invocation fails: the first one, if every stream that was due has one on our side.
pub(super) fn failure(streams: &[StreamSummary]) -> Option<Error> {
    let mut due = streams.iter().filter(|summary| summary.polled || summary.origin.is_some()).peekable();
    let error = due.peek()?.as_error()?;
    due.all(|summary| summary.origin == Some(Origin::Deployment)).then_some(error)
}

/// How one stream's tick went.
#[derive(Debug, Serialize)]
pub struct StreamSummary {
    /// Whose log.
    pub source: String,
    /// Which log; `None` when the source itself could not be read.
    pub log: Option<LogType>,
    /// The state after the tick.
    pub state: State,
    /// Whether it was polled: it is not while it is paused, waits, or cannot be read.
    pub polled: bool,
    /// Slack's error code, or ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What caused it, as the library below us tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Calls to Slack.
    pub calls: u32,
    /// Pages read.
    pub pages: u32,
    /// Records stored.
    pub records: u64,
    /// Objects created.
    pub objects: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
    /// Records stored though they had no identity or time that could be read.
    pub malformed: u64,
    /// Records of whose rows bytes were replaced that are not UTF-8.
    pub repaired: u64,
    /// Rows that were not stored because another row of the same reply has their identity and says something else.
    pub conflicting: u64,
    /// Records that Slack showed only after a tick had passed their time.
    pub late: u64,
    /// By how many seconds the latest of them came late.
    pub late_seconds_max: i64,
    /// Gaps left.
    pub gaps: usize,
    /// Seconds by which live collection is behind.
    pub lag_seconds: i64,
    /// Our clock less Slack's, when they are more than a minute apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_seconds: Option<i64>,
    /// Workspaces of the organization that could not be read, and entries of Slack's list of them that have no ID.
    pub workspaces_failing: usize,
    /// Whose side an error is on.
    #[serde(skip)]
    pub origin: Option<Origin>,
    /// Who must do what about it.
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

    /// The error that it tells of.
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
        let ours = Error::deployment(ErrorKind::Reconfigure, "access_denied", "denied", "allow it");
        let mut slacks = Error::deployment(ErrorKind::Retry, "ratelimited", "limited", "wait");
        slacks.origin = Origin::Slack;
        let paused = || StreamSummary::of(&acme(), Some(LogType::Access), State::Paused);
        let unread = || StreamSummary::of_error(&acme(), None, &ours);
        for (streams, fails) in [
            (vec![], false),
            (vec![paused()], false),
            (vec![polled(None)], false),
            (vec![polled(Some(&ours))], true),
            (vec![unread()], true),
            (vec![paused(), polled(Some(&ours)), unread()], true),
            (vec![polled(Some(&ours)), polled(None)], false),
            (vec![polled(None), polled(Some(&ours))], false),
            (vec![polled(Some(&slacks))], false),
            (vec![polled(Some(&ours)), polled(Some(&slacks))], false),
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
        let mended =
            TokenRefreshSummary::of(&acme(), &Ok(RefreshOutcome::Refreshed { corrupt_field: Some("expires_at") }))
                .unwrap();
        assert_eq!((mended.refreshed, mended.code.as_deref()), (true, Some("corrupt_secret")));
        assert!(mended.message.unwrap().contains("`expires_at`") && mended.hint.is_some());
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
        let told = StreamSummary::of_error(&acme(), None, &error);
        assert_eq!(
            (told.code.as_deref(), told.message.as_deref()),
            (Some("no_response"), Some("AWS gave no response"))
        );
        assert_eq!((told.hint.as_deref(), told.cause.as_deref()), (Some("wait"), Some("broken pipe")));
        let error = Error::deployment(ErrorKind::Retry, "no_response", "AWS gave no response", "wait");
        assert_eq!(StreamSummary::of_error(&acme(), None, &error).cause, None);
    }
}
