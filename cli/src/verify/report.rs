//! Formats the result of a comparison as text: a table, examples, notes, and the verdict in the last line.

use slacktrail_archive::verify::{Difference, Findings, Kind, Limitation, MARGIN_SECONDS, Reason, Verdict};
use slacktrail_core::sanitize::escaped_json;
use slacktrail_core::source::LogType;

use super::json::{day, key};
use super::records::{EXAMPLES_MAX, Records, examples};
use crate::format;
use crate::table::{self, Column};

/// Returns the whole report.
pub(super) fn text(findings: &Findings, records: &Records) -> String {
    let mut parts = vec![table(findings)];
    parts.extend(Kind::ALL.iter().filter_map(|kind| list(findings, *kind, records)));
    let notes = notes(findings);
    if !notes.is_empty() {
        parts.push(notes.into_iter().map(|note| format!("note: {note}")).collect::<Vec<_>>().join("\n"));
    }
    parts.push(verdict(findings));
    parts.join("\n\n")
}

fn table(findings: &Findings) -> String {
    let counts =
        [("Slack records", findings.slack_records), ("stored lines", findings.lines), ("objects", findings.objects)];
    let kinds = Kind::ALL.iter().map(|kind| (label(*kind), findings.count(*kind) as u64));
    let rows = counts.into_iter().chain(kinds).map(|(label, count)| vec![label.to_owned(), format::count(count)]);
    let table = table::render(&[Column::Left(""), Column::Right("count")], rows.collect());
    format!("{} on {} (UTC)\n\n{table}", findings.stream, day(findings))
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "missing",
        Kind::NotCollectedYet => "not collected yet",
        Kind::Extra => "extra",
        Kind::Changed => "changed",
        Kind::Duplicate => "duplicate",
        Kind::WrongDay => "wrong day",
        Kind::Unreadable => "unreadable",
        Kind::MissingObject => "missing objects",
    }
}

fn count_with_label(kind: Kind, count: u64) -> String {
    let label = if (kind, count) == (Kind::MissingObject, 1) { "missing object" } else { label(kind) };
    format!("{} {label}", format::count(count))
}

/// Lists the examples of a kind, or returns `None` if no difference has this kind.
fn list(findings: &Findings, kind: Kind, records: &Records) -> Option<String> {
    let count = findings.count(kind);
    let mut lines = vec![format!("{}:", label(kind))];
    for example in examples(findings, kind) {
        lines.push(format!("  {}", describe_example(findings, example)));
        lines.extend(records.slack_json(example).map(|json| format!("    Slack:  {}", escaped_json(json))));
        lines.extend(records.stored_line(example).map(|line| format!("    stored: {}", escaped_json(line))));
    }
    if count > EXAMPLES_MAX {
        lines.push(format!("  and {} more; `--json` lists all", format::count((count - EXAMPLES_MAX) as u64)));
    }
    (count > 0).then(|| lines.join("\n"))
}

fn describe_example(findings: &Findings, example: &Difference) -> String {
    let record = example.time.zip(example.id).map(|(time, id)| format!("{time} {id}"));
    let object = example.object.map(|object| key(findings, object));
    let location = object.map(|object| match example.line {
        Some(line) => format!("{object} line {line}"),
        None => object,
    });
    [record, location].into_iter().flatten().collect::<Vec<_>>().join("\n    ")
}

/// Returns the notes that explain the verdict.
fn notes(findings: &Findings) -> Vec<String> {
    let log = findings.stream.log;
    let count = |count: u64| format::count(count);
    let mut notes = Vec::new();
    if findings.until < findings.day.end() {
        let minutes = MARGIN_SECONDS / 60;
        notes.push(format!(
            "compared up to {}: records of the last {minutes} minutes may not be available or stored yet",
            findings.until
        ));
    }
    if log == LogType::Access {
        notes.push(
            "Slack updates access rows on every use, so only their identifying fields were compared (not `count` and `date_last`)".to_owned(),
        );
    }
    if log != LogType::Audit && findings.count(Kind::Extra) > 0 {
        notes.push(
            "extra rows are no mismatch here, because Slack may delete rows after slacktrail has collected them"
                .to_owned(),
        );
    }
    if findings.renamed > 0 {
        notes.push(format!(
            "{} rows differ only in the name of a user or app that was renamed",
            count(findings.renamed)
        ));
    }
    if findings.undated > 0 {
        notes.push(format!(
            "{} rows in Slack have no valid time; slacktrail stores such rows under the day 1970-01-01",
            count(findings.undated)
        ));
    }
    if findings.not_compared > 0 && findings.limitations.is_empty() {
        notes.push(format!(
            "{} stored lines were not compared: stored after the comparison started, too recent, or from a workspace that cannot be read",
            count(findings.not_compared)
        ));
    }
    notes.extend(findings.skipped_workspaces.iter().map(|workspace| {
        format!("workspace {} was not compared, because it could not be read (`{}`)", workspace.id, workspace.code)
    }));
    notes.extend(findings.limitations.iter().map(|limitation| describe_limitation(*limitation).to_owned()));
    notes.extend(pending_reasons(findings));
    notes
}

