//! The time range of a backfill: whole UTC days, as the user types them, and what is left of it according to the cursor.

use serde::Serialize;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::time::Second;
use slacktrail_core::walk::{Gap, GapKind, Walk};

use crate::cli_error::CliError;
use crate::days::Days;
use crate::format::{self, instant};

/// The range to collect, with both ends inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Range {
    #[serde(serialize_with = "instant")]
    pub(crate) oldest: Second,
    #[serde(serialize_with = "instant")]
    pub(crate) latest: Second,
}

impl Range {
    /// Returns the range of whole days, limited to the time from March 2018 to `now`.
    pub(crate) fn of(days: Days, now: Second) -> Result<Range, CliError> {
        let (oldest, latest) = (days.first.start(), days.last.end());
        if latest < Second::MARCH_2018 {
            return Err(CliError::invalid_argument("Slack has no logs from before 2018-03-01")
                .hint("use 2018-03-01 or a later day"));
        }
        Ok(Range { oldest: oldest.max(Second::MARCH_2018), latest: latest.min(now) })
    }

    pub(crate) fn seconds(self) -> i64 {
        self.latest.since(self.oldest) + 1
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "from {} to {}", self.oldest, self.latest)
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Rest {
    /// This many seconds. Known for audit logs, whose walk follows time.
    Seconds(i64),
    /// An unknown amount, because the walks of the other logs follow activity or page numbers. Contains the position of the walk as text.
    Unknown(String),
    Nothing,
}

impl Rest {
    /// Returns what is left of `range`. A backlog in the range also counts, because it is not collected yet.
    pub(super) fn of(cursor: &Cursor, range: Range) -> Rest {
        let open = cursor.gaps.iter().filter(|gap| matches!(gap.kind, GapKind::Backfill | GapKind::Backlog));
        let open: Vec<&Gap> = open.filter(|gap| gap.oldest <= range.latest && gap.latest >= range.oldest).collect();
        let seconds = open.iter().map(|gap| overlap(gap, range)).max();
        match open.iter().find_map(|gap| position(gap)) {
            _ if open.is_empty() => Rest::Nothing,
            Some(position) => Rest::Unknown(position),
            None => Rest::Seconds(seconds.unwrap_or(0)),
        }
    }
}

fn overlap(gap: &Gap, range: Range) -> i64 {
    gap.latest.min(range.latest).since(gap.oldest.max(range.oldest)) + 1
}

/// Returns the position of a walk that does not follow time.
fn position(gap: &Gap) -> Option<String> {
    match &gap.walk {
        Walk::Audit(_) => None,
        Walk::Access(walk) => Some(format!("{} read", format::counted(u64::from(walk.pages), "page"))),
        Walk::Integration(walk) => Some(match gap.workspace_id() {
            Some(workspace) => format!("page {} of workspace {workspace}", walk.page),
            None => format!("page {}", walk.page),
        }),
    }
}

/// Describes the progress: `12 d 4 h left to collect (about 5 min)`.
pub(super) fn describe(left: i64, estimate: Option<i64>) -> String {
    match estimate {
        Some(seconds) => format!("{} left to collect (about {})", format::duration(left), format::duration(seconds)),
        None => format!("{} left to collect", format::duration(left)),
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::{LogType, Plan, Source};

    use super::*;
    use crate::days::tests::days;

    const DAY: i64 = 86_400;

    fn second(day: i64) -> Second {
        Second::MARCH_2018.plus(day * DAY)
    }

    fn range(from: i64, to: i64) -> Range {
        Range { oldest: second(from), latest: second(to).plus(-1) }
    }

    /// Returns a cursor at day 1000 that collects since day 990, with a backfill of these days.
    fn cursor(log: LogType, from: i64, to: i64) -> Cursor {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, second(990));
        let mut cursor = Cursor::first(&source, log, second(1_000));
        cursor.gaps.clear();
        cursor.backfill(log, second(from), second(to).plus(-1), second(1_000));
        cursor
    }

    fn range_of(flags: &str) -> Result<String, String> {
        let now = Second::of("2026-11-22T17:00:05Z".parse().unwrap());
        Range::of(days(flags)?, now).map(|range| range.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn range_includes_first_and_last_day() {
        for (flags, expected) in [
            ("--from 2024-01-01 --to 2024-01-31", "from 2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z"),
            ("--day 2024-02-28", "from 2024-02-28T00:00:00Z to 2024-02-28T23:59:59Z"),
            ("--from 2010-01-01 --to 2018-03-01", "from 2018-03-01T00:00:00Z to 2018-03-01T23:59:59Z"),
            ("--from 2026-11-22 --to 2030-01-01", "from 2026-11-22T00:00:00Z to 2026-11-22T17:00:05Z"),
        ] {
            assert_eq!(range_of(flags).unwrap(), expected, "{flags}");
        }
        assert!(range_of("--from 2017-01-01 --to 2018-02-28").unwrap_err().contains("before 2018-03-01"));
    }

    #[test]
    fn remaining_backfill_shrinks_with_gap_and_ends_with_it() {
        let mut cursor = cursor(LogType::Audit, 10, 20);
        assert_eq!(Rest::of(&cursor, range(10, 20)), Rest::Seconds(10 * DAY));
        cursor.gaps[0].latest = second(12).plus(-1);
        assert_eq!(Rest::of(&cursor, range(10, 20)), Rest::Seconds(2 * DAY));
        assert_eq!(Rest::of(&cursor, range(11, 20)), Rest::Seconds(DAY));
        assert_eq!(Rest::of(&cursor, range(12, 20)), Rest::Nothing);
        cursor.gaps.clear();
        assert_eq!(Rest::of(&cursor, range(10, 20)), Rest::Nothing);
    }

    #[test]
    fn remaining_backfill_includes_backlog_and_excludes_re_reads() {
        for (kind, expected) in [
            (GapKind::Backlog, Rest::Seconds(10 * DAY)),
            (GapKind::Reread, Rest::Nothing),
            (GapKind::Live, Rest::Nothing),
        ] {
            let mut cursor = cursor(LogType::Audit, 10, 20);
            cursor.gaps[0].kind = kind;
            assert_eq!(Rest::of(&cursor, range(10, 20)), expected, "{kind:?}");
        }
    }

    #[test]
    fn only_page_is_known_for_access_and_integration_backfills() {
        for (log, position) in [(LogType::Access, "0 pages read"), (LogType::Integration, "page 0")] {
            assert_eq!(Rest::of(&cursor(log, 10, 20), range(10, 20)), Rest::Unknown(position.to_owned()));
        }
    }

    #[test]
    fn progress_has_estimate_if_known() {
        assert_eq!(describe(75 * DAY, Some(180)), "75 d left to collect (about 3 min)");
        assert_eq!(describe(75 * DAY, None), "75 d left to collect");
    }
}
