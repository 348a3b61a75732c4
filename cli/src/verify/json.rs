//! The result of a comparison as JSON. Scripts rely on the field names.

use serde::Serialize;
use slacktrail_archive::verify::{Difference, Findings, Kind, Limitation, Reason, SkippedWorkspace, Verdict};
use slacktrail_core::object::DayLogId;
use slacktrail_core::source::LogType;

use super::records::Records;

/// The result of a comparison.
#[derive(Debug, Serialize)]
pub(super) struct Comparison<'a> {
    source: String,
    log: LogType,
    day: String,
    /// The last second that was compared.
    until: String,
    verdict: Verdict,
    /// The number of pages read from Slack.
    pages: u32,
    /// The number of records that Slack returned.
    slack_records: u64,
    objects: u64,
    lines: u64,
    missing: usize,
    not_collected_yet: usize,
    extra: usize,
    changed: usize,
    duplicates: usize,
    wrong_day: usize,
    unreadable: usize,
    missing_objects: usize,
    not_compared: u64,
    renamed: u64,
    undated: u64,
    skipped_workspaces: &'a [SkippedWorkspace],
    limitations: &'a [Limitation],
    differences: Vec<Item<'a>>,
}

/// A difference.
#[derive(Debug, Serialize)]
struct Item<'a> {
    kind: Kind,
    is_defect: bool,
    row_id: Option<String>,
    time: Option<String>,
    object: Option<String>,
    line: Option<u64>,
    reason: Option<Reason>,
    /// Slack's JSON, with `--show-records`.
    #[serde(skip_serializing_if = "Option::is_none")]
    slack: Option<&'a str>,
    /// The stored line, with `--show-records`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'a str>,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(findings: &'a Findings, records: &'a Records) -> Comparison<'a> {
        let differences = findings.differences.iter().map(|difference| item(findings, difference, records)).collect();
        Comparison {
            source: findings.stream.source.to_string(),
            log: findings.stream.log,
            day: day(findings),
            until: findings.until.to_string(),
            verdict: findings.verdict(),
            pages: findings.pages,
            slack_records: findings.slack_records,
            objects: findings.objects,
            lines: findings.lines,
            missing: findings.count(Kind::Missing),
            not_collected_yet: findings.count(Kind::NotCollectedYet),
            extra: findings.count(Kind::Extra),
            changed: findings.count(Kind::Changed),
            duplicates: findings.count(Kind::Duplicate),
            wrong_day: findings.count(Kind::WrongDay),
            unreadable: findings.count(Kind::Unreadable),
            missing_objects: findings.count(Kind::MissingObject),
            not_compared: findings.not_compared,
            renamed: findings.renamed,
            undated: findings.undated,
            skipped_workspaces: &findings.skipped_workspaces,
            limitations: &findings.limitations,
            differences,
        }
    }
}

fn item<'a>(findings: &Findings, difference: &Difference, records: &'a Records) -> Item<'a> {
    Item {
        kind: difference.kind,
        is_defect: difference.kind.is_defect(findings.stream.log),
        row_id: difference.id.map(|id| id.to_string()),
        time: difference.time.map(|time| time.to_string()),
        object: difference.object.map(|number| key(findings, number)),
        line: difference.line,
        reason: difference.reason,
        slack: records.slack_json(difference),
        stored: records.stored_line(difference),
    }
}

/// Returns the day in the format of `--day`.
pub(super) fn day(findings: &Findings) -> String {
    findings.day.to_string().replace('/', "-")
}

/// Returns the key of an object of the day.
pub(super) fn key(findings: &Findings, number: u32) -> String {
    DayLogId { stream: findings.stream.clone(), day: findings.day }.key(number).to_string()
}