fn describe_limitation(limitation: Limitation) -> &'static str {
    match limitation {
        Limitation::Forgotten => {
            "Slack no longer returns any record of the day, so the stored lines could not be compared"
        }
        Limitation::PagesEnd => "Slack's pages end before the start of the day, so older records were not compared",
        Limitation::NotAsked => {
            "Slack cannot return only the rows without a valid time, so only the stored lines were checked"
        }
    }
}

/// Explains why records are not collected yet.
fn pending_reasons(findings: &Findings) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::new();
    for reason in findings.of_kind(Kind::NotCollectedYet).filter_map(|difference| difference.reason) {
        *counts.entry(reason).or_insert(0) += 1;
    }
    let id = &findings.stream.source;
    let describe = |reason| match reason {
        Reason::NeverCollected => "the log waits for its first tick".to_owned(),
        Reason::BeforeSince => {
            format!(
                "older than the start of collection of `{id}`; run `slacktrail backfill {id}` to collect older records"
            )
        }
        Reason::InGap => "in a gap that is still being collected; `slacktrail status` shows the backlog".to_owned(),
        Reason::SinceLastTick => "newer than the last tick; the next tick collects new records".to_owned(),
        Reason::SkippedWorkspace => {
            "from a workspace that could not be read; slacktrail collects its records when it can read it".to_owned()
        }
        Reason::BeforeReread => {
            "published late by Slack; the next re-read collects late records within a day".to_owned()
        }
    };
    counts
        .into_iter()
        .map(|(reason, count)| format!("{} not collected yet: {}", format::count(count), describe(reason)))
        .collect()
}

fn verdict(findings: &Findings) -> String {
    let log = findings.stream.log;
    let mut time = day(findings);
    if findings.until < findings.day.end() {
        time.push_str(&format!(" up to {}", findings.until));
    }
    match findings.verdict() {
        Verdict::Complete if findings.slack_records == 0 => format!("complete: Slack has no records of {time}"),
        Verdict::Complete => {
            let (records, bytes) = match log {
                LogType::Audit => ("records of", ", bytes equal"),
                LogType::Access => ("rows first used on", ""),
                LogType::Integration => ("rows of", ""),
            };
            format!(
                "complete: {} {records} {time}, each in exactly one line{bytes}",
                format::count(findings.slack_records)
            )
        }
        Verdict::Mismatch => {
            let defects = Kind::ALL.into_iter().filter(|kind| findings.count(*kind) > 0 && kind.is_defect(log));
            let defects: Vec<_> = defects.map(|kind| count_with_label(kind, findings.count(kind) as u64)).collect();
            format!("mismatch: {} on {time}", defects.join(", "))
        }
        Verdict::Inconclusive => {
            let reason = match findings.count(Kind::NotCollectedYet) {
                0 => format!("part of {time} could not be compared"),
                1 => format!("1 record of {time} is not collected yet"),
                count => format!("{} records of {time} are not collected yet", format::count(count as u64)),
            };
            format!("inconclusive: {reason}; everything compared so far matches")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::COLUMNS;

    fn findings(log: LogType, differences: Vec<Difference>) -> Findings {
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
            skipped_workspaces: Vec::new(),
            limitations: Vec::new(),
        }
    }

    fn difference(kind: Kind, number: u32) -> Difference {
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
        let text = text(&findings(LogType::Audit, Vec::new()), &Records::default());
        assert!(
            text.ends_with("\n\ncomplete: 60,603 records of 2026-11-20, each in exactly one line, bytes equal"),
            "{text}"
        );
        assert!(text.starts_with("acme/audit on 2026-11-20"), "{text}");
    }

    #[test]
    fn twenty_differences_per_kind_are_listed_and_rest_is_counted() {
        let missing = (0..1_023).map(|number| difference(Kind::Missing, number)).collect();
        let text = text(&findings(LogType::Audit, missing), &Records::default());
        assert_eq!(text.matches("  2026-11-20T00:").count(), 20);
        assert!(text.contains("  and 1,003 more; `--json` lists all\n"), "{text}");
        assert!(text.ends_with("mismatch: 1,023 missing on 2026-11-20"), "{text}");
    }

    #[test]
    fn table_and_differences_fit_80_columns() {
        let duplicate = Difference { object: Some(1_234_567), line: Some(123_456), ..difference(Kind::Duplicate, 1) };
        let missing_object = Difference { id: None, time: None, object: Some(7), ..difference(Kind::MissingObject, 1) };
        let text = text(&findings(LogType::Audit, vec![duplicate, missing_object]), &Records::default());
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("\n    audit/2026/11/20/acme-1234567.json.gz line 123456\n"), "{text}");
        assert!(text.contains("missing objects:\n  audit/2026/11/20/acme-000007.json.gz\n"), "{text}");
    }

    #[test]
    fn uncollected_records_are_reported_with_reasons() {
        let pending = |number, reason| Difference { reason: Some(reason), ..difference(Kind::NotCollectedYet, number) };
        let differences = vec![pending(1, Reason::InGap), pending(2, Reason::InGap), pending(3, Reason::BeforeSince)];
        let text = text(&findings(LogType::Access, differences), &Records::default());
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
