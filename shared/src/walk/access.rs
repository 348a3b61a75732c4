//! The walk through access logs: rows are mutable aggregates, and neither their order nor what `before` compares is documented.
//!
//! How far a walk goes and how old a new row may be are two different things. The walk goes from now back by the column that
//! the reply is sorted on, until a whole page is from before `stop`. New is a row first seen at or after the cursor's floor
//! that is not stored. The floor moves up only when a walk closes in whose time no row can have slipped past.

use serde::{Deserialize, Serialize};

use super::{Step, records};
use crate::cursor::Cursor;
use crate::slack::Page;
use crate::source::LogType;
use crate::time::Second;

/// How far behind the start of a closed walk the floor stays: the 26 hours that a row may be late, the day until the next
/// daily re-read, and two hours to spare.
pub const FLOOR_SECONDS: i64 = 52 * 3600;

/// Pages whose rows are looked at together to tell the order: one page alone may be ordered both ways.
const RECENT_PAGES: usize = 3;

/// The column that access rows are sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// `date_first`.
    DateFirst,
    /// `date_last`.
    DateLast,
}

/// Where an access walk is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct AccessWalk {
    /// When its present pass from the head began.
    pub start: Second,
    /// When its first pass began.
    pub begun: Second,
    /// How far back it goes.
    pub stop: Second,
    /// Whether no other gap was open when it began: only such a walk may move the floor.
    pub alone: bool,
    /// Pages read in its present pass.
    pub pages: u32,
    /// Slack's cursor of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_cursor: Option<String>,
}

/// The `(date_first, date_last)` of the last few pages' rows.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Vec<(Second, Second)>>);

impl AccessWalk {
    pub(super) fn begin(stop: Second, start: Second, alone: bool) -> AccessWalk {
        AccessWalk { start, begun: start, stop, alone, pages: 0, page_cursor: None }
    }

    /// Starts again at now: what is stored is not stored twice, and `before` would compare an unknown column.
    pub(super) fn restart(&mut self, now: Second) {
        self.page_cursor = None;
        self.start = self.start.max(now);
    }

    pub(super) fn take_page<'a>(
        &mut self,
        floor: Second,
        cursor: &mut Cursor,
        recent: &mut Recent,
        page: &Page<'a>,
        now: Second,
    ) -> Step<'a> {
        let rows = records(LogType::Access, &page.rows, None);
        let columns: Vec<_> = rows.iter().filter_map(|record| record.time.zip(record.last_active)).collect();
        cursor.sorted_by = recent.order(columns).or(cursor.sorted_by);
        let through = !rows.is_empty()
            && rows.iter().all(|record| {
                // While the order is unknown go by `date_last`, the later of the two: that is safe for both.
                let column = if cursor.sorted_by == Some(Column::DateFirst) {
                    record.time
                } else {
                    record.last_active.max(record.time)
                };
                column.is_some_and(|second| second < self.stop)
            });
        self.pages = self.pages.saturating_add(1);
        self.page_cursor = page.next.clone();
        let at_end = page.next.is_none() || through;
        let wanted = rows
            .into_iter()
            .filter(|record| record.time.is_none_or(|time| time >= floor))
            .map(|record| (record.id, record))
            .collect();
        Step { wanted, done: at_end && self.close(now) }
    }

    /// At the end of a pass. While a walk of several pages went on, rows may have moved to the head, past it: so the head is
    /// read again until one page shows all of it.
    fn close(&mut self, now: Second) -> bool {
        if !self.alone || self.pages == 1 {
            return true;
        }
        *self =
            AccessWalk { stop: self.start, start: now, pages: 0, page_cursor: None, begun: self.begun, alone: true };
        false
    }

    /// The floor that the closed walk of the only gap allows.
    pub(crate) fn floor(&self) -> Option<Second> {
        self.alone.then(|| self.begun.plus(-FLOOR_SECONDS))
    }
}

impl Recent {
    fn order(&mut self, page: Vec<(Second, Second)>) -> Option<Column> {
        let alone = order_of(page.iter());
        self.0.push(page);
        if self.0.len() > RECENT_PAGES {
            self.0.remove(0);
        }
        alone.or_else(|| order_of(self.0.iter().flatten()))
    }
}

fn order_of<'a>(rows: impl Iterator<Item = &'a (Second, Second)> + Clone) -> Option<Column> {
    let descends = |column: fn(&(Second, Second)) -> Second| {
        rows.clone().zip(rows.clone().skip(1)).all(|(a, b)| column(a) >= column(b))
    };
    match (descends(|row| row.0), descends(|row| row.1)) {
        (true, false) => Some(Column::DateFirst),
        (false, true) => Some(Column::DateLast),
        _ => None,
    }
}
