//! Reads the logs of an organization workspace by workspace, with one token.
//!
//! Integration logs are always read this way, and access logs if Slack requires `team_id`. A workspace round reads all workspaces in the order
//! of their IDs. If a workspace cannot be read, the cursor stores since when its rows are missing, and the round continues with the next one.
//! When the workspace can be read again, its walk goes back that far. The walk of a workspace that joins goes back to the source's `since`.

use super::Collector;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::slack::{LIST_PAGES_MAX, PageError, Request, list_error, workspace_id};
use slacktrail_core::source::{LogType, shown_name};
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};
use slacktrail_core::walk::{Gap, GapKind, PageContext, WorkspaceState};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

/// The interval at which the list of workspaces is read again.
const LISTED_SECONDS: i64 = 3600;
/// The interval at which a workspace with an error is tried again.
const RETRY_SECONDS: i64 = 900;
/// The time for which a workspace may be unreadable before the stream reports an error.
const TOLD_AFTER_SECONDS: i64 = 900;
/// The longest wait that is honored: one hour, plus clock skew.
const WAIT_MAX_SECONDS: i64 = 3_600 + CLOCK_SKEW_SECONDS;
/// Maximum entries in the list of workspaces. This is the requested page size times the maximum number of pages.
const LISTED_MAX: usize = 10_000;
/// Maximum workspaces that an error message names.
const NAMED_MAX: usize = 10;

/// The cached list of an organization's workspaces, ordered by ID.
#[derive(Clone, Debug, Default)]
pub struct Workspaces {
    ids: Vec<String>,
    /// Number of entries without an ID, whose logs cannot be requested.
    pub(super) without_id: usize,
    listed_at: Option<Second>,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Collector<'a, S, D, T, K> {
    pub(super) fn reads_per_workspace(&self) -> bool {
        self.source.organization
            && (self.stream.log == LogType::Integration
                || self.stream.log == LogType::Access && self.cursor.by_workspace)
    }

    /// Returns `true` if access logs could be read workspace by workspace, but are not yet.
    pub(super) fn may_read_by_workspace(&self) -> bool {
        self.source.organization && !self.cursor.by_workspace
    }

    /// Starts reading access logs workspace by workspace. Returns `true` if the gap is complete because the organization has no workspace.
    pub(super) async fn read_by_workspace(&mut self, gap: &mut Gap) -> Result<bool, Error> {
        self.cursor.by_workspace = true;
        self.dirty = true;
        self.prepare_workspaces().await?;
        gap.begin(self.stream.log);
        Ok(!self.is_in_workspace(gap))
    }

    /// Updates the list of workspaces and their stored waiting times. Returns `true` if a new live round may start.
    ///
    /// Rounds never overlap. If a round needs more than half of a tick's calls, rounds are spaced out so that the backlog gets the other half.
    pub(super) async fn prepare_workspaces(&mut self) -> Result<bool, Error> {
        let connected_at = self.source.connected_at;
        // Stored times may be corrupt, so limit them.
        let (now_at_most, wait_max) = (self.now.plus(CLOCK_SKEW_SECONDS), self.now.plus(WAIT_MAX_SECONDS));
        for state in self.cursor.workspaces.values_mut() {
            if state.since.is_some_and(|since| since > now_at_most) {
                state.since = Some(self.now);
                self.dirty = true;
            }
            if state.not_before.is_some_and(|not_before| not_before > wait_max) {
                state.not_before = None; // slacktrail never waits that long
                self.dirty = true;
            }
            // The source was reconnected after this error, so try the workspace again immediately.
            if state.not_before.is_some_and(|not_before| not_before.plus(-RETRY_SECONDS) <= connected_at) {
                state.not_before = None;
                self.dirty = true;
            }
        }
        if self.cache.workspaces.listed_at.is_none_or(|at| self.now.since(at) >= LISTED_SECONDS) {
            let (ids, without_id) = self.list_workspaces().await?;
            self.update_listed(&ids);
            self.cache.workspaces = Workspaces { ids, without_id, listed_at: Some(self.now) };
        }
        let under_way = self.cursor.gaps.iter().any(|gap| gap.kind == GapKind::Live && gap.is_under_way());
        let calls_max = self.limits.calls_max.unwrap_or_else(|| self.stream.log.calls_per_tick_max()).max(1);
        let calls = 2 * self.cache.workspaces.ids.len() as u64;
        let ticks = if calls <= u64::from(calls_max) { 0 } else { calls.div_ceil(u64::from(calls_max)) as i64 };
        // Ticks are not exactly a minute apart.
        Ok(!under_way && self.now.since(self.cursor.watermark) >= (ticks * 60 - 30).max(0))
    }

