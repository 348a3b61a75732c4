//! The result of a comparison as JSON. Scripts rely on the field names.

use serde::Serialize;
use slacktrail_archive::verify::{
    Difference, Findings, Kind, Lateness, Limitation, Outage, Reason, SkippedWorkspace, Verdict,
};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::health::State;
use slacktrail_core::object::DayLogId;
use slacktrail_core::source::LogType;
use slacktrail_core::walk::GapKind;

use super::compared::{Compared, ComparedLog};
use super::hints::hints;
use super::notes::{compared_part, describe_cause, note_on_end, notes};
use super::records::Records;
use crate::typed_time::shown_day;

/// The result of the command: one day of one log, if only that was requested.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Day(Box<Comparison<'a>>),
    Period(Box<Document<'a>>),
}

impl<'a> Output<'a> {
    pub(super) fn of(compared: &'a Compared) -> Output<'a> {
        match compared.single() {
            Some((log, findings)) => {
                let hints = hints(log, &compared.source, &compared.archive);
                Output::Day(Box::new(Comparison { hints: Some(hints), ..Comparison::of(findings, &log.records) }))
            }
            None => Output::Period(Box::new(Document::of(compared))),
        }
    }
}

/// What was requested, and the result of each log and day.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    slacktrail_version: &'static str,
    started_at: String,
    finished_at: String,
    source: String,
    source_name: &'a str,
    plan: &'static str,
    tenant: Option<Tenant<'a>>,
    /// The bucket or directory.
    archive: String,
    /// The requested days, both inclusive.
    from: String,
    to: String,
    /// The last second that was compared.
    until: String,
    verdict: Verdict,
    notes: Vec<String>,
    logs: Vec<LogResult<'a>>,
}

/// The connected workspace or organization.
#[derive(Debug, Serialize)]
struct Tenant<'a> {
    id: &'a str,
    name: &'a str,
}

/// The result of a log.
#[derive(Debug, Serialize)]
struct LogResult<'a> {
    log: LogType,
    verdict: Verdict,
    /// What was compared of each record.
    compared: &'static str,
    /// The number of pages read from Slack.
    pages: u32,
    /// Whether the command continued after an interruption.
    continued: bool,
    slack_records: u64,
    lines: u64,
    objects: u64,
    #[serde(flatten)]
    counts: Counts,
    lateness: Lateness,
    outages: Vec<OutageItem>,
    /// The stream after Slack was read.
    stream: Option<Stream<'a>>,
    notes: Vec<String>,
    hints: Vec<String>,
    days: Vec<Comparison<'a>>,
}

/// The number of differences of each kind.
#[derive(Debug, Serialize)]
struct Counts {
    missing: usize,
    not_collected_yet: usize,
    extra: usize,
    changed: usize,
    duplicates: usize,
    wrong_day: usize,
    unreadable: usize,
    missing_objects: usize,
}

/// A period in which nothing was stored although records of it exist.
#[derive(Debug, Serialize)]
struct OutageItem {
    from: String,
    /// When records were stored again, or `null` if they are not yet.
    to: Option<String>,
    records: Option<u64>,
    /// `outage`, or `initial_history` for the time before the first tick.
    kind: &'static str,
    cause: String,
}

/// The state of a stream.
#[derive(Debug, Serialize)]
struct Stream<'a> {
    state: State,
    code: Option<&'a str>,
    since: Option<String>,
    /// All time up to here was read or is in a gap.
    watermark: String,
    gaps: Vec<GapItem>,
}

/// A time range that is not collected yet, or that is read again.
#[derive(Debug, Serialize)]
struct GapItem {
    kind: GapKind,
    from: String,
    to: String,
}

