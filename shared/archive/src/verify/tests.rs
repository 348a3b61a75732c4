//! Table-driven tests of the comparison.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::comparison::{Comparison, Known};
use super::findings::{Findings, Kind, Limitation, Reason, SkippedWorkspace, Verdict};
use super::slack_records::{Entry, SlackRecords};
use crate::reader::Object;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::line::LineWriter;
use slacktrail_core::object::{DayLogId, encode};
use slacktrail_core::record::Record;
use slacktrail_core::source::{LogType, Plan, Source, StreamId};
use slacktrail_core::time::{Day, Second};

fn day() -> Day {
    "2026/11/20".parse().unwrap()
}

fn source() -> Source {
    Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, day().start().plus(-86_400))
}

/// Returns a row whose time is `second` seconds after the start of the day.
fn row(log: LogType, name: &str, second: i64) -> String {
    let second = day().start().plus(second).get();
    match log {
        LogType::Audit => format!(r#"{{"id":"{name}","date_create":{second},"n":1}}"#),
        LogType::Access => format!(
            r#"{{"user_id":"{name}","ip":"203.0.113.7","user_agent":"x","date_first":{second},"date_last":{second},"count":1}}"#
        ),
        LogType::Integration => {
            format!(r#"{{"user_id":"U1","user_name":"ann","date":"{second}","change_type":"added","app_id":"{name}"}}"#)
        }
    }
}

/// Returns the stored line of a row.
fn line(log: LogType, json: &str) -> String {
    let row = RawValue::from_string(json.to_owned()).unwrap();
    let workspace = (log == LogType::Integration).then_some("T1");
    let mut record = Record::read(log, workspace, row.get());
    if log == LogType::Integration {
        record.id = record.id.with_ordinal(1);
    }
    let mut out = Vec::new();
    LineWriter::new(&source(), log, Timestamp::UNIX_EPOCH).write(&record, &mut out);
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Returns the object of these lines.
fn object(log: LogType, number: u32, lines: &[String]) -> Object {
    let key = DayLogId { stream: StreamId { source: source().id, log }, day: day() }.key(number);
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Object { key, bytes: encode([lines.as_bytes()], 1) }
}

/// The input of a comparison. By default, everything is collected, and the comparison runs three days after the day.
struct Case {
    log: LogType,
    /// The rows that Slack returns.
    returned: Vec<String>,
    /// The lines of objects 1, 2, ...
    objects: Vec<Vec<String>>,
    last_object: u32,
    until: Second,
    cursor: Option<Cursor>,
    was_requested: bool,
    skipped: Vec<SkippedWorkspace>,
}

impl Case {
    fn new(log: LogType, returned: &[&str], objects: &[&[&str]]) -> Case {
        let rows = |rows: &[&str]| rows.iter().zip(1..).map(|(name, second)| row(log, name, second)).collect();
        let objects: Vec<Vec<String>> = objects
            .iter()
            .map(|names| {
                let second =
                    |name: &str| 1 + returned.iter().position(|returned| *returned == name).unwrap_or(98) as i64;
                names.iter().map(|name| line(log, &row(log, name, second(name)))).collect()
            })
            .collect();
        let now = day().end().plus(3 * 86_400);
        let mut cursor = Cursor::first(&source(), log, now);
        cursor.gaps.clear();
        let last_object = objects.len() as u32;
        let (returned, cursor) = (rows(returned), Some(cursor));
        Case {
            log,
            returned,
            objects,
            last_object,
            until: day().end(),
            cursor,
            was_requested: true,
            skipped: Vec::new(),
        }
    }

    fn compare(&self) -> Findings {
        let mut returned = SlackRecords::default();
        for json in &self.returned {
            let row = RawValue::from_string(json.clone()).unwrap();
            let workspace = (self.log == LogType::Integration).then_some("T1");
            let record = Record::read(self.log, workspace, row.get());
            let id = if workspace.is_some() { record.id.with_ordinal(1) } else { record.id };
            returned.add(&Entry::of(id, &record, day(), u32::from(workspace.is_some())));
        }
        let mut comparison = Comparison::new(self.log, day(), returned);
        for (object, lines) in (1..).zip(&self.objects) {
            comparison.process_object(&self::object(self.log, object, lines));
        }
        let known = Known {
            cursor: self.cursor.as_ref(),
            until: self.until,
            last_object: self.last_object,
            was_requested: self.was_requested,
            was_cut_short: false,
            skipped_workspaces: &self.skipped,
            workspace_ids: &["T1".to_owned()],
        };
        comparison.finish(&StreamId { source: source().id, log: self.log }, known).0
    }
}

/// Returns the kinds of the differences, and the verdict.
fn found(case: &Case) -> (Vec<Kind>, Verdict) {
    let findings = case.compare();
    (findings.differences.iter().map(|difference| difference.kind).collect(), findings.verdict())
}

#[test]
fn each_difference_is_reported_and_only_defects_are_mismatches() {
    use Kind::{Duplicate, Missing, Unexpected};
    use LogType::{Access, Audit, Integration};
    use Verdict::{Complete, Mismatch};
    type Row<'a> = (LogType, &'a [&'a str], &'a [&'a [&'a str]], &'a [Kind], Verdict);
    let all: [Row<'_>; 9] = [
        (Audit, &["a", "b"], &[&["a"], &["b"]], &[], Complete),
        (Audit, &[], &[], &[], Complete),
        (Audit, &["a", "b"], &[&["a"]], &[Missing], Mismatch),
        (Audit, &["a"], &[&["a", "b"]], &[Unexpected], Mismatch),
        (Audit, &["a"], &[&["a"], &["a"]], &[Duplicate], Mismatch),
        (Audit, &["a"], &[&["a", "b"], &["b"]], &[Unexpected, Duplicate], Mismatch),
        (Access, &["a"], &[&["a", "b"]], &[Unexpected], Complete),
        (Integration, &["a"], &[&["a", "b"]], &[Unexpected], Complete),
        (Access, &["a", "b"], &[&["b"]], &[Missing], Mismatch),
    ];
    for (log, returned, objects, kinds, verdict) in all {
        let case = Case::new(log, returned, objects);
        assert_eq!(found(&case), (kinds.to_vec(), verdict), "{log}: {returned:?} {objects:?}");
    }
}

#[test]
fn altered_line_is_changed_and_volatile_fields_are_ignored() {
    let changed = (vec![Kind::Changed], Verdict::Mismatch);
    let none = (vec![], Verdict::Complete);
    for (log, from, to, expected) in [
        (LogType::Audit, r#""n":1"#, r#""n":2"#, &changed),
        (LogType::Audit, r#""n":1"#, r#""n": 1"#, &changed),
        (LogType::Audit, "00:00:01.000", "00:00:02.000", &changed),
        (LogType::Access, r#""count":1"#, r#""count":9"#, &none),
        (LogType::Access, "203.0.113.7", "203.0.113.8", &changed),
        (LogType::Integration, "ann", "anna", &none),
        (LogType::Integration, r#""change_type":"added""#, r#""change_type":"removed""#, &changed),
        (LogType::Integration, r#""p_workspace_id":"T1""#, r#""p_workspace_id":"T2""#, &changed),
    ] {
        let mut case = Case::new(log, &["a"], &[&["a"]]);
        let altered = case.objects[0][0].replacen(from, to, 1);
        assert_ne!(altered, case.objects[0][0], "{from}");
        case.objects[0][0] = altered;
        assert_eq!(&found(&case), expected, "{log}: {from} to {to}");
    }
}

#[test]
fn line_unknown_to_slack_is_changed_if_it_contradicts_its_id() {
    for (log, from, to, kind) in [
        (LogType::Access, r#""count":1"#, r#""count":9"#, Kind::Unexpected),
        (LogType::Access, "203.0.113.7", "203.0.113.8", Kind::Changed),
        (LogType::Integration, r#""change_type":"added""#, r#""change_type":"removed""#, Kind::Changed),
        (LogType::Audit, r#""id":"b""#, r#""id":"c""#, Kind::Unexpected), // only a comparison with Slack's bytes detects this
    ] {
        let mut case = Case::new(log, &["a"], &[&["a", "b"]]);
        let altered = case.objects[0][1].replacen(from, to, 1);
        assert_ne!(altered, case.objects[0][1], "{from}");
        case.objects[0][1] = altered;
        assert_eq!(found(&case).0, [kind], "{log}: {from} to {to}");
    }
}

#[test]
fn each_difference_names_record_time_and_location() {
    // `a` is stored twice, `b` is not stored, and Slack does not return `c`. Two objects were read.
    let findings = Case::new(LogType::Audit, &["a", "b"], &[&["a", "a"], &["c"]]).compare();
    let found: Vec<_> = findings.differences.iter().map(|it| (it.kind, it.id, it.time, it.object, it.line)).collect();
    let expected = [
        (Kind::Missing, "b", 2, None, None),
        (Kind::Unexpected, "c", 99, Some(2), Some(1)),
        (Kind::Duplicate, "a", 1, Some(1), Some(2)),
    ];
    let expected = expected.map(|(kind, name, second, object, line)| {
        let id = Record::read(LogType::Audit, None, &row(LogType::Audit, name, second)).id;
        (kind, Some(id), Some(day().start().plus(second)), object, line)
    });
    assert_eq!(found, expected);
    assert_eq!((findings.slack_records, findings.objects, findings.lines), (2, 2, 3));
}

#[test]
fn comparison_is_complete_once_each_slack_record_has_line() {
    let lines = ["a", "a", "b"].map(|name| (name, if name == "a" { 1 } else { 2 }));
    let mut returned = SlackRecords::default();
    for (name, second) in &lines[1..] {
        let json = row(LogType::Audit, name, *second);
        let record = Record::read(LogType::Audit, None, &json);
        returned.add(&Entry::of(record.id, &record, day(), 0));
    }
    let mut comparison = Comparison::new(LogType::Audit, day(), returned);
    let is_whole = lines.map(|(name, second)| {
        let line = line(LogType::Audit, &row(LogType::Audit, name, second));
        comparison.process_object(&object(LogType::Audit, 1, &[line]));
        comparison.is_whole()
    });
    assert_eq!(is_whole, [false, false, true], "a duplicate line counts for no other record");
    assert!(Comparison::new(LogType::Audit, day(), SlackRecords::default()).is_whole());
}

#[test]
fn examples_are_kept_and_all_differences_are_counted() {
    let names: Vec<String> = (0..30).map(|number| format!("r{number}")).collect();
    let returned: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut case = Case::new(LogType::Audit, &returned, &[&["r0", "x"]]);
    for cursor in [case.cursor.clone(), None] {
        let kind = if cursor.is_some() { Kind::Missing } else { Kind::NotCollectedYet };
        case.cursor = cursor;
        let whole = case.compare();
        let mut findings = whole.clone();
        findings.keep_examples(20);
        assert_eq!((findings.of_kind(kind).count(), findings.count(kind)), (20, 29));
        assert_eq!((findings.of_kind(Kind::Unexpected).count(), findings.count(Kind::Unexpected)), (1, 1));
        assert_eq!((findings.verdict(), findings.pending()), (whole.verdict(), whole.pending()));
        assert_eq!(findings.differences[0], whole.differences[0]);
    }
    assert_eq!(case.compare().pending().into_iter().collect::<Vec<_>>(), [(Reason::NeverCollected, 29)]);
}

#[test]
fn rename_is_reported_and_is_no_difference() {
    let mut case = Case::new(LogType::Integration, &["a"], &[&["a"]]);
    case.returned[0] = case.returned[0].replace("ann", "anna");
    assert_eq!(found(&case), (vec![], Verdict::Complete));
    assert_eq!(case.compare().renamed, 1);
}

#[test]
fn row_that_slack_returns_in_two_forms_may_be_stored_in_either() {
    let mut case = Case::new(LogType::Audit, &["a"], &[&["a"]]);
    let other = case.returned[0].replace(r#""n":1"#, r#""n":2"#);
    case.returned.insert(0, other);
    assert_eq!(found(&case), (vec![], Verdict::Complete));
    assert_eq!(case.compare().slack_records, 1);
}

#[test]
fn line_of_other_day_is_wrong_day_and_foreign_line_is_malformed() {
    let mut case = Case::new(LogType::Audit, &["a"], &[&["a"]]);
    case.objects[0].push(line(LogType::Audit, &row(LogType::Audit, "b", 86_400)));
    case.objects[0].push(r#"{"id":"c"}"#.to_owned());
    case.objects[0].push(line(LogType::Audit, "null"));
    let (kinds, verdict) = found(&case);
    assert_eq!(
        (kinds.as_slice(), verdict),
        (&[Kind::WrongDay, Kind::WrongDay, Kind::Unreadable][..], Verdict::Mismatch)
    );
    let findings = case.compare();
    let places: Vec<_> = findings.differences.iter().map(|it| (it.object, it.line)).collect();
    assert_eq!(places, [(Some(1), Some(4)), (Some(1), Some(2)), (Some(1), Some(3))]);
}

#[test]
fn missing_objects_are_listed_and_corruption_names_object() {
    let mut comparison = Comparison::new(LogType::Audit, day(), SlackRecords::default());
    comparison.add_missing_objects(&[2, 3, 6]);
    comparison.add_missing_object(6);
    let Object { key, .. } = object(LogType::Audit, 3, &[]);
    comparison.process_object(&Object { key, bytes: b"no gzip".to_vec() });
    let known = Known {
        cursor: None,
        until: day().end(),
        last_object: 6,
        was_requested: true,
        was_cut_short: false,
        skipped_workspaces: &[],
        workspace_ids: &[],
    };
    let (findings, _) = comparison.finish(&StreamId { source: source().id, log: LogType::Audit }, known);
    let missing_objects: Vec<_> =
        findings.of_kind(Kind::MissingObject).map(|missing_object| missing_object.object.unwrap()).collect();
    assert_eq!((missing_objects.as_slice(), findings.verdict()), (&[1, 4, 5, 6][..], Verdict::Mismatch));
    let damaged: Vec<_> = findings.of_kind(Kind::Unreadable).map(|damaged| (damaged.object, damaged.line)).collect();
    assert_eq!(damaged, [(Some(3), None)]);
}

#[test]
fn uncollected_records_make_day_inconclusive() {
    let mut case = Case::new(LogType::Audit, &["a", "b"], &[&["a"]]);
    case.cursor = None;
    assert_eq!(found(&case), (vec![Kind::NotCollectedYet], Verdict::Inconclusive));
    assert_eq!(case.compare().differences[0].reason, Some(Reason::NeverCollected));
    case.objects.push(vec![case.objects[0][0].clone()]);
    assert_eq!(case.compare().verdict(), Verdict::Mismatch, "a defect is a mismatch even if records are still pending");
}

#[test]
fn lines_not_requested_or_stored_during_verify_are_not_compared() {
    let case = || Case::new(LogType::Audit, &["a"], &[&["a"], &["b"]]);
    let of_last_second = Case { until: day().start().plus(99), ..case() };
    assert_eq!(found(&of_last_second), (vec![Kind::Unexpected], Verdict::Mismatch));
    let stored_during_verify = Case { last_object: 1, ..case() };
    let of_later = Case { until: day().start().plus(98), ..case() };
    for case in [stored_during_verify, of_later] {
        assert_eq!(found(&case), (vec![], Verdict::Complete));
        assert_eq!(case.compare().not_compared, 1);
    }
    let nothing_returned = Case { last_object: 0, ..Case::new(LogType::Audit, &[], &[&["b"]]) };
    assert_eq!(found(&nothing_returned), (vec![], Verdict::Complete), "Slack returns all that was stored before");
    let mut skipped = Case::new(LogType::Integration, &["a"], &[&["a", "b"]]);
    skipped.skipped = vec![SkippedWorkspace { id: "T1".to_owned(), code: "invalid_auth".to_owned() }];
    assert_eq!(found(&skipped), (vec![], Verdict::Inconclusive));
    assert_eq!(skipped.compare().not_compared, 1);
}

#[test]
fn day_that_slack_cannot_return_is_inconclusive() {
    let deleted = Case::new(LogType::Audit, &[], &[&["a"]]);
    let not_requested = Case { was_requested: false, ..Case::new(LogType::Audit, &[], &[&["a"]]) };
    for (case, limitation) in [(&deleted, Limitation::NoLongerReturned), (&not_requested, Limitation::NotRequested)] {
        assert_eq!(found(case), (vec![], Verdict::Inconclusive));
        let findings = case.compare();
        assert_eq!((findings.limitations.as_slice(), findings.not_compared), (&[limitation][..], 1));
    }
    let duplicate = Case { was_requested: false, ..Case::new(LogType::Audit, &[], &[&["a", "a"]]) };
    assert_eq!(found(&duplicate), (vec![Kind::Duplicate], Verdict::Mismatch));
}
