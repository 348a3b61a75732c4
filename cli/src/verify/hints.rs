//! What to do about each difference, and about each part that could not be compared.

use slacktrail_archive::verify::{Kind, Limitation, Reason};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Day;

use super::compared::{Archive, ComparedLog};
use super::period::{ranges, shown_ranges};
use crate::deployed::in_directory;
use crate::format::counted;
use crate::typed_time::shown_day;

/// The maximum number of commands in a hint.
const COMMANDS_MAX: usize = 5;

/// Returns the hints for a log. Each starts with a verb.
pub(super) fn hints(log: &ComparedLog, source: &Source, archive: &Archive) -> Vec<String> {
    let hints = Hints { log, source, archive };
    let mut all = Vec::new();
    all.extend(hints.about_missing_objects());
    all.extend(hints.about_missing_records());
    all.extend(hints.about_altered_lines());
    all.extend(hints.about_duplicates());
    all.extend(hints.about_unexpected_lines());
    all.extend(hints.about_pending_records());
    all.extend(hints.about_limitations());
    all
}

struct Hints<'a> {
    log: &'a ComparedLog,
    source: &'a Source,
    archive: &'a Archive,
}

impl Hints<'_> {
    fn is_directory(&self) -> bool {
        matches!(self.archive, Archive::Directory(_))
    }

    /// Returns a command line that works on the archive, between backticks.
    fn command(&self, command: &str) -> String {
        match self.archive {
            Archive::Bucket(_) => format!("`slacktrail {command}`"),
            Archive::Directory(directory) => format!("`{}`", in_directory(command, directory)),
        }
    }

    fn resume(&self) -> String {
        self.command(&format!("resume {}", self.source.id))
    }

    /// Returns the commands that collect these days again, between backticks.
    fn backfill(&self, days: &[Day]) -> String {
        let (id, log) = (&self.source.id, self.log.log);
        let command = |(first, last): (Day, Day)| {
            let days = match first == last {
                true => format!("--day {}", shown_day(first)),
                false => format!("--from {} --to {}", shown_day(first), shown_day(last)),
            };
            self.command(&format!("backfill {id} --log {log} {days}"))
        };
        let ranges = ranges(days);
        let mut commands: Vec<String> = ranges.iter().copied().take(COMMANDS_MAX).map(command).collect();
        if ranges.len() > COMMANDS_MAX {
            let further = (ranges.len() - COMMANDS_MAX) as u64;
            commands.push(format!("the same for {}", counted(further, "further period")));
        }
        commands.join(", ")
    }

    fn days_with(&self, kind: Kind) -> Vec<Day> {
        self.log.days_with(|day| day.count(kind) > 0)
    }

    fn about_missing_objects(&self) -> Option<String> {
        let days = self.days_with(Kind::MissingObject);
        let (shown, backfill) = (shown(&days)?, self.backfill(&days));
        Some(if self.is_directory() {
            format!(
                "restore the missing objects of {shown} from a backup; without one, move the other objects of the day out of the \
                 directory, and run {backfill} to collect the day again"
            )
        } else {
            format!(
                "restore the missing objects of {shown} (\"Deleted object\" in docs/operations.md), unless `DeleteAfterDays` has deleted \
                 them; without a version or a copy, move the other objects of the day aside, and run {backfill} to collect the day again"
            )
        })
    }

    /// Applies to days whose day log has no missing number, because a backfill can only append to such a day log.
    fn about_missing_records(&self) -> Option<String> {
        let days = self.log.days_with(|day| day.count(Kind::Missing) > 0 && day.count(Kind::MissingObject) == 0);
        let (shown, backfill) = (shown(&days)?, self.backfill(&days));
        let resume = if self.source.paused { format!("run {}, then ", self.resume()) } else { String::new() };
        Some(format!("{resume}run {backfill} to collect the missing records of {shown}; no record is stored twice"))
    }

    fn about_altered_lines(&self) -> Option<String> {
        let kinds = [Kind::Changed, Kind::WrongDay, Kind::Unreadable];
        let shown = shown(&self.log.days_with(|day| kinds.iter().any(|kind| day.count(*kind) > 0)))?;
        Some(if self.is_directory() {
            format!(
                "restore the listed objects of {shown} from a backup: another program has changed them, because slacktrail never \
                 changes an object; `--show-records` shows the lines"
            )
        } else {
            format!(
                "restore an earlier version of the listed objects of {shown} (\"Corrupt object\" in docs/operations.md), and find out in \
                 CloudTrail who wrote them, because slacktrail never changes an object; `--show-records` shows the lines"
            )
        })
    }

    fn about_duplicates(&self) -> Option<String> {
        let shown = shown(&self.days_with(Kind::Duplicate))?;
        let writers = if self.is_directory() {
            "check that nothing else writes into the directory"
        } else {
            "check that only the poller's role writes into the bucket (`slacktrail doctor`)"
        };
        Some(format!(
            "count each `p_row_id` once in queries of {shown}, because nothing is lost, and {writers}; if no object was copied, report a \
             defect of slacktrail"
        ))
    }

    fn about_unexpected_lines(&self) -> Option<String> {
        if self.log.log != LogType::Audit {
            return None; // such lines are no mismatch
        }
        let shown = shown(&self.days_with(Kind::Unexpected))?;
        let writers = if self.is_directory() { "who wrote the objects" } else { "in CloudTrail who wrote the objects" };
        Some(format!(
            "run the command with `--show-records` to see the unexpected lines of {shown}, and check {writers}: Slack has deleted these records, \
             or slacktrail did not get them from Slack"
        ))
    }

    fn about_pending_records(&self) -> Vec<String> {
        use Reason::{BeforeReread, BeforeSince, InGap, NeverCollected, SinceLastTick, SkippedWorkspace};
        let (id, resume) = (&self.source.id, self.resume());
        let (pull, status) = (format!("run {}", self.command(&format!("pull {id}"))), self.command("status"));
        let then_pull = if self.is_directory() { format!(", {pull}") } else { String::new() };
        let choose = |in_directory: String, deployed: &str| {
            if self.is_directory() { in_directory } else { deployed.to_owned() }
        };
        let hint = |reason: Reason, days: &[Day]| match reason {
            NeverCollected | SinceLastTick if self.source.paused => {
                format!("run {resume}, because the source is paused{then_pull}, then verify again")
            }
            NeverCollected => choose(
                format!("{pull} to collect the log, then verify again"),
                "wait for the first tick, then verify again",
            ),
            BeforeSince => {
                format!("run {} to collect records from before the start of collection", self.backfill(days))
            }
            InGap => choose(
                format!("{pull} until it collects nothing more, then verify again"),
                "wait until `slacktrail status` shows no backlog, then verify again",
            ),
            SinceLastTick => choose(
                format!("{pull} to collect new records, then verify again"),
                "wait for the next tick, then verify again; `slacktrail status` shows whether collection runs",
            ),
            SkippedWorkspace => {
                format!("run {status} to see why the workspace cannot be read; its records are collected afterwards")
            }
            BeforeReread => format!(
                "verify again in a day, when re-reads have collected late records; or run {} to collect them now",
                self.backfill(days)
            ),
        };
        let days_with = |reason| self.log.days_with(|day| day.pending().contains_key(&reason));
        let mut hints: Vec<String> =
            self.log.total.pending().into_keys().map(|reason| hint(reason, &days_with(reason))).collect();
        hints.dedup();
        hints
    }

    fn about_limitations(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let has = |limitation| self.log.total.limitations.contains(&limitation);
        if let Some(shown) = shown(&self.log.days_with(|day| day.limitations.contains(&Limitation::NoLongerReturned))) {
            hints.push(format!(
                "check that the token still reads the log: Slack returns no record of {shown} anymore, and records that Slack has deleted \
                 cannot be compared"
            ));
        }
        if has(Limitation::PagesEnd) {
            hints.push("verify more recent days: Slack does not return pages that go further back".to_owned());
        }
        if has(Limitation::NotRequested) {
            let hint = "use `--show-records` to see the stored lines: rows without a valid time cannot be requested from Slack";
            hints.push(hint.to_owned());
        }
        if !self.log.total.skipped_workspaces.is_empty() {
            let ids = self.log.total.skipped_workspaces.iter().map(|workspace| workspace.id.as_str());
            hints.push(format!(
                "let the user who installed the app join the workspaces that could not be read ({}), then verify again",
                ids.collect::<Vec<_>>().join(", ")
            ));
        }
        hints
    }
}

