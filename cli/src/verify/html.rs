//! Renders the report for an auditor as an HTML page. The page runs no scripts and loads nothing.

use std::borrow::Cow;
use std::fmt;

use askama::Template;
use askama::filters::{Html, HtmlSafe, escape};
use slacktrail_adapters::sanitize::{escaped_json, shown_line};
use slacktrail_archive::verify::{Cause, Findings, Kind};
use slacktrail_core::source::shown_name;

use super::compared::{Compared, ComparedLog};
use super::hints::hints;
use super::notes::{
    ABOUT_OUTAGES, compared_part, describe_cause, describe_initial_history, describe_stream, note_on_end, notes,
};
use super::period::range;
use super::records::EXAMPLES_MAX;
use super::report::count_with_label;
use super::summary::{FIELDS, Field, Importance, VERDICT, verdict, verdict_name};
use crate::format::{count, counted, duration};
use crate::logs;
use crate::typed_time::shown_day;

const STYLE: &str = include_str!("../../templates/verify.css");

#[derive(Template)]
#[template(path = "verify.html")]
struct Page<'a> {
    name: String,
    verdict: &'static str,
    sentence: Marked,
    /// What was requested, as terms and their values.
    facts: Vec<(&'static str, Marked)>,
    /// The columns after the day and the verdict.
    columns: Vec<&'static str>,
    logs: Vec<LogPart<'a>>,
    about_outages: &'static str,
    examples_max: usize,
}

struct LogPart<'a> {
    name: &'static str,
    verdict: &'static str,
    compared: &'static str,
    pages: String,
    is_continued: bool,
    /// The rows of all days, and the total.
    rows: Vec<Row>,
    /// Each kind of difference with its number, and its examples.
    differences: Vec<(String, Vec<Example<'a>>)>,
    late: Marked,
    /// The records from before the first tick, as a sentence.
    history: Option<Marked>,
    stream: Marked,
    outages: Vec<OutageRow>,
    notes: Vec<Marked>,
    hints: Vec<Marked>,
}

/// A row of the table of days.
struct Row {
    day: String,
    verdict: &'static str,
    /// One cell for each column in [`Page::columns`].
    cells: Vec<String>,
}

struct Example<'a> {
    time: String,
    id: String,
    object: String,
    line: String,
    /// Slack's JSON, with `--show-records`.
    slack: Option<Cow<'a, str>>,
    /// The stored line, with `--show-records`.
    stored: Option<Cow<'a, str>>,
}

struct OutageRow {
    from: String,
    to: String,
    records: String,
    cause: String,
}

/// A text as HTML: escaped, with words between backticks as code, and with days and times that do not break at the end of a line.
struct Marked(String);

impl Marked {
    fn new(text: &str) -> Marked {
        let Ok(escaped) = escape(text, Html).map(|escaped| escaped.to_string());
        let parts: Vec<&str> = escaped.split('`').collect();
        let is_paired = parts.len() % 2 == 1;
        let mark = |(index, part): (usize, &&str)| match index % 2 {
            1 if is_paired => format!("<code>{part}</code>"),
            _ => with_times(part),
        };
        let marked: Vec<String> = parts.iter().enumerate().map(mark).collect();
        Marked(marked.join(if is_paired { "" } else { "`" }))
    }

