//! The walk through audit logs: a closed time range, newest first, with Slack's page cursors.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{MatchedRecord, Row};
use crate::slack::PageFields;
use crate::time::Second;

/// The position of an audit walk.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct AuditWalk {
    /// Slack's cursor of the next page. Slack may reject it. Continuing from the oldest stored second instead would never get past a second that
    /// fills a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_cursor: Option<String>,
    /// The `latest` that the page cursor belongs to. Every page of a walk must be requested with the same filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_latest: Option<Second>,
}

/// The state of a page while its rows arrive.
#[derive(Debug, Default)]
pub(super) struct AuditPage {
    /// The time of the last row in the range. It need not be the oldest, because a row out of order must not move the walk past other rows.
    last: Option<Second>,
    /// Whether any row is not older than the range.
    reaches_range: bool,
    rows: usize,
}

impl AuditPage {
    /// Processes the next rows, and returns those in the range.
    pub(super) fn process_rows(&mut self, range: &RangeInclusive<Second>, rows: &[Row]) -> Vec<MatchedRecord> {
        self.rows += rows.len();
        for row in rows {
            self.last = row.time.filter(|time| range.contains(time)).or(self.last);
            self.reaches_range |= row.time.is_none_or(|time| time >= *range.start());
        }
        let is_wanted = |row: &Row| row.time.is_none_or(|time| range.contains(&time));
        rows.iter().enumerate().filter(|(_, row)| is_wanted(row)).map(|(index, row)| (index, row.id)).collect()
    }
}

impl AuditWalk {
    /// Moves forward by a page. Returns whether the walk is complete, and the gap's new last second, which is that of the page's last row.
    pub(super) fn advance(
        &mut self,
        range: &RangeInclusive<Second>,
        page: &AuditPage,
        end: &PageFields,
    ) -> (bool, Option<Second>) {
        // Slack orders rows newest first. If a whole page is older than the range, Slack has lost the filter, and the range is complete.
        let beyond = page.rows > 0 && !page.reaches_range;
        self.page_cursor = end.next.clone();
        self.asked_latest = Some(*range.end());
        (end.next.is_none() || beyond, page.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RowId;

    #[test]
    fn audit_walk_ends_without_cursor_or_at_page_before_range() {
        let second = |seconds| Second::EPOCH.plus(seconds);
        let range = second(10)..=second(20);
        let outcome = |times: &[i64], next: Option<&str>| {
            let row = |time: &i64| Row { id: RowId([0; 16]), time: Some(second(*time)), last_active: None };
            let mut page = AuditPage::default();
            let matched = page.process_rows(&range, &times.iter().map(row).collect::<Vec<_>>()).len();
            let end = PageFields { next: next.map(str::to_owned), paging: None, made_after: Second::EPOCH };
            let (done, latest) = AuditWalk::default().advance(&range, &page, &end);
            (matched, done, latest)
        };
        assert_eq!(outcome(&[20, 15, 10], Some("c")), (3, false, Some(second(10))));
        assert_eq!(outcome(&[20, 15, 10], None), (3, true, Some(second(10))));
        assert_eq!(outcome(&[9, 8], Some("c")), (0, true, None), "Slack lost the filter");
        assert_eq!(outcome(&[], Some("c")), (0, false, None), "an empty page in the middle of the log");
        assert_eq!(outcome(&[25, 21], Some("c")), (0, false, None), "rows after the range");
        assert_eq!(outcome(&[20, 11, 9, 19], Some("c")), (3, false, Some(second(19))), "rows out of order");
    }
}
