//! Reads a day of a log from Slack page by page, with the same walks as the collector.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use super::comparison::Shown;
use super::findings::SkippedWorkspace;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::secret::Token;
use slacktrail_core::slack::page_reader::RESPONSE_BYTES_MAX;
use slacktrail_core::slack::{Page, PageError, Request, Response, WorkspaceListing, rows_per_page};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::{Day, Second};
use slacktrail_core::walk::{Column, Gap, GapKind, PageContext, PageSoFar, Row, Walk};
use slacktrail_core::workspaces::WorkspacePosition;
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::{CallAuth, CredentialStore, ReadBody, Slack};

/// The maximum number of times that the walk restarts after Slack rejects a page cursor. A page cursor that is valid for ten minutes suffices for
/// any day.
const RESTARTS_MAX: u32 = 100;
/// The maximum size of a response that may be an error.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// The maximum number of pages, which suffices for more than 30 million records.
const PAGES_MAX: u32 = 32_768;

/// The outcome of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// More pages follow.
    More,
    /// All pages are read.
    Done,
}

/// The progress of reading Slack.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// The number of pages read.
    pub pages: u32,
    /// The number of the day's records found.
    pub records: usize,
    /// For audit logs, the second from which all newer records are read. For other logs, the oldest second on the last page that contained a time.
    pub oldest: Option<Second>,
    /// The current workspace, if the log is read per workspace.
    pub workspace: Option<&'a str>,
}

/// A reading of one day from Slack, in progress.
pub(super) struct Reading<'a> {
    source: &'a Source,
    log: LogType,
    day: Day,
    gap: Gap,
    sorted_by: Option<Column>,
    context: PageContext,
    stage: Stage,
    token: Option<Token>,
    shown: Shown,
    records: usize,
    pages: u32,
    restarts: u32,
    oldest: Option<Second>,
    undated: HashSet<RowId>,
    skipped: Vec<SkippedWorkspace>,
    workspaces: usize,
    was_cut_short: bool,
    /// The records whose JSON is kept. If set, no records are kept for a comparison.
    wanted: Option<HashSet<RowId>>,
    kept: BTreeMap<RowId, String>,
}

/// The stage of a reading, which determines the next request.
enum Stage {
    /// Lists the workspaces.
    Listing(WorkspaceListing),
    /// Reads rows: the remaining workspaces, in reverse order.
    Walking { left: Vec<String> },
    /// All pages are read.
    Done,
}

