//! The health of a stream: its state, and the reason. The cursor stores it when it changes.

mod state;

use serde::{Deserialize, Serialize};

pub use state::{Class, State};

use crate::error::{Error, ErrorKind, Origin};
use crate::source::{LogType, Source};
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// The stored health of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The state.
    pub state: State,
    /// Slack's or slacktrail's error code, while the state has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether Slack or the deployment caused the error.
    #[serde(default, skip_serializing_if = "Origin::is_slack")]
    pub origin: Origin,
    /// Whether Slack must return the error again before anybody acts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unconfirmed: bool,
    /// When the state started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Second>,
    /// When a tick last succeeded. It is saved with the heartbeat, so on a quiet stream it is up to 15 minutes old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Second>,
    /// The time of the newest record that Slack has returned, even if it could not be stored yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<Second>,
}

/// The time for which a transient error may last before the stream becomes `failing`.
const WAITING_MAX_SECONDS: i64 = 900;
/// The wait before slacktrail calls Slack again after a rejected token or a wrong setting.
const SLOW_RETRY_SECONDS: i64 = 900;

/// The parts of a tick's outcome that determine the stream's health.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HealthInput<'a> {
    /// The error, if any.
    pub error: Option<&'a Error>,
    /// Whether any time is not collected yet. Re-reads do not count.
    pub behind: bool,
    /// Whether the tick read pages of the log that advanced a walk.
    pub was_read: bool,
    /// The time of the newest record that Slack returned.
    pub newest_shown: Option<Second>,
}

impl Health {
    /// Updates the health from the outcome of a tick.
    pub(crate) fn update(&mut self, tick: &HealthInput<'_>, source: &Source, log: LogType, now: Second) {
        let &HealthInput { error, behind, was_read, newest_shown } = tick;
        let believed = now.plus(CLOCK_SKEW_SECONDS);
        self.since = self.since.map(|since| if since > believed { now } else { since });
        self.last_record = self.last_record.filter(|record| *record <= believed).max(newest_shown);
        let is_well = matches!(self.state.class(), Class::Current | Class::Behind | Class::Paused);
        if error.is_none() && !was_read && !is_well {
            return; // a tick that read nothing is not a success
        }
        let silent_since = self.silent_since(source, log, now);
        let state = match error.map(|error| error.kind) {
            None if silent_since.is_some() => State::Silent,
            None if behind => State::CatchingUp,
            None => State::Ok,
            Some(ErrorKind::Retry) if self.has_waited_too_long(now) => State::Failing,
            Some(ErrorKind::Retry) => State::Waiting,
            Some(ErrorKind::Reauthorize) => State::Reauthorize,
            Some(ErrorKind::Reconfigure) => State::Reconfigure,
            Some(ErrorKind::Investigate) => State::Failing,
        };
        if error.is_none() && was_read {
            self.last_success = Some(now);
        }
        let silence = silent_since.filter(|_| state == State::Silent).map(silent_stream);
        let reason = silence.as_ref().or(error);
        let code = reason.map(|error| error.code.clone());
        // An error that repeats after a reconnect starts again. Otherwise each tick would try it immediately, forever.
        let is_new_attempt =
            error.is_some() && (self.was_reconnected_since_error(source) || self.started_before_connection(source));
        let origin = reason.map(|error| error.origin).unwrap_or_default();
        // Another message alone changes nothing: it may differ in each tick, and each change is a write.
        let changed = is_new_attempt || (state, &code, origin) != (self.state, &self.code, self.origin);
        if changed {
            // Consecutive transient errors may have different causes. Their state started with the first one.
            let waits = error.is_some_and(|error| error.kind == ErrorKind::Retry);
            let goes_on = self.state == State::Waiting && waits && !is_new_attempt;
            if !goes_on {
                self.since = Some(now);
            }
            self.state = state;
            self.code = code;
            self.message = reason.map(|error| error.message.clone());
            self.origin = origin;
            self.is_unconfirmed = reason.is_some_and(|error| error.is_unconfirmed);
        } else if self.since.is_none() {
            self.since = Some(now); // healthy since the first tick
        }
    }

