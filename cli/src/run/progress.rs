//! Progress on standard error, a line for each stream. It hides itself where standard error is no terminal.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use slacktrail_collector::tick::Summary;
use slacktrail_core::cursor::{Cursor, GapKind};
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::Deployment;

use crate::{duration, terminal};

const SPINNER: &str = "{spinner} {prefix:<12} {msg}";
const BAR: &str = "{spinner} {prefix:<12} {bar:20} {msg}";
/// How often a spinner turns while nothing happens.
const TURN: Duration = Duration::from_millis(120);

/// A line for each stream.
#[derive(Debug)]
pub(crate) struct Progress {
    lines: MultiProgress,
    streams: RefCell<BTreeMap<StreamId, Line>>,
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    records: u64,
    pages: u32,
    pages_of_tick: u32,
    state: Option<State>,
    /// Seconds that were to be collected when the run began, and that are now. Of audit logs only: the walks of the other two
    /// go by activity or by page numbers, so nothing can be said beforehand.
    seconds: Option<(i64, i64)>,
}

impl Progress {
    pub(crate) fn new(streams: &[StreamId]) -> Progress {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let streams = streams.iter().map(|stream| {
            let bar = lines.add(ProgressBar::new(1).with_style(style(SPINNER)).with_prefix(stream.log.name()));
            bar.enable_steady_tick(TURN);
            let line = Line { bar, records: 0, pages: 0, pages_of_tick: 0, state: None, seconds: None };
            (stream.clone(), line)
        });
        Progress { streams: RefCell::new(streams.collect()), lines }
    }

    /// Notes how much is to be collected, the first time.
    pub(crate) fn begin_tick(&self, deployment: &Deployment, now: Timestamp) {
        let now = Second::of(now);
        for (stream, line) in self.streams.borrow_mut().iter_mut().filter(|(stream, _)| stream.log == LogType::Audit) {
            let since = deployment.sources.get(&stream.source).and_then(|source| source.as_ref().ok());
            let whole = match (deployment.cursors.get(stream), since) {
                (Some((_, Ok(cursor))), _) => seconds_left(cursor) + now.since(cursor.watermark).max(0),
                (None, Some(source)) => now.since(source.since),
                _ => continue,
            };
            line.seconds.get_or_insert((whole, whole));
            line.show();
        }
    }

    pub(crate) fn take_page(&self, stream: &StreamId) {
        self.change(stream, |line| line.pages_of_tick += 1);
    }

    pub(crate) fn take_cursor(&self, stream: &StreamId, cursor: &Cursor) {
        self.change(stream, |line| line.leave(seconds_left(cursor)));
    }

    pub(crate) fn end_tick(&self, summary: &Summary) {
        for summary in &summary.streams {
            let Some((source, log)) = summary.source.parse().ok().zip(summary.log) else { continue };
            self.change(&StreamId { source, log }, |line| {
                line.records += summary.records;
                line.pages += summary.pages;
                line.pages_of_tick = 0;
                line.state = Some(summary.state);
                if summary.state == State::Ok && summary.gaps == 0 {
                    line.leave(0);
                }
            });
        }
    }

    /// Lets something else be printed.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.lines.suspend(print);
    }

    /// Takes the lines off the terminal.
    pub(crate) fn clear(&self) {
        for line in self.streams.borrow().values() {
            line.bar.finish_and_clear();
        }
    }

    fn change(&self, stream: &StreamId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.streams.borrow_mut().get_mut(stream) {
            change(line);
            line.show();
        }
    }
}

impl Line {
    fn leave(&mut self, seconds_left: i64) {
        if let Some((whole, left)) = &mut self.seconds {
            *left = seconds_left.clamp(0, *whole);
        }
    }

    fn show(&self) {
        let behind = self.seconds.filter(|(_, left)| *left > 0);
        if let Some((whole, left)) = behind {
            self.bar.set_style(style(BAR));
            self.bar.set_length(whole.unsigned_abs());
            self.bar.set_position((whole - left).unsigned_abs());
        } else {
            self.bar.set_style(style(SPINNER));
        }
        let mut words = vec![format!("{} records", duration::count(self.records))];
        words.push(format!("{} pages", duration::count(u64::from(self.pages + self.pages_of_tick))));
        words.extend(behind.map(|(_, left)| format!("{} left", duration::words(left))));
        words.extend(self.state.map(|state| state.name().replace('_', " ")));
        terminal::show_progress(&self.bar, &words.join(", "));
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
    style.progress_chars("━━╌")
}

/// Seconds in gaps that are not yet collected; to be read again does not count.
fn seconds_left(cursor: &Cursor) -> i64 {
    let gaps = cursor.gaps.iter().filter(|gap| gap.kind != GapKind::Reread);
    gaps.map(|gap| gap.latest.since(gap.oldest)).sum()
}
