//! Shows progress on standard error, with one line per stream. Shows nothing if standard error is not a terminal.

use std::cell::RefCell;
use std::collections::BTreeMap;

use indicatif::MultiProgress;
use jiff::Timestamp;
use slacktrail_collector::tick::Summary;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::GapKind;
use slacktrail_ports::Deployment;

use crate::progress::{self, BAR, ProgressLine};
use crate::{format, state};

/// The progress lines of all streams. They disappear when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    lines: MultiProgress,
    streams: RefCell<BTreeMap<StreamId, Line>>,
}

#[derive(Debug)]
struct Line {
    shown: ProgressLine,
    records: u64,
    pages: u32,
    pages_of_tick: u32,
    state: Option<State>,
    /// Seconds left to collect at the start of the run, and now. Known only for audit logs, because the walks of the other logs follow
    /// activity or page numbers.
    seconds: Option<(i64, i64)>,
}

impl Progress {
    pub(crate) fn new(streams: &[StreamId]) -> Progress {
        let lines = progress::lines();
        let streams = streams.iter().map(|stream| {
            let shown = ProgressLine::below(&lines, stream.log.name(), BAR);
            let line = Line { shown, records: 0, pages: 0, pages_of_tick: 0, state: None, seconds: None };
            (stream.clone(), line)
        });
        Progress { streams: RefCell::new(streams.collect()), lines }
    }

    /// Shows how much is left to collect. The first tick sets the total.
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

    pub(crate) fn add_page(&self, stream: &StreamId) {
        self.change(stream, |line| line.pages_of_tick += 1);
    }

    pub(crate) fn update_cursor(&self, stream: &StreamId, cursor: &Cursor) {
        self.change(stream, |line| line.set_left(seconds_left(cursor)));
    }

    pub(crate) fn end_tick(&self, summary: &Summary) {
        for summary in &summary.streams {
            let Some(log) = summary.log else { continue };
            self.change(&StreamId { source: summary.source.clone(), log }, |line| {
                line.records += summary.counts.records;
                line.pages += summary.counts.pages;
                line.pages_of_tick = 0;
                line.state = Some(summary.state);
                if summary.state == State::Ok && summary.gaps == 0 {
                    line.set_left(0);
                }
            });
        }
    }

    /// Removes the lines.
    pub(crate) fn clear(&self) {
        self.streams.borrow_mut().clear();
    }

    /// Hides the lines while `print` runs.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.lines.suspend(print);
    }

    fn change(&self, stream: &StreamId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.streams.borrow_mut().get_mut(stream) {
            change(line);
            line.show();
        }
    }
}

impl Line {
    fn set_left(&mut self, seconds_left: i64) {
        if let Some((whole, left)) = &mut self.seconds {
            *left = seconds_left.clamp(0, *whole);
        }
    }

    fn show(&self) {
        let unfinished = self.seconds.filter(|(_, left)| *left > 0);
        match unfinished {
            Some((whole, left)) => self.shown.show_bar((whole - left).unsigned_abs(), whole.unsigned_abs()),
            None => self.shown.hide_bar(),
        }
        let mut parts = vec![format::counted(self.records, "record")];
        parts.push(format::counted(u64::from(self.pages + self.pages_of_tick), "page"));
        parts.extend(unfinished.map(|(_, left)| format!("{} left", format::duration(left))));
        parts.extend(self.state.map(state::label));
        self.shown.show(&parts.join(", "));
    }
}

/// Returns the seconds in gaps that are not collected yet. Re-reads do not count.
fn seconds_left(cursor: &Cursor) -> i64 {
    let gaps = cursor.gaps.iter().filter(|gap| gap.kind != GapKind::Reread);
    gaps.map(|gap| gap.latest.since(gap.oldest)).sum()
}
