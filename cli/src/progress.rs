//! Shows progress on standard error: one line with a spinner or a bar. Shows nothing if standard error is not a terminal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use slacktrail_adapters::sanitize::shown_line;

use crate::terminal;

/// The interval of the spinner animation.
const SPINNER_INTERVAL: Duration = Duration::from_millis(120);

/// The number of progress lines that exist.
static LINES: AtomicUsize = AtomicUsize::new(0);

/// Moves the cursor back to the progress lines after Ctrl-C. The last line fills the terminal, so the echo of Ctrl-C starts a new one, and the
/// lines would otherwise remove themselves one line too low.
pub(crate) fn undo_echo() {
    if LINES.load(Ordering::Relaxed) > 0 {
        terminal::move_up();
    }
}

/// A progress line. It disappears when it is dropped.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    line: ProgressBar,
    /// The part of the template before the message: without a bar, and with one.
    templates: (&'static str, &'static str),
    /// The last step that was printed without a terminal.
    printed: Option<String>,
}

impl ProgressLine {
    /// Creates a line. `bar` is the template of its bar.
    pub(crate) fn new(bar: &'static str) -> ProgressLine {
        ProgressLine::with(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()), ("", bar))
    }

    /// Creates a line that starts with `prefix`, below the other lines.
    pub(crate) fn below(lines: &MultiProgress, prefix: &'static str, bar: &'static str) -> ProgressLine {
        let line = lines.add(ProgressBar::new(1).with_prefix(prefix));
        ProgressLine::with(line, ("{prefix:<12} ", bar))
    }

    fn with(line: ProgressBar, templates: (&'static str, &'static str)) -> ProgressLine {
        LINES.fetch_add(1, Ordering::Relaxed);
        let line = ProgressLine { line, templates, printed: None };
        line.set_bar("");
        line.line.enable_steady_tick(SPINNER_INTERVAL);
        line
    }

    fn set_bar(&self, bar: &str) {
        let template = format!("{{spinner}} {}{bar}{{msg}}", self.templates.0);
        let style = ProgressStyle::with_template(&template).expect("the templates of all callers are valid");
        self.line.set_style(style.progress_chars("━━╌"));
    }

    /// Shows a message.
    pub(crate) fn show(&self, message: &str) {
        self.line.set_message(shown_line(message).into_owned());
    }

    /// Shows a bar from now on.
    pub(crate) fn show_bar(&self, done: u64, all: u64) {
        self.set_bar(self.templates.1);
        self.line.set_length(all);
        self.line.set_position(done);
    }

    /// Shows no bar from now on.
    pub(crate) fn hide_bar(&self) {
        self.set_bar("");
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
        self.line.message()
    }

    /// Hides the line while `print` runs.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.line.suspend(print);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.line.finish_and_clear();
        LINES.fetch_sub(1, Ordering::Relaxed);
    }
}
