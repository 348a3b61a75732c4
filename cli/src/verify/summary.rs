//! Formats the result of several days or logs as text: a table per log, examples, outages, notes, hints, and the verdict in the last line.

use slacktrail_adapters::sanitize::shown_line;
use slacktrail_archive::verify::{Findings, Kind, Outage, Verdict};
use slacktrail_core::source::LogType;

use super::compared::{Compared, ComparedLog};
use super::hints::hints;
use super::notes::{ABOUT_OUTAGES, describe_initial_history, describe_outage, latest, note_on_end, notes};
use super::period::{shown_ranges, within};
use super::records::EXAMPLES_MAX;
use super::report::{count_with_label, example_lines, label};
use crate::format::{count, counted, list};
use crate::table::{Column, fitted};
use crate::typed_time::shown_day;
use crate::zone::Zone;

/// The space between two columns of a table.
const GAP: usize = 2;

/// Returns the whole report for a terminal of `width` columns.
pub(super) fn text(compared: &Compared, width: usize, zone: &Zone) -> String {
    let (source, days) = (&compared.source, within(compared.period.first(), compared.period.last()));
    let mut parts = vec![format!("{} ({}) {days} (UTC)", source.id, shown_line(&source.label))];
    for log in &compared.logs {
        parts.push(format!("{}\n\n{}", log.log, table(log, width)));
    }
    for log in &compared.logs {
        let all_listed = format!("up to {EXAMPLES_MAX} per day");
        parts.extend(Kind::ALL.into_iter().filter_map(|kind| {
            let title = format!("{}, {}", log.log, label(kind));
            list_examples(log, kind, (&title, &all_listed), zone)
        }));
        parts.extend(outages(log).map(|outages| zone.message(&outages).into_owned()));
    }
    let mut remarks: Vec<String> = note_on_end(compared).into_iter().map(|note| format!("note: {note}")).collect();
    if compared.logs.iter().any(|log| outages(log).is_some()) {
        remarks.push(format!("note: outages: {ABOUT_OUTAGES}"));
    }
    for log in &compared.logs {
        let history = log.outages.iter().filter(|outage| outage.is_initial_history());
        remarks.extend(history.map(|history| format!("note: {}: {}", log.log, describe_initial_history(history))));
        remarks.extend(notes(compared, log).into_iter().map(|note| format!("note: {}: {note}", log.log)));
    }
    for log in &compared.logs {
        let hints = hints(log, source, &compared.archive);
        remarks.extend(hints.into_iter().map(|hint| format!("hint: {}: {hint}", log.log)));
    }
    if !remarks.is_empty() {
        parts.push(zone.message(&remarks.join("\n")).into_owned());
    }
    parts.push(zone.message(&verdict(compared)).into_owned());
    parts.join("\n\n")
}

/// A column of the table.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) column: Column,
    /// When the column is shown. A narrow terminal shows only the most important ones.
    pub(super) importance: Importance,
    /// Returns the cell for the findings of a day or of all days.
    pub(super) cell: fn(&Findings) -> String,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Importance {
    Always,
    /// A kind of difference, shown if it fits: 1 is the most important.
    Kind(u8),
    /// A kind of difference that is not shown if there is none.
    RareKind(u8),
    /// Shown if not all kinds fit.
    Sum,
    /// Shown if it fits after the kinds.
    Other(u8),
}

pub(super) const VERDICT: Column = Column::Left("verdict");

/// The columns after the day.
pub(super) const FIELDS: [Field; 12] = [
    field(Column::Right("Slack"), Importance::Always, |day| count(day.slack_records)),
    field(Column::Right("stored"), Importance::Always, |day| count(day.lines)),
    field(Column::Right("objects"), Importance::Other(8), |day| count(day.objects)),
    field(Column::Right("differences"), Importance::Sum, |day| count(difference_count(day, &Kind::ALL))),
    field(Column::Right("missing"), Importance::Kind(1), |day| of_kind(day, Kind::Missing)),
    field(Column::Right("changed"), Importance::Kind(2), |day| of_kind(day, Kind::Changed)),
    field(Column::Right("duplicate"), Importance::Kind(3), |day| of_kind(day, Kind::Duplicate)),
    field(Column::Right("unexpected"), Importance::Kind(4), |day| of_kind(day, Kind::Unexpected)),
    field(Column::Right("pending"), Importance::RareKind(5), |day| of_kind(day, Kind::NotCollectedYet)),
    field(Column::Right("corrupt"), Importance::RareKind(6), |day| count(difference_count(day, &CORRUPT))),
    field(Column::Right("latest"), Importance::Other(7), latest),
    field(VERDICT, Importance::Always, |day| verdict_name(day.verdict()).to_owned()),
];

