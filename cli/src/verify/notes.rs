//! The notes that explain a verdict: what was compared how, and what could not be compared and why.

use slacktrail_archive::verify::{Cause, Findings, Kind, Limitation, MARGIN_SECONDS, Outage, Reason};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::LogType;
use slacktrail_core::walk::GapKind;

use super::compared::{Compared, ComparedLog};
use super::period::shown_ranges;
use crate::format::{self, count, counted, counted_as};
use crate::state;

pub(super) fn note_on_end(compared: &Compared) -> Option<String> {
    let minutes = MARGIN_SECONDS / 60;
    (compared.until() < compared.period.last().end()).then(|| {
        format!(
            "compared up to {}: records of the last {minutes} minutes may not be available or stored yet",
            compared.until()
        )
    })
}

pub(super) fn notes(compared: &Compared, log: &ComparedLog) -> Vec<String> {
    let total = &log.total;
    let mut notes = Vec::new();
    if log.log == LogType::Access {
        notes.push("Slack updates access rows on every use, so only their identifying fields were compared (not `count` and `date_last`)".to_owned());
    }
    if log.log != LogType::Audit && total.count(Kind::Unexpected) > 0 {
        notes.push(
            "unexpected rows are no mismatch here, because Slack may delete rows after slacktrail has collected them"
                .to_owned(),
        );
    }
    if total.renamed > 0 {
        let rows = counted_as(total.renamed, "row differs", "rows differ");
        notes.push(format!("{rows} only in the name of a user or app that was renamed"));
    }
    if total.undated > 0 {
        notes.push(format!(
            "{} no valid time; slacktrail stores such rows under the day 1970-01-01",
            counted_as(total.undated, "row in Slack has", "rows in Slack have")
        ));
    }
    notes.extend(not_compared(log));
    notes.extend(pending(compared, total));
    notes
}

/// Returns what was compared of each record of a log.
pub(super) fn compared_part(log: LogType) -> &'static str {
    match log {
        LogType::Audit => "every byte of each record",
        LogType::Access => {
            "rows first used in the period: whether each is stored exactly once, with the same identifying fields. Slack updates the others on every use"
        }
        LogType::Integration => "everything in each row except the names of renamed users and apps",
    }
}

/// Returns what could not be compared, and why.
fn not_compared(log: &ComparedLog) -> Vec<String> {
    let mut notes = Vec::new();
    let lines: u64 = log.days.iter().filter(|day| day.limitations.is_empty()).map(|day| day.not_compared).sum();
    if lines > 0 {
        notes.push(format!(
            "{} not compared: stored after the comparison started, too recent, or from a workspace that cannot be read",
            counted_as(lines, "stored line was", "stored lines were")
        ));
    }
    notes.extend(log.total.skipped_workspaces.iter().map(|workspace| {
        format!("workspace {} was not compared, because it could not be read (`{}`)", workspace.id, workspace.code)
    }));
    for limitation in &log.total.limitations {
        let text = match limitation {
            Limitation::NoLongerReturned => {
                "Slack no longer returns any record of the day, so the stored lines could not be compared"
            }
            Limitation::PagesEnd => "Slack's pages end before the start of the day, so older records were not compared",
            Limitation::NotRequested => {
                "Slack cannot return only the rows without a valid time, so only the stored lines were checked"
            }
        };
        let days = shown_ranges(&log.days_with(|day| day.limitations.contains(limitation)));
        notes.push(if log.days.len() == 1 { text.to_owned() } else { format!("{text} ({})", days.join(", ")) });
    }
    notes
}

/// Explains why records are not collected yet.
fn pending(compared: &Compared, total: &Findings) -> Vec<String> {
    let older = format!("older than the start of collection of `{}`", compared.source.id);
    let note = |(reason, records): (Reason, usize)| {
        let cause = match reason {
            Reason::NeverCollected => "the log waits for its first tick",
            Reason::BeforeSince => older.as_str(),
            Reason::InGap => "in a gap that is still being collected",
            Reason::SinceLastTick => "newer than the last tick; the next tick collects new records",
            Reason::SkippedWorkspace => {
                "from a workspace that could not be read; slacktrail collects its records when it can read it"
            }
            Reason::BeforeReread => "published late by Slack; the next re-read collects late records within a day",
        };
        format!("{} not collected yet: {cause}", count(records as u64))
    };
    total.pending().into_iter().map(note).collect()
}

/// Returns the period of an outage, its records and its cause.
pub(super) fn describe_outage(outage: &Outage) -> String {
    let end = outage.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
    let records = match outage.records {
        None => String::new(),
        Some(records) => format!("{} stored late; ", counted_as(records, "record was", "records were")),
    };
    format!("{} to {end}: {records}{}", outage.from, describe_cause(&outage.cause))
}

pub(super) fn describe_cause(cause: &Cause) -> String {
    match cause {
        Cause::InitialHistory => "initial history, from before the first tick".to_owned(),
        Cause::Connected(at) => format!("collected after the source was last connected at {at}"),
        Cause::Paused => "the source is paused".to_owned(),
        Cause::Error { state, code } => format!("state `{}` with code `{code}`", state.name()),
        Cause::NotRecorded => "cause not recorded".to_owned(),
    }
}

pub(super) fn describe_initial_history(history: &Outage) -> String {
    let records = counted(history.records.unwrap_or_default(), "earlier record");
    let start = history.to.unwrap_or(history.from);
    format!("slacktrail started to collect this log at {start}, and then collected {records} back to {}", history.from)
}

/// Explains what the list of outages shows.
pub(super) const ABOUT_OUTAGES: &str = "nothing was stored for 15 minutes or longer, although records of that time exist; slacktrail does not store when it ran, and a record that Slack published late in a quiet time looks the same";

/// Returns the state of a stream, and what it had not collected when Slack was read.
pub(super) fn describe_stream(cursor: Option<&Cursor>) -> String {
    let Some(cursor) = cursor else { return "No tick had collected this log yet.".to_owned() };
    let health = &cursor.health;
    let code = health.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let since = health.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let gaps: Vec<String> = cursor
        .gaps
        .iter()
        .filter(|gap| gap.kind != GapKind::Reread) // this time was collected before
        .map(|gap| format!("{} to {}", gap.oldest, gap.latest))
        .collect();
    let except = if gaps.is_empty() { String::new() } else { format!(", except {}", gaps.join(", ")) };
    format!(
        "When Slack had been read, the state of the stream was {}{code}{since}. Collection had covered all time up to {}{except}.",
        state::label(health.state),
        cursor.watermark
    )
}

/// Returns the greatest lateness, or `-` without records.
pub(super) fn latest(findings: &Findings) -> String {
    findings.lateness.max_seconds.map_or_else(|| "-".to_owned(), format::duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::{Plan, Source};
    use slacktrail_core::time::Second;

    #[test]
    fn stream_is_described_with_gaps_that_are_not_collected() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018);
        let mut cursor = Cursor::first(&source, LogType::Audit, Second::MARCH_2018.plus(86_400));
        cursor.gaps[0].latest = Second::MARCH_2018.plus(60);
        assert_eq!(
            describe_stream(Some(&cursor)),
            "When Slack had been read, the state of the stream was ok. Collection had covered all time up to 2018-03-02T00:00:00Z, except 2018-03-01T00:00:00Z to 2018-03-01T00:01:00Z."
        );
        assert_eq!(describe_stream(None), "No tick had collected this log yet.");
    }
}
