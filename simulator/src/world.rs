//! The simulated Slack. It returns the response to a request at a given instant. It reads no clock and performs no I/O, and its seed
//! determines all random choices.

use std::sync::Arc;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::access::AccessLog;
use crate::api_error::ApiError;
use crate::auth::{Caller, Invalidated};
use crate::calls::{Call, Calls};
use crate::faults::{Fault, FaultKind, FaultScript};
use crate::oauth::Oauth;
use crate::page::{Form, PageFault};
use crate::response::http_date;
use crate::row_store::RowStore;
use crate::settings::{Layout, Settings};
use crate::tenant::Install;
use crate::throttle::Throttle;
use crate::visibility::VisibleRows;
use crate::{Family, Log, Outcome, Request, Response, Row, account, audit, auth, faults, integration, layout};

/// A simulated Slack: its rows, the scripted faults and the call counts. Clones are independent.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(crate) settings: Arc<Settings>,
    pub(crate) oauth: Oauth,
    pub(crate) invalidated: Invalidated,
    audit: RowStore,
    access: AccessLog,
    integration: RowStore,
    script: FaultScript,
    throttle: Throttle,
    calls: Calls,
    /// Every call since [`World::keep_journal`].
    journal: Option<Vec<Call>>,
    /// The parameters of the last call, if a fault shortened its page.
    cut_short: Option<Vec<(String, String)>>,
    /// The number of calls. The seed and this number determine the random choices of each call.
    answered: u64,
}

impl World {
    /// Creates a world without rows or faults.
    pub fn new(settings: Settings) -> World {
        World { settings: Arc::new(settings), ..World::default() }
    }

    /// Returns the outcome of a request at `now`. A row is visible from its `visible_at`, whatever its time.
    pub fn answer(&mut self, now: Timestamp, request: &Request) -> Outcome {
        let outcome = self.outcome(now, request);
        if let Some(journal) = &mut self.journal {
            let retry_after_seconds = match &outcome {
                Outcome::Response(response) => response.header("Retry-After").and_then(|text| text.parse().ok()),
                Outcome::Hangup => None,
            };
            let (path, query) = (request.path.clone(), request.query.clone());
            journal.push(Call { at: now, path, query, retry_after_seconds });
        }
        outcome
    }

    fn outcome(&mut self, now: Timestamp, request: &Request) -> Outcome {
        self.calls.record(&request.path);
        self.answered += 1;
        let faults = self.script.next_faults(now, request);
        let page_fault = self.apply(&faults, now, request);
        if faults.contains(&FaultKind::Hangup) {
            return Outcome::Hangup;
        }
        let scripted = faults.iter().find_map(|fault| faults::replacement(fault, request.family, now));
        let mut response = scripted.unwrap_or_else(|| self.true_response(now, request, page_fault));
        if faults.contains(&FaultKind::HangupAfter) {
            return Outcome::Hangup;
        }
        response.push("Date", http_date(now));
        for fault in &faults {
            faults::apply(&mut response, fault);
        }
        if let Some(bytes) = self.settings.response_bytes_max.filter(|max| response.body.len() > *max) {
            faults::cut_off(&mut response, bytes);
            response.breaks_off = true;
        }
        Outcome::Response(response)
    }

    /// Adds a row to its log and returns its number, counting from 0. Pass the number of an access row to [`World::touch_access`].
    pub fn add(&mut self, row: Row) -> usize {
        let store = match row.log {
            Log::Audit => &mut self.audit,
            Log::Integration => &mut self.integration,
            Log::Access => return self.access.add(row),
        };
        store.add(row);
        store.rows().len() - 1
    }

    /// Updates `date_last` and `count` of the access row `number`, as if its user returned at `now`. If the log is sorted by `date_last`, the
    /// row moves to the front. Ignores an unknown number.
    pub fn touch_access(&mut self, number: usize, now: Timestamp) {
        self.access.touch(number, now);
    }

    /// Returns every row of a log that is visible at `now`. Audit and integration rows are oldest first. Access rows are in the order in which
    /// they were added.
    pub fn visible_rows(&self, log: Log, now: Timestamp) -> impl Iterator<Item = &Row> {
        self.rows(log).iter().filter(move |row| row.is_visible(now))
    }

    /// Returns every row of a log, including rows that are not visible yet.
    pub fn rows(&self, log: Log) -> &[Row] {
        match log {
            Log::Audit => self.audit.rows(),
            Log::Access => self.access.rows(),
            Log::Integration => self.integration.rows(),
        }
    }

    /// Adds a scripted fault.
    pub fn fault(&mut self, fault: Fault) {
        self.script.add(fault);
    }

    /// Removes faults that can occur more than once.
    pub fn end_lasting_faults(&mut self) {
        self.script.end_lasting();
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.script.clear();
    }

    /// Returns the call counts.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Resets the call counts, but not the rate limits.
    pub fn reset_calls(&mut self) {
        self.calls = Calls::default();
    }

    /// Revokes a token. The audit API then returns an empty 401, and the Web API returns `token_revoked`.
    pub fn revoke(&mut self, token: &str) {
        self.invalidate(token, "token_revoked");
    }

    /// Invalidates a token. The Web API then returns `code`, such as `account_inactive` or `token_expired`.
    pub fn invalidate(&mut self, token: &str, code: &str) {
        self.invalidated.insert(token.to_owned(), code.to_owned());
    }