impl<'a> Reading<'a> {
    /// Creates a reading of the records in `range`, which lies in one day.
    pub(super) fn new(
        source: &'a Source,
        log: LogType,
        range: RangeInclusive<Second>,
        can_be_requested: bool,
    ) -> Reading<'a> {
        let (oldest, latest) = range.into_inner();
        // A gap of kind `Backfill` matches exactly the records in its range.
        let gap = Gap::unwalked(log, GapKind::Backfill, oldest, latest);
        let reads_per_workspace = source.organization && log == LogType::Integration;
        let stage = match (can_be_requested, reads_per_workspace) {
            (false, _) => Stage::Done,
            (true, true) => Stage::Listing(WorkspaceListing::default()),
            (true, false) => Stage::Walking { left: Vec::new() },
        };
        Reading {
            source,
            log,
            day: oldest.day(),
            gap,
            sorted_by: None,
            context: PageContext::default(),
            stage,
            token: None,
            shown: Shown::default(),
            records: 0,
            pages: 0,
            restarts: 0,
            oldest: None,
            undated: HashSet::new(),
            skipped: Vec::new(),
            workspaces: 0,
            was_cut_short: false,
            wanted: None,
            kept: BTreeMap::new(),
        }
    }

    /// Keeps only the JSON of the records in `ids`.
    pub(super) fn keeping(self, ids: HashSet<RowId>) -> Reading<'a> {
        Reading { wanted: Some(ids), ..self }
    }

    pub(super) fn position(&self) -> Position<'_> {
        let workspace = self.gap.workspace_id();
        Position { pages: self.pages, records: self.records, oldest: self.oldest, workspace }
    }

    pub(super) fn take_shown(&mut self) -> Shown {
        std::mem::take(&mut self.shown)
    }

    pub(super) fn kept(&self) -> &BTreeMap<RowId, String> {
        &self.kept
    }

    pub(super) fn undated(&self) -> u64 {
        self.undated.len() as u64
    }

    pub(super) fn skipped_workspaces(&self) -> &[SkippedWorkspace] {
        &self.skipped
    }

    pub(super) fn was_cut_short(&self) -> bool {
        self.was_cut_short
    }

    /// Reads a page.
    ///
    /// # Errors
    /// Returns an error if the call fails, if Slack rejects it, or if Slack's pages do not end. The caller may repeat the step after a transient
    /// error.
    pub(super) async fn step<S: Slack, K: CredentialStore>(
        &mut self,
        slack: &S,
        credentials: &K,
        now: Second,
    ) -> Result<Step, Error> {
        let (request, page_rows) = match &self.stage {
            Stage::Done => return Ok(Step::Done),
            Stage::Listing(listing) => (listing.request(), 0),
            Stage::Walking { .. } => self.gap.request(&self.context, rows_per_page(self.log)),
        };
        let response = self.call(slack, credentials, &request, now).await?;
        match response.page(&request, now) {
            page if matches!(self.stage, Stage::Listing(_)) => self.process_workspace_list(page)?,
            Ok(page) => self.process_page(&page, page_rows)?,
            Err(PageError::NoSuchPage) => {
                self.was_cut_short = true;
                self.next_workspace();
            }
            Err(PageError::StalePageCursor) => self.restart()?,
            // For this organization, Slack returns access logs only per workspace.
            Err(PageError::Error(error)) if self.may_read_by_workspace(&error) => {
                self.begin_list();
            }
            Err(PageError::Error(error)) => self.skip_workspace(error)?,
        }
        Ok(if matches!(self.stage, Stage::Done) { Step::Done } else { Step::More })
    }

    /// Makes a call. If Slack rejects the token, reloads it and retries, because the poller may have refreshed it, or the source may have been
    /// reconnected.
    async fn call<S: Slack, K: CredentialStore>(
        &mut self,
        slack: &S,
        credentials: &K,
        request: &Request,
        now: Second,
    ) -> Result<Response, Error> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => token_of(self.source, credentials.credentials(&self.source.id).await?)?,
        };
        let response =
            slack.call(self.source, request, CallAuth::User(&token)).await?.whole(request, RESPONSE_BYTES_MAX).await?;
        self.token = Some(token.clone());
        let is_refused = response.body.len() <= ERROR_BYTES_MAX
            && matches!(response.page(request, now), Err(PageError::Error(error)) if error.kind == ErrorKind::Reauthorize);
        if !is_refused {
            return Ok(response);
        }
        let fresh = token_of(self.source, credentials.reload_credentials(&self.source.id).await?)?;
        if fresh == token {
            return Ok(response);
        }
        self.token = Some(fresh.clone());
        slack.call(self.source, request, CallAuth::User(&fresh)).await?.whole(request, RESPONSE_BYTES_MAX).await
    }

    fn may_read_by_workspace(&self, error: &Error) -> bool {
        let is_whole = self.source.organization && self.gap.workspace.is_none();
        is_whole && self.log == LogType::Access && error.code == "missing_argument"
    }

    fn process_page(&mut self, page: &Page, page_rows: u32) -> Result<(), Error> {
        if self.pages >= PAGES_MAX {
            return Err(pagination_loop(&format!("it does not end within {PAGES_MAX} pages")));
        }
        self.pages += 1;
        let workspace = self.gap.workspace_id().map(str::to_owned);
        let records: Vec<Record<'_>> =
            page.rows.iter().map(|row| Record::read(self.log, workspace.as_deref(), row)).collect();
        let rows: Vec<Row> = records.iter().map(Row::of).collect();
        let outcome = self.gap.end_page(
            &mut self.sorted_by,
            &mut self.context,
            PageSoFar::default(),
            (&rows, page_rows),
            &page.end,
        );
        rows.iter().for_each(|row| self.context.progress.row(row, self.gap.reach()));
        if !outcome.done && !self.context.progress.end_page() {
            return Err(pagination_loop("Slack keeps returning further pages without new records"));
        }
        self.oldest = match self.gap.walk {
            Walk::Audit(_) => Some(self.gap.latest),
            Walk::Access(_) | Walk::Integration(_) => oldest_of(&records).or(self.oldest),
        };
        for (record, id) in outcome.matched.iter().map(|(index, id)| (&records[*index], id)) {
            if record.time.is_none() {
                self.undated.insert(*id);
                continue;
            }
            match &self.wanted {
                Some(wanted) if wanted.contains(id) => drop(self.kept.insert(*id, record.json.clone().into_owned())),
                Some(_) => {}
                None => self.shown.add(*id, record, self.day),
            }
        }
        self.records = self.shown.len();
        if outcome.done {
            self.next_workspace();
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Error> {
        if self.restarts >= RESTARTS_MAX {
            return Err(pagination_loop(&format!("Slack rejected its own page cursor {} times", self.restarts + 1)));
        }
        self.restarts += 1;
        self.gap.restart(&mut self.context);
        Ok(())
    }

    fn begin_list(&mut self) {
        self.stage = Stage::Listing(WorkspaceListing::default());
        self.skipped.clear();
    }

    fn process_workspace_list(&mut self, page: Result<Page, PageError>) -> Result<(), Error> {
        let Stage::Listing(listing) = &mut self.stage else { return Ok(()) };
        let listed = page.map_err(WorkspaceListing::page_error).and_then(|page| {
            page.rows.iter().try_for_each(|row| listing.add(row))?;
            listing.end_page(page.end.next)
        });
        // Slack would reject the same page cursor again, so a retry starts with the first page.
        let Some(list) = listed.inspect_err(|_| self.begin_list())? else { return Ok(()) };
        // The rows of workspaces without an ID cannot be requested. The other workspaces are still compared.
        let skipped = SkippedWorkspace { id: "(no ID)".to_owned(), code: "workspace_list_failed".to_owned() };
        self.skipped.extend(std::iter::repeat_n(skipped, list.without_id));
        self.workspaces = list.ids.len() + list.without_id;
        self.stage = Stage::Walking { left: list.ids.into_iter().rev().collect() };
        self.next_workspace();
        Ok(())
    }

    /// Continues with the next workspace, or ends the reading.
    fn next_workspace(&mut self) {
        let next = match &mut self.stage {
            Stage::Walking { left } => left.pop(),
            _ => None,
        };
        match next {
            Some(id) => {
                self.gap.enter(self.log, Some(WorkspacePosition { id, uncollected_since: None }));
                self.context = PageContext::default();
            }
            None => self.stage = Stage::Done,
        }
    }

    /// Skips a workspace that Slack does not let the app read. Returns the error if it is not specific to a workspace, or if every workspace has
    /// failed, because then the token is the cause.
    fn skip_workspace(&mut self, error: Error) -> Result<(), Error> {
        let is_own = matches!(error.kind, ErrorKind::Reauthorize | ErrorKind::Reconfigure);
        let Some(id) = self.gap.workspace_id().filter(|_| is_own).map(str::to_owned) else { return Err(error) };
        if self.skipped.len() + 1 >= self.workspaces {
            return Err(error);
        }
        self.skipped.push(SkippedWorkspace { id, code: error.code });
        self.next_workspace();
        Ok(())
    }
}

/// Returns the oldest second on a page. Uses a record's last activity if it has one.
fn oldest_of(records: &[Record<'_>]) -> Option<Second> {
    records.iter().filter_map(|record| record.last_active.or(record.time)).min()
}

fn pagination_loop(what: &str) -> Error {
    let message = format!("reading the day from Slack: {what}");
    Error::slack("pagination_loop", message)
}