    fn all(texts: Vec<String>) -> Vec<Marked> {
        texts.iter().map(|text| Marked::new(text)).collect()
    }
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Marked {}

fn with_times(text: &str) -> String {
    let mark = |word: &str| if is_dated(word) { format!("<time>{word}</time>") } else { word.to_owned() };
    text.split(' ').map(mark).collect::<Vec<_>>().join(" ")
}

/// Returns `true` if a word starts with a day such as `2026-11-20`, perhaps after a parenthesis.
fn is_dated(word: &str) -> bool {
    let day = word.trim_start_matches('(').as_bytes();
    day.len() >= 10 && (0..10).all(|at| if [4, 7].contains(&at) { day[at] == b'-' } else { day[at].is_ascii_digit() })
}

pub(super) fn html(compared: &Compared) -> String {
    let page = Page {
        name: shown_line(&compared.source.label).into_owned(),
        verdict: verdict_name(compared.verdict()),
        sentence: Marked::new(&verdict(compared)),
        facts: facts(compared).into_iter().map(|(term, value)| (term, Marked::new(&value))).collect(),
        columns: number_columns().map(|field| field.column.name()).collect(),
        logs: compared.logs.iter().map(|log| LogPart::of(compared, log)).collect(),
        about_outages: ABOUT_OUTAGES,
        examples_max: EXAMPLES_MAX,
    };
    page.render().expect("writing to a string does not fail")
}

fn facts(compared: &Compared) -> Vec<(&'static str, String)> {
    let Compared { source, period, times: (started_at, finished_at), .. } = compared;
    let names: Vec<_> = compared.logs.iter().map(|log| log.log).collect();
    let tenant = source.tenant.as_ref().map_or_else(
        || "not recorded".to_owned(),
        |tenant| format!("{} ({})", shown_name(&tenant.name), shown_name(&tenant.id)),
    );
    let mut days = range(period.first(), period.last());
    if period.first() != period.last() {
        days.push_str(", both inclusive");
    }
    let mut facts = vec![
        ("Source", format!("{} ({})", shown_line(&source.label), source.id)),
        ("Slack", tenant),
        ("Plan", source.plan.name().to_owned()),
        ("Logs", logs::names(&names, ", ")),
        ("Days (UTC)", days),
        ("Archive", shown_line(&compared.archive.located().to_string()).into_owned()),
        ("Comparison", format!("{started_at} to {finished_at} ({})", duration(finished_at.since(*started_at)))),
        ("slacktrail", format!("version {}", env!("CARGO_PKG_VERSION"))),
    ];
    facts.extend(note_on_end(compared).map(|note| ("Note", note)));
    facts
}

impl<'a> LogPart<'a> {
    fn of(compared: &Compared, log: &'a ComparedLog) -> LogPart<'a> {
        let days = log.days.iter().map(|findings| Row::of(shown_day(findings.day), findings));
        let outages = log.outages.iter().filter(|outage| !outage.is_initial_history()).map(|outage| OutageRow {
            from: outage.from.to_string(),
            to: outage.to.map_or_else(|| "not ended".to_owned(), |to| to.to_string()),
            records: outage.records.map_or_else(|| "-".to_owned(), count),
            cause: describe_cause(&outage.cause),
        });
        LogPart {
            name: log.log.name(),
            verdict: verdict_name(log.verdict()),
            compared: compared_part(log.log),
            pages: counted(u64::from(log.total.pages), "page"),
            is_continued: log.is_continued,
            rows: days.chain([Row::of("total".to_owned(), &log.total)]).collect(),
            differences: Kind::ALL.into_iter().filter_map(|kind| examples(log, kind)).collect(),
            late: Marked::new(&describe_lateness(log)),
            history: log
                .outages
                .iter()
                .find(|outage| outage.is_initial_history())
                .map(|history| Marked::new(&describe_initial_history(history))),
            stream: Marked::new(&describe_stream(log.cursor.as_ref())),
            outages: outages.collect(),
            notes: Marked::all(notes(compared, log)),
            hints: Marked::all(hints(log, &compared.source, &compared.archive)),
        }
    }
}

impl Row {
    fn of(day: String, findings: &Findings) -> Row {
        let cells = number_columns().map(|field| (field.cell)(findings)).collect();
        Row { day, verdict: verdict_name(findings.verdict()), cells }
    }
}

/// Returns the columns of each kind of difference and the other numbers.
fn number_columns() -> impl Iterator<Item = Field> {
    FIELDS.into_iter().filter(|field| field.importance != Importance::Sum && field.column != VERDICT)
}

/// Returns the examples of a kind, or `None` if no difference has this kind.
fn examples<'a>(log: &'a ComparedLog, kind: Kind) -> Option<(String, Vec<Example<'a>>)> {
    let example = |day: &'a Findings| {
        day.of_kind(kind).map(move |it| Example {
            time: it.time.map_or_else(|| shown_day(day.day), |time| time.to_string()),
            id: it.id.map_or_else(String::new, |id| id.to_string()),
            object: it.object.map_or_else(String::new, |object| day.key(object).to_string()),
            line: it.line.map_or_else(String::new, |line| line.to_string()),
            slack: log.records.slack_json(it).map(escaped_json),
            stored: log.records.stored_line(day.day, it).map(escaped_json),
        })
    };
    let number = log.total.count(kind) as u64;
    (number > 0).then(|| (count_with_label(kind, number), log.days.iter().flat_map(example).collect()))
}

fn describe_lateness(log: &ComparedLog) -> String {
    let lateness = log.total.lateness;
    let Some(max) = lateness.max_seconds else { return "No record is stored.".to_owned() };
    let history: u64 = log
        .outages
        .iter()
        .filter(|outage| matches!(outage.cause, Cause::Connected(_)))
        .filter_map(|outage| outage.records)
        .sum();
    let of_history = match history {
        0 => String::new(),
        records => format!(
            " They include {} from before the source was last connected, which slacktrail collected afterwards.",
            counted(records, "record")
        ),
    };
    format!(
        "{} of {} {} stored more than 5 minutes after {} time, {} of them more than 1 hour after it. The latest was \
         stored {} after its time.{of_history}",
        count(lateness.over_5_minutes),
        counted(log.total.lines, "stored record"),
        if lateness.over_5_minutes == 1 { "was" } else { "were" },
        if lateness.over_5_minutes == 1 { "its" } else { "their" },
        count(lateness.over_1_hour),
        duration(max)
    )
}

#[cfg(test)]
mod tests {
    use slacktrail_archive::verify::{Difference, Outage};
    use slacktrail_core::source::LogType;

    use super::super::report::tests::{compared, difference, findings};
    use super::*;

    fn page(differences: Vec<Difference>, name: &str) -> String {
        let days = vec![findings(LogType::Audit, differences), findings(LogType::Audit, Vec::new())];
        let from = days[0].day.start();
        let outage = Outage { from, to: None, records: None, cause: Cause::NotRecorded };
        let log = ComparedLog { outages: vec![outage], ..ComparedLog::of(days) };
        let mut compared = compared(vec![log]);
        compared.source.label = name.to_owned();
        html(&compared)
    }

    #[test]
    fn page_names_request_days_differences_and_hints() {
        let page = page(vec![difference(Kind::Missing, 61)], "Acme");
        for part in [
            "Acme (acme)",
            "<dd><time>2026-11-20</time></dd>",
            "bucket logs",
            "mismatch: 1 missing (audit on <time>2026-11-20)</time>",
            "2026-11-20T00:01:01Z",
            "76 of 121,206 stored records",
            "Differences: 1 missing",
            "not ended",
            "cause not recorded",
            "slacktrail backfill acme --log audit --day 2026-11-20",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn page_escapes_names_and_loads_nothing() {
        let page = page(Vec::new(), "<script>alert(1)</script>\u{202e}");
        assert_eq!(Marked::new("`a < b` c `d").0, "`a &#60; b` c `d");
        assert_eq!(Marked::new("run `a < b`").0, "run <code>a &#60; b</code>");
        assert!(page.contains("&#60;script&#62;") && !page.contains("<script"), "{page}");
        assert!(!page.contains('\u{202e}'));
        for loading in ["src=", "href=", "url(", "@import", "http-equiv"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }
}
