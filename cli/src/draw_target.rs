//! The terminal on which progress lines are drawn: standard error, with the cursor right after the text of the last line.
//!
//! `indicatif` fills the last line with spaces. The echo of Ctrl-C (`^C`) would then start a new line, and the lines would move and remove
//! themselves one line too low.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};

use crate::terminal;

/// The columns to the right of a progress line that stay free for the echo of Ctrl-C.
pub(crate) const ECHO_COLUMNS: usize = "^C".len();

/// The maximum number of redraws per second.
const REDRAWS_MAX: u8 = 20;
/// The height of a terminal that does not report its height.
const ROWS: u16 = 24;

/// Returns the target of progress lines. It is hidden if standard error is not a terminal.
pub(crate) fn stderr() -> ProgressDrawTarget {
    match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Target::default()), REDRAWS_MAX),
        false => ProgressDrawTarget::hidden(),
    }
}

/// The output of a redraw, until it is flushed.
#[derive(Debug, Default)]
struct Target {
    drawn: Mutex<String>,
}

impl Target {
    fn push(&self, text: &str) {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    fn move_cursor(&self, columns_or_lines: usize, direction: char) {
        if columns_or_lines > 0 {
            self.push(&format!("\x1b[{columns_or_lines}{direction}"));
        }
    }
}

impl TermLike for Target {
    fn width(&self) -> u16 {
        u16::try_from(terminal::stderr_columns()).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(ROWS, |(_, height)| height.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.move_cursor(lines, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.move_cursor(lines, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text);
        self.push("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut stderr = io::stderr().lock();
        stderr.write_all(drawn.trim_end_matches(' ').as_bytes())?;
        stderr.flush()
    }
}