const fn field(column: Column, importance: Importance, cell: fn(&Findings) -> String) -> Field {
    Field { column, importance, cell }
}

/// The kinds that concern objects and lines as a whole.
const CORRUPT: [Kind; 3] = [Kind::WrongDay, Kind::Unreadable, Kind::MissingObject];

/// Returns the number of differences of a kind as text.
fn of_kind(day: &Findings, kind: Kind) -> String {
    count(day.count(kind) as u64)
}

fn difference_count(day: &Findings, kinds: &[Kind]) -> u64 {
    kinds.iter().map(|kind| day.count(*kind) as u64).sum()
}

pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Complete => "complete",
        Verdict::Mismatch => "mismatch",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// Returns the table of a log's days and their total.
fn table(log: &ComparedLog, width: usize) -> String {
    let fields = fields_within(width, log);
    let row = |name: String, findings: &Findings| {
        std::iter::once(name).chain(fields.iter().map(|field| (field.cell)(findings))).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = log.days.iter().map(|findings| row(shown_day(findings.day), findings)).collect();
    if log.days.len() > 1 {
        rows.push(row("total".to_owned(), &log.total));
    }
    let columns: Vec<Column> =
        std::iter::once(Column::Left("day")).chain(fields.iter().map(|field| field.column)).collect();
    fitted(&[], columns, rows, width)
}

/// Returns the most important columns that fit.
fn fields_within(width: usize, log: &ComparedLog) -> Vec<Field> {
    let width_of = |field: &Field| {
        let cells = log.days.iter().chain([&log.total]).map(|findings| (field.cell)(findings).chars().count());
        cells.max().unwrap_or(0).max(field.column.name().len()) + GAP
    };
    let day_width = "2026-10-01".len() + GAP;
    let fits = |fields: &Vec<Field>| day_width + fields.iter().map(width_of).sum::<usize>() <= width + GAP; // none follows the last column
    let mut candidates = (0..=8).rev().map(|least| fields_down_to(least, &log.total));
    candidates.find(fits).unwrap_or_else(|| fields_down_to(0, &log.total))
}

/// Returns the columns of at least this importance.
fn fields_down_to(least: u8, total: &Findings) -> Vec<Field> {
    let is_needed = |field: &Field| !matches!(field.importance, Importance::RareKind(_)) || (field.cell)(total) != "0";
    let needed = || FIELDS.into_iter().filter(is_needed);
    let is_hidden_kind = |field: Field| match field.importance {
        Importance::Kind(rank) | Importance::RareKind(rank) => rank > least,
        _ => false,
    };
    let needs_sum = needed().any(is_hidden_kind);
    needed()
        .filter(|field| match field.importance {
            Importance::Always => true,
            Importance::Sum => needs_sum,
            Importance::Kind(rank) | Importance::RareKind(rank) | Importance::Other(rank) => rank <= least,
        })
        .collect()
}

/// Lists the examples of a kind in a log, or returns `None` if no difference has this kind. `all_listed` says where all are listed.
pub(super) fn list_examples(
    log: &ComparedLog,
    kind: Kind,
    (title, all_listed): (&str, &str),
    zone: &Zone,
) -> Option<String> {
    let count_all: usize = log.days.iter().map(|day| day.count(kind)).sum();
    let mut lines = vec![format!("{title}:")];
    let per_day = (EXAMPLES_MAX / log.days_with(|day| day.count(kind) > 0).len().max(1)).max(1);
    let all = log.days.iter().flat_map(|day| day.of_kind(kind).take(per_day).map(move |example| (day, example)));
    let mut listed = 0;
    for (day, example) in all.take(EXAMPLES_MAX) {
        listed += 1;
        lines.extend(example_lines(day, example, &log.records, zone));
    }
    if count_all > listed {
        lines.push(format!("  and {} more; `--json` lists {all_listed}", count((count_all - listed) as u64)));
    }
    (count_all > 0).then(|| lines.join("\n"))
}

fn outages(log: &ComparedLog) -> Option<String> {
    let outages: Vec<&Outage> = log.outages.iter().filter(|outage| !outage.is_initial_history()).collect();
    if outages.is_empty() {
        return None;
    }
    let mut lines = vec![format!("{}, outages:", log.log)];
    lines.extend(outages.iter().take(EXAMPLES_MAX).map(|outage| format!("  {}", describe_outage(outage))));
    if outages.len() > EXAMPLES_MAX {
        let rest = count((outages.len() - EXAMPLES_MAX) as u64);
        lines.push(format!("  and {rest} more; `--json` lists all"));
    }
    Some(lines.join("\n"))
}

pub(super) fn verdict(compared: &Compared) -> String {
    let mut time = within(compared.period.first(), compared.period.last());
    if compared.until() < compared.period.last().end() {
        time.push_str(&format!(", up to {}", compared.until()));
    }
    let totals: Vec<&Findings> = compared.logs.iter().map(|log| &log.total).collect();
    match compared.verdict() {
        Verdict::Complete => {
            let records: Vec<String> = totals.iter().map(|total| records_of(total)).collect();
            format!("complete: {} {time}, each in exactly one line", list(&records))
        }
        Verdict::Mismatch => {
            let logs = compared.logs.iter().filter(|log| log.verdict() == Verdict::Mismatch);
            let places: Vec<String> = logs.map(mismatches).collect();
            format!("mismatch: {} ({})", defects(&totals), places.join("; "))
        }
        Verdict::Inconclusive => inconclusive(&totals, &format!("the logs {time}"), &time),
    }
}

pub(super) fn defects(totals: &[&Findings]) -> String {
    let defects = Kind::ALL.into_iter().filter_map(|kind| {
        let of_log = totals.iter().filter(|total| kind.is_defect(total.stream.log));
        let sum: usize = of_log.map(|total| total.count(kind)).sum();
        (sum > 0).then(|| count_with_label(kind, sum as u64))
    });
    defects.collect::<Vec<_>>().join(", ")
}

/// Returns the verdict if `what` was not compared completely, because of records of the time `when` or for another reason.
pub(super) fn inconclusive(totals: &[&Findings], what: &str, when: &str) -> String {
    let reason = match totals.iter().map(|total| total.count(Kind::NotCollectedYet)).sum::<usize>() {
        0 => format!("part of {what} could not be compared"),
        pending => {
            let are = if pending == 1 { "is" } else { "are" };
            format!("{} {when} {are} not collected yet", counted(pending as u64, "record"))
        }
    };
    format!("inconclusive: {reason}; everything compared so far matches")
}

/// Returns the days of a log that do not match.
fn mismatches(log: &ComparedLog) -> String {
    let days = log.days_with(|day| day.verdict() == Verdict::Mismatch);
    format!("{} on {}", log.log, shown_ranges(&days).join(", "))
}

fn records_of(total: &Findings) -> String {
    let log = total.stream.log;
    let noun = if log == LogType::Audit { "record" } else { "row" };
    counted(total.slack_records, &format!("{log} {noun}"))
}

#[cfg(test)]
mod tests {
    use slacktrail_archive::verify::{Cause, Difference, Reason};
    use slacktrail_core::time::Second;

    use super::super::report::tests::{compared, difference, findings};
    use super::*;

    /// Returns a log of 11 days, each with these differences on the third day.
    fn log(log: LogType, differences: Vec<Difference>) -> ComparedLog {
        let days = (0..11).map(|number| {
            let differences = if number == 2 { differences.clone() } else { Vec::new() };
            let one = findings(log, differences);
            let day = one.day.start().plus(number * 86_400).day();
            Findings { day, until: day.end(), ..one }
        });
        ComparedLog::of(days.collect())
    }

    fn three_logs(differences: Vec<Difference>) -> Compared {
        compared(vec![
            log(LogType::Audit, differences),
            log(LogType::Access, Vec::new()),
            log(LogType::Integration, Vec::new()),
        ])
    }

    #[test]
    fn complete_period_ends_in_one_sentence_with_each_log() {
        let text = text(&three_logs(Vec::new()), 80, &Zone::Utc);
        assert!(text.starts_with("acme (Acme) from 2026-11-20 to 2026-11-30 (UTC)\n\naudit\n\nday"), "{text}");
        assert!(
            text.ends_with(
                "\n\ncomplete: 666,633 audit records, 666,633 access rows and 666,633 integration rows from 2026-11-20 to 2026-11-30, each in exactly one line"
            ),
            "{text}"
        );
    }

    #[test]
    fn name_of_source_cannot_forge_line_of_summary() {
        let mut compared = three_logs(Vec::new());
        compared.source.label = "Acme\ncomplete: 5 records\u{1b}[2J".to_owned();
        let text = text(&compared, 80, &Zone::Utc);
        assert!(text.starts_with("acme (Acme complete: 5 records\u{fffd}[2J) from 2026-11-20 to "), "{text}");
    }

    #[test]
    fn table_has_columns_that_fit_width() {
        let compared = three_logs(vec![difference(Kind::Missing, 1)]);
        let header = |width: usize| {
            let table = table(&compared.logs[0], width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
            assert_eq!(table.lines().count(), 13, "no cell is wrapped: {table}");
            table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(header(60), "day Slack stored differences missing verdict");
        assert_eq!(header(80), "day Slack stored missing changed duplicate unexpected verdict");
        assert_eq!(header(100), "day Slack stored objects missing changed duplicate unexpected latest verdict");
        let pending = Difference { reason: Some(Reason::InGap), ..difference(Kind::NotCollectedYet, 1) };
        let compared = three_logs(vec![pending, difference(Kind::MissingObject, 1)]);
        let table = table(&compared.logs[0], 120);
        assert!(table.lines().next().unwrap().contains("unexpected  pending  corrupt"), "{table}");
    }

    #[test]
    fn help_explains_each_column() {
        let columns = super::super::AFTER_HELP.split("What is compared:").next().unwrap();
        for field in FIELDS {
            let name = field.column.name();
            assert!(columns.contains(&format!("  {name}")) || columns.contains(&format!(", {name} ")), "{name}");
        }
    }

    #[test]
    fn mismatch_names_log_days_examples_and_hint() {
        let missing: Vec<Difference> = (0..25).map(|number| difference(Kind::Missing, number)).collect();
        let text = text(&three_logs(missing), 80, &Zone::Utc);
        assert!(text.contains("audit, missing:\n  2026-11-20T00:00:00Z "), "{text}");
        assert!(text.contains("  and 5 more; `--json` lists up to 20 per day\n"), "{text}");
        assert!(text.contains("\nhint: audit: run `slacktrail backfill acme --log audit --day 2026-11-22`"));
        assert!(text.ends_with("mismatch: 25 missing (audit on 2026-11-22)"), "{text}");
    }

    #[test]
    fn examples_are_of_all_days() {
        let mut compared = three_logs(Vec::new());
        for day in &mut compared.logs[0].days[3..5] {
            day.differences = (0..30).map(|number| difference(Kind::Missing, number)).collect();
            day.keep_examples(EXAMPLES_MAX);
        }
        let titles = ("audit, missing", "up to 20 per day");
        let text = list_examples(&compared.logs[0], Kind::Missing, titles, &Zone::Utc).unwrap();
        assert_eq!(text.lines().count(), 22, "{text}");
        assert_eq!(text.matches("T00:00:00Z").count(), 2, "ten of each day: {text}");
        assert!(text.ends_with("and 40 more; `--json` lists up to 20 per day"), "{text}");
    }

    #[test]
    fn uncollected_records_of_any_log_are_inconclusive() {
        let pending = Difference { reason: Some(Reason::InGap), ..difference(Kind::NotCollectedYet, 1) };
        let text = text(&three_logs(vec![pending]), 100, &Zone::Utc);
        assert!(text.contains("note: audit: 1 not collected yet: in a gap"), "{text}");
        assert!(
            text.ends_with(
                "inconclusive: 1 record from 2026-11-20 to 2026-11-30 is not collected yet; everything compared so far matches"
            ),
            "{text}"
        );
    }

    #[test]
    fn initial_history_is_no_outage() {
        let mut compared = three_logs(Vec::new());
        let (from, to) = (compared.period.first().start(), compared.period.first().end());
        compared.logs[1].outages = vec![Outage { from, to: Some(to), records: Some(55), cause: Cause::InitialHistory }];
        let text = text(&compared, 80, &Zone::Utc);
        let note = "note: access: slacktrail started to collect this log at 2026-11-20T23:59:59Z, and then collected 55 earlier records back to 2026-11-20T00:00:00Z\n";
        assert!(text.contains(note) && !text.contains("outage"), "{text}");
    }

    #[test]
    fn outages_are_listed_with_their_causes() {
        let mut compared = three_logs(Vec::new());
        let from = compared.period.first().start();
        let outage = |to: Option<Second>, records, cause| Outage { from, to, records, cause };
        compared.logs[1].outages =
            vec![outage(Some(from.plus(7_200)), Some(55), Cause::NotRecorded), outage(None, None, Cause::Paused)];
        let text = text(&compared, 80, &Zone::Utc);
        assert!(
            text.contains(
                "access, outages:\n  2026-11-20T00:00:00Z to 2026-11-20T02:00:00Z: 55 records were stored late; cause not recorded\n  2026-11-20T00:00:00Z to now: the source is paused\n\nnote: outages: nothing was stored"
            ),
            "{text}"
        );
    }
}
