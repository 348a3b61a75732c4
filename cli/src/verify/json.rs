//! The result of a comparison as JSON. Scripts rely on the field names and on their order.

use serde::ser::{Serialize, SerializeMap, Serializer};
use slacktrail_archive::verify::{Difference, Findings, Kind, Outage};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::walk::Gap;

use super::compared::{Compared, ComparedLog};
use super::hints::hints;
use super::notes::{compared_part, describe_cause, note_on_end, notes};
use super::records::Records;
use crate::typed_time::shown_day;

/// The result of the command: one day of one log, if only that was requested.
pub(super) struct Output<'a>(pub(super) &'a Compared);

impl Serialize for Output<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Output(compared) = self;
        match compared.single() {
            Some((log, findings)) => {
                let hints = Some(hints(log, &compared.source, &compared.archive));
                DayResult { findings, records: &log.records, hints }.serialize(serializer)
            }
            None => Document(compared).serialize(serializer),
        }
    }
}

/// What was requested, and the result of each log and day.
pub(super) struct Document<'a>(pub(super) &'a Compared);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Compared { source, period, times: (started_at, finished_at), logs, .. } = self.0;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("slacktrail_version", env!("CARGO_PKG_VERSION"))?;
        fields.serialize_entry("started_at", &started_at.to_string())?;
        fields.serialize_entry("finished_at", &finished_at.to_string())?;
        fields.serialize_entry("source", &source.id)?;
        fields.serialize_entry("source_name", &source.label)?;
        fields.serialize_entry("plan", source.plan.name())?;
        fields.serialize_entry("tenant", &source.tenant)?;
        fields.serialize_entry("archive", &self.0.archive.located().to_string())?;
        fields.serialize_entry("from", &shown_day(period.first()))?;
        fields.serialize_entry("to", &shown_day(period.last()))?;
        fields.serialize_entry("until", &self.0.until().to_string())?; // the last second that was compared
        fields.serialize_entry("verdict", &self.0.verdict())?;
        fields.serialize_entry("notes", note_on_end(self.0).as_slice())?;
        fields.serialize_entry("logs", &logs.iter().map(|log| LogResult(self.0, log)).collect::<Vec<_>>())?;
        fields.end()
    }
}

struct LogResult<'a>(&'a Compared, &'a ComparedLog);

impl Serialize for LogResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LogResult(compared, log) = self;
        let day = |findings| DayResult { findings, records: &log.records, hints: None };
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("log", &log.log)?;
        fields.serialize_entry("verdict", &log.verdict())?;
        fields.serialize_entry("compared", compared_part(log.log))?; // what was compared of each record
        fields.serialize_entry("pages", &log.total.pages)?;
        fields.serialize_entry("continued", &log.is_continued)?; // after an interruption
        fields.serialize_entry("slack_records", &log.total.slack_records)?;
        fields.serialize_entry("lines", &log.total.lines)?;
        fields.serialize_entry("objects", &log.total.objects)?;
        serialize_counts(&mut fields, &log.total)?;
        fields.serialize_entry("lateness", &log.total.lateness)?;
        fields.serialize_entry("outages", &log.outages.iter().map(OutageItem).collect::<Vec<_>>())?;
        fields.serialize_entry("stream", &log.cursor.as_ref().map(Stream))?; // after Slack was read
        fields.serialize_entry("notes", &notes(compared, log))?;
        fields.serialize_entry("hints", &hints(log, &compared.source, &compared.archive))?;
        fields.serialize_entry("days", &log.days.iter().map(day).collect::<Vec<_>>())?;
        fields.end()
    }
}

fn serialize_counts<M: SerializeMap>(fields: &mut M, findings: &Findings) -> Result<(), M::Error> {
    for kind in Kind::ALL {
        let name = match kind {
            Kind::Missing => "missing",
            Kind::NotCollectedYet => "not_collected_yet",
            Kind::Unexpected => "unexpected",
            Kind::Changed => "changed",
            Kind::Duplicate => "duplicates",
            Kind::WrongDay => "wrong_day",
            Kind::Unreadable => "unreadable",
            Kind::MissingObject => "missing_objects",
        };
        fields.serialize_entry(name, &findings.count(kind))?;
    }
    Ok(())
}

