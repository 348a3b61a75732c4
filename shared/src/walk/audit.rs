//! The walk through audit logs: closed ranges, newest first, by Slack's page cursor.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Row, Wanted};
use crate::slack::PageEnd;
use crate::time::Second;

/// Where an audit walk is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct AuditWalk {
    /// Slack's cursor of the next page: a hint that may be refused. Going on from the oldest stored second instead would
    /// never get past a second that fills a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_cursor: Option<String>,
    /// The `latest` that the page cursor was given for: every page of a walk carries the same filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_latest: Option<Second>,
}

/// What is known of a page while its rows arrive.
#[derive(Debug, Default)]
pub(super) struct AuditPage {
    oldest: Option<Second>,
    /// Whether there was a row that is not from before the range.
    reaches_range: bool,
    rows: usize,
}

impl AuditPage {
    /// Takes in the next rows, and returns those that belong to the range.
    pub(super) fn take_rows(&mut self, range: &RangeInclusive<Second>, rows: &[Row]) -> Vec<Wanted> {
        self.rows += rows.len();
        for row in rows {
            self.oldest = self.oldest.into_iter().chain(row.time).min();
            self.reaches_range |= row.time.is_none_or(|time| time >= *range.start());
        }
        let is_wanted = |row: &Row| row.time.is_none_or(|time| range.contains(&time));
        rows.iter().enumerate().filter(|(_, row)| is_wanted(row)).map(|(index, row)| (index, row.id)).collect()
    }
}

impl AuditWalk {
    /// Moves on by a page. Returns whether the walk is done, and the gap's new last second: the oldest that the page held.
    pub(super) fn end_page(
        &mut self,
        range: &RangeInclusive<Second>,
        page: &AuditPage,
        end: &PageEnd,
    ) -> (bool, Option<Second>) {
        // Slack orders rows newest first, so a whole page from before the range means that its filter was lost and the range is through.
        let beyond = page.rows > 0 && !page.reaches_range;
        self.page_cursor = end.next.clone();
        self.asked_latest = Some(*range.end());
        let latest = page.oldest.map(|oldest| oldest.clamp(*range.start(), *range.end()));
        (end.next.is_none() || beyond, latest)
    }
}