    /// Returns the stored reason for the state. It has no cause, and the time to wait is stored elsewhere.
    pub fn error(&self) -> Option<Error> {
        let error = Error::new(self.origin, self.code.clone()?, self.message.clone().unwrap_or_default());
        Some(if self.is_unconfirmed { error.unconfirmed() } else { error })
    }

    /// Returns since when Slack has returned no record, if that is longer than the source allows.
    fn silent_since(&self, source: &Source, log: LogType, now: Second) -> Option<Second> {
        let may_last = source.silent_after_seconds.filter(|_| log.expects_regular_traffic())?;
        // If the stream has no record and the time of the connection is unknown, the start is unknown.
        let connected_at = Some(source.connected_at).filter(|connected_at| *connected_at != Second::EPOCH);
        let since = self.last_record.into_iter().chain(connected_at).max()?;
        (now.since(since) > may_last).then_some(since)
    }

    fn has_waited_too_long(&self, now: Second) -> bool {
        match self.state {
            State::Waiting => self.since.is_some_and(|since| now.since(since) > WAITING_MAX_SECONDS),
            state => state == State::Failing,
        }
    }

    /// Returns `true` if the stream has been failing with this code for longer than a transient error may last.
    pub(crate) fn fails_with(&self, code: &str, now: Second) -> bool {
        self.state == State::Failing
            && self.code.as_deref() == Some(code)
            && self.since.is_some_and(|since| now.since(since) > WAITING_MAX_SECONDS)
    }

    /// Returns how many seconds to wait before calling Slack again after this error.
    pub(crate) fn pause_seconds(error: &Error) -> Option<i64> {
        let slow =
            error.origin == Origin::Slack && matches!(error.kind, ErrorKind::Reauthorize | ErrorKind::Reconfigure);
        error.retry_after_seconds.or(slow.then_some(SLOW_RETRY_SECONDS))
    }

    /// Returns `true` if the source was reconnected after an error that requires action. A reconnect in the second of the error counts as later,
    /// because one call too many is better than a stream that waits although it could be collected.
    pub fn was_reconnected_since_error(&self, source: &Source) -> bool {
        matches!(self.state, State::Reauthorize | State::Reconfigure)
            && self.since.is_some_and(|since| source.connected_at >= since)
    }

    /// Returns `true` if the state started before the source was last connected. A state of the same second counts as later,
    /// because it may be the first error of the new token, which the next tick confirms.
    pub(crate) fn started_before_connection(&self, source: &Source) -> bool {
        self.since.is_some_and(|since| since < source.connected_at)
    }
}

