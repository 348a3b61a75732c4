//! What was found, for programs.

use serde::Serialize;
use slacktrail_shared::object::DayLogId;
use slacktrail_shared::source::LogType;
use slacktrail_shared::verify::{Difference, Findings, Kind, Obstacle, UnreadWorkspace, Verdict, Why};

use super::records::Records;

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Outcome<'a> {
    source: String,
    log: LogType,
    day: String,
    /// The last second that was compared.
    until: String,
    verdict: Verdict,
    /// Pages that were read of Slack.
    pages: u32,
    /// Records that Slack shows.
    shown: u64,
    objects: u64,
    lines: u64,
    missing: usize,
    not_collected_yet: usize,
    extra: usize,
    changed: usize,
    doubled: usize,
    misplaced: usize,
    unreadable: usize,
    holes: usize,
    not_compared: u64,
    renamed: u64,
    undated: u64,
    unread_workspaces: &'a [UnreadWorkspace],
    obstacles: &'a [Obstacle],
    differences: Vec<Item<'a>>,
}

/// One difference.
#[derive(Debug, Serialize)]
struct Item<'a> {
    kind: Kind,
    is_defect: bool,
    row_id: Option<String>,
    time: Option<String>,
    object: Option<String>,
    line: Option<u64>,
    why: Option<Why>,
    /// Slack's JSON, with `--show`.
    #[serde(skip_serializing_if = "Option::is_none")]
    slack: Option<&'a str>,
    /// The line, with `--show`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    pub(super) fn of(findings: &'a Findings, records: &'a Records) -> Outcome<'a> {
        let differences = findings.differences.iter().map(|difference| item(findings, difference, records)).collect();
        Outcome {
            source: findings.stream.source.to_string(),
            log: findings.stream.log,
            day: day(findings),
            until: findings.until.to_string(),
            verdict: findings.verdict(),
            pages: findings.pages,
            shown: findings.shown,
            objects: findings.objects,
            lines: findings.lines,
            missing: findings.count(Kind::Missing),
            not_collected_yet: findings.count(Kind::NotCollectedYet),
            extra: findings.count(Kind::Extra),
            changed: findings.count(Kind::Changed),
            doubled: findings.count(Kind::Doubled),
            misplaced: findings.count(Kind::Misplaced),
            unreadable: findings.count(Kind::Unreadable),
            holes: findings.count(Kind::Hole),
            not_compared: findings.not_compared,
            renamed: findings.renamed,
            undated: findings.undated,
            unread_workspaces: &findings.unread_workspaces,
            obstacles: &findings.obstacles,
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
        why: difference.why,
        slack: records.shown(difference),
        stored: records.stored(difference),
    }
}

/// The day as it is typed.
pub(super) fn day(findings: &Findings) -> String {
    findings.day.to_string().replace('/', "-")
}

/// The key of an object of the day.
pub(super) fn key(findings: &Findings, number: u32) -> String {
    DayLogId { stream: findings.stream.clone(), day: findings.day }.key(number).to_string()
}
