//! An organization that is read workspace by workspace, with one token.
//!
//! Integration logs are always read this way, and access logs if Slack requires `team_id`. A walk through a gap is then a round: it reads all
//! workspaces in the order of their IDs. If a workspace cannot be read, the cursor stores since when its rows are missing, and the round continues
//! with the next one. When the workspace can be read again, its walk goes back that far. The walk of a workspace that joins goes back to the
//! source's `since`, or further if an open gap does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::health::Health;
use crate::slack::{RETRY_AFTER_MAX_SECONDS, WorkspaceList};
use crate::source::shown_name;
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// The interval at which a workspace with an error is tried again.
const RETRY_SECONDS: i64 = 900;
/// The time for which a workspace may be unreadable before the stream reports an error.
const REPORTED_AFTER_SECONDS: i64 = 900;
/// Maximum workspaces that an error message names.
const NAMED_MAX: usize = 10;

/// Returns the time that must pass between two live rounds.
///
/// Rounds never overlap. If a round needs more than half of a tick's calls, rounds are spaced out so that the backlog gets the other half.
pub(crate) fn seconds_between_rounds(list: &WorkspaceList, calls_max: u32) -> i64 {
    let (calls, calls_max) = (2 * list.ids.len() as u64, u64::from(calls_max.max(1)));
    let ticks = if calls <= calls_max { 0 } else { calls.div_ceil(calls_max) as i64 };
    (ticks * 60 - 30).max(0) // ticks are not exactly a minute apart
}

/// The stored state of a workspace. By default, all its time is collected or in a gap.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceState {
    /// The error code, while the workspace is unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The time from which the workspace's rows are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Second>,
    /// Since when the workspace is unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Second>,
    /// When the workspace is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Second>,
}

impl WorkspaceState {
    fn is_skipped(&self, now: Second) -> bool {
        self.not_before > Some(now)
    }

    /// Returns `true` if the workspace has been unreadable for so long that the stream reports it.
    fn is_reported(&self, now: Second) -> bool {
        self.code.is_some() && self.since.is_some_and(|since| now.since(since) >= REPORTED_AFTER_SECONDS)
    }

    fn add_missing(&mut self, from: Second) {
        self.missing_since = Some(self.missing_since.map_or(from, |since| since.min(from)));
    }
}

/// The workspace that a gap's walk is in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct WorkspacePosition {
    /// The workspace ID.
    pub id: String,
    /// The time from which the workspace's rows were missing when the walk entered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Second>,
}

/// The stored states of all workspaces, by ID.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Workspaces(pub BTreeMap<String, WorkspaceState>);

/// The result of skipping a workspace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Skipped {
    /// The error concerns only this workspace, or has been reported before.
    Workspace,
    /// A transient error that may affect more than this workspace.
    PerhapsMore,
    /// No workspace can be read, so the error affects the stream.
    Last,
}

