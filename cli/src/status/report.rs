//! The status as a person reads it: a table in 80 columns, and below it a paragraph for each stream that there is more to say of.
//!
//! The words carry the meaning. Colour only adds, and [`coloured`] adds it last.

use slacktrail_core::health::State;
use slacktrail_core::time::Second;

use super::stream_status::StreamStatus;
use crate::duration;
use crate::table::{self, Column};
use crate::terminal::COLUMNS as WIDTH;

const COLUMNS: [Column; 7] = [
    Column::Left("source"),
    Column::Left("log"),
    Column::Left("state"),
    Column::Left("for"),
    Column::Left("last record"),
    Column::Right("lag"),
    Column::Left("backlog"),
];

/// The table, and what there is to say below it.
pub(super) fn text(statuses: &[StreamStatus], disconnected: usize, now: Second) -> String {
    let mut parts = Vec::new();
    if !statuses.is_empty() {
        parts.push(table::render(&COLUMNS, statuses.iter().map(|status| row(status, now)).collect()));
    }
    parts.extend(statuses.iter().filter_map(|status| paragraph(status, now)));
    if disconnected > 0 {
        let (is, them) = if disconnected == 1 { ("source is", "it") } else { ("sources are", "them") };
        parts.push(format!("{disconnected} {is} disconnected; `slacktrail sources` lists {them}"));
    }
    parts.join("\n\n")
}

fn row(status: &StreamStatus, now: Second) -> Vec<String> {
    vec![
        status.source.clone(),
        status.log.map_or("-", |log| log.name()).to_owned(),
        word(status.state),
        status.since.map_or("-".to_owned(), |since| duration::words(now.since(since))),
        duration::ago(status.last_record, now),
        status.lag_seconds.map_or("-".to_owned(), duration::words),
        status.backlog(),
    ]
}

/// What happened to a stream and what to do, if there is anything to say.
fn paragraph(status: &StreamStatus, now: Second) -> Option<String> {
    let hint = status.hint.as_ref()?;
    let code = status.code.as_ref().filter(|_| status.state != State::Silent); // there the state says it all
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let success = status.last_success.map(|_| format!(", last success {}", duration::ago(status.last_success, now)));
    let heading = format!("{}: {}{code}{}", status.name(), word(status.state), success.unwrap_or_default());
    Some(format!("{heading}\n{}", wrapped(hint, "  ")))
}

fn word(state: State) -> String {
    state.name().replace('_', " ")
}

/// Text in lines that fit, each after this indent. What stands in backticks stays in one line, so that it can be copied.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + piece.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(format!("{indent}{piece}")),
        }
    }
    lines.join("\n")
}

/// The words of a text; those between backticks are one.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match pieces.last_mut() {
            Some(piece) if is_open => piece.push_str(&format!(" {word}")),
            _ => pieces.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    pieces
}

/// The same report with each state word of its table in its colour. The table measures its cells, so colour comes after it.
pub(super) fn coloured(report: &str) -> String {
    let is_heading = |line: &str| line.starts_with("source ") && line.contains(" state ");
    let Some(start) = report.lines().position(is_heading) else { return report.to_owned() };
    let lines: Vec<&str> = report.lines().collect();
    let end = lines[start..].iter().position(|line| line.is_empty()).map_or(lines.len(), |rows| start + rows);
    let table = coloured_table(&lines[start..end]);
    [&lines[..start], &table.iter().map(String::as_str).collect::<Vec<_>>(), &lines[end..]].concat().join("\n")
}

fn coloured_table(table: &[&str]) -> Vec<String> {
    let at = table.first().and_then(|heading| heading.find("state")).unwrap_or_default();
    let lines = table.iter().map(|&line| {
        let Some((before, cell)) = line.char_indices().nth(at).map(|(index, _)| line.split_at(index)) else {
            return line.to_owned();
        };
        let is_word = |state: &&State| {
            cell.strip_prefix(word(**state).as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("  "))
        };
        match State::ALL.iter().find(is_word) {
            Some(state) => {
                let word = word(*state);
                format!("{before}\x1b[{}m{word}\x1b[0m{}", colour(*state), &cell[word.len()..])
            }
            None => line.to_owned(),
        }
    });
    lines.collect()
}

/// The ANSI colour of a state: green, cyan, yellow, red, and grey for what somebody chose.
fn colour(state: State) -> u8 {
    match state {
        State::Ok => 32,
        State::CatchingUp => 36,
        State::Waiting | State::Silent => 33,
        State::Reauthorize | State::Reconfigure | State::Failing => 31,
        State::Paused => 90,
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
        let hint = "Slack answered `logs` with the error `token_revoked`; connect the source again: the token was revoked or the app removed (`slacktrail connect acme`)";
        let mut well = status_of("acme");
        (well.state, well.lag_seconds, well.gaps) = (State::Ok, Some(45), Vec::new());
        let statuses = [well, failing(State::Reauthorize, "token_revoked", hint)];
        let text = super::text(&statuses, 1, now());
        insta::assert_snapshot!(text, @r"
        source  log          state        for        last record     lag  backlog
        acme    integration  ok           11 d 13 h  11 d 13 h ago  45 s  -
        acme    audit        reauthorize  11 d 13 h  -                 -  -

        acme/audit: reauthorize (token_revoked)
          Slack answered `logs` with the error `token_revoked`; connect the source
          again: the token was revoked or the app removed (`slacktrail connect acme`)

        1 source is disconnected; `slacktrail sources` lists it
        ");
    }

    #[test]
    fn status_lines_fit_80_columns_with_long_ids() {
        let statuses = [status_of("a-source-with-a-rather-long-id-of-its-own"), status_of(&"x".repeat(64))];
        let text = super::text(&statuses, 12, now());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.ends_with("12 sources are disconnected; `slacktrail sources` lists them"), "{text}");
    }

    #[test]
    fn only_state_words_are_colored_and_not_equal_source_names() {
        let mut ok = status_of("ok");
        ok.state = State::Ok;
        let statuses = [ok, failing(State::Failing, "x", "see")];
        let plain = super::text(&statuses, 0, now());
        let coloured = super::coloured(&plain);
        assert!(!plain.contains('\x1b'));
        assert_eq!(coloured.matches("\x1b[0m").count(), 2, "{coloured}");
        assert!(coloured.contains("\x1b[31mfailing\x1b[0m") && coloured.contains("integration  \x1b[32mok\x1b[0m"));
        let stripped = ["\x1b[31m", "\x1b[32m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }

    #[test]
    fn command_in_backticks_is_not_wrapped() {
        let text =
            wrapped(&format!("{} `slacktrail connect acme --silent-after 72h` and more", "word ".repeat(12)), "  ");
        assert!(text.contains("`slacktrail connect acme --silent-after 72h`"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().all(|line| line.starts_with("  ") && line.chars().count() <= WIDTH), "{text}");
    }
}