impl<'a> Document<'a> {
    pub(super) fn of(compared: &'a Compared) -> Document<'a> {
        let Compared { source, period, times: (started_at, finished_at), .. } = compared;
        Document {
            slacktrail_version: env!("CARGO_PKG_VERSION"),
            started_at: started_at.to_string(),
            finished_at: finished_at.to_string(),
            source: source.id.to_string(),
            source_name: &source.label,
            plan: source.plan.name(),
            tenant: source.tenant.as_ref().map(|tenant| Tenant { id: &tenant.id, name: &tenant.name }),
            archive: compared.archive.located().to_string(),
            from: shown_day(period.first()),
            to: shown_day(period.last()),
            until: compared.until().to_string(),
            verdict: compared.verdict(),
            notes: note_on_end(compared).into_iter().collect(),
            logs: compared.logs.iter().map(|log| LogResult::of(compared, log)).collect(),
        }
    }
}

impl<'a> LogResult<'a> {
    fn of(compared: &'a Compared, log: &'a ComparedLog) -> LogResult<'a> {
        let total = log.total(&compared.source);
        LogResult {
            log: log.log,
            verdict: log.verdict(),
            compared: compared_part(log.log),
            pages: total.pages,
            continued: log.is_continued,
            slack_records: total.slack_records,
            lines: total.lines,
            objects: total.objects,
            counts: Counts::of(&total),
            lateness: total.lateness,
            outages: log.outages.iter().map(OutageItem::of).collect(),
            stream: log.cursor.as_ref().map(Stream::of),
            notes: notes(compared, log),
            hints: hints(log, &compared.source, &compared.archive),
            days: log.days.iter().map(|day| Comparison::of(day, &log.records)).collect(),
        }
    }
}

impl Counts {
    fn of(findings: &Findings) -> Counts {
        Counts {
            missing: findings.count(Kind::Missing),
            not_collected_yet: findings.count(Kind::NotCollectedYet),
            extra: findings.count(Kind::Extra),
            changed: findings.count(Kind::Changed),
            duplicates: findings.count(Kind::Duplicate),
            wrong_day: findings.count(Kind::WrongDay),
            unreadable: findings.count(Kind::Unreadable),
            missing_objects: findings.count(Kind::MissingObject),
        }
    }
}

impl OutageItem {
    fn of(outage: &Outage) -> OutageItem {
        OutageItem {
            from: outage.from.to_string(),
            to: outage.to.map(|to| to.to_string()),
            records: outage.records,
            kind: if outage.is_initial_history() { "initial_history" } else { "outage" },
            cause: describe_cause(&outage.cause),
        }
    }
}

impl<'a> Stream<'a> {
    fn of(cursor: &'a Cursor) -> Stream<'a> {
        let gap = |gap: &slacktrail_core::walk::Gap| GapItem {
            kind: gap.kind,
            from: gap.oldest.to_string(),
            to: gap.latest.to_string(),
        };
        Stream {
            state: cursor.health.state,
            code: cursor.health.code.as_deref(),
            since: cursor.health.since.map(|since| since.to_string()),
            watermark: cursor.watermark.to_string(),
            gaps: cursor.gaps.iter().map(gap).collect(),
        }
    }
}

/// The result of one day of one log.
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
    #[serde(flatten)]
    counts: Counts,
    not_compared: u64,
    renamed: u64,
    undated: u64,
    skipped_workspaces: &'a [SkippedWorkspace],
    limitations: &'a [Limitation],
    lateness: Lateness,
    differences: Vec<Item<'a>>,
    /// The number of differences that are counted but not listed.
    differences_omitted: usize,
    /// What to do, for one day of one log. Otherwise, the log has the hints of all its days.
    #[serde(skip_serializing_if = "Option::is_none")]
    hints: Option<Vec<String>>,
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
            counts: Counts::of(findings),
            not_compared: findings.not_compared,
            renamed: findings.renamed,
            undated: findings.undated,
            skipped_workspaces: &findings.skipped_workspaces,
            limitations: &findings.limitations,
            lateness: findings.lateness,
            differences,
            differences_omitted: findings.omitted.values().sum(),
            hints: None,
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
        stored: records.stored_line(findings.day, difference),
    }
}

/// Returns the day in the format of `--day`.
pub(super) fn day(findings: &Findings) -> String {
    shown_day(findings.day)
}

/// Returns the key of an object of the day.
pub(super) fn key(findings: &Findings, number: u32) -> String {
    DayLogId { stream: findings.stream.clone(), day: findings.day }.key(number).to_string()
}