/// Returns the days as text, or `None` if there are none.
fn shown(days: &[Day]) -> Option<String> {
    let ranges = shown_ranges(days);
    match ranges.len() {
        0 => None,
        1..=COMMANDS_MAX => Some(ranges.join(", ")),
        _ => Some(counted(days.len() as u64, "day")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{difference, findings};
    use super::*;
    use slacktrail_archive::verify::{Difference, Findings, SkippedWorkspace};
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    fn source() -> Source {
        Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH)
    }

    fn of(days: Vec<Findings>, archive: &Archive) -> Vec<String> {
        hints(&ComparedLog::of(days), &source(), archive)
    }

    fn bucket() -> Archive {
        Archive::Bucket("logs".to_owned())
    }

    fn directory() -> Archive {
        Archive::Directory("my logs".into())
    }

    /// Returns the findings of the day `days` after 2026-11-20 with one difference.
    fn day(days: i64, difference: Difference) -> Findings {
        let day = findings(LogType::Audit, vec![difference]);
        let moved = day.day.start().plus(days * 86_400).day();
        Findings { day: moved, until: moved.end(), ..day }
    }

    #[test]
    fn missing_records_name_command_that_collects_them() {
        let days = || {
            vec![
                day(0, difference(Kind::Missing, 1)),
                day(1, difference(Kind::Missing, 1)),
                day(5, difference(Kind::Missing, 1)),
            ]
        };
        let expected = "run `slacktrail backfill acme --log audit --from 2026-11-20 --to 2026-11-21`, \
                        `slacktrail backfill acme --log audit --day 2026-11-25` to collect the missing records of \
                        2026-11-20 to 2026-11-21, 2026-11-25; no record is stored twice";
        assert_eq!(of(days(), &bucket()), [expected]);
        let in_directory = of(days(), &directory());
        assert!(in_directory[0].contains("--day 2026-11-25 --dir 'my logs'`"), "{in_directory:?}");
        let many = (0..20).map(|number| day(2 * number, difference(Kind::Missing, 1))).collect();
        let hint = &of(many, &bucket())[0];
        assert!(hint.contains("the same for 15 further periods to collect the missing records of 20 days"), "{hint}");
    }

    #[test]
    fn day_with_missing_objects_is_restored_and_not_only_backfilled() {
        let mut one = day(0, difference(Kind::Missing, 1));
        one.differences.push(difference(Kind::MissingObject, 2));
        let hints = of(vec![one.clone()], &bucket());
        assert!(
            hints.len() == 1 && hints[0].starts_with("restore the missing objects of 2026-11-20 (\"Deleted object\""),
            "{hints:?}"
        );
        let hints = of(vec![one], &directory());
        assert!(
            hints.len() == 1 && hints[0].starts_with("restore the missing objects of 2026-11-20 from a backup"),
            "{hints:?}"
        );
    }

    #[test]
    fn commands_name_source_and_directory_and_resume_paused_source() {
        let pending = Difference { reason: Some(Reason::SinceLastTick), ..difference(Kind::NotCollectedYet, 1) };
        let log = ComparedLog::of(vec![findings(LogType::Audit, vec![pending])]);
        let running = hints(&log, &source(), &directory());
        assert_eq!(running, ["run `slacktrail pull acme --dir 'my logs'` to collect new records, then verify again"]);
        let paused = Source { paused: true, ..source() };
        assert_eq!(
            hints(&log, &paused, &directory()),
            ["run `slacktrail resume acme --dir 'my logs'`, because the source is paused, \
              run `slacktrail pull acme --dir 'my logs'`, then verify again"]
        );
        assert_eq!(
            hints(&log, &paused, &bucket()),
            ["run `slacktrail resume acme`, because the source is paused, then verify again"]
        );
    }

    #[test]
    fn every_defect_and_every_inconclusive_part_has_hint() {
        for archive in [bucket(), directory()] {
            for log in LogType::ALL {
                for kind in Kind::ALL {
                    let hints = of(vec![findings(log, vec![difference(kind, 1)])], &archive);
                    assert_eq!(!hints.is_empty(), kind.is_defect(log), "{log} {kind:?}: {hints:?}");
                }
            }
            for reason in [
                Reason::NeverCollected,
                Reason::BeforeSince,
                Reason::InGap,
                Reason::SinceLastTick,
                Reason::SkippedWorkspace,
                Reason::BeforeReread,
            ] {
                let pending = Difference { reason: Some(reason), ..difference(Kind::NotCollectedYet, 1) };
                assert_eq!(of(vec![findings(LogType::Audit, vec![pending])], &archive).len(), 1, "{reason:?}");
            }
            for limitation in [Limitation::NoLongerReturned, Limitation::PagesEnd, Limitation::NotRequested] {
                let day = Findings { limitations: vec![limitation], ..findings(LogType::Audit, Vec::new()) };
                assert_eq!(of(vec![day], &archive).len(), 1, "{limitation:?}");
            }
            let skipped = vec![SkippedWorkspace { id: "T2".to_owned(), code: "invalid_auth".to_owned() }];
            let day = Findings { skipped_workspaces: skipped, ..findings(LogType::Integration, Vec::new()) };
            assert!(of(vec![day], &archive)[0].contains("(T2)"));
        }
    }
}
