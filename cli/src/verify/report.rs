//! Formats the result of one day of one log as text: a table, examples, notes, hints, and the verdict in the last line.

use slacktrail_adapters::sanitize::escaped_json;
use slacktrail_archive::verify::{Difference, Findings, Kind, Verdict};
use slacktrail_core::source::LogType;

use super::compared::{Compared, ComparedLog};
use super::hints::hints;
use super::notes::{note_on_end, notes};
use super::records::Records;
use super::summary::{defects, inconclusive, list_examples};
use crate::format;
use crate::table::{self, Column};
use crate::typed_time::shown_day;
use crate::zone::Zone;

/// Returns the whole report.
pub(super) fn text(compared: &Compared, (log, findings): (&ComparedLog, &Findings), zone: &Zone) -> String {
    let mut parts = vec![table(findings)];
    parts.extend(Kind::ALL.into_iter().filter_map(|kind| list_examples(log, kind, (label(kind), "all"), zone)));
    let mut notes: Vec<String> =
        note_on_end(compared).into_iter().chain(notes(compared, log)).map(|note| format!("note: {note}")).collect();
    let hints = hints(log, &compared.source, &compared.archive);
    notes.extend(hints.into_iter().map(|hint| format!("hint: {hint}")));
    if !notes.is_empty() {
        parts.push(zone.message(&notes.join("\n")).into_owned());
    }
    parts.push(zone.message(&verdict(findings)).into_owned());
    parts.join("\n\n")
}

fn table(findings: &Findings) -> String {
    let counts =
        [("Slack records", findings.slack_records), ("stored lines", findings.lines), ("objects", findings.objects)];
    let kinds = Kind::ALL.iter().map(|kind| (label(*kind), findings.count(*kind) as u64));
    let rows = counts.into_iter().chain(kinds).map(|(label, count)| vec![label.to_owned(), format::count(count)]);
    let table = table::render(&[Column::Left(""), Column::Right("count")], rows.collect());
    format!("{} on {} (UTC)\n\n{table}", findings.stream, shown_day(findings.day))
}

/// Returns the label of a kind in tables and lists.
pub(super) fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "missing",
        Kind::NotCollectedYet => "not collected yet",
        Kind::Unexpected => "unexpected",
        Kind::Changed => "changed",
        Kind::Duplicate => "duplicate",
        Kind::WrongDay => "wrong day",
        Kind::Unreadable => "unreadable",
        Kind::MissingObject => "missing objects",
    }
}

/// Returns the number of differences of a kind, with its label.
pub(super) fn count_with_label(kind: Kind, count: u64) -> String {
    let one = if kind == Kind::MissingObject { "missing object" } else { label(kind) };
    format::counted_as(count, one, label(kind))
}

/// Describes an example: its record and its location, and with `--show-records` Slack's JSON and the stored line.
pub(super) fn example_lines(findings: &Findings, example: &Difference, records: &Records, zone: &Zone) -> Vec<String> {
    let mut lines = vec![format!("  {}", zone.message(&describe_example(findings, example)))];
    lines.extend(records.slack_json(example).map(|json| format!("    Slack:  {}", escaped_json(json))));
    let stored = records.stored_line(findings.day, example);
    lines.extend(stored.map(|line| format!("    stored: {}", escaped_json(line))));
    lines
}

/// Returns the record of a difference and its location on up to two lines.
fn describe_example(findings: &Findings, example: &Difference) -> String {
    let record = example.time.zip(example.id).map(|(time, id)| format!("{time} {id}"));
    let object = example.object.map(|object| findings.key(object));
    let location = object.map(|object| match example.line {
        Some(line) => format!("{object} line {line}"),
        None => object.to_string(),
    });
    [record, location].into_iter().flatten().collect::<Vec<_>>().join("\n    ")
}

