//! What reaches the terminal: results on standard output, everything else on standard error. Nobody else prints.
//!
//! A reader that went away (`slacktrail status | head -1`) is no failure of the command, so write errors are passed over.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Columns of a terminal that does not tell: what every terminal has.
pub(crate) const COLUMNS: usize = 80;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    /// Something that passes, or that loses nothing.
    Warning,
    /// Something that somebody must see to.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// The ANSI colour: yellow, red.
    fn colour(self) -> u8 {
        match self {
            Level::Warning => 33,
            Level::Error => 31,
        }
    }
}

/// Prints a result and a line break.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a text as it is, at once; `false` when nobody reads any more, for what would go on for ever.
pub(crate) fn try_print(text: &str) -> bool {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}

/// Whether what goes there may have colours: it is a terminal, and nobody has asked for none.
pub(crate) fn colours_of(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A result for programs that read line by line.
pub(crate) fn json_line<T: Serialize + ?Sized>(value: &T) -> String {
    let line = serde_json::to_string(value).expect("results hold only text, numbers and lists of them");
    line + "\n"
}

/// Prints a result for programs.
pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) {
    print(&serde_json::to_string_pretty(value).expect("results hold only text, numbers and lists of them"));
}

/// Prints what a person should know and a program should not read.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a failure: the sentence, its causes, the hint.
pub(crate) fn complain(level: Level, failure: &Failure) {
    let coloured = colours_of(&std::io::stderr());
    let _ = std::io::stderr().write_all(complaint(level, failure, coloured).as_bytes());
}

fn complaint(level: Level, failure: &Failure, coloured: bool) -> String {
    let paint =
        |word: &str, colour: u8| if coloured { format!("\x1b[1;{colour}m{word}\x1b[0m") } else { word.to_owned() };
    let mut text = format!("{}: {failure}\n", paint(level.word(), level.colour()));
    for cause in failure.causes() {
        text.push_str(&format!("  caused by: {cause}\n"));
    }
    if let Some(hint) = failure.next_action() {
        text.push_str(&format!("{}: {hint}\n", paint("hint", 36)));
    }
    text
}

/// `text` in at most so many columns, with an ellipsis where it was cut.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The terminal's columns as far as the shell tells them.
pub(crate) fn columns() -> usize {
    std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|columns| *columns >= 40).unwrap_or(COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_a_sentence_its_causes_and_a_hint() {
        let failure = Failure::new("writing `a` failed").because(std::io::Error::other("no room")).hint("make room");
        let text = complaint(Level::Error, &failure, false);
        assert_eq!(text, "error: writing `a` failed\n  caused by: no room\nhint: make room\n");
        let coloured = complaint(Level::Warning, &Failure::new("late"), true);
        assert_eq!(coloured, "\u{1b}[1;33mwarning\u{1b}[0m: late\n");
    }

    #[test]
    fn a_shortened_line_says_so() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "ab…");
        assert_eq!(shorten("ääää", 3), "ää…");
    }
}
