//! Reads a time range of a log from Slack page by page, with the same walks as the collector.
//!
//! [`ReadingState`] is all that a later process needs to continue. The collector stores the same walks in its cursors and continues them in
//! later ticks, so a walk may continue however long ago its last page was read: each walk knows which pages it must read again.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::findings::SkippedWorkspace;
use super::period::MARGIN_SECONDS;
use super::slack_records::Entry;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::slack::page_reader::RESPONSE_BYTES_MAX;
use slacktrail_core::slack::{Page, PageError, Request, Response, WorkspaceListing};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::stream::{PageSize, may_be_smaller};
use slacktrail_core::time::{Day, Second};
use slacktrail_core::walk::{Gap, GapKind, PageContext, PageSoFar, Row, Walk};
use slacktrail_core::workspaces::WorkspacePosition;
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, CredentialStore, Slack, read_whole};

/// The maximum number of times per requested day that the walk restarts after Slack rejects a page cursor. A page cursor that is valid for ten
/// minutes suffices for any day.
const RESTARTS_MAX: u32 = 100;
/// The maximum size of a response that may be an error.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// The maximum number of pages per requested day, which suffices for more than 30 million records.
const PAGES_MAX: u32 = 32_768;

/// The maximum number of consecutive pages without progress. The poller ends a tick after fewer, but continues in the next one. Reading this
/// many pages takes four to ten minutes.
const IDLE_PAGES_MAX: u32 = 100;

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
    /// The number of records found in the range. A record that Slack returned twice counts twice.
    pub records: u64,
    /// For audit logs, the second from which all newer records are read. For other logs, the oldest second on the last page that contained a time.
    pub oldest: Option<Second>,
    /// The current workspace, if the log is read per workspace.
    pub workspace: Option<&'a str>,
}

/// A reading of a time range from Slack, in progress.
pub(super) struct Reading<'a> {
    source: &'a Source,
    log: LogType,
    pub(super) state: ReadingState,
    context: PageContext,
    oldest_second: OldestSecond,
    page_size: PageSize,
    /// The greatest number of rows whose last page was not the end of the log, in the current workspace.
    last_page_rows: u32,
    /// The new end of the range, if Slack rejected the requested one because it is in the future. The caller takes it.
    pub(super) shortened_to: Option<Second>,
    token: Option<Token>,
    /// The encoded entries of the pages read since the caller took them, by day. Rows without a valid time belong to 1970/01/01.
    pub(super) entries: BTreeMap<Day, Vec<u8>>,
    /// The records whose JSON is kept. If set, no entries are made.
    pub(super) wanted: Option<HashSet<RowId>>,
    pub(super) kept: BTreeMap<RowId, String>,
}

/// The position of a reading, from which a later process can continue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ReadingState {
    gap: Gap,
    by_first: bool,
    stage: Stage,
    /// The number of requested days.
    days: u32,
    records: u64,
    pub(super) pages: u32,
    restarts: u32,
    oldest: Option<Second>,
    pub(super) skipped: Vec<SkippedWorkspace>,
    /// The number of listed workspaces.
    workspaces: usize,
    /// The IDs of the workspaces that have been read. Entries refer to them by number.
    pub(super) workspace_ids: Vec<String>,
    /// Whether Slack's pages ended before the whole range was read.
    pub(super) was_cut_short: bool,
}

/// The records of the oldest second that the current walk has reached. Such a second may have more rows than [`Progress`] keeps.
///
/// [`Progress`]: slacktrail_core::walk::Progress
#[derive(Debug, Default)]
struct OldestSecond {
    second: Option<Second>,
    ids: HashSet<RowId>,
}

impl OldestSecond {
    /// Adds a record. Returns `true` if it is older than all records before, or of the same second and new.
    fn add(&mut self, id: RowId, time: Second) -> bool {
        if self.second.is_some_and(|second| second < time) {
            return false;
        }
        if self.second.replace(time) != Some(time) {
            self.ids.clear();
        }
        self.ids.insert(id)
    }
}

/// The stage of a reading, which determines the next request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Lists the workspaces. A later process starts with the first page of the list.
    Listing {
        #[serde(skip)]
        listing: WorkspaceListing,
    },
    /// Reads rows: the remaining workspaces, in reverse order.
    Walking { left: Vec<String> },
    /// All pages are read.
    Done,
}

