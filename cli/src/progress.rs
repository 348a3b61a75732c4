//! Shows progress on standard error: one line with a spinner or a bar. Shows nothing if standard error is not a terminal.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use slacktrail_adapters::sanitize::shown_line;

use crate::terminal;

const SPINNER_INTERVAL: Duration = Duration::from_millis(120);
/// The width of the spinner with the space after it.
const SPINNER_COLUMNS: usize = 2;
/// The least width of a terminal that shows bars. A narrower one has room only for the message.
const BAR_COLUMNS_MIN: usize = 80;
/// The columns to the right of a progress line that stay free for the echo of Ctrl-C.
const ECHO_COLUMNS: usize = "^C".len();
/// The maximum number of redraws per second.
const REDRAWS_MAX: u8 = 20;
/// The height of a terminal that does not report its height.
const ROWS: u16 = 24;

/// A bar, as a part of the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) template: &'static str,
    /// The width of the bar with the space after it.
    pub(crate) columns: usize,
}

/// The bar of most lines.
pub(crate) const BAR: Bar = Bar { template: "{bar:20} ", columns: 21 };

/// Creates the lines of several streams, for [`ProgressLine::below`].
pub(crate) fn lines() -> MultiProgress {
    MultiProgress::with_draw_target(stderr())
}

/// Estimates how many seconds `left` takes at the rate so far: `done` within `elapsed`. Returns `None` without progress.
pub(crate) fn estimate(elapsed: Duration, done: i64, left: i64) -> Option<i64> {
    let elapsed = i128::from(elapsed.as_secs());
    let is_known = done > 0 && elapsed > 0;
    is_known.then(|| i64::try_from(elapsed * i128::from(left) / i128::from(done)).ok()).flatten()
}

/// A progress line. It disappears when it is dropped, and always fits the terminal.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    line: ProgressBar,
    bar: Option<Bar>,
    shows_bar: Cell<bool>,
    message: RefCell<String>,
    /// The last step that was printed without a terminal.
    printed: Option<String>,
}

impl ProgressLine {
    /// Creates a line, which may have a bar.
    pub(crate) fn new(bar: Option<Bar>) -> ProgressLine {
        ProgressLine::of(ProgressBar::with_draw_target(Some(1), stderr()), bar)
    }

    /// Creates a line that starts with `name`, below the other lines.
    pub(crate) fn below(lines: &MultiProgress, name: &str, bar: Bar) -> ProgressLine {
        ProgressLine::of(lines.add(ProgressBar::new(1).with_prefix(format!("{name:<12} "))), Some(bar))
    }

    fn of(line: ProgressBar, bar: Option<Bar>) -> ProgressLine {
        let (shows_bar, message) = (Cell::default(), RefCell::default());
        let line = ProgressLine { line, bar, shows_bar, message, printed: None };
        line.draw();
        line.line.enable_steady_tick(SPINNER_INTERVAL);
        line
    }

    /// Shows a message. Its parts are separated by commas, with the most important one first.
    pub(crate) fn show(&self, message: &str) {
        self.message.replace(shown_line(message).into_owned());
        self.draw();
    }

    pub(crate) fn show_bar(&self, done: u64, all: u64) {
        self.shows_bar.set(true);
        self.line.set_length(all);
        self.line.set_position(done);
        self.draw();
    }

    pub(crate) fn hide_bar(&self) {
        self.shows_bar.set(false);
        self.draw();
    }

    fn draw(&self) {
        let width = terminal::stderr_columns();
        let bar = self.bar.filter(|_| self.shows_bar.get() && width >= BAR_COLUMNS_MIN);
        let template = format!("{{spinner}} {{prefix}}{}{{msg}}", bar.map_or("", |bar| bar.template));
        let style = ProgressStyle::with_template(&template).expect("the templates of all callers are valid");
        self.line.set_style(style.progress_chars("━━╌"));
        let before = SPINNER_COLUMNS + self.line.prefix().chars().count() + bar.map_or(0, |bar| bar.columns);
        self.line.set_message(fitted(&self.message.borrow(), width.saturating_sub(before + ECHO_COLUMNS)));
    }

    /// Shows a message. Without a terminal, prints `note` once per `step`.
    pub(crate) fn show_step(&mut self, message: &str, step: &str, note: &str) {
        if self.line.is_hidden() && self.printed.as_deref() != Some(step) {
            terminal::note(note);
            self.printed = Some(step.to_owned());
        }
        self.show(message);
    }

    pub(crate) fn message(&self) -> String {
        self.message.borrow().clone()
    }

    /// Hides the line while `print` runs.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.line.suspend(print);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

/// Returns the first parts of a message that fit `columns` columns. Shortens the first part if it alone does not fit.
fn fitted(message: &str, columns: usize) -> String {
    let ends = [", ", "; "].into_iter().flat_map(|separator| message.match_indices(separator)).map(|(end, _)| end);
    let fits = |end: &usize| message[..*end].chars().count() <= columns;
    match ends.chain([message.len()]).filter(fits).max() {
        Some(end) => message[..end].to_owned(),
        None => terminal::shorten(message, columns),
    }
}

/// Returns the target of progress lines. It is hidden if standard error is not a terminal.
fn stderr() -> ProgressDrawTarget {
    match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Target::default()), REDRAWS_MAX),
        false => ProgressDrawTarget::hidden(),
    }
}

/// Standard error, with the cursor right after the text of the last line. Contains the output of a redraw, until it is flushed.
///
/// `indicatif` fills the last line with spaces. The echo of Ctrl-C (`^C`) would then start a new line, and the lines would move and remove
/// themselves one line too low.
#[derive(Debug, Default)]
struct Target {
    drawn: Mutex<String>,
}

impl Target {
    fn push(&self, text: &str) -> io::Result<()> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn move_cursor(&self, columns_or_lines: usize, direction: char) -> io::Result<()> {
        if columns_or_lines == 0 { Ok(()) } else { self.push(&format!("\x1b[{columns_or_lines}{direction}")) }
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
        self.move_cursor(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.move_cursor(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.move_cursor(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut stderr = io::stderr().lock();
        stderr.write_all(drawn.trim_end_matches(' ').as_bytes())?;
        stderr.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_line_shows_first_parts_of_message() {
        let message = "5,053 records, 1 page, 6 h left; waiting 58 s";
        assert_eq!(fitted(message, 45), message);
        assert_eq!(fitted(message, 44), "5,053 records, 1 page, 6 h left");
        assert_eq!(fitted(message, 21), "5,053 records, 1 page");
        assert_eq!(fitted(message, 20), "5,053 records");
        assert_eq!(fitted(message, 12), "5,053 recor…");
        assert_eq!(fitted("", 0), "");
    }

    #[test]
    fn rest_is_estimated_from_rate_so_far() {
        for (elapsed, done, left, expected) in
            [(60, 25, 75, Some(180)), (60, 100, 0, Some(0)), (60, 0, 100, None), (60, -5, 105, None), (0, 25, 75, None)]
        {
            assert_eq!(estimate(Duration::from_secs(elapsed), done, left), expected, "{elapsed} {done} {left}");
        }
    }
}