fn verdict(findings: &Findings) -> String {
    let log = findings.stream.log;
    let mut time = shown_day(findings.day);
    if findings.until < findings.day.end() {
        time.push_str(&format!(" up to {}", findings.until));
    }
    match findings.verdict() {
        Verdict::Complete if findings.slack_records == 0 => format!("complete: Slack has no records of {time}"),
        Verdict::Complete => {
            let (noun, on, bytes) = match log {
                LogType::Audit => ("record", "of", ", bytes equal"),
                LogType::Access => ("row", "first used on", ""),
                LogType::Integration => ("row", "of", ""),
            };
            let records = format::counted(findings.slack_records, noun);
            format!("complete: {records} {on} {time}, each in exactly one line{bytes}")
        }
        Verdict::Mismatch => format!("mismatch: {} on {time}", defects(&[findings])),
        Verdict::Inconclusive => inconclusive(&[findings], &time, &format!("of {time}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use slacktrail_archive::verify::{Lateness, Period, Reason};
    use slacktrail_core::source::{Plan, Source};
    use slacktrail_core::time::Second;

    use super::super::compared::Archive;
    use super::*;
    use crate::terminal::COLUMNS;

    /// Returns the result of some days of some logs.
    pub(in super::super) fn compared(logs: Vec<ComparedLog>) -> Compared {
        let day: slacktrail_core::time::Day = "2026/11/20".parse().unwrap();
        let last = logs[0].days.last().unwrap().day;
        Compared {
            source: Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH),
            archive: Archive::Bucket("logs".to_owned()),
            period: Period::new(day, last, last.end().plus(86_400)).unwrap(),
            times: (last.end().plus(86_400), last.end().plus(90_000)),
            is_single: logs.len() == 1 && logs[0].days.len() == 1,
            logs,
        }
    }

    fn text(findings: &Findings) -> String {
        let compared = compared(vec![ComparedLog::of(vec![findings.clone()])]);
        super::text(&compared, (&compared.logs[0], findings), &Zone::Utc)
    }

    /// Returns the findings of 2026-11-20.
    pub(in super::super) fn findings(log: LogType, differences: Vec<Difference>) -> Findings {
        let day: slacktrail_core::time::Day = "2026/11/20".parse().unwrap();
        Findings {
            stream: slacktrail_core::source::StreamId { source: "acme".parse().unwrap(), log },
            day,
            until: day.end(),
            pages: 61,
            slack_records: 60_603,
            objects: 31,
            lines: 60_603,
            differences,
            not_compared: 0,
            renamed: 0,
            undated: 0,
            lateness: Lateness { max_seconds: Some(7_500), over_5_minutes: 38, over_1_hour: 2 },
            skipped_workspaces: Vec::new(),
            limitations: Vec::new(),
            omitted: Default::default(),
        }
    }

    /// Returns a difference of the record at this second of the day.
    pub(in super::super) fn difference(kind: Kind, number: u32) -> Difference {
        let time = findings(LogType::Audit, Vec::new()).day.start().plus(i64::from(number));
        Difference {
            kind,
            id: format!("{number:032x}").parse().ok(),
            time: Some(time),
            object: None,
            line: None,
            reason: None,
        }
    }

    #[test]
    fn complete_day_ends_in_one_sentence() {
        let text = text(&findings(LogType::Audit, Vec::new()));
        assert!(
            text.ends_with("\n\ncomplete: 60,603 records of 2026-11-20, each in exactly one line, bytes equal"),
            "{text}"
        );
        assert!(text.starts_with("acme/audit on 2026-11-20"), "{text}");
    }

    #[test]
    fn twenty_differences_per_kind_are_listed_and_rest_is_counted() {
        let missing = (0..1_023).map(|number| difference(Kind::Missing, number)).collect();
        let text = text(&findings(LogType::Audit, missing));
        assert_eq!(text.matches("  2026-11-20T00:").count(), 20);
        assert!(text.contains("  and 1,003 more; `--json` lists all\n"), "{text}");
        assert!(text.ends_with("mismatch: 1,023 missing on 2026-11-20"), "{text}");
    }

    #[test]
    fn table_and_differences_fit_80_columns() {
        let duplicate = Difference { object: Some(1_234_567), line: Some(123_456), ..difference(Kind::Duplicate, 1) };
        let missing_object = Difference { id: None, time: None, object: Some(7), ..difference(Kind::MissingObject, 1) };
        let text = text(&findings(LogType::Audit, vec![duplicate, missing_object]));
        let lines = text.lines().filter(|line| !line.starts_with("hint: ")); // hints contain commands to copy
        assert!(lines.clone().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("\n    audit/2026/11/20/acme-1234567.json.gz line 123456\n"), "{text}");
        assert!(text.contains("missing objects:\n  audit/2026/11/20/acme-000007.json.gz\n"), "{text}");
    }

    #[test]
    fn uncollected_records_are_reported_with_reasons() {
        let pending = |number, reason| Difference { reason: Some(reason), ..difference(Kind::NotCollectedYet, number) };
        let differences = vec![pending(1, Reason::InGap), pending(2, Reason::InGap), pending(3, Reason::BeforeSince)];
        let text = text(&findings(LogType::Access, differences));
        assert!(text.contains("note: 2 not collected yet: in a gap"), "{text}");
        assert!(text.contains("note: 1 not collected yet: older than the start of collection"), "{text}");
        assert!(
            text.ends_with(
                "inconclusive: 3 records of 2026-11-20 are not collected yet; everything compared so far matches"
            ),
            "{text}"
        );
    }
}