impl Workspaces {
    /// Returns `true` if no workspace has ever been listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the IDs of the unreadable workspaces, with their error codes.
    pub fn failing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(id, state)| Some((id.as_str(), state.code.as_deref()?)))
    }

    /// Returns the time from which rows of the workspace are missing.
    pub fn missing_since(&self, id: &str) -> Option<Second> {
        self.0.get(id)?.missing_since
    }

    /// Limits stored times, which may be corrupt, and ends the waits from before `connected_at`, when the source was last connected.
    pub(crate) fn limit_times(&mut self, now: Second, connected_at: Second) {
        for state in self.0.values_mut() {
            state.since = state.since.map(|since| if since > now.plus(CLOCK_SKEW_SECONDS) { now } else { since });
            let predates_connection = |not_before: Second| not_before.plus(-RETRY_SECONDS) <= connected_at;
            state.not_before = state.not_before.filter(|not_before| {
                *not_before <= now.plus(RETRY_AFTER_MAX_SECONDS + CLOCK_SKEW_SECONDS)
                    && !predates_connection(*not_before)
            });
        }
    }

    /// Adds workspaces that joined, whose rows are missing since `joined_since`, and clears the errors of those that left.
    pub(crate) fn update_listed(&mut self, list: &WorkspaceList, joined_since: Option<Second>) {
        for id in &list.ids {
            let joined = WorkspaceState { missing_since: joined_since, ..WorkspaceState::default() };
            self.0.entry(id.clone()).or_insert(joined);
        }
        for (_, left) in self.0.iter_mut().filter(|(id, _)| !list.has(id)) {
            *left = WorkspaceState { missing_since: left.missing_since, ..WorkspaceState::default() };
        }
    }

    /// Returns the workspace that a walk of a gap from `oldest` on reads after `last`, or `None` if none is left.
    ///
    /// The walk passes over workspaces that must wait because of their errors, and over those that are not listed: they have left, perhaps while
    /// they were read, or another process with a newer list has added them. The rows of this gap are missing in all of these workspaces.
    pub(crate) fn next_after(
        &mut self,
        list: &WorkspaceList,
        last: Option<&str>,
        oldest: Second,
        now: Second,
    ) -> Option<WorkspacePosition> {
        let is_after = |id: &String| last.is_none_or(|last| id.as_str() > last);
        let is_ready = |id: &&String| self.0.get(*id).is_none_or(|state| !state.is_skipped(now));
        let next = list.ids.iter().filter(|id| is_after(id)).find(is_ready).cloned();
        let is_before_next = |id: &String| next.as_ref().is_none_or(|next| id < next);
        let is_unread = |id: &String, state: &WorkspaceState| {
            let has_left = !list.has(id);
            (is_after(id) && state.is_skipped(now)) || has_left && last.is_none_or(|last| id.as_str() >= last)
        };
        let passed_over = self.0.iter_mut().filter(|(id, state)| is_before_next(id) && is_unread(id, state));
        passed_over.for_each(|(_, state)| state.add_missing(oldest));
        next.map(|id| WorkspacePosition { missing_since: self.missing_since(&id), id })
    }

    /// Clears the error of a workspace that a walk has read up to now. Keeps the state of a workspace that the walk skipped.
    pub(crate) fn was_read(&mut self, id: &str, now: Second) {
        if let Some(state) = self.0.get_mut(id).filter(|state| !state.is_skipped(now)) {
            *state = WorkspaceState::default();
        }
    }

    /// Records an error that affects only one workspace, and until when it is skipped. `oldest` is the start of the gap.
    pub(crate) fn skip(
        &mut self,
        list: &WorkspaceList,
        id: String,
        error: &Error,
        oldest: Second,
        health: &Health,
        now: Second,
    ) -> Skipped {
        let state = self.0.entry(id).or_default();
        // If the stream has been failing with this error, the workspace has, too.
        let started = if health.fails_with(&error.code, now) { now.plus(-REPORTED_AFTER_SECONDS) } else { now };
        state.since = Some(state.since.map_or(started, |since| since.min(started)));
        let was_reported = state.is_reported(now);
        state.add_missing(oldest);
        state.not_before = Some(now.plus(error.retry_after_seconds.unwrap_or(0).max(RETRY_SECONDS)));
        state.code = Some(error.code.clone());
        if !list.ids.iter().all(|id| self.0.get(id).is_some_and(|state| state.code.is_some())) {
            let is_new = error.kind == ErrorKind::Retry && !was_reported;
            return if is_new { Skipped::PerhapsMore } else { Skipped::Workspace };
        }
        // If no workspace can be read, the cause is the token, and the round starts again. Keep `since`, because the token may have been rejected
        // only once.
        for state in self.0.values_mut().filter(|state| state.code.as_ref() == Some(&error.code)) {
            (state.code, state.not_before) = (None, None);
        }
        Skipped::Last
    }

    /// Returns `true` if an error affects only this workspace. A transient error counts as the stream's until the stream is failing because of it.
    pub(crate) fn is_error_of(&self, id: &str, error: &Error, health: &Health, now: Second) -> bool {
        match error.code.as_str() {
            // Slack is moving the workspace into an organization, which can take hours.
            "team_added_to_org" | "org_login_required" => true,
            // `invalid_auth` is missing here, because Slack returns it if the installing owner is not a member of the workspace.
            "token_revoked" | "token_expired" | "not_authed" | "ratelimited" | "rate_limited" => false,
            code if error.kind == ErrorKind::Retry => {
                let was_failing = self.0.get(id).is_some_and(|state| state.code.is_some());
                was_failing || health.fails_with(code, now)
            }
            _ => true,
        }
    }

    /// Returns the error of workspaces that were unreadable for 15 minutes, or `None` if no such workspace exists.
    ///
    /// The other workspaces are collected. Without this error, the stream would be healthy forever.
    pub(crate) fn unreadable(&self, now: Second) -> Option<Error> {
        let unreadable = || self.0.iter().filter(|(_, state)| state.is_reported(now));
        let name = |(id, state): (&String, &WorkspaceState)| {
            let code = state.code.as_deref().unwrap_or_default();
            format!("`{}` ({})", shown_name(id), shown_name(code))
        };
        let named: Vec<String> = unreadable().take(NAMED_MAX).map(name).collect();
        let further = match unreadable().count() {
            0 => return None,
            count if count > NAMED_MAX => format!(" and {} more", count - NAMED_MAX),
            _ => String::new(),
        };
        Some(Error::slack(
            "workspaces_unreadable",
            format!("these workspaces of the organization cannot be read: {}{further}", named.join(", ")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::State;

    fn second(seconds: i64) -> Second {
        Second::MARCH_2018.plus(seconds)
    }

    fn list(ids: &[&str]) -> WorkspaceList {
        WorkspaceList { ids: ids.iter().map(|id| (*id).to_owned()).collect(), without_id: 0 }
    }

    fn error(code: &str) -> Error {
        Error::slack(code, "Slack refused")
    }

    /// Returns the states of these workspaces. Workspaces with a code are tried again at second 900.
    fn states(codes: &[(&str, Option<&str>)]) -> Workspaces {
        let state = |code: Option<&str>| WorkspaceState {
            code: code.map(str::to_owned),
            not_before: code.map(|_| second(900)),
            ..WorkspaceState::default()
        };
        Workspaces(codes.iter().map(|(id, code)| ((*id).to_owned(), state(*code))).collect())
    }

    #[test]
    fn rounds_are_spaced_so_that_backlog_gets_half_of_calls() {
        let seconds = |count: usize| {
            let ids: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            seconds_between_rounds(&WorkspaceList { ids, without_id: 0 }, 10)
        };
        assert_eq!([0, 5, 6, 10, 11].map(seconds), [0, 0, 90, 90, 150]);
    }

    #[test]
    fn round_skips_waiting_workspace_which_misses_time_of_gap() {
        let mut workspaces = states(&[("T1", None), ("T2", Some("x")), ("T3", Some("x")), ("T4", None)]);
        let list = list(&["T1", "T2", "T3", "T4"]);
        let mut next = |last, oldest: i64, now| {
            workspaces.next_after(&list, last, second(oldest), second(now)).map(|position| position.id)
        };
        assert_eq!(next(None, 50, 100).as_deref(), Some("T1"));
        assert_eq!(next(Some("T1"), 50, 100).as_deref(), Some("T4"));
        assert_eq!(next(Some("T1"), 70, 899).as_deref(), Some("T4"));
        assert_eq!(next(Some("T4"), 70, 899), None);
        assert_eq!(next(Some("T1"), 80, 900).as_deref(), Some("T2"));
        let missing = ["T1", "T2", "T3", "T4"].map(|id| workspaces.missing_since(id));
        assert_eq!(missing, [None, Some(second(50)), Some(second(50)), None]);
    }

    #[test]
    fn workspace_that_joins_or_leaves_misses_rows() {
        let mut workspaces = states(&[("T1", None), ("T2", Some("x"))]);
        let listed = list(&["T1", "T3"]);
        workspaces.update_listed(&listed, Some(second(5)));
        let expected =
            |since: Option<i64>| WorkspaceState { missing_since: since.map(second), ..WorkspaceState::default() };
        assert_eq!((&workspaces.0["T1"], &workspaces.0["T2"]), (&expected(None), &expected(None)));
        assert_eq!(workspaces.0["T3"], expected(Some(5)));
        for (last, oldest, missing) in [("T1", 40, 40), ("T1", 90, 40), ("T2", 30, 30), ("T3", 10, 30)] {
            workspaces.next_after(&listed, Some(last), second(oldest), second(100));
            assert_eq!(workspaces.0["T2"], expected(Some(missing)), "after {last}");
        }
    }

    #[test]
    fn stored_wait_ends_after_70_minutes_or_reconnect() {
        let waits = |not_before: i64, connected_at: i64| {
            let mut workspaces = states(&[("T1", Some("x"))]);
            let state = workspaces.0.get_mut("T1").unwrap();
            (state.not_before, state.since) = (Some(second(not_before)), Some(second(9_000)));
            workspaces.limit_times(second(0), second(connected_at));
            assert_eq!(workspaces.0["T1"].since, Some(second(0)), "a time in the future");
            workspaces.0["T1"].not_before.is_some()
        };
        assert!(waits(4_200, -9_000) && !waits(4_201, -9_000));
        assert!(waits(900, -1) && !waits(900, 0));
    }

    #[test]
    fn error_of_every_workspace_is_error_of_stream() {
        let (list, health) = (list(&["T1", "T2"]), Health::default());
        let refused = error("invalid_auth");
        let mut workspaces = states(&[("T1", None), ("T2", None)]);
        let skip = |workspaces: &mut Workspaces, id: &str, now: i64| {
            workspaces.skip(&list, id.to_owned(), &refused, second(-60), &health, second(now))
        };
        assert_eq!(skip(&mut workspaces, "T1", 0), Skipped::Workspace);
        assert_eq!(workspaces.failing().collect::<Vec<_>>(), [("T1", "invalid_auth")]);
        assert_eq!(workspaces.0["T1"].not_before, Some(second(900)));
        assert_eq!(skip(&mut workspaces, "T2", 60), Skipped::Last);
        assert_eq!(workspaces.failing().count(), 0);
        let since = ["T1", "T2"].map(|id| (workspaces.0[id].since, workspaces.missing_since(id)));
        assert_eq!(since, [(Some(second(0)), Some(second(-60))), (Some(second(60)), Some(second(-60)))]);
    }

    #[test]
    fn transient_error_concerns_workspace_only_once_stream_fails() {
        let hiccup = error("http_500");
        let (mut workspaces, mut health) = (states(&[("T1", None), ("T2", None)]), Health::default());
        let is_own = |workspaces: &Workspaces, health: &Health, error: &Error| {
            workspaces.is_error_of("T1", error, health, second(0))
        };
        assert!(!is_own(&workspaces, &health, &hiccup));
        assert!(is_own(&workspaces, &health, &error("invalid_auth")));
        assert!(!is_own(&workspaces, &health, &error("token_revoked")));
        (health.state, health.code, health.since) = (State::Failing, Some("http_500".to_owned()), Some(second(-901)));
        assert!(is_own(&workspaces, &health, &hiccup));
        let list = list(&["T1", "T2"]);
        let skip = |workspaces: &mut Workspaces| {
            workspaces.skip(&list, "T1".to_owned(), &hiccup, second(-60), &health, second(0))
        };
        assert_eq!((skip(&mut workspaces), skip(&mut workspaces)), (Skipped::PerhapsMore, Skipped::Workspace));
        assert!(workspaces.unreadable(second(0)).unwrap().message.contains("`T1` (http_500)"));
        workspaces.was_read("T1", second(899));
        assert_eq!(workspaces.failing().count(), 1, "the walk skipped it");
        workspaces.was_read("T1", second(900));
        assert!(workspaces.unreadable(second(900)).is_none());
    }
}
