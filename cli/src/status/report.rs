//! Formats the status as text: a table as wide as the terminal, followed by a paragraph for each stream with a hint.
//!
//! Words carry all information, so that the report is readable without color. [`colored`] adds the colors last.

use slacktrail_core::health::State;
use slacktrail_core::time::Second;

use super::collected;
use super::stream_status::StreamStatus;
use crate::table::{self, Column};
use crate::terminal::{columns, wrapped};
use crate::zone::Zone;
use crate::{format, state};

const COLUMNS: [Column; 8] = [
    Column::Left("source"),
    Column::Left("log"),
    Column::Left("state"),
    Column::Left("for"),
    Column::Left("last checked"),
    Column::Left("last record"),
    Column::Right("lag"),
    Column::Left("backlog"),
];

/// The columns to drop on a narrow terminal, in this order.
const DROPPED_FIRST: [&str; 3] = ["for", "last record", "last checked"];

/// Returns the whole report.
pub(super) fn text(statuses: &[StreamStatus], disconnected: usize, now: Second, zone: &Zone) -> String {
    let mut parts = Vec::new();
    if !statuses.is_empty() {
        parts.push(table::render_without(
            &DROPPED_FIRST,
            &COLUMNS,
            statuses.iter().map(|status| row(status, now)).collect(),
        ));
    }
    let collected: Vec<String> =
        collected::sentences(statuses, now).iter().map(|text| wrapped(text, "", columns())).collect();
    parts.extend((!collected.is_empty()).then(|| collected.join("\n")));
    parts.extend(statuses.iter().filter_map(|status| paragraph(status, now, zone)));
    if disconnected > 0 {
        let sources = format::counted(disconnected as u64, "disconnected source");
        let text = format!("{sources} not shown; run `slacktrail sources` for a list");
        parts.push(wrapped(&text, "", columns()));
    }
    parts.join("\n\n")
}

fn row(status: &StreamStatus, now: Second) -> Vec<String> {
    vec![
        status.source.clone(),
        status.log.map_or("-", |log| log.name()).to_owned(),
        state::label(status.state),
        status.since.map_or("-".to_owned(), |since| format::duration(now.since(since))),
        format::age(status.last_success, now),
        format::age(status.last_record, now),
        status.lag_seconds.map_or("-".to_owned(), format::duration),
        status.backlog(),
    ]
}

/// Returns a stream's state, its error and its hint, or `None` without a hint.
fn paragraph(status: &StreamStatus, now: Second, zone: &Zone) -> Option<String> {
    let hint = status.hint.as_ref()?;
    let texts: Vec<&str> = status.error.iter().chain([hint]).map(String::as_str).collect();
    let text = texts.join("; ");
    let code = status.code.as_ref().filter(|_| status.state != State::Silent); // its code repeats the state
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let checked = status.last_success.map(|_| format!(", last checked {}", format::age(status.last_success, now)));
    let heading = format!("{}: {}{code}{}", status.name(), state::label(status.state), checked.unwrap_or_default());
    Some(format!("{}\n{}", wrapped(&heading, "", columns()), wrapped(&zone.message(&text), "  ", columns())))
}

/// Colors the states in the table of a report. Colors come last, because color codes would change the widths of the cells.
pub(super) fn colored(report: &str) -> String {
    let is_heading = |line: &&str| line.starts_with("source ") && line.contains(" state ");
    let Some(heading) = report.lines().find(is_heading) else { return report.to_owned() };
    let state_at = heading.find("state").unwrap_or_default();
    let (before, table) = report.split_at(report.find(heading).unwrap_or_default());
    let (table, after) = table.split_at(table.find("\n\n").unwrap_or(table.len()));
    let lines: Vec<String> = table.lines().map(|line| with_colored_state(line, state_at)).collect();
    format!("{before}{}{after}", lines.join("\n"))
}

fn with_colored_state(line: &str, at: usize) -> String {
    let Some((before, cell)) = line.char_indices().nth(at).map(|(index, _)| line.split_at(index)) else {
        return line.to_owned();
    };
    let is_label = |state: &&State| {
        let rest = cell.strip_prefix(state::label(**state).as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("  "))
    };
    match State::ALL.iter().find(is_label) {
        Some(state) => {
            let label = state::label(*state);
            format!("{before}\x1b[{}m{label}\x1b[0m{}", state::color(*state), &cell[label.len()..])
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream_status::tests::{failing, status_of};
    use super::*;

    fn now() -> Second {
        Second::EPOCH.plus(1_000_000)
    }

    #[test]
    fn status_table_fits_80_columns_and_hints_follow_it() {
        let error = "Slack answered `logs` with the error `token_revoked`";
        let hint = "connect the source again: the token was revoked or the app removed (`slacktrail connect acme`)";
        let mut ok = status_of("acme");
        (ok.state, ok.lag_seconds, ok.gaps) = (State::Ok, Some(45), Vec::new());
        let statuses = [ok, failing(State::Reauthorize, "token_revoked", error, hint)];
        let text = super::text(&statuses, 1, now(), &Zone::Utc);
        insta::assert_snapshot!(text, @r"
        source  log          state        last checked   last record     lag  backlog
        acme    integration  ok           11 d 13 h ago  11 d 13 h ago  45 s  -
        acme    audit        reauthorize  -              -                 -  -

        acme/audit: reauthorize (token_revoked)
          Slack answered `logs` with the error `token_revoked`; connect the source
          again: the token was revoked or the app removed (`slacktrail connect acme`)

        1 disconnected source not shown; run `slacktrail sources` for a list
        ");
    }

    #[test]
    fn only_state_words_are_colored_and_not_equal_source_names() {
        let mut ok = status_of("ok");
        ok.state = State::Ok;
        let statuses = [ok, failing(State::Failing, "x", "y", "see")];
        let plain = super::text(&statuses, 0, now(), &Zone::Utc);
        let colored = super::colored(&plain);
        assert!(!plain.contains('\x1b'));
        assert_eq!(colored.matches("\x1b[0m").count(), 2, "{colored}");
        assert!(colored.contains("\x1b[31mfailing\x1b[0m") && colored.contains("integration  \x1b[32mok\x1b[0m"));
        let stripped = ["\x1b[31m", "\x1b[32m", "\x1b[0m"].iter().fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }
}
