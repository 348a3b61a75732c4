//! The number of rows to request per page: Slack's maximum, or fewer if such pages are too large or take too long.

use crate::error::Error;
use crate::slack::rows_per_page;
use crate::source::LogType;

/// Good pages in a row after which the page size doubles.
const GOOD_PAGES: u32 = 8;

/// The number of rows to request per page.
#[derive(Clone, Copy, Debug)]
pub struct PageSize {
    /// The number of rows.
    pub rows: u32,
    rows_max: u32,
    good_pages: u32,
}

impl PageSize {
    /// Returns the maximum that Slack allows.
    pub fn of(log: LogType) -> PageSize {
        let rows_max = rows_per_page(log);
        PageSize { rows: rows_max, rows_max, good_pages: 0 }
    }

    /// Counts a good page, and doubles the size after [`GOOD_PAGES`] of them.
    pub fn grow(&mut self) {
        self.good_pages += 1;
        if self.good_pages >= GOOD_PAGES {
            (self.rows, self.good_pages) = ((self.rows * 2).min(self.rows_max), 0);
        }
    }

    /// Requests larger pages after pages of `asked` rows did not reach far enough. Returns `false` if larger pages do not exist.
    pub fn enlarge(&mut self, asked: u32) -> bool {
        (self.rows, self.good_pages) = (self.rows.max(asked.saturating_mul(2)).min(self.rows_max), 0);
        asked < self.rows_max
    }

    /// Requests smaller pages after a page of `asked` rows was too large. Returns `false` if smaller pages do not exist.
    pub fn shrink(&mut self, asked: u32) -> bool {
        (self.rows, self.good_pages) = ((asked / 4).max(1), 0);
        asked > 1
    }
}

/// Returns `true` if a smaller page may succeed after this error.
pub fn may_be_smaller(error: &Error) -> bool {
    matches!(error.code.as_str(), "response_too_large" | "incomplete_response" | "page_unfinished")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_size_shrinks_to_one_row_and_recovers() {
        let mut size = PageSize::of(LogType::Audit);
        let mut sizes = vec![size.rows];
        while size.shrink(size.rows) {
            sizes.push(size.rows);
        }
        assert_eq!(sizes, [1000, 250, 62, 15, 3, 1]);
        (1..GOOD_PAGES).for_each(|_| size.grow());
        assert_eq!(size.rows, 1, "seven good pages");
        size.grow();
        assert_eq!(size.rows, 2);
        (0..10 * GOOD_PAGES).for_each(|_| size.grow());
        assert_eq!(size.rows, 1000);
    }

    #[test]
    fn pages_that_reach_too_little_are_enlarged_up_to_maximum() {
        let mut size = PageSize::of(LogType::Integration);
        size.shrink(1000);
        let enlarged = [250, 500, 1000].map(|asked| (size.enlarge(asked), size.rows));
        assert_eq!(enlarged, [(true, 500), (true, 1000), (false, 1000)]);
    }

    #[test]
    fn smaller_pages_are_requested_only_if_that_can_help() {
        let may_be = |code| may_be_smaller(&Error::slack(code, String::new()));
        assert!(["response_too_large", "incomplete_response", "page_unfinished"].into_iter().all(may_be));
        assert!(!["ratelimited", "internal_error", "invalid_response"].into_iter().any(may_be));
    }
}
