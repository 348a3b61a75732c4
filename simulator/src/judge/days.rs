//! The days of the judge: short scripts of what happens at Slack and to the collector. Each is named for what happens.

use slacktrail_simulator::settings::{AccessColumn, Direction, Fill, Paging, Settings};
use slacktrail_simulator::{Endless, FaultKind, Log};

pub(crate) struct Day {
    /// The name, unique within its log.
    pub(crate) name: &'static str,
    /// What happens, in one sentence.
    pub(crate) about: &'static str,
    pub(crate) log: Log,
    pub(crate) settings: Settings,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Rows appear, with one second between two rows, the newest of them `ago` seconds old.
    Rows { count: i64, ago: i64 },
    /// Rows appear over the past, with `apart` seconds between two rows.
    History { count: i64, apart: i64 },
    /// Rows appear with the time of the last row.
    SameSecond { count: i64 },
    /// A row of this many bytes appears.
    HugeRow(usize),
    /// Rows of this workspace appear.
    RowsOf(&'static str, i64),
    /// The users of the oldest access rows return.
    Return(usize),
    /// Time passes, in seconds.
    Pass(i64),
    /// The collector runs.
    Run,
    /// The collector runs twice at the same time.
    RunTwice,
    /// The collector is killed while Slack handles its call with this number.
    RunKilled(u32),
    /// The collector is killed after it has written its output and before it has written its state.
    RunLosingState,
    /// The call with this number has a fault.
    Fault(u32, FaultKind),
    /// Every call for pages has a fault, until [`Step::Healed`].
    Broken(FaultKind),
    /// A row appears while the collector is between its first and its second page.
    RowBetweenPages { ago: i64 },
    /// Slack rejects the token, until [`Step::Healed`].
    Revoked,
    /// Slack rejects the token for this workspace.
    Barred(&'static str),
    /// Nothing is wrong any more.
    Healed,
    /// The collector's clock is ahead of Slack's by this many seconds.
    Skew(i64),
}

use Step::{
    Barred, Broken, Fault, Healed, History, HugeRow, Pass, Return, Revoked, RowBetweenPages, Rows, RowsOf, Run,
    RunKilled, RunLosingState, RunTwice, SameSecond, Skew,
};

/// The most rows on a page, so that a few rows need several pages.
const PAGE: usize = 10;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Adds what every collector gets at the end: runs a minute and ten minutes later, with nothing in their way.
fn settled(steps: &[Step]) -> Vec<Step> {
    [steps, &[Pass(MINUTE), Run, Pass(10 * MINUTE), Run]].concat()
}

pub(crate) fn days() -> Vec<Day> {
    [audit_days(), access_days(), integration_days()].into_iter().flatten().collect()
}

fn audit_days() -> Vec<Day> {
    let day = |name, about, steps: &[Step]| Day {
        name,
        about,
        log: Log::Audit,
        settings: Settings { audit_limit_max: PAGE, ..Settings::organization() },
        steps: settled(steps),
    };
    // A usual start: a short history is collected, and a minute later there are several pages of new rows.
    let start = [History { count: 5, apart: HOUR }, Run, Pass(MINUTE), Rows { count: 25, ago: 1 }];
    let begun = |rest: &[Step]| [&start[..], rest].concat();
    let mut days = vec![
        day("backlog", "two days of history, in several pages", &[History { count: 48, apart: HOUR }, Run]),
        Day {
            steps: (0..5).flat_map(|_| [Rows { count: 3, ago: 1 }, Run, Pass(MINUTE)]).chain([Run]).collect(),
            ..day("live minutes", "a few rows in each of five minutes", &[])
        },
        day(
            "error on page two",
            "HTTP 500 instead of the second page",
            &begun(&[Fault(2, FaultKind::Status(500, String::new())), Run]),
        ),
        day("killed between pages", "a kill after the first page, and a restart", &begun(&[RunKilled(2)])),
        day(
            "killed before the state",
            "a kill after the output is written, before the state is",
            &begun(&[RunLosingState]),
        ),
        day("two runs at once", "a second run starts before the first has ended", &begun(&[RunTwice])),
        day(
            "response lost",
            "the connection closes instead of the second page",
            &begun(&[Fault(2, FaultKind::HangupAfter), Run]),
        ),
        day(
            "response incomplete",
            "the second page ends in the middle",
            &begun(&[Fault(2, FaultKind::Truncated), Run]),
        ),
    ];
    // The row appears right after a run, because time also passes during a run: it must be older than the newest row of that run.
    let late = |seconds| {
        let start = [History { count: 5, apart: HOUR }, Run, Pass(MINUTE), Rows { count: 3, ago: 1 }, Run];
        [&start[..], &[Rows { count: 1, ago: seconds }, Pass(MINUTE)]].concat()
    };
    days.extend([
        day("30 seconds late", "a row appears 30 seconds after its time, behind newer ones", &late(30)),
        day(
            "10 minutes late",
            "a row appears 10 minutes after its time; runs for two hours",
            &[late(10 * MINUTE), vec![Run, Pass(HOUR), Rows { count: 1, ago: 1 }, Run, Pass(HOUR), Run]].concat(),
        ),
        day(
            "20 hours late",
            "a row appears 20 hours after its time; runs for two days",
            &[late(20 * HOUR), (0..4).flat_map(|_| [Run, Pass(12 * HOUR), Rows { count: 1, ago: 1 }]).collect()]
                .concat(),
        ),
        day(
            "a long second",
            "more rows of one second than fit on a page, and later one more of that second",
            &[
                History { count: 5, apart: HOUR },
                Run,
                Pass(MINUTE),
                Rows { count: 1, ago: 2 },
                SameSecond { count: 24 },
                Run,
                SameSecond { count: 1 },
            ],
        ),
        day(
            "rows between pages",
            "a row with an older time appears between two pages",
            &begun(&[RowBetweenPages { ago: 8 }, Run]),
        ),
        day("stale page cursor", "Slack rejects the page cursor", &begun(&[Fault(1, FaultKind::StaleCursor), Run])),
        day(
            "empty page",
            "a page in the middle is empty, but has a page cursor",
            &begun(&[Fault(2, FaultKind::EmptyPage), Run]),
        ),
        day(
            "throttled",
            "429 with `Retry-After: 2` on the second page",
            &begun(&[Fault(2, FaultKind::throttled("2")), Run]),
        ),
        day(
            "throttled without valid Retry-After",
            "429 with a `Retry-After` that is not a number",
            &begun(&[Fault(2, FaultKind::throttled("soon")), Run]),
        ),
        day(
            "revoked token",
            "Slack rejects the token for an hour",
            &begun(&[
                Revoked,
                Run,
                Pass(MINUTE),
                Run,
                Pass(HOUR),
                Rows { count: 3, ago: 1 },
                Healed,
                Pass(16 * MINUTE),
                Run,
            ]),
        ),
        day(
            "HTML instead of JSON",
            "HTTP 200 with an HTML page, for five minutes",
            &begun(&[Broken(FaultKind::Html(200)), Run, Pass(5 * MINUTE), Run, Healed, Pass(MINUTE), Run]),
        ),
        day(
            "endless page cursor",
            "each page is empty and has the same page cursor, for ten minutes",
            &begun(&[
                Broken(FaultKind::Endless(Endless::SameCursor)),
                Run,
                Pass(5 * MINUTE),
                Run,
                Pass(5 * MINUTE),
                Run,
                Healed,
                Pass(MINUTE),
                Run,
            ]),
        ),
        day("huge row", "a row of 3 MB", &begun(&[HugeRow(3_000_000), Run])),
        day(
            "clock steps back",
            "the collector's clock is 5 minutes ahead, and is then corrected",
            &[
                History { count: 5, apart: HOUR },
                Skew(5 * MINUTE),
                Run,
                Skew(0),
                Pass(MINUTE),
                Rows { count: 5, ago: 1 },
                Run,
            ],
        ),
    ]);
    days
}

/// Returns a usual start: a short history is collected, and a minute later there are several pages of new rows.
fn begun_in_pages(rest: &[Step]) -> Vec<Step> {
    let start = [History { count: 15, apart: HOUR }, Run, Pass(MINUTE), Rows { count: 25, ago: 1 }];
    [&start[..], rest].concat()
}

/// Returns the days of both logs whose pages shift when a row appears.
fn days_of_moving_pages(day: &impl Fn(&'static str, &'static str, &[Step]) -> Day) -> Vec<Day> {
    vec![
        day("backlog", "two days of history, in several pages", &[History { count: 48, apart: HOUR }, Run]),
        day("killed between pages", "a kill after the first page, and a restart", &begun_in_pages(&[RunKilled(2)])),
        day(
            "killed before the state",
            "a kill after the output is written, before the state is",
            &begun_in_pages(&[RunLosingState]),
        ),
        day(
            "rows between pages",
            "a row appears between two pages and shifts the second",
            &begun_in_pages(&[RowBetweenPages { ago: 0 }, Run]),
        ),
    ]
}

fn access_days() -> Vec<Day> {
    let day = |name, about, steps: &[Step]| Day {
        name,
        about,
        log: Log::Access,
        settings: Settings {
            access_fill: Fill::UpTo(PAGE),
            access_paging: Paging::Offset,
            access_order: AccessColumn::Last,
            ..Settings::workspace()
        },
        steps: settled(steps),
    };
    let mut days = days_of_moving_pages(&day);
    days.extend([
        day(
            "error on page two",
            "HTTP 500 instead of the second page",
            &begun_in_pages(&[Fault(2, FaultKind::Status(500, String::new())), Run]),
        ),
        day(
            "users return",
            "Slack updates rows that are stored, and moves them to the front",
            &begun_in_pages(&[Run, Pass(MINUTE), Return(5), Run]),
        ),
    ]);
    days
}

fn integration_days() -> Vec<Day> {
    let of = |settings, name, about, steps: &[Step]| Day {
        name,
        about,
        log: Log::Integration,
        settings,
        steps: settled(steps),
    };
    let settings =
        Settings { integration_count_max: PAGE, integration_order: Direction::NewestFirst, ..Settings::workspace() };
    let day = |name, about, steps: &[Step]| of(settings.clone(), name, about, steps);
    let organization = Settings { integration_count_max: PAGE, ..Settings::organization() };
    let barred =
        [RowsOf("T1", 3), RowsOf("T2", 3), Run, Barred("T2"), Pass(MINUTE), RowsOf("T1", 3), RowsOf("T2", 3), Run];
    let admitted = [Pass(16 * MINUTE), Run, Healed, Pass(HOUR), Run];
    let mut days = days_of_moving_pages(&day);
    days.push(of(
        organization,
        "a barred workspace",
        "Slack rejects one workspace of an organization for an hour",
        &[&barred[..], &admitted].concat(),
    ));
    days
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_day_has_own_name_in_its_log_and_ends_with_run() {
        let mut names = HashSet::new();
        for day in days() {
            assert!(names.insert((day.log, day.name)), "{}", day.name);
            assert!(day.steps.iter().filter(|step| matches!(step, Run)).count() >= 2, "{}", day.name);
            assert!(matches!(day.steps.last(), Some(Run)), "{}", day.name);
        }
    }
}
