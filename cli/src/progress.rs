//! Shows progress on standard error: one line with a spinner or a bar. Shows nothing if standard error is not a terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use slacktrail_adapters::sanitize::shown_line;

use crate::draw_target::{self, ECHO_COLUMNS};
use crate::terminal;

/// The interval of the spinner animation.
const SPINNER_INTERVAL: Duration = Duration::from_millis(120);
/// The least width of a terminal that shows bars. A narrower one has room only for the message.
const BAR_COLUMNS_MIN: usize = 80;
/// The width of the prefix with the space after it.
const PREFIX_COLUMNS: usize = 13;

/// Creates the lines of several streams, for [`ProgressLine::below`].
pub(crate) fn lines() -> MultiProgress {
    MultiProgress::with_draw_target(draw_target::stderr())
}

/// A bar, as a part of the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) template: &'static str,
    /// The width of the bar with the space after it.
    pub(crate) columns: usize,
}

/// A progress line. It disappears when it is dropped, and always fits the terminal.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    line: ProgressBar,
    has_prefix: bool,
    bar: Option<Bar>,
    shows_bar: std::cell::Cell<bool>,
    message: std::cell::RefCell<String>,
    /// The last step that was printed without a terminal.
    printed: Option<String>,
}

impl ProgressLine {
    /// Creates a line, which may have a bar.
    pub(crate) fn new(bar: Option<Bar>) -> ProgressLine {
        ProgressLine::with(ProgressBar::with_draw_target(Some(1), draw_target::stderr()), false, bar)
    }

    /// Creates a line that starts with `prefix`, below the other lines.
    pub(crate) fn below(lines: &MultiProgress, prefix: &'static str, bar: Bar) -> ProgressLine {
        ProgressLine::with(lines.add(ProgressBar::new(1).with_prefix(prefix)), true, Some(bar))
    }

    fn with(line: ProgressBar, has_prefix: bool, bar: Option<Bar>) -> ProgressLine {
        let line = ProgressLine {
            line,
            has_prefix,
            bar,
            shows_bar: false.into(),
            message: String::new().into(),
            printed: None,
        };
        line.draw();
        line.line.enable_steady_tick(SPINNER_INTERVAL);
        line
    }

    /// Shows a message. Its parts are separated by commas, with the most important one first.
    pub(crate) fn show(&self, message: &str) {
        self.message.replace(shown_line(message).into_owned());
        self.draw();
    }

    /// Shows a bar from now on.
    pub(crate) fn show_bar(&self, done: u64, all: u64) {
        self.shows_bar.set(true);
        self.line.set_length(all);
        self.line.set_position(done);
        self.draw();
    }

    /// Shows no bar from now on.
    pub(crate) fn hide_bar(&self) {
        self.shows_bar.set(false);
        self.draw();
    }

    fn draw(&self) {
        let width = terminal::stderr_columns();
        let bar = self.bar.filter(|_| self.shows_bar.get() && width >= BAR_COLUMNS_MIN);
        let prefix = if self.has_prefix { "{prefix:<12} " } else { "" };
        let template = format!("{{spinner}} {prefix}{}{{msg}}", bar.map_or("", |bar| bar.template));
        let style = ProgressStyle::with_template(&template).expect("the templates of all callers are valid");
        self.line.set_style(style.progress_chars("━━╌"));
        let spinner = 2;
        let prefix = if self.has_prefix { PREFIX_COLUMNS } else { 0 };
        let before = spinner + prefix + bar.map_or(0, |bar| bar.columns);
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

    /// Returns the current message.
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
}