impl<'a> Reading<'a> {
    /// Creates a reading of the records in `range`.
    pub(super) fn new(
        source: &'a Source,
        log: LogType,
        range: RangeInclusive<Second>,
        can_be_requested: bool,
    ) -> Reading<'a> {
        let (oldest, latest) = range.into_inner();
        let reads_per_workspace = source.organization && log == LogType::Integration;
        let stage = match (can_be_requested, reads_per_workspace) {
            (false, _) => Stage::Done,
            (true, true) => Stage::Listing { listing: WorkspaceListing::default() },
            (true, false) => Stage::Walking { left: Vec::new() },
        };
        let state = ReadingState {
            // A gap of kind `Backfill` matches exactly the records in its range.
            gap: Gap::unwalked(log, GapKind::Backfill, oldest, latest),
            by_first: false,
            stage,
            days: u32::try_from(latest.since(oldest) / 86_400).unwrap_or(u32::MAX).saturating_add(1),
            records: 0,
            pages: 0,
            restarts: 0,
            oldest: None,
            skipped: Vec::new(),
            workspaces: 0,
            workspace_ids: Vec::new(),
            was_cut_short: false,
        };
        Reading::of(source, log, state)
    }

    fn of(source: &'a Source, log: LogType, state: ReadingState) -> Reading<'a> {
        Reading {
            source,
            log,
            state,
            context: PageContext::default(),
            oldest_second: OldestSecond::default(),
            page_size: PageSize::of(log),
            last_page_rows: 0,
            shortened_to: None,
            token: None,
            entries: BTreeMap::new(),
            wanted: None,
            kept: BTreeMap::new(),
        }
    }

    /// Continues a reading of an earlier process.
    ///
    /// The other logs continue as in a later tick of the collector. An audit walk could, too, but its page cursor has probably expired. It
    /// therefore requests the rest of its time range again, with an overlap for rows that Slack did not return in order.
    pub(super) fn resume(source: &'a Source, log: LogType, state: ReadingState) -> Reading<'a> {
        let mut reading = Reading::of(source, log, state);
        let gap = &mut reading.state.gap;
        if let (Walk::Audit(_), Stage::Walking { .. }) = (&gap.walk, &reading.state.stage) {
            gap.latest = gap.latest.plus(MARGIN_SECONDS).min(gap.end());
            gap.restart(&mut reading.context);
        }
        reading
    }

    pub(super) fn position(&self) -> Position<'_> {
        let ReadingState { gap, records, pages, oldest, .. } = &self.state;
        Position { pages: *pages, records: *records, oldest: *oldest, workspace: gap.workspace_id() }
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
        let (request, page_rows) = match &self.state.stage {
            Stage::Done => return Ok(Step::Done),
            Stage::Listing { listing } => (listing.request(), 0),
            Stage::Walking { .. } => self.state.gap.request(&self.context, self.page_size.rows),
        };
        let is_list = matches!(self.state.stage, Stage::Listing { .. });
        let response = match self.call(slack, credentials, &request, now).await {
            Err(error) if !is_list && may_be_smaller(&error) => return self.shrink_page(error, page_rows),
            response => response?,
        };
        match response.page(&request, now) {
            page if is_list => self.process_workspace_list(page)?,
            Ok(page) => {
                self.page_size.grow();
                self.process_page(&page, page_rows)?;
            }
            Err(PageError::NoSuchPage) => self.end_pages(page_rows),
            Err(PageError::StalePageCursor) => self.restart()?,
            // For this organization, Slack returns access logs only per workspace.
            Err(PageError::Error(error)) if self.may_read_by_workspace(&error) => {
                self.begin_list();
            }
            Err(PageError::Error(error)) if may_be_smaller(&error) => return self.shrink_page(error, page_rows),
            Err(PageError::Error(error)) => match response.date.map(Second::of) {
                Some(date) if self.is_in_future(&error, date) => self.shorten(date),
                _ => self.skip_or_fail(error)?,
            },
        }
        Ok(if matches!(self.state.stage, Stage::Done) { Step::Done } else { Step::More })
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
        let response = slack.call(self.source, request, CallAuth::User(&token)).await?;
        let response = read_whole(response, request, RESPONSE_BYTES_MAX).await?;
        self.token = Some(token.clone());
        let is_rejected = response.body.len() <= ERROR_BYTES_MAX
            && matches!(response.page(request, now), Err(PageError::Error(error)) if error.kind == ErrorKind::Reauthorize);
        if !is_rejected {
            return Ok(response);
        }
        let fresh = token_of(self.source, credentials.reload_credentials(&self.source.id).await?)?;
        if fresh == token {
            return Ok(response);
        }
        self.token = Some(fresh.clone());
        let response = slack.call(self.source, request, CallAuth::User(&fresh)).await?;
        read_whole(response, request, RESPONSE_BYTES_MAX).await
    }

    fn may_read_by_workspace(&self, error: &Error) -> bool {
        let is_whole = self.source.organization && self.state.gap.workspace.is_none();
        is_whole && self.log == LogType::Access && error.code == "missing_argument"
    }

    fn process_page(&mut self, page: &Page, page_rows: u32) -> Result<(), Error> {
        let pages_max = PAGES_MAX.saturating_mul(self.state.days);
        if self.state.pages >= pages_max {
            return Err(pagination_loop(&format!("it does not end within {pages_max} pages")));
        }
        self.state.pages += 1;
        let workspace = self.state.gap.workspace_id().map(str::to_owned);
        let records: Vec<Record<'_>> =
            page.rows.iter().map(|row| Record::read(self.log, workspace.as_deref(), row)).collect();
        let rows: Vec<Row> = records.iter().map(Row::of).collect();
        // Before the walk moves, because these rows belong to the pass that this page may end.
        rows.iter().for_each(|row| self.context.progress.row(row, self.state.gap.oldest_wanted()));
        let outcome = self.state.gap.advance(
            &mut self.state.by_first,
            &mut self.context,
            PageSoFar::default(),
            (&rows, page_rows),
            &page.end,
        );
        self.state.oldest = match self.state.gap.walk {
            Walk::Audit(_) => Some(self.state.gap.latest),
            Walk::Access(_) | Walk::Integration(_) => oldest_of(&records).or(self.state.oldest),
        };
        let workspace = self.workspace_number(workspace.as_deref());
        for (record, id) in outcome.matched.iter().map(|(index, id)| (&records[*index], *id)) {
            if record.time.is_some_and(|time| self.oldest_second.add(id, time)) {
                self.context.progress.record_is_new();
            }
            match &self.wanted {
                Some(wanted) if wanted.contains(&id) => drop(self.kept.insert(id, record.json.clone().into_owned())),
                Some(_) => {}
                None => {
                    let day = record.partition_time().day();
                    Entry::of(id, record, day, workspace).encode(self.entries.entry(day).or_default());
                }
            }
            self.state.records += u64::from(record.time.is_some());
        }
        if outcome.done {
            self.next_workspace();
            return Ok(());
        }
        self.context.progress.count_page();
        // The walk has moved past this page, so its records are kept even if this ends the reading: a retry continues with the next page.
        if self.context.progress.idle_pages() >= IDLE_PAGES_MAX {
            return Err(pagination_loop(&format!(
                "Slack returned {IDLE_PAGES_MAX} further pages in a row without new records"
            )));
        }
        Ok(())
    }

    /// Returns `true` if Slack rejected a range that ends after `date`, because the local clock is ahead of Slack's.
    fn is_in_future(&self, error: &Error, date: Second) -> bool {
        self.log == LogType::Audit && error.code == "invalid_range" && date < self.state.gap.end()
    }

    /// Shortens the range to what can be compared at `date`, the time on Slack's clock.
    fn shorten(&mut self, date: Second) {
        let gap = &mut self.state.gap;
        let latest = date.plus(-MARGIN_SECONDS);
        gap.latest = latest.max(gap.oldest);
        gap.restart(&mut self.context);
        self.shortened_to = Some(gap.latest);
        if latest < gap.oldest {
            self.state.stage = Stage::Done;
        }
    }

    /// Requests fewer rows after a page of `page_rows` rows that was too large or broke off, as the poller does. Numbered pages then start again.
    ///
    /// # Errors
    /// Returns the error if smaller pages do not exist. Also returns it if the page broke off, because the caller must wait before it repeats
    /// the step.
    fn shrink_page(&mut self, error: Error, page_rows: u32) -> Result<Step, Error> {
        if !self.page_size.shrink(page_rows) {
            return Err(error);
        }
        let is_numbered = self.state.gap.page_rows().is_some();
        self.state.gap.change_page_size(&mut self.context);
        if is_numbered {
            self.context = PageContext::default(); // the same rows follow again, which is no lack of progress
        }
        if error.code == "response_too_large" { Ok(Step::More) } else { Err(error) }
    }

    /// Ends the walk at the last page that Slack returns. Slack limits the number of pages, so larger pages reach further back. They are tried
    /// once per size, because they may break off again.
    fn end_pages(&mut self, page_rows: u32) {
        if page_rows > self.last_page_rows && self.page_size.enlarge(page_rows) {
            self.last_page_rows = page_rows;
            self.restart_walk();
        } else {
            self.state.was_cut_short = true;
            self.next_workspace();
        }
    }

    /// Returns the number by which entries refer to a workspace.
    fn workspace_number(&mut self, workspace: Option<&str>) -> u32 {
        let Some(workspace) = workspace else { return 0 };
        let ids = &mut self.state.workspace_ids;
        if ids.last().is_none_or(|last| last != workspace) {
            ids.push(workspace.to_owned()); // workspaces are read one after the other
        }
        u32::try_from(ids.len()).unwrap_or(u32::MAX)
    }

    fn restart(&mut self) -> Result<(), Error> {
        if self.state.restarts >= RESTARTS_MAX.saturating_mul(self.state.days) {
            return Err(pagination_loop(&format!(
                "Slack rejected its own page cursor {} times",
                self.state.restarts + 1
            )));
        }
        self.state.restarts += 1;
        self.restart_walk();
        Ok(())
    }

    fn restart_walk(&mut self) {
        self.state.gap.restart(&mut self.context);
        self.context = PageContext::default(); // the same rows follow again, which is no lack of progress
    }

    fn begin_list(&mut self) {
        self.state.stage = Stage::Listing { listing: WorkspaceListing::default() };
        self.state.skipped.clear();
    }

    fn process_workspace_list(&mut self, page: Result<Page, PageError>) -> Result<(), Error> {
        let Stage::Listing { listing } = &mut self.state.stage else { return Ok(()) };
        let listed = page.map_err(WorkspaceListing::page_error).and_then(|page| {
            page.rows.iter().try_for_each(|row| listing.add(row))?;
            listing.end_page(page.end.next)
        });
        // Slack would reject the same page cursor again, so a retry starts with the first page.
        let Some(list) = listed.inspect_err(|_| self.begin_list())? else { return Ok(()) };
        // The rows of workspaces without an ID cannot be requested. The other workspaces are still compared.
        let skipped = SkippedWorkspace { id: "(no ID)".to_owned(), code: "workspace_list_failed".to_owned() };
        self.state.skipped.extend(std::iter::repeat_n(skipped, list.without_id));
        self.state.workspaces = list.ids.len() + list.without_id;
        self.state.stage = Stage::Walking { left: list.ids.into_iter().rev().collect() };
        self.next_workspace();
        Ok(())
    }

    /// Continues with the next workspace, or ends the reading.
    fn next_workspace(&mut self) {
        let next = match &mut self.state.stage {
            Stage::Walking { left } => left.pop(),
            _ => None,
        };
        match next {
            Some(id) => {
                self.state.gap.enter(self.log, Some(WorkspacePosition { id, missing_since: None }));
                (self.context, self.oldest_second) = (PageContext::default(), OldestSecond::default());
                self.last_page_rows = 0;
            }
            None => self.state.stage = Stage::Done,
        }
    }

    /// Skips a workspace that Slack does not let the app read. Returns the error if it is not specific to a workspace, or if every workspace has
    /// failed, because then the token is the cause.
    fn skip_or_fail(&mut self, error: Error) -> Result<(), Error> {
        let is_own = matches!(error.kind, ErrorKind::Reauthorize | ErrorKind::Reconfigure);
        let Some(id) = self.state.gap.workspace_id().filter(|_| is_own).map(str::to_owned) else { return Err(error) };
        if self.state.skipped.len() + 1 >= self.state.workspaces {
            return Err(error);
        }
        self.state.skipped.push(SkippedWorkspace { id, code: error.code });
        self.next_workspace();
        Ok(())
    }
}

/// Returns the oldest second on a page. Uses a record's last activity if it has one.
fn oldest_of(records: &[Record<'_>]) -> Option<Second> {
    records.iter().filter_map(|record| record.last_active.or(record.time)).min()
}

fn pagination_loop(what: &str) -> Error {
    let message = format!("reading the log from Slack: {what}");
    Error::slack("pagination_loop", message)
}
