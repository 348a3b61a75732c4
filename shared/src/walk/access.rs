//! The walk through access logs: rows are mutable aggregates, and neither their order nor what `before` compares is documented.
//!
//! A walk is made of passes. The first goes from now back by the column that the reply is sorted on, to the gap's first second. While
//! it goes on, rows whose users come back move to the head, past it: so the next pass goes from now back to when the last one began,
//! until a single reply shows all that has moved. Which rows are wanted is another thing: those first seen in the gap's time.

use serde::{Deserialize, Serialize};

use super::{Step, records};
use crate::slack::Page;
use crate::source::LogType;
use crate::time::Second;

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
    /// How far back its present pass goes.
    pub stop: Second,
    /// When its present pass began, or earlier, by Slack's clock.
    pub begun: Second,
    /// Pages read in its present pass.
    pub pages: u32,
    /// Slack's cursor of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_cursor: Option<String>,
}

impl AccessWalk {
    /// A pass that is to go back to `stop`.
    pub(super) fn begin(stop: Second) -> AccessWalk {
        AccessWalk { stop, begun: stop, pages: 0, page_cursor: None }
    }

    /// Begins its pass again at now: what is stored is not stored twice, and `before` would compare an unknown column.
    pub(super) fn restart(&mut self) {
        *self = AccessWalk::begin(self.stop);
    }

    /// Moves on by a page.
    pub(super) fn take_page<'a>(
        &mut self,
        oldest: Second,
        sorted_by: &mut Option<Column>,
        page: &Page<'a>,
    ) -> Step<'a> {
        let rows = records(LogType::Access, &page.rows, None);
        let dates: Vec<_> = rows.iter().filter_map(|record| record.time.zip(record.last_active)).collect();
        // By one reply alone: between two of them rows may have moved.
        *sorted_by = order_of(&dates).or(*sorted_by);
        let through = is_through(&dates, *sorted_by, self.stop);
        if self.pages == 0 {
            self.begun = page.made_after;
        }
        self.pages = self.pages.saturating_add(1);
        self.page_cursor = page.next.clone();
        let at_end = page.next.is_none() || through;
        let done = at_end && self.pages == 1;
        if at_end && !done {
            *self = AccessWalk::begin(self.begun);
        }
        let wanted = rows.into_iter().filter(|record| record.time.is_none_or(|time| time >= oldest));
        Step { wanted: wanted.map(|record| (record.id, record)).collect(), done }
    }
}

/// Whether all that comes after a page with these dates is from before `stop`.
fn is_through(page: &[(Second, Second)], sorted_by: Option<Column>, stop: Second) -> bool {
    // While the order is unknown go by `date_last`, the later of the two: that is safe for both.
    let column = |row: &(Second, Second)| if sorted_by == Some(Column::DateFirst) { row.0 } else { row.0.max(row.1) };
    // A page that is in order tells by its last row what comes after it; another one only by all of its rows.
    let in_order = page.is_sorted_by(|a, b| column(a) >= column(b));
    let latest = if in_order { page.last().map(column) } else { page.iter().map(column).max() };
    latest.is_some_and(|second| second < stop)
}

fn order_of(page: &[(Second, Second)]) -> Option<Column> {
    match (page.is_sorted_by(|a, b| a.0 >= b.0), page.is_sorted_by(|a, b| a.1 >= b.1)) {
        (true, false) => Some(Column::DateFirst),
        (false, true) => Some(Column::DateLast),
        _ => None,
    }
}
