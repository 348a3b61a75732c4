//! Prints results to standard output, and everything else to standard error. No other module prints, so this module sanitizes all text
//! from outside. It adds control sequences only after that.
//!
//! A failed write to standard output makes the command fail (see [`output_error`]). A closed pipe does not (`slacktrail status | head -1`),
//! because its reader has what it wanted. Nothing reports a failed write to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use slacktrail_adapters::sanitize::{escaped_json, shown_line, shown_text};

use crate::cli_error::{CliError, Level};
use crate::zone;

/// The width of a terminal that does not report its width.
pub(crate) const COLUMNS: usize = 80;

/// The least width that texts and tables use.
const COLUMNS_MIN: usize = 40;

/// The greatest width of messages. Longer lines are hard to read.
const MESSAGE_COLUMNS_MAX: usize = 100;

/// Adds color to a sanitized text.
pub(crate) type Paint = fn(&str) -> String;

/// The first error of a write to standard output, until [`output_error`] returns it.
static WRITE_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// Moves the cursor to the upper left corner.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Prints a result and a line break.
pub(crate) fn print(text: &str) {
    write_now(&format!("{}\n", shown_text(text)));
}

/// Prints sentences and a line break. A terminal shows them wrapped at its width.
pub(crate) fn print_wrapped(text: &str) {
    write_now(&format!("{}\n", fitted_lines(&shown_text(text), result_columns())));
}

/// Prints a result and a line break, with color if standard output supports it.
pub(crate) fn print_painted(text: &str, paint: Paint) {
    write_now(&format!("{}\n", painted(text, paint)));
}

/// Prints a script of slacktrail's own, byte for byte. It contains no text from outside.
pub(crate) fn print_script(script: &[u8]) {
    let mut stdout = io::stdout();
    record(stdout.write_all(script).and_then(|()| stdout.flush()));
}

/// Prints a text. Returns `false` if that failed, so that an endless command can stop.
pub(crate) fn try_print(text: &str) -> bool {
    write_now(&shown_text(text))
}

/// Replaces the content of the screen by a text. Returns `false` if that failed.
pub(crate) fn draw(text: &str, paint: Paint, is_first: bool) -> bool {
    let clear = if is_first { CLEAR_BELOW } else { "" };
    let lines = painted(&fitted_lines(text, result_columns()), paint).replace('\n', &format!("{CLEAR_LINE}\n"));
    // The cursor ends on a line of its own, where the echo of Ctrl-C and then the shell's prompt appear.
    write_now(&format!("{HOME}{clear}{lines}{CLEAR_LINE}\n{CLEAR_BELOW}"))
}

/// Returns `true` if standard output is a pipe whose reader has closed it, or a terminal that was closed.
pub(crate) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let is_polled = poll(&mut polled, Some(&Timespec::default())).is_ok();
    is_polled && polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

fn painted(text: &str, paint: Paint) -> String {
    let text = shown_text(text);
    if supports_color(&io::stdout()) { paint(&text) } else { text.into_owned() }
}

fn write_now(text: &str) -> bool {
    let mut stdout = io::stdout();
    record(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints the text of `--help` and `--version`, or an error of the command line.
pub(crate) fn print_usage(usage: &clap::Error) {
    if !usage.use_stderr() {
        record(usage.print().and_then(|()| io::stdout().flush()));
        return;
    }
    let text = usage.render();
    let text = if supports_color(&io::stderr()) { text.ansi().to_string() } else { text.to_string() };
    let _ = io::stderr().write_all(fitted_lines(&text, message_columns()).as_bytes());
}

/// Keeps the first error of a write to standard output. Returns `true` if the write succeeded.
fn record(written: io::Result<()>) -> bool {
    let Err(error) = written else { return true };
    WRITE_ERROR.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    false
}

/// Checks that standard output is complete so far, so that a long command can stop.
pub(crate) fn check_output() -> Result<(), CliError> {
    output_error().map_or(Ok(()), Err)
}

/// Returns why standard output is incomplete, once. Returns `None` if it is complete, or if its reader closed the pipe.
pub(crate) fn output_error() -> Option<CliError> {
    let error = WRITE_ERROR.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    (error.kind() != io::ErrorKind::BrokenPipe).then(|| {
        CliError::new("writing to standard output failed")
            .with_source(error)
            .hint("check where the output goes: the disk may be full; then run the command again")
    })
}

/// Returns `true` if the stream is a terminal and `NO_COLOR` is not set.
fn supports_color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

pub(crate) fn json_line<T: Serialize + ?Sized>(value: &T) -> String {
    let line = serde_json::to_string(value).expect("results contain only text, numbers and lists");
    escaped_json(&line).into_owned() + "\n"
}

/// Returns a result as JSON on several lines, without a line break at the end.
pub(crate) fn json_text<T: Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("results contain only text, numbers and lists");
    escaped_json(&text).into_owned()
}

/// Prints information for the user to standard error. Its times are shown in the reader's zone, as in [`print_error`].
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", fitted_lines(&zone::shown().message(&shown_text(text)), message_columns()));
}

/// Clears the current line of the terminal, which shows progress or the echo of Ctrl-C, for what is printed next.
pub(crate) fn clear_line() {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r{CLEAR_LINE}");
    }
}

/// Prints an error with its causes and its hint.
pub(crate) fn print_error(error: &CliError) {
    let colored = supports_color(&io::stderr());
    let _ = io::stderr().write_all(error_text(error, colored, message_columns()).as_bytes());
}

pub(crate) fn warn(error: CliError) {
    print_error(&error.with_level(Level::Warning));
}