/// A period in which nothing was stored although records of it exist.
struct OutageItem<'a>(&'a Outage);

impl Serialize for OutageItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let OutageItem(outage) = self;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("from", &outage.from.to_string())?;
        fields.serialize_entry("to", &outage.to.map(|to| to.to_string()))?; // `null` if it lasts
        fields.serialize_entry("records", &outage.records)?;
        fields.serialize_entry("kind", if outage.is_initial_history() { "initial_history" } else { "outage" })?;
        fields.serialize_entry("cause", &describe_cause(&outage.cause))?;
        fields.end()
    }
}

struct Stream<'a>(&'a Cursor);

impl Serialize for Stream<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Stream(cursor) = self;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("state", &cursor.health.state)?;
        fields.serialize_entry("code", &cursor.health.code)?;
        fields.serialize_entry("since", &cursor.health.since.map(|since| since.to_string()))?;
        fields.serialize_entry("watermark", &cursor.watermark.to_string())?; // all time up to here was read or is in a gap
        fields.serialize_entry("gaps", &cursor.gaps.iter().map(GapItem).collect::<Vec<_>>())?;
        fields.end()
    }
}

/// A time range that is not collected yet, or that is read again.
struct GapItem<'a>(&'a Gap);

impl Serialize for GapItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("kind", &self.0.kind)?;
        fields.serialize_entry("from", &self.0.oldest.to_string())?;
        fields.serialize_entry("to", &self.0.latest.to_string())?;
        fields.end()
    }
}

struct DayResult<'a> {
    findings: &'a Findings,
    records: &'a Records,
    /// What to do, for one day of one log. Otherwise, the log has the hints of all its days.
    hints: Option<Vec<String>>,
}

impl Serialize for DayResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let DayResult { findings, records, hints } = self;
        let item = |difference| Item { findings, difference, records };
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("source", &findings.stream.source)?;
        fields.serialize_entry("log", &findings.stream.log)?;
        fields.serialize_entry("day", &shown_day(findings.day))?;
        fields.serialize_entry("until", &findings.until.to_string())?; // the last second that was compared
        fields.serialize_entry("verdict", &findings.verdict())?;
        fields.serialize_entry("pages", &findings.pages)?;
        fields.serialize_entry("slack_records", &findings.slack_records)?;
        fields.serialize_entry("objects", &findings.objects)?;
        fields.serialize_entry("lines", &findings.lines)?;
        serialize_counts(&mut fields, findings)?;
        fields.serialize_entry("not_compared", &findings.not_compared)?;
        fields.serialize_entry("renamed", &findings.renamed)?;
        fields.serialize_entry("undated", &findings.undated)?;
        fields.serialize_entry("skipped_workspaces", &findings.skipped_workspaces)?;
        fields.serialize_entry("limitations", &findings.limitations)?;
        fields.serialize_entry("lateness", &findings.lateness)?;
        fields.serialize_entry("differences", &findings.differences.iter().map(item).collect::<Vec<_>>())?;
        fields.serialize_entry("differences_omitted", &findings.omitted.values().sum::<usize>())?;
        if let Some(hints) = hints {
            fields.serialize_entry("hints", hints)?;
        }
        fields.end()
    }
}

struct Item<'a> {
    findings: &'a Findings,
    difference: &'a Difference,
    records: &'a Records,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Item { findings, difference, records } = self;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("kind", &difference.kind)?;
        fields.serialize_entry("is_defect", &difference.kind.is_defect(findings.stream.log))?;
        fields.serialize_entry("row_id", &difference.id.map(|id| id.to_string()))?;
        fields.serialize_entry("time", &difference.time.map(|time| time.to_string()))?;
        fields.serialize_entry("object", &difference.object.map(|number| findings.key(number).to_string()))?;
        fields.serialize_entry("line", &difference.line)?;
        fields.serialize_entry("reason", &difference.reason)?;
        // With `--show-records`:
        if let Some(json) = records.slack_json(difference) {
            fields.serialize_entry("slack", json)?;
        }
        if let Some(line) = records.stored_line(findings.day, difference) {
            fields.serialize_entry("stored", line)?;
        }
        fields.end()
    }
}
