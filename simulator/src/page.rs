//! Puts a page together: the rows' own bytes, commas between, and what surrounds them.

use crate::Row;
use crate::settings::{End, Fill};

/// What a scripted fault does to one page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twist {
    pub(crate) empty: bool,
    pub(crate) oversize: Option<usize>,
    pub(crate) stale_cursor: bool,
}

impl Twist {
    /// How many rows this page should have when `asked` were asked for. `chance` decides where the fill varies.
    pub(crate) fn rows(self, asked: usize, fill: Fill, chance: impl FnOnce(usize) -> usize) -> usize {
        match (self, fill) {
            (Twist { empty: true, .. }, _) => 0,
            (Twist { oversize: Some(rows), .. }, _) => rows,
            (_, Fill::Full) => asked,
            (_, Fill::UpTo(rows)) => asked.min(rows),
            (_, Fill::Varying) => chance(asked),
        }
    }
}

/// `head`, the rows, `]`, `tail`: copied, never parsed, so that a row reaches the caller byte for byte.
pub(crate) fn body(head: &str, rows: &[&Row], tail: &str) -> Vec<u8> {
    let length: usize = rows.iter().map(|row| row.json.len() + 1).sum();
    let mut body = Vec::with_capacity(head.len() + length + tail.len() + 1);
    body.extend_from_slice(head.as_bytes());
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(row.json.as_bytes());
    }
    body.push(b']');
    body.extend_from_slice(tail.as_bytes());
    body
}

/// The end of a reply that is paged by cursor.
pub(crate) fn cursor_tail(next: Option<&str>, end: End) -> String {
    match (next, end) {
        (Some(cursor), _) => format!(r#","response_metadata":{{"next_cursor":"{cursor}"}}}}"#),
        (None, End::EmptyString) => r#","response_metadata":{"next_cursor":""}}"#.to_owned(),
        (None, End::EmptyObject) => r#","response_metadata":{}}"#.to_owned(),
        (None, End::MissingKey) => "}".to_owned(),
    }
}

/// The end of a reply that is paged by number.
pub(crate) fn paging_tail(count: usize, total: usize, page: usize) -> String {
    let pages = total.div_ceil(count.max(1));
    format!(r#","paging":{{"count":{count},"total":{total},"page":{page},"pages":{pages}}}}}"#)
}