fn error_text(error: &CliError, colored: bool, width: Option<usize>) -> String {
    let line = |label: &str, color: u8, text: &str| {
        let line = format!("{label}: {}", shown_line(text));
        let line = fitted_lines(&zone::shown().message(&line), width);
        let painted = if colored { line.replacen(label, &format!("\x1b[1;{color}m{label}\x1b[0m"), 1) } else { line };
        painted + "\n"
    };
    let mut text = match error.level {
        Level::Warning => line("warning", 33, &error.to_string()),
        Level::Error => line("error", 31, &error.to_string()),
    };
    for cause in &error.causes {
        text.push_str(
            &(fitted_lines(&format!("  caused by: {}", shown_line(&zone::shown().message(cause))), width) + "\n"),
        );
    }
    if let Some(hint) = error.next_action() {
        text.push_str(&line("hint", 36, hint));
    }
    text
}

/// Wraps the lines that are longer than `width`, each at its own indent. Lines that are indented by four spaces are commands or JSON, which stay.
fn fitted_lines(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let fitted = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let stays = line.chars().count() <= width || indent.len() >= 4;
        if stays { line.to_owned() } else { wrapped(line, indent, width) }
    };
    text.split('\n').map(fitted).collect::<Vec<_>>().join("\n")
}

/// Quotes a word for a shell if necessary.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Shortens `text` to `columns` columns. A shortened text ends with an ellipsis.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Wraps text at `width` columns, and indents it. Never breaks text between backticks, so that commands can be copied.
pub(crate) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in unbreakable_parts(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + part.chars().count() <= width => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(format!("{indent}{part}")),
        }
    }
    lines.join("\n")
}

/// Splits text at spaces, except between backticks.
fn unbreakable_parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut is_quoted = false;
    for word in text.split_whitespace() {
        match parts.last_mut() {
            Some(part) if is_quoted => part.push_str(&format!(" {word}")),
            _ => parts.push(word.to_owned()),
        }
        is_quoted ^= word.matches('`').count() % 2 == 1;
    }
    parts
}

/// Returns the width in `COLUMNS`, or that of the terminal, or 80 without one. The least width is 40.
pub(crate) fn columns() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
    let of_terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    given.or_else(of_terminal).unwrap_or(COLUMNS).max(COLUMNS_MIN)
}

/// Returns the width at which results are wrapped. `None` if standard output is not a terminal.
pub(crate) fn result_columns() -> Option<usize> {
    io::stdout().is_terminal().then(columns)
}

/// Returns the width at which messages are wrapped. `None` if standard error is not a terminal, because a program may search the text.
fn message_columns() -> Option<usize> {
    io::stderr().is_terminal().then(|| stderr_columns().clamp(COLUMNS_MIN, MESSAGE_COLUMNS_MAX))
}

/// Returns the width of the terminal of standard error, or 80 without one.
pub(crate) fn stderr_columns() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_prints_message_causes_and_hint() {
        let error = CliError::new("writing `a` failed").with_source(std::io::Error::other("no room")).hint("make room");
        let text = error_text(&error, false, None);
        assert_eq!(text, "error: writing `a` failed\n  caused by: no room\nhint: make room\n");
        let colored = error_text(&CliError::new("late").with_level(Level::Warning), true, None);
        assert_eq!(colored, "\u{1b}[1;33mwarning\u{1b}[0m: late\n");
    }

    #[test]
    fn error_in_narrow_terminal_breaks_no_word_or_command() {
        let error = CliError::new("source `acme` has no audit logs in this directory")
            .with_source(std::io::Error::other("the directory contains no cursor for the log"))
            .hint("run `slacktrail pull acme --logs audit` first");
        let expected = "error: source `acme` has no audit logs\nin this directory\n  caused by: the directory contains no\n  \
                        cursor for the log\nhint: run\n`slacktrail pull acme --logs audit`\nfirst\n";
        assert_eq!(error_text(&error, false, Some(40)), expected);
    }

    #[test]
    fn error_stays_on_its_lines_and_cannot_control_terminal() {
        let error =
            CliError::new("a\nhint: rm -rf\u{1b}[2J").with_source(std::io::Error::other("b\u{202e}")).hint("c\u{9b}");
        let text = error_text(&error, false, None);
        assert_eq!(text, "error: a hint: rm -rf\u{fffd}[2J\n  caused by: b\u{fffd}\nhint: c\u{fffd}\n");
    }

    #[test]
    fn json_line_keeps_value_and_cannot_control_terminal() {
        let line = json_line(&["a\u{1b}\u{7f}\u{9b}\u{202e}"]);
        assert_eq!(line, "[\"a\\u001b\\u007f\\u009b\\u202e\"]\n");
    }

    #[test]
    fn quoted_word_survives_shell_unchanged() {
        for (text, expected) in [("logs/a-1.gz", "logs/a-1.gz"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")] {
            assert_eq!(shell_word(text), expected);
        }
    }

    #[test]
    fn shortened_line_ends_with_ellipsis() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "ab…");
        assert_eq!(shorten("ääää", 3), "ää…");
    }

    #[test]
    fn command_in_backticks_is_not_wrapped() {
        let text = wrapped(
            &format!("{} `slacktrail connect acme --silent-after 72h` and more", "word ".repeat(12)),
            "  ",
            COLUMNS,
        );
        assert!(text.contains("`slacktrail connect acme --silent-after 72h`"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().all(|line| line.starts_with("  ") && line.chars().count() <= COLUMNS), "{text}");
    }
}
