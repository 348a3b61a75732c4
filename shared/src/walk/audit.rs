//! The walk through audit logs: closed ranges, newest first, by Slack's page cursor.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Step, records};
use crate::slack::Page;
use crate::source::LogType;
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

impl AuditWalk {
    /// Moves on by a page. With the step comes the gap's new last second: the oldest that the page held.
    pub(super) fn take_page<'a>(
        &mut self,
        range: RangeInclusive<Second>,
        page: &Page<'a>,
    ) -> (Step<'a>, Option<Second>) {
        let rows = records(LogType::Audit, &page.rows, None);
        let oldest_on_page = rows.iter().filter_map(|record| record.time).min();
        // Slack orders rows newest first, so a whole page from before the range means that its filter was lost and the range is through.
        let beyond =
            !rows.is_empty() && rows.iter().all(|record| record.time.is_some_and(|time| time < *range.start()));
        let wanted = rows
            .into_iter()
            .filter(|record| record.time.is_none_or(|time| range.contains(&time)))
            .map(|record| (record.id, record))
            .collect();
        self.page_cursor = page.next.clone();
        self.asked_latest = Some(*range.end());
        let latest = oldest_on_page.map(|oldest| oldest.clamp(*range.start(), *range.end()));
        (Step { wanted, done: page.next.is_none() || beyond }, latest)
    }
}