    /// Returns `true` if a token is revoked or invalidated.
    pub fn refuses(&self, token: &str) -> bool {
        self.invalidated.contains_key(token)
    }

    /// Makes a revoked or invalidated token valid again.
    pub fn restore(&mut self, token: &str) {
        self.invalidated.remove(token);
    }

    /// Keeps every call from now on. Without this, only the counts are kept.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// Returns the calls since [`World::keep_journal`].
    pub fn journal(&self) -> &[Call] {
        self.journal.as_deref().unwrap_or_default()
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the settings for changes from the next call on, such as a plan change or a new role of the owner.
    pub fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Applies the faults that change the world, and returns the effects on the page.
    fn apply(&mut self, faults: &[FaultKind], now: Timestamp, request: &Request) -> PageFault {
        let mut page_fault = PageFault::default();
        for fault in faults {
            match fault {
                FaultKind::Insert(rows) => rows.iter().for_each(|row| {
                    let shown = row.visible_at.max(now); // no earlier call could return it
                    self.add(row.clone().visible_from(shown));
                }),
                FaultKind::Touch(number) => self.touch_access(*number, now),
                FaultKind::EmptyPage => page_fault.empty = true,
                FaultKind::Oversize(rows) => page_fault.oversize = Some(*rows),
                FaultKind::StaleCursor => page_fault.stale_cursor = true,
                FaultKind::Endless(endless) => page_fault.endless = Some(*endless),
                FaultKind::Claims(rows) => page_fault.claims = Some(*rows),
                FaultKind::PageIgnored => page_fault.page_ignored = true,
                _ => {}
            }
        }
        let cut_short = page_fault.cuts_short().then(|| request.query.clone());
        if cut_short.is_some() && cut_short == self.cut_short {
            page_fault = PageFault { empty: false, oversize: None, ..page_fault };
        }
        self.cut_short = cut_short;
        page_fault
    }

    fn true_response(&mut self, now: Timestamp, request: &Request, page_fault: PageFault) -> Response {
        let answer = match request.family {
            Family::Audit => self.audit_response(now, request, page_fault),
            Family::Web if request.path == "oauth.v2.access" => self.access_response(now, request),
            Family::Web => self.web_response(now, request, page_fault),
            Family::Browser => self.browser_response(now, request),
        };
        let mut response = answer.unwrap_or_else(|error| error.into_response(request.family));
        if self.settings.layout == Layout::Pretty && response.is_json() {
            response.body = layout::pretty(&response.body);
        }
        response
    }

    fn audit_response(
        &mut self,
        now: Timestamp,
        request: &Request,
        page_fault: PageFault,
    ) -> Result<Response, ApiError> {
        let settings = self.settings.clone();
        auth::audit(self, now, request)?;
        let limits = settings.limits;
        let allowed = limits.audit.map(|calls| calls.saturating_sub(limits.audit_used_by_others));
        self.admit(request, "audit", allowed, now)?;
        audit::answer(&self.audit, &settings, now, request, page_fault, self.form(), &mut self.rng())
    }

    fn web_response(&mut self, now: Timestamp, request: &Request, page_fault: PageFault) -> Result<Response, ApiError> {
        let settings = self.settings.clone();
        if !WEB_METHODS.contains(&request.path.as_str()) {
            return Err(ApiError::new("unknown_method"));
        }
        let caller = auth::web(self, now, request)?;
        let allowed = settings.limits.tier_two.filter(|_| !matches!(&*request.path, "auth.test" | "auth.revoke"));
        self.admit(request, &throttle_key(request, &caller), allowed, now)?;
        let token = &caller.token;
        let mut response = match request.path.as_str() {
            "auth.test" => account::identity(&settings, now, &caller),
            "auth.revoke" => self.revoke_response(&caller),
            "auth.teams.list" => account::teams(&settings, now, request, token, page_fault.stale_cursor)?,
            "team.accessLogs" => {
                auth::web_log(&settings, &caller)?;
                let visible_rows = VisibleRows::of(&settings, token, request)?;
                let (form, mut rng) = (self.form(), self.rng());
                self.access.answer(&settings, now, request, &visible_rows, (page_fault, form), &mut rng)?
            }
            _ => {
                auth::web_log(&settings, &caller)?;
                let visible_rows = VisibleRows::of(&settings, token, request)?;
                integration::answer(&self.integration, &settings, now, request, &visible_rows, page_fault, self.form())?
            }
        };
        response.push("x-oauth-scopes", token.scopes.join(","));
        Ok(response)
    }

    fn admit(&mut self, request: &Request, key: &str, allowed: Option<u32>, now: Timestamp) -> Result<(), ApiError> {
        self.throttle.admit(key, allowed, now).map_err(|seconds| ApiError::throttled(request.family, seconds))
    }

    fn form(&self) -> Form {
        Form::of(&self.settings, self.answered)
    }

    fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(self.settings.seed.rotate_left(32) ^ self.answered)
    }
}

/// The Web API methods that require a token.
const WEB_METHODS: [&str; 5] =
    ["auth.revoke", "auth.test", "auth.teams.list", "team.accessLogs", "team.integrationLogs"];

/// Returns the rate limit key of a Web API call: method, workspace and app.
fn throttle_key(request: &Request, caller: &Caller) -> String {
    let team = match &caller.token.install {
        Install::Workspace(own) => own,
        Install::Organization => request.parameter("team_id").unwrap_or_default(),
    };
    format!("{} {team} {}", request.path, caller.app())
}