fn silent_stream(since: Second) -> Error {
    Error::slack("silent_stream", format!("Slack responds, but has returned no record since {since}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Plan;

    fn second(seconds: i64) -> Second {
        Second::new(seconds).unwrap()
    }

    /// Updates the health. Returns `true` if more than the time of the last success has changed.
    fn update(health: &mut Health, tick: &HealthInput<'_>, source: &Source, log: LogType, now: i64) -> bool {
        let before = health.clone();
        health.update(tick, source, log, second(now));
        Health { last_success: before.last_success, ..health.clone() } != before
    }

    fn read(behind: bool) -> HealthInput<'static> {
        HealthInput { error: None, behind, was_read: true, newest_shown: None }
    }

    fn met(error: &Error) -> HealthInput<'_> {
        HealthInput { error: Some(error), ..read(false) }
    }

    fn source() -> Source {
        Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(100))
    }

    #[test]
    fn day_without_records_is_silent_even_with_backlog() {
        let mut health = Health { last_record: Some(second(500)), ..Health::default() };
        let update = |health: &mut Health, log, behind, now| update(health, &read(behind), &source(), log, now);
        assert!(update(&mut health, LogType::Audit, false, 500 + 86_400), "healthy for the first time");
        assert!(!update(&mut health, LogType::Integration, false, 501 + 86_400));
        assert!(update(&mut health, LogType::Audit, false, 501 + 86_400));
        assert_eq!((health.state, health.code.as_deref()), (State::Silent, Some("silent_stream")));
        assert!(health.message.as_ref().unwrap().contains("since 1970-01-01T00:08:20Z"), "{health:?}");
        assert!(!update(&mut health, LogType::Audit, true, 600 + 86_400));
        assert_eq!(health.state, State::Silent);
        health.last_record = Some(second(86_900));
        assert!(update(&mut health, LogType::Audit, true, 700 + 86_400));
        assert_eq!(health.state, State::CatchingUp);
        assert!(update(&mut health, LogType::Audit, false, 700 + 86_400));
        assert_eq!((health.state, health.code.as_deref(), health.message.as_deref()), (State::Ok, None, None));
    }

    #[test]
    fn same_code_from_other_origin_replaces_stored_error() {
        let mut health = Health::default();
        let errors =
            [Error::slack("access_denied", "Slack refused"), Error::deployment("access_denied", "AWS refused")];
        for error in &errors {
            health.update(&met(error), &source(), LogType::Audit, second(1_000));
            assert_eq!((health.origin, health.message.as_deref()), (error.origin, Some(error.message.as_str())));
        }
    }

    #[test]
    fn silent_after_setting_of_source_applies() {
        let noted = |source: Source| {
            let mut health = Health::default();
            health.update(&read(false), &source, LogType::Access, second(100 + 100_000));
            health.state
        };
        assert_eq!(noted(source()), State::Silent);
        assert_eq!(noted(Source { silent_after_seconds: Some(200_000), ..source() }), State::Ok);
        assert_eq!(noted(Source { silent_after_seconds: None, ..source() }), State::Ok);
        assert_eq!(noted(Source { connected_at: second(90_000), ..source() }), State::Ok, "connected a moment ago");
    }

    #[test]
    fn healthy_stream_is_ok_since_first_tick() {
        let mut health = Health::default();
        for now in [100, 160, 220] {
            assert_eq!(update(&mut health, &read(false), &source(), LogType::Audit, now), now == 100);
            assert_eq!((health.state, health.since), (State::Ok, Some(second(100))));
        }
    }

    #[test]
    fn error_repeated_after_reconnect_has_new_start_time() {
        let error = Error::slack("user_not_authorized", "Slack refused");
        let mut health = Health::default();
        assert!(update(&mut health, &met(&error), &source(), LogType::Audit, 200));
        let again = Source { connected_at: second(500), ..source() };
        assert!(health.was_reconnected_since_error(&again));
        assert!(update(&mut health, &met(&error), &again, LogType::Audit, 520));
        assert_eq!(health.since, Some(second(520)));
        assert!(!health.was_reconnected_since_error(&again));
        assert!(!update(&mut health, &met(&error), &again, LogType::Audit, 580));
    }

    #[test]
    fn persistent_transient_error_becomes_failing_until_success() {
        let error = Error::slack("http_500", "Slack answered 500");
        let update = |health: &mut Health, error: Option<&Error>, now| {
            update(health, &HealthInput { error, ..read(false) }, &source(), LogType::Audit, now)
        };
        let mut health = Health::default();
        assert!(update(&mut health, Some(&error), 100));
        assert_eq!((health.state, health.since), (State::Waiting, Some(second(100))));
        assert!(!update(&mut health, Some(&error), 160));
        assert!(update(&mut health, Some(&error), 1001));
        assert_eq!((health.state, health.since), (State::Failing, Some(second(100))));
        assert!(!update(&mut health, Some(&error), 1060));
        assert!(update(&mut health, None, 1120));
        assert_eq!((health.state, health.code.as_deref(), health.last_success), (State::Ok, None, Some(second(1120))));
    }

    #[test]
    fn tick_that_read_nothing_clears_no_error_and_is_no_success() {
        let error = Error::slack("http_500", "Slack answered 500");
        let mut health = Health::default();
        health.update(&met(&error), &source(), LogType::Audit, second(100));
        let nothing = HealthInput { was_read: false, ..read(true) };
        assert!(!update(&mut health, &nothing, &source(), LogType::Audit, 160));
        assert_eq!((health.state, health.code.as_deref()), (State::Waiting, Some("http_500")));
        assert_eq!(health.last_success, None);
        assert!(update(&mut health, &read(true), &source(), LogType::Audit, 220));
        assert_eq!((health.state, health.last_success), (State::CatchingUp, Some(second(220))));
    }

    #[test]
    fn time_within_clock_skew_is_trusted() {
        let latest = second(1_000 + CLOCK_SKEW_SECONDS);
        for (since, kept) in [(latest, latest), (latest.plus(1), second(1_000))] {
            let mut health = Health { since: Some(since), ..Health::default() };
            health.update(&read(false), &source(), LogType::Integration, second(1_000));
            assert_eq!(health.since, Some(kept));
        }
    }

    #[test]
    fn future_stored_times_hide_neither_silent_nor_failing_state() {
        let future = Second::new(4_102_444_800);
        let mut health = Health { last_record: future, ..Health::default() };
        health.update(&read(false), &source(), LogType::Audit, second(200 + 86_400));
        assert_eq!(health.state, State::Silent);
        let error = Error::slack("http_500", "Slack answered 500");
        let mut health = Health { state: State::Waiting, code: Some("http_500".to_owned()), since: future, ..health };
        health.update(&met(&error), &source(), LogType::Audit, second(1_000));
        health.update(&met(&error), &source(), LogType::Audit, second(2_000));
        assert_eq!(health.state, State::Failing);
    }

    #[test]
    fn new_persistent_error_starts_when_it_occurs() {
        let (passing, lasting) =
            (Error::slack("http_500", "Slack answered 500"), Error::slack("http_404", "Slack answered 404"));
        let mut health = Health::default();
        health.update(&met(&passing), &source(), LogType::Audit, second(100));
        health.update(&met(&lasting), &source(), LogType::Audit, second(200));
        assert_eq!((health.state, health.since), (State::Failing, Some(second(200))));
    }

    #[test]
    fn alternating_transient_errors_become_failing_after_15_minutes() {
        let to_error = |code: &str| Error::slack(code, "it failed");
        let mut health = Health::default();
        for minute in 0..=16 {
            let code = if minute % 2 == 0 { "http_500" } else { "unreachable" };
            health.update(&met(&to_error(code)), &source(), LogType::Audit, second(100 + 60 * minute));
            let expected = if minute <= 15 { State::Waiting } else { State::Failing };
            assert_eq!((health.state, health.since), (expected, Some(second(100))), "{minute}");
        }
    }

    #[test]
    fn error_of_silent_stream_shows_its_own_message() {
        let error = Error::slack("http_500", "Slack answered 500");
        let mut health = Health { last_record: Some(second(500)), ..Health::default() };
        health.update(&read(false), &source(), LogType::Audit, second(500 + 86_401));
        assert_eq!(health.state, State::Silent);
        health.update(&met(&error), &source(), LogType::Audit, second(560 + 86_401));
        assert_eq!((health.state, health.message.as_deref()), (State::Waiting, Some("Slack answered 500")));
    }

    #[test]
    fn stored_reason_keeps_origin_and_whether_it_is_confirmed() {
        for error in [
            Error::slack("access_denied", "Slack refused"),
            Error::slack("access_denied", "Slack refused").unconfirmed(),
            Error::deployment("access_denied", "AWS refused"),
        ] {
            let mut health = Health::default();
            health.update(&met(&error), &source(), LogType::Audit, second(200));
            let stored: Health = serde_json::from_str(&serde_json::to_string(&health).unwrap()).unwrap();
            let parts = |error: Error| (error.kind, error.origin, error.code, error.message, error.is_unconfirmed);
            assert_eq!(stored.error().map(parts), Some(parts(error)));
        }
        assert!(Health::default().error().is_none());
    }
}