    /// Returns the IDs of the workspaces, and the number of entries without an ID.
    async fn list_workspaces(&mut self) -> Result<(Vec<String>, usize), Error> {
        let (mut ids, mut without_id) = (Vec::new(), 0);
        let mut page_cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let request = Request::workspaces(page_cursor.as_deref());
            let mut page = self.call(&request).await?;
            while page.advance().await? {
                match workspace_id(&page.row().json) {
                    Some(id) => ids.push(id),
                    None => without_id += 1,
                }
                if ids.len() + without_id > LISTED_MAX {
                    return Err(list_error("it has more than 10,000 workspaces"));
                }
            }
            let end = page.end(self.now).map_err(|page_error| match page_error {
                PageError::Error(error) => error,
                PageError::StalePageCursor | PageError::NoSuchPage => list_error("Slack rejected its page cursor"),
            })?;
            if end.next.is_some() && end.next == page_cursor {
                return Err(list_error("its page cursor leads to the same page"));
            }
            page_cursor = end.next;
            if page_cursor.is_none() {
                if ids.is_empty() && without_id > 0 {
                    return Err(list_error("no workspace in it has an ID"));
                }
                ids.sort_unstable();
                ids.dedup();
                return Ok((ids, without_id));
            }
        }
        Err(list_error("it has more than 10 pages"))
    }

    /// Adds workspaces that joined to the cursor, and records since when the rows of those that left are missing.
    fn update_listed(&mut self, ids: &[String]) {
        let before = self.cursor.workspaces.clone();
        let first = self.version.is_none(); // the stream's first gap covers their whole time
        for id in ids {
            let uncollected_since = (!first).then_some(self.source.since);
            self.cursor
                .workspaces
                .entry(id.clone())
                .or_insert(WorkspaceState { uncollected_since, ..WorkspaceState::default() });
        }
        // The rows of a workspace that left are missing in all open gaps, and from where the next daily re-read starts.
        let open = self.cursor.gaps.iter().filter(|gap| gap.kind != GapKind::Backfill).map(|gap| gap.oldest);
        let watermark = open.fold(self.cursor.watermark.plus(-slacktrail_core::cursor::REREADS[1].1), Second::min);
        for (_, gone) in self.cursor.workspaces.iter_mut().filter(|(id, _)| ids.binary_search(id).is_err()) {
            let uncollected_since = Some(gone.uncollected_since.map_or(watermark, |from| from.min(watermark)));
            *gone = WorkspaceState { uncollected_since, ..WorkspaceState::default() };
        }
        self.dirty |= before != self.cursor.workspaces;
    }

    /// Returns `true` if the walk is in a workspace that still exists, or can enter the next one.
    pub(super) fn is_in_workspace(&mut self, gap: &mut Gap) -> bool {
        let stands_in = gap.walk.workspace().map(str::to_owned);
        stands_in.as_ref().is_some_and(|id| self.cache.workspaces.ids.binary_search(id).is_ok())
            || self.enter_workspace_after(gap, stands_in.as_deref())
    }

    /// Enters the next workspace. Returns `false` if none is left, or if the log is not read per workspace.
    pub(super) fn next_workspace(&mut self, gap: &mut Gap, context: &mut PageContext) -> bool {
        let Some(last) = gap.walk.workspace().map(str::to_owned) else { return false };
        *context = PageContext::default();
        // The workspace was read, so clear its error. If this tick skipped it (`not_before` is in the future), keep its state. Only a live walk
        // covers all time up to now. Other walks do not cover the time since their gap was opened.
        if gap.kind == GapKind::Live
            && let Some(state) = self.cursor.workspaces.get_mut(&last)
            && state.not_before <= Some(self.now)
            && *state != WorkspaceState::default()
        {
            *state = WorkspaceState::default();
            self.dirty = true;
        }
        self.enter_workspace_after(gap, Some(&last))
    }

    fn enter_workspace_after(&mut self, gap: &mut Gap, last: Option<&str>) -> bool {
        let oldest = gap.oldest;
        let next =
            self.cache.workspaces.ids.iter().filter(|id| last.is_none_or(|last| id.as_str() > last)).find(|id| {
                let state = self.cursor.workspaces.get(*id);
                state.is_none_or(|state| state.not_before.is_none_or(|not_before| not_before <= self.now))
            });
        // Workspaces that are skipped because of their errors miss the time of this gap, too.
        for (id, state) in &mut self.cursor.workspaces {
            let passed_over = last.is_none_or(|last| id.as_str() > last) && next.is_none_or(|next| id < next);
            if passed_over
                && state.not_before > Some(self.now)
                && state.uncollected_since.is_none_or(|from| from > oldest)
            {
                state.uncollected_since = Some(oldest);
                self.dirty = true;
            }
        }
        let Some(id) = next else { return false };
        let uncollected_since = self.cursor.workspaces.get(id).and_then(|state| state.uncollected_since);
        gap.enter(id.clone(), uncollected_since);
        true
    }

    /// Records an error that affects only the current workspace, and skips the workspace. Returns `true` to continue with the next one.
    ///
    /// # Errors
    ///
    /// Returns the error if it affects the whole stream.
    pub(super) fn skip_workspace(&mut self, gap: &mut Gap, error: Error) -> Result<bool, Error> {
        let id = gap.walk.workspace().filter(|id| self.is_of_the_workspace(id, &error)).map(str::to_owned);
        let Some(id) = id else { return Err(error) };
        let state = self.cursor.workspaces.entry(id).or_default();
        // If the stream has been failing with this error, the workspace has, too.
        let has_failed_before = self.cursor.health.fails_with(&error.code, self.now);
        let begun = if has_failed_before { self.now.plus(-TOLD_AFTER_SECONDS) } else { self.now };
        state.since = Some(state.since.map_or(begun, |since| since.min(begun)));
        let is_reported = is_reported(state, self.now);
        state.uncollected_since = Some(state.uncollected_since.map_or(gap.oldest, |from| from.min(gap.oldest)));
        state.not_before = Some(self.now.plus(error.retry_after_seconds.unwrap_or(0).max(RETRY_SECONDS)));
        state.code = Some(error.code.clone());
        self.dirty = true;
        let unreadable = |id| self.cursor.workspaces.get(id).is_some_and(|state| state.code.is_some());
        if !self.cache.workspaces.ids.iter().all(unreadable) {
            if error.kind == ErrorKind::Retry && !is_reported {
                // The error may affect more than this workspace, so this tick reports it. `Retry-After` applies only to this workspace.
                self.report.error.get_or_insert(error.with_retry_after(None));
            }
            return Ok(true);
        }
        // If no workspace can be read, the cause is the token. The error affects the stream, and the round starts again. Keep `since`, because
        // the token may have been rejected only once.
        let code = error.code.as_str();
        for state in self.cursor.workspaces.values_mut().filter(|state| state.code.as_deref() == Some(code)) {
            (state.code, state.not_before) = (None, None);
        }
        gap.begin(self.stream.log);
        Err(error)
    }

    /// Returns the error of workspaces that were unreadable for 15 minutes, or `None` if no such workspace exists.
    ///
    /// The other workspaces are collected. Without this error, the stream would be healthy forever.
    pub(super) fn unreadable_workspaces(&self) -> Option<Error> {
        let unreadable = || self.cursor.workspaces.iter().filter(|(_, state)| is_reported(state, self.now));
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

    /// Returns `true` if an error affects only this workspace. A transient error counts as the stream's until the stream is failing because of
    /// it.
    fn is_of_the_workspace(&self, id: &str, error: &Error) -> bool {
        let health = &self.cursor.health;
        match error.code.as_str() {
            // Slack is moving the workspace into an organization, which can take hours.
            "team_added_to_org" | "org_login_required" => true,
            // `invalid_auth` is missing here, because Slack returns it if the installing owner is not a member of the workspace.
            "token_revoked" | "token_expired" | "not_authed" | "ratelimited" | "rate_limited" => false,
            code if error.kind == ErrorKind::Retry => {
                let was_failing = self.cursor.workspaces.get(id).is_some_and(|state| state.code.is_some());
                was_failing || health.fails_with(code, self.now)
            }
            _ => true,
        }
    }
}

/// Returns `true` if the workspace has been unreadable for so long that the stream reports it.
fn is_reported(state: &WorkspaceState, now: Second) -> bool {
    state.code.is_some() && state.since.is_some_and(|since| now.since(since) >= TOLD_AFTER_SECONDS)
}
