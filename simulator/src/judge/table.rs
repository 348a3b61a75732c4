//! The table of the verdicts in Markdown: one row per day, one column per collector.

use super::collector::Collector;
use super::days::Day;
use super::verdict::Verdict;

/// The verdicts on one day, one per collector. `None` means that the collector does not collect the log.
pub(crate) struct DayVerdicts<'a> {
    pub(crate) day: &'a Day,
    pub(crate) verdicts: Vec<Option<Verdict>>,
}

pub(crate) fn cell(verdict: Option<&Verdict>) -> String {
    match verdict {
        None => "-".to_owned(),
        Some(verdict) if verdict.is_good() => "ok".to_owned(),
        Some(verdict) => verdict.faults().join(", "),
    }
}

/// Returns the table in Markdown, with aligned columns.
pub(crate) fn markdown(collectors: &[Collector], days: &[DayVerdicts<'_>]) -> String {
    let mut rows = vec![
        ["log".to_owned(), "day".to_owned()]
            .into_iter()
            .chain(collectors.iter().map(|it| it.name.clone()))
            .collect::<Vec<_>>(),
    ];
    for DayVerdicts { day, verdicts } in days {
        let cells = verdicts.iter().map(|verdict| cell(verdict.as_ref()));
        rows.push([day.log.name().to_owned(), day.name.to_owned()].into_iter().chain(cells).collect());
    }
    let columns = rows[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} "));
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(&rows[0]);
    text.push_str(&line(&rule));
    rows[1..].iter().for_each(|row| text.push_str(&line(row)));
    text
}
