//! The scenarios: what has happened to an organization and its collector before the ticks that meet faults.

use slacktrail_core::source::LogType;
use slacktrail_simulator::{Endless, FaultKind as SlackFaultKind};

use crate::simulated_world::FaultKind;
use Event::{
    Admit, Backfill, Bar, ClockAhead, Connect, Creates, DamagedRow, Deadline, FewPages, Hours, Insert, Join,
    LaptopAhead, LateRow, LateRows, Leave, LongOutage, LongRows, LoseCursors, ManyRows, OtherTick, Outage, Pass,
    Revoke, Rows, SameId, Slack, SlackAlways, Tamper, Tick, Touch, TouchAt,
};

/// An event in a scenario.
#[derive(Clone, Debug)]
pub enum Event {
    /// This many seconds pass.
    Pass(i64),
    /// This many rows appear, `spread` seconds apart, the last one of now.
    Rows(u32, i64),
    /// More rows appear than a tick's few calls can collect, `spread` seconds apart.
    ManyRows(i64),
    /// A row of `age` seconds ago appears that Slack shows only now.
    LateRow(i64),
    /// This many rows of the last ten minutes appear, which Slack shows 20 to 120 seconds late, some of them in the future.
    LateRows(u32),
    /// A row with bytes that are not UTF-8 appears, and a row with the time 0.
    DamagedRow,
    /// Two rows of now appear that share their ID and differ.
    SameId,
    /// Users of this many access rows are active again.
    Touch(u32),
    /// An access row is used again just before Slack answers the n-th call from now, so that it moves to the newest end during a walk.
    TouchAt(u32, usize),
    /// The poller ticks.
    Tick,
    /// A new process ticks once. The poller does not notice, and keeps its cache.
    OtherTick,
    /// The table loses the cursors.
    LoseCursors,
    /// Slack misbehaves at the n-th call from now.
    Slack(u32, SlackFaultKind),
    /// Slack misbehaves at every call, until the quiescent phase.
    SlackAlways(SlackFaultKind),
    /// Integration logs get pages of up to 1,000 rows, and Slack shows only the first few.
    FewPages(usize),
    /// From now on, rows of this workspace are long, and Slack's responses break off after this many bytes.
    LongRows(&'static str, usize),
    /// The next creates of objects meet these faults.
    Creates(&'static [Option<FaultKind>]),
    /// The next ticks reach their deadline after this many operations, or have time again.
    Deadline(Option<u32>),
    /// The year 2100 is written into the cursors: into all of their times, or only into their watermarks.
    Tamper(bool),
    /// A row appears just before Slack answers the n-th call from now, so that pages shift during a walk.
    Insert(u32),
    /// This many ticks are missed while rows appear.
    Outage(u32),
    /// Ticks are missed while more rows appear than a tick's few calls can collect.
    LongOutage,
    /// The poller ticks every hour for this many hours.
    Hours(u32),
    /// A backfill of the time between two ages in seconds is requested.
    Backfill(i64, i64),
    /// Slack revokes the token.
    Revoke,
    /// The source is reconnected.
    Connect,
    /// The collector's clock is this many seconds ahead of Slack's clock from now on.
    ClockAhead(i64),
    /// The clock of a laptop is this many seconds ahead of Slack's clock from now on: the clock of the collector and of the files that it writes.
    LaptopAhead(i64),
    /// Slack bars the source from this workspace of its organization.
    Bar(&'static str),
    /// Slack admits the source to this workspace again.
    Admit(&'static str),
    /// The app is removed from this workspace, so that Slack no longer lists it.
    Leave(&'static str),
    /// The app is added to this workspace.
    Join(&'static str),
}

/// A scenario, up to the moment at which the search starts.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name in schedules.
    pub name: &'static str,
    /// The events so far.
    pub before: Vec<Event>,
    /// Calls to Slack per tick. `None`: the production limit.
    pub calls_max: Option<u32>,
    /// Whether batches hold two lines, and a process caches two IDs of stored records.
    pub is_tiny: bool,
    /// Bytes of lines per batch. `None`: fewer than a page has, so that most batches are stored in the middle of a page.
    pub batch_bytes: Option<usize>,
    /// Whether the scenario requires an organization that is read per workspace.
    pub of_workspaces: bool,
    /// Whether the scenario requires an organization whose access logs are read as a whole.
    pub of_whole: bool,
    /// Whether the scenario ends in odd responses or stored state, and not only in an unusual order of events.
    pub is_odd: bool,
    /// The logs that can have the scenario.
    pub logs: &'static [LogType],
}

/// The logs with page cursors.
const PAGED: [LogType; 2] = [LogType::Audit, LogType::Access];

/// Returns every scenario.
pub fn scenarios() -> Vec<Scenario> {
    let groups = [
        live(),
        backlogs(),
        late_and_lost(),
        odd_pages(),
        endless_pages(),
        odd_rows_and_state(),
        slowly_endless(),
        barred(),
        waits(),
    ];
    groups.into_iter().flatten().collect()
}

/// Returns a scenario that every log can have under every Slack.
pub(super) fn scenario(name: &'static str, before: &[Event]) -> Scenario {
    Scenario {
        name,
        before: before.to_vec(),
        calls_max: None,
        is_tiny: false,
        batch_bytes: None,
        of_workspaces: false,
        of_whole: false,
        is_odd: false,
        logs: &LogType::ALL,
    }
}

fn odd(logs: &'static [LogType], name: &'static str, before: &[Event]) -> Scenario {
    Scenario { is_odd: true, logs, ..scenario(name, before) }
}

fn few(name: &'static str, before: &[Event], calls: u32) -> Scenario {
    Scenario { calls_max: Some(calls), ..scenario(name, before) }
}

fn of_workspaces(name: &'static str, before: &[Event]) -> Scenario {
    Scenario { of_workspaces: true, ..scenario(name, before) }
}

/// Returns Slack's response to a page number that does not exist.
fn no_such_page() -> SlackFaultKind {
    SlackFaultKind::not_ok("over_pagination_limit")
}

fn minutes(count: usize) -> impl Iterator<Item = Event> {
    (0..count).flat_map(|_| [Pass(60), Tick])
}

/// Returns ticks whose first page breaks off, so that the next one requests a quarter of the rows.
fn broken_off(times: usize) -> impl Iterator<Item = Event> {
    (0..times).flat_map(|_| [Slack(1, SlackFaultKind::Truncated), Tick, Pass(60)])
}

/// Returns ticks over the newest pages, and rows that move between them.
fn live() -> Vec<Scenario> {
    vec![
        // Its first row is from the first second that the source collects.
        scenario("first", &[LateRow(7 * 86_400), Rows(4, 500)]),
        scenario("live", &[Rows(2, 40), Tick, Pass(60), Rows(2, 3), Touch(1)]),
        scenario("quiet", &[Rows(2, 40), Tick, Pass(60), Tick, Pass(60)]),
        scenario("pages", &[Rows(2, 40), Tick, Pass(60), Rows(7, 4), Touch(2)]),
        scenario("second", &[Rows(2, 9), Tick, Pass(60), Rows(5, 0)]),
        scenario(
            "moved",
            &[
                Rows(8, 43_200),
                Pass(60),
                // More than a page of rows moves. The second pass starts with them, and must go back to the time when the first pass
                // started.
                ClockAhead(60),
                TouchAt(2, 0),
                TouchAt(2, 1),
                TouchAt(2, 2),
                TouchAt(2, 3),
                Tick,
                Pass(60),
                Rows(1, 0),
                TouchAt(1, 0),
                TouchAt(1, 1),
                TouchAt(1, 2),
            ],
        ),
        scenario("shifted", &[Rows(2, 9), Tick, Pass(60), Rows(7, 0), Insert(2)]),
        // The same between two pages of one object, whose rows of one second the walk counts together.
        Scenario {
            logs: &[LogType::Integration],
            ..scenario("shifted-later", &[Rows(2, 9), Tick, Pass(60), Rows(5, 0), Insert(3)])
        },
    ]
}

/// Returns backlogs, with ticks that collect them in parts.
fn backlogs() -> Vec<Scenario> {
    vec![
        few("backlog", &[ManyRows(300), Tick, Pass(60), Rows(1, 0)], 2),
        // Slack has shown no row for longer than the source allows, while a backlog is left.
        few("silent", &[ManyRows(300), Tick, Pass(90_000)], 2),
        scenario("midnight", &[Pass(35_970), Rows(2, 20), Tick, Pass(60), Rows(4, 12), Touch(1)]),
        scenario("outage", &[Rows(2, 40), Tick, Revoke, Pass(60), Tick, Outage(5), Connect]),
        few("backlogs", &[Rows(2, 40), Tick, LongOutage, Tick, Pass(60), Rows(5, 2)], 2),
        // Old rows that Slack shows only now move the others to later pages. The walk of the backlog must not continue after them.
        Scenario {
            logs: &[LogType::Integration],
            ..few(
                "moved-backlog",
                &[
                    Rows(2, 40),
                    Tick,
                    LongOutage,
                    Tick,
                    Pass(60),
                    Tick,
                    Pass(60),
                    LateRow(12_000),
                    LateRow(12_100),
                    LateRow(12_200),
                    LateRow(12_300),
                ],
                4,
            )
        },
        // The same within a second of many rows, some of them equal. Only counting tells which of them are stored.
        Scenario {
            logs: &[LogType::Integration],
            ..few(
                "moved-second",
                &[
                    Rows(31, 0),
                    Pass(180),
                    Tick,
                    LateRow(12_000),
                    LateRow(12_100),
                    LateRow(12_200),
                    Pass(60),
                    Rows(1, 0),
                ],
                4,
            )
        },
    ]
}

/// Returns appends that are retried, failed ticks, late rows, a backfill, and lost cursors.
fn late_and_lost() -> Vec<Scenario> {
    let error = |call| Slack(call, SlackFaultKind::Status(500, String::new()));
    // An append fails in the middle of a page.
    let failed_ticks: Vec<Event> =
        [Rows(5, 0), Creates(&[Some(FaultKind::Rejected), Some(FaultKind::Rejected)]), Tick, Pass(60), Tick, Pass(60)]
            .into_iter()
            // A live gap stays unread, and keeps its end in the next tick, although the clock has stepped back.
            .chain([Rows(2, 20), error(1), Tick, ClockAhead(-150), Pass(90), Tick, ClockAhead(0)])
            // Ticks read only the first page of their live gaps, until two gaps become one. Only the oldest gap contains the first of these
            // rows.
            .chain([Rows(1, 0), Pass(400), Rows(4, 1)])
            .chain((0..17).flat_map(|_| [error(2), Tick, Pass(15)]))
            .chain([Pass(400), Tick, Pass(60)])
            .collect();
    // New processes store rows on a laptop whose clock is twenty minutes slow.
    let slow_laptop: Vec<Event> = [Rows(2, 40), LaptopAhead(-1_200), Tick]
        .into_iter()
        .chain(std::iter::repeat_n([Pass(300), Rows(1, 0), OtherTick], 7).flatten())
        .chain([LaptopAhead(0), Pass(60), Rows(1, 0)])
        .collect();
    vec![
        // An append finds an object whose response was lost, drops its record, and fails. The retry must not store that record again, although
        // the small cache evicted the IDs of its second.
        Scenario {
            is_tiny: true,
            ..odd(
                &[LogType::Audit],
                "append-again",
                &[
                    Rows(3, 0),
                    Tick,
                    Pass(60),
                    LateRow(60),
                    Creates(&[Some(FaultKind::ResponseLost)]),
                    Tick,
                    Pass(60),
                    Rows(1, 0),
                    Creates(&[None, Some(FaultKind::Rejected)]),
                ],
            )
        },
        odd(&[LogType::Audit], "failed-ticks", &failed_ticks),
        odd(&[LogType::Access], "slow-laptop", &slow_laptop),
        scenario("hourly", &[Rows(2, 40), Tick, Pass(3_540), Tick, Pass(60), LateRow(1_800), Rows(1, 0)]),
        scenario(
            "daily",
            &[
                Rows(2, 40),
                // A row that Slack shows as late as the guarantee allows, after this tick, is left to the daily re-read.
                ClockAhead(500),
                Tick,
                ClockAhead(0),
                Pass(60),
                LateRow(26 * 3_600),
                Hours(22),
                Pass(3_540),
                LateRow(12_000),
                LateRow(40_000),
                Pass(3_600),
                Rows(1, 0),
            ],
        ),
        few(
            "backfill",
            &[
                LateRow(12 * 86_400),
                LateRow(11 * 86_400),
                LateRow(11 * 86_400 - 1),
                LateRow(10 * 86_400),
                LateRow(9 * 86_400),
                Rows(2, 40),
                Tick,
                Pass(60),
                Tick,
                Backfill(12 * 86_400, 10 * 86_400 - 60),
                Pass(60),
                Rows(2, 3),
                Touch(1),
                TouchAt(5, 1),
                TouchAt(8, 2),
            ],
            3,
        ),
        scenario("cursor-lost", &[Rows(4, 40), Tick, Pass(60), Rows(1, 9), Tick, LoseCursors, Pass(60), Rows(2, 4)]),
    ]
}

/// Returns pages that are rejected, incomplete or miscounted.
fn odd_pages() -> Vec<Scenario> {
    // Most rows are beyond the last page of three rows.
    let last_page: Vec<Event> =
        [Rows(24, 4), FewPages(2)].into_iter().chain(broken_off(4)).chain([Rows(2, 3)]).collect();
    // In pages of one row, a tick cannot count the many rows of a second again each time the log has grown.
    let growing = (0..40).flat_map(|_| [Rows(1, 0), Tick, Pass(60)]);
    let small_pages: Vec<Event> = [Rows(2, 40), Tick, Pass(60), FewPages(1_000), Rows(300, 0), Pass(60)]
        .into_iter()
        .chain(broken_off(5))
        .chain([Tick, Pass(60)])
        .chain(growing)
        .collect();
    // The first page of an oldest-first log tells only where the newest rows are, and the next one fails. Then a tick has time for the first
    // page alone.
    let errors =
        (0..16).flat_map(|_| [Rows(1, 0), Slack(2, SlackFaultKind::Status(500, String::new())), Tick, Pass(60)]);
    let first_page_only: Vec<Event> = [Rows(5, 40), Tick, Pass(60), Rows(7, 4)]
        .into_iter()
        .chain(errors)
        .chain([Rows(1, 0), Deadline(Some(4)), Tick, Deadline(None), Pass(60)])
        .collect();
    vec![
        scenario("stale-page", &[Rows(2, 60), Tick, Pass(60), Rows(5, 4), Slack(2, SlackFaultKind::StaleCursor)]),
        scenario("empty-page", &[Rows(2, 60), Tick, Pass(60), Rows(5, 4), Slack(2, SlackFaultKind::EmptyPage)]),
        scenario("oversize-page", &[Rows(2, 60), Tick, Pass(60), Rows(9, 0), Slack(1, SlackFaultKind::Oversize(2))]),
        odd(&[LogType::Integration], "last-page", &last_page),
        odd(&[LogType::Integration], "small-pages", &small_pages),
        odd(&[LogType::Integration], "first-page-only", &first_page_only),
        odd(&[LogType::Integration], "no-first-page", &[Rows(9, 60), Slack(1, no_such_page())]),
        odd(&[LogType::Integration], "no-such-page", &[Rows(9, 60), Slack(2, no_such_page())]),
        // Two responses in a row contradict their number of rows, and only the second one omits rows.
        odd(
            &[LogType::Integration],
            "miscounted-twice",
            &[
                Rows(1, 60),
                Tick,
                Pass(60),
                Rows(1, 4),
                Slack(1, SlackFaultKind::Claims(1_000_000)),
                Slack(2, SlackFaultKind::EmptyPage),
            ],
        ),
        odd(&[LogType::Access], "oversize-only-page", &[Rows(3, 60), Slack(1, SlackFaultKind::Oversize(1))]),
        scenario("truncated-page", &[Rows(5, 60), Slack(2, SlackFaultKind::Truncated)]),
        scenario("throttled", &[Rows(2, 60), Tick, Pass(60), Rows(5, 4), Slack(2, SlackFaultKind::throttled("90"))]),
    ]
}

/// Returns pages that lead nowhere.
fn endless_pages() -> Vec<Scenario> {
    let endless = |kind| [Rows(2, 40), Tick, Pass(60), Rows(5, 4), SlackAlways(SlackFaultKind::Endless(kind))];
    vec![
        odd(&PAGED, "endless-same", &endless(Endless::SameCursor)),
        odd(&PAGED, "endless-fresh", &endless(Endless::FreshCursor)),
        odd(&PAGED, "endless-old", &endless(Endless::OldRows)),
        odd(&PAGED, "endless-pages", &endless(Endless::Circle)),
        odd(
            &[LogType::Integration],
            "endless-claim",
            &[Rows(5, 40), Tick, Pass(60), Rows(2, 4), SlackAlways(SlackFaultKind::Claims(1_000_000))],
        ),
        odd(
            &[LogType::Access, LogType::Integration],
            "page-ignored",
            &[Rows(5, 40), Tick, Pass(60), Rows(7, 4), SlackAlways(SlackFaultKind::PageIgnored)],
        ),
    ]
}

/// Returns rows, rejections and stored cursors that no organization should have.
fn odd_rows_and_state() -> Vec<Scenario> {
    vec![
        // A process reads two pages, and then runs out of time after a page. Neither may shorten the overlap in which it finds late rows after
        // another process has ticked. The hourly re-read, which finds the other late rows, comes soon.
        odd(
            &LogType::ALL,
            "late-rows",
            &[
                Rows(1, 0),
                Tick,
                LateRows(6),
                Pass(60),
                Rows(1, 0),
                Tick,
                Pass(60),
                Rows(3, 0),
                Deadline(Some(4)),
                Tick,
                Deadline(None),
                Pass(3_000),
                OtherTick,
                Pass(1),
                LateRows(6),
                Pass(59),
                Rows(1, 0),
            ],
        ),
        odd(&LogType::ALL, "damaged", &[Rows(2, 40), Tick, Pass(60), DamagedRow, Rows(2, 4)]),
        odd(&LogType::ALL, "same-id", &[Rows(2, 40), Tick, Pass(60), SameId, Rows(1, 4)]),
        odd(
            &LogType::ALL,
            "rejected-once",
            &[Rows(2, 40), Tick, Pass(60), Rows(2, 4), Slack(1, SlackFaultKind::EmptyUnauthorized)],
        ),
        // By workspace, Slack returns only some of the rows.
        Scenario {
            of_whole: true,
            ..odd(
                &[LogType::Access],
                "missing-argument",
                &[Rows(2, 40), Tick, Pass(60), Rows(2, 4), Slack(1, SlackFaultKind::not_ok("missing_argument"))],
            )
        },
        // The rejection of another token a minute ago does not count for this one.
        odd(
            &[LogType::Audit],
            "reconnected",
            &[
                Rows(2, 40),
                Tick,
                Pass(60),
                Slack(1, SlackFaultKind::EmptyUnauthorized),
                Tick,
                Pass(30),
                Connect,
                Pass(30),
                Rows(2, 4),
                Slack(1, SlackFaultKind::EmptyUnauthorized),
            ],
        ),
        // Slack rejected the token a minute ago, and has accepted it since: it returned a page.
        odd(
            &PAGED,
            "rejected-later",
            &[
                Rows(2, 40),
                Tick,
                Pass(60),
                Slack(1, SlackFaultKind::EmptyUnauthorized),
                Tick,
                Pass(60),
                Rows(7, 4),
                Slack(2, SlackFaultKind::EmptyUnauthorized),
            ],
        ),
        // The first page of an oldest-first log has rows of one second, all from before the gap, and tells nothing of the order.
        odd(&[LogType::Integration], "old-second", &[Rows(4, 0), Pass(900), Tick, Pass(60), Rows(3, 4)]),
        odd(&LogType::ALL, "tampered-watermark", &[Rows(4, 40), Tick, Pass(60), Rows(2, 4), Tamper(false)]),
        odd(&LogType::ALL, "tampered", &[Rows(4, 40), Tick, Pass(60), Rows(2, 4), Tamper(true)]),
    ]
}

/// Returns page cursors that lead nowhere, in ticks with too few calls to notice.
fn slowly_endless() -> Vec<Scenario> {
    let slowly = |name, kind| {
        let before: Vec<Event> = [ManyRows(300), SlackAlways(kind)].into_iter().chain(minutes(310)).collect();
        Scenario { is_odd: true, logs: &PAGED, ..few(name, &before, 2) }
    };
    vec![
        slowly("endless-loop", SlackFaultKind::Endless(Endless::Circle)),
        slowly("cursors-rejected", SlackFaultKind::StaleCursor),
    ]
}

/// Returns organizations with a workspace that cannot be read.
fn barred() -> Vec<Scenario> {
    // Long enough that the stream must report the workspace.
    let barred = [Rows(4, 40), Bar("T1"), Tick, Pass(60), Rows(4, 3), Tick].into_iter().chain(minutes(25));
    let admitted: Vec<Event> = barred.chain([Admit("T1"), Pass(3_600)]).collect();
    // One long row fits into a response, and two do not.
    let broken_off_when_admitted = [&[LongRows("T1", 1_600)], &admitted[..]].concat();
    // A tick in which no workspace can be read must not hide how long one of them could not be read before.
    let barred_twice: Vec<Event> = [Rows(4, 40), Bar("T1"), Tick]
        .into_iter()
        .chain(minutes(10))
        .chain([Bar("T2"), Pass(60), Tick, Admit("T2")])
        .chain(minutes(14))
        .collect();
    // A re-read is in a workspace while a live walk misses its rows. It then starts again with the newest ones, which are not late.
    let rejected = SlackFaultKind::not_ok("invalid_auth");
    let missed_before_reread: Vec<Event> = [Rows(96, 30), Tick]
        .into_iter()
        .chain(minutes(8))
        .chain([Pass(3_120), Tick, Pass(60), Rows(4, 3), Slack(1, rejected), Tick, Pass(60)])
        .chain([Slack(1, SlackFaultKind::StaleCursor)])
        .collect();
    // Another process has listed T2. The one that collects the backfill has not.
    let old_rows = |count: i64| (0..count).map(|n| LateRow(10 * 86_400 + n * 60));
    let backfill = Backfill(11 * 86_400, 9 * 86_400);
    let listed_by_other: Vec<Event> = [Leave("T2"), Rows(4, 40), Tick, Pass(60), Join("T2"), OtherTick, Pass(60)]
        .into_iter()
        .chain(old_rows(4))
        .chain([backfill.clone()])
        .collect();
    // T1 joins when a backfill of the time before the source's `since` has passed its ID.
    let joins_during_backfill: Vec<Event> = [Leave("T1"), Rows(4, 40), Tick, Pass(60)]
        .into_iter()
        .chain(old_rows(12))
        .chain([backfill, Slack(4, SlackFaultKind::Hangup), Tick, Join("T1"), Pass(3_600)])
        .collect();
    vec![
        of_workspaces("barred", &[Rows(4, 40), Tick, Bar("T1"), Pass(60), Rows(4, 3)]),
        of_workspaces("admitted", &admitted),
        of_workspaces("barred-twice", &barred_twice),
        Scenario { logs: &[LogType::Access], ..of_workspaces("missed-before-reread", &missed_before_reread) },
        of_workspaces("long-pages", &broken_off_when_admitted),
        Scenario { logs: &[LogType::Integration], ..of_workspaces("listed-by-other", &listed_by_other) },
        Scenario { logs: &[LogType::Integration], ..of_workspaces("joins-during-backfill", &joins_during_backfill) },
    ]
}

/// Returns a request to wait, and live walks that use up their calls.
fn waits() -> Vec<Scenario> {
    // The response names a time, and no time that it counts from.
    let unavailable = SlackFaultKind::Unavailable(90);
    // For some minutes, the new rows take more than half of the calls, and every two pages of them fill a batch. Only a short overlap leaves
    // calls for the rest.
    let busy = (0..14).flat_map(|_| [Pass(60), Rows(18, 3), Tick]);
    let batches: Vec<Event> =
        [Rows(4, 40), Tick].into_iter().chain(busy).chain(minutes(30)).chain([Pass(60)]).collect();
    vec![
        scenario("unavailable", &[Rows(2, 60), Tick, Pass(60), Rows(5, 4), Slack(1, unavailable)]),
        Scenario { batch_bytes: Some(2_000), ..odd(&[LogType::Access], "batches", &batches) },
    ]
}
