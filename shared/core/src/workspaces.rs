//! An organization that is read workspace by workspace, with one token.
//!
//! Integration logs are always read this way, and access logs if Slack requires `team_id`. A walk through a gap is then a round: it reads all
//! workspaces in the order of their IDs. If a workspace cannot be read, the cursor stores since when its rows are missing, and the round continues
//! with the next one. When the workspace can be read again, its walk goes back that far. The walk of a workspace that joins goes back to the
//! source's `since`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::health::Health;
use crate::source::shown_name;
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// The interval at which the list of workspaces is read again.
const LISTED_SECONDS: i64 = 3600;
/// The interval at which a workspace with an error is tried again.
const RETRY_SECONDS: i64 = 900;
/// The time for which a workspace may be unreadable before the stream reports an error.
const TOLD_AFTER_SECONDS: i64 = 900;
/// The longest wait that is honored: one hour, plus clock skew.
const WAIT_MAX_SECONDS: i64 = 3_600 + CLOCK_SKEW_SECONDS;
/// Maximum workspaces that an error message names.
const NAMED_MAX: usize = 10;

/// The workspaces that Slack lists, as of the last time it was asked.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceList {
    /// The IDs, ordered.
    pub ids: Vec<String>,
    /// Number of entries without an ID, whose logs cannot be requested.
    pub without_id: usize,
    /// When the list was read.
    pub listed_at: Option<Second>,
}

impl WorkspaceList {
    /// Returns `true` if the list must be read (again).
    pub fn is_due(&self, now: Second) -> bool {
        self.listed_at.is_none_or(|at| now.since(at) >= LISTED_SECONDS)
    }

    /// Returns the time that must pass between two live rounds.
    ///
    /// Rounds never overlap. If a round needs more than half of a tick's calls, rounds are spaced out so that the backlog gets the other half.
    pub fn seconds_between_rounds(&self, calls_max: u32) -> i64 {
        let (calls, calls_max) = (2 * self.ids.len() as u64, u64::from(calls_max.max(1)));
        let ticks = if calls <= calls_max { 0 } else { calls.div_ceil(calls_max) as i64 };
        (ticks * 60 - 30).max(0) // ticks are not exactly a minute apart
    }

    fn has(&self, id: &String) -> bool {
        self.ids.binary_search(id).is_ok()
    }
}

/// The stored state of a workspace. By default, all its time is collected or in a gap.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceState {
    /// The error code, while the workspace is unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The time from which the workspace's rows are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncollected_since: Option<Second>,
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
    fn is_told(&self, now: Second) -> bool {
        self.code.is_some() && self.since.is_some_and(|since| now.since(since) >= TOLD_AFTER_SECONDS)
    }

    fn add_uncollected(&mut self, from: Second) {
        self.uncollected_since = Some(self.uncollected_since.map_or(from, |since| since.min(from)));
    }
}

/// The workspace that a gap's walk is in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct WorkspacePosition {
    /// The workspace ID.
    pub id: String,
    /// The time from which the workspace's rows were missing when the walk entered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncollected_since: Option<Second>,
}

/// The stored states of all workspaces, by ID.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Workspaces(pub BTreeMap<String, WorkspaceState>);

/// The result of skipping a workspace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skipped {
    /// The error concerns only this workspace, or has been reported before.
    Workspace,
    /// A transient error that may affect more than this workspace.
    PerhapsMore,
    /// No workspace can be read, so the error affects the stream.
    Last,
}

impl Workspaces {
    /// Returns `true` if no workspace has ever been listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the IDs of the unreadable workspaces, with their error codes.
    pub fn failing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(id, state)| Some((id.as_str(), state.code.as_deref()?)))
    }

    /// Returns the time from which rows of the workspace are missing.
    pub fn uncollected_since(&self, id: &str) -> Option<Second> {
        self.0.get(id)?.uncollected_since
    }

    /// Limits stored times, which may be corrupt, and ends the waits from before `connected_at`, when the source was last connected.
    pub fn limit_times(&mut self, now: Second, connected_at: Second) {
        for state in self.0.values_mut() {
            state.since = state.since.map(|since| if since > now.plus(CLOCK_SKEW_SECONDS) { now } else { since });
            let predates_connection = |not_before: Second| not_before.plus(-RETRY_SECONDS) <= connected_at;
            state.not_before = state
                .not_before
                .filter(|not_before| *not_before <= now.plus(WAIT_MAX_SECONDS) && !predates_connection(*not_before));
        }
    }

    /// Adds workspaces that joined, whose rows are missing since `joined_since`, and records that the rows of those that left are missing since
    /// `left_since`.
    pub fn update_listed(&mut self, list: &WorkspaceList, joined_since: Option<Second>, left_since: Second) {
        for id in &list.ids {
            let joined = WorkspaceState { uncollected_since: joined_since, ..WorkspaceState::default() };
            self.0.entry(id.clone()).or_insert(joined);
        }
        for (_, left) in self.0.iter_mut().filter(|(id, _)| !list.has(id)) {
            *left = WorkspaceState { uncollected_since: left.uncollected_since, ..WorkspaceState::default() };
            left.add_uncollected(left_since);
        }
    }

    /// Returns the workspace that a walk of a gap from `oldest` on reads after `last`, or `None` if none is left.
    ///
    /// Workspaces that must wait because of their errors are skipped. They miss the time of this gap, too.
    pub fn next_after(
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
        let skipped =
            self.0.iter_mut().filter(|(id, state)| is_after(id) && is_before_next(id) && state.is_skipped(now));
        skipped.for_each(|(_, state)| state.add_uncollected(oldest));
        next.map(|id| WorkspacePosition { uncollected_since: self.uncollected_since(&id), id })
    }

    /// Returns `true` if a walk that is in this workspace can stay there, because Slack still lists it.
    pub fn is_listed(list: &WorkspaceList, position: Option<&WorkspacePosition>) -> bool {
        position.is_some_and(|position| list.has(&position.id))
    }

    /// Clears the error of a workspace that a walk has read up to now. Keeps the state of a workspace that the walk skipped.
    pub fn was_read(&mut self, id: &str, now: Second) {
        if let Some(state) = self.0.get_mut(id).filter(|state| !state.is_skipped(now)) {
            *state = WorkspaceState::default();
        }
    }

    /// Records an error that affects only one workspace, and until when it is skipped. `oldest` is the start of the gap.
    pub fn skip(
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
        let begun = if health.fails_with(&error.code, now) { now.plus(-TOLD_AFTER_SECONDS) } else { now };
        state.since = Some(state.since.map_or(begun, |since| since.min(begun)));
        let was_told = state.is_told(now);
        state.add_uncollected(oldest);
        state.not_before = Some(now.plus(error.retry_after_seconds.unwrap_or(0).max(RETRY_SECONDS)));
        state.code = Some(error.code.clone());
        if !list.ids.iter().all(|id| self.0.get(id).is_some_and(|state| state.code.is_some())) {
            let is_new = error.kind == ErrorKind::Retry && !was_told;
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
    pub fn is_error_of(&self, id: &str, error: &Error, health: &Health, now: Second) -> bool {
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
    pub fn unreadable(&self, now: Second) -> Option<Error> {
        let unreadable = || self.0.iter().filter(|(_, state)| state.is_told(now));
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
            ErrorKind::Investigate,
            "workspaces_unreadable",
            format!("these workspaces of the organization cannot be read: {}{further}", named.join(", ")),
            "look up the codes in docs/operations.md; let the app's owner join a workspace that rejects the app, or remove the app from it; \
             slacktrail collects the missing records once Slack returns them",
        ))
    }
}
