//! Builds pages: copies the bytes of the rows and adds the JSON around them.

use std::sync::Arc;

use crate::api_error::ApiError;
use crate::faults::Endless;
use crate::settings::{End, Envelope, Fill, Settings};
use crate::{Request, Response, Row};

/// The effects of scripted faults on one page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageFault {
    pub(crate) empty: bool,
    pub(crate) oversize: Option<usize>,
    pub(crate) stale_cursor: bool,
    pub(crate) endless: Option<Endless>,
    pub(crate) claims: Option<usize>,
    /// Whether every numbered page contains the rows of the first page.
    pub(crate) page_ignored: bool,
}

impl PageFault {
    /// Returns the number of rows for a page with the limit `asked`. `chance` picks the number if the fill varies.
    pub(crate) fn rows(self, asked: usize, fill: Fill, chance: impl FnOnce(usize) -> usize) -> usize {
        match (self, fill) {
            (PageFault { empty: true, .. }, _) => 0,
            (PageFault { oversize: Some(rows), .. }, _) => rows,
            (_, Fill::Full) => asked,
            (_, Fill::UpTo(rows)) => asked.min(rows),
            (_, Fill::Varying) => chance(asked),
        }
    }

    /// Returns `true` if the page may contain fewer rows than requested.
    pub(crate) fn cuts_short(self) -> bool {
        self.empty || self.oversize.is_some()
    }
}

/// The content of a page, for tests that check how a caller processes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The rows, in the order of the page.
    pub rows: Vec<Row>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// Whether the caller receives the complete page. `false` if a fault truncated it.
    pub whole: bool,
}

/// The JSON format of one call's response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    envelope: Envelope,
    /// A number that is constant per world.
    world: u64,
    /// A number that differs per call.
    call: u64,
}

/// The pagination fields after the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tail<'a> {
    /// Pagination by cursor.
    Cursor(Option<&'a str>, End),
    /// Pagination by page number.
    Paging { count: usize, total: usize, page: usize },
}

impl Form {
    pub(crate) fn of(settings: &Settings, answered: u64) -> Form {
        let mixed = (settings.seed.rotate_left(32) ^ answered).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Form { envelope: settings.envelope, world: settings.seed, call: mixed >> 40 }
    }

    /// Returns a page of `list`. Copies the rows without parsing them, so that the caller receives them byte for byte.
    pub(crate) fn page(self, list: &str, rows: &[&Row], tail: Tail<'_>) -> Response {
        let body = match self.envelope {
            Envelope::Documented => self.documented(list, rows, tail),
            Envelope::Php => self.php(list, rows, tail),
        };
        let next = match tail {
            Tail::Cursor(next, _) => next.map(str::to_owned),
            Tail::Paging { .. } => None,
        };
        let shown = Shown { rows: rows.iter().map(|row| (*row).clone()).collect(), next, whole: true };
        Response { shown: Some(shown), ..Response::json(200, body) }
    }

    /// Returns a numbered page of `list`, which consists of `rows`.
    pub(crate) fn numbered_page(
        self,
        list: &str,
        rows: &[&Row],
        (count, page): (usize, usize),
        page_fault: PageFault,
    ) -> Response {
        let of_page = if page_fault.page_ignored { 1 } else { page };
        // The PHP envelope may omit the total. A caller could then not detect that the last page is incomplete, so it is always complete.
        let is_whole = self.envelope == Envelope::Php && of_page * count >= rows.len() && page_fault.cuts_short();
        let shown = page_fault.rows(count, Fill::Full, |most| most);
        let shown = if is_whole { shown.max(count) } else { shown };
        let shown: Vec<&Row> = rows.iter().skip((of_page - 1) * count).take(shown).copied().collect();
        let total = page_fault.claims.unwrap_or(rows.len());
        self.page(list, &shown, Tail::Paging { count, total, page })
    }

    fn documented(self, list: &str, rows: &[&Row], tail: Tail<'_>) -> Vec<u8> {
        let ok = if list == "entries" { "" } else { r#""ok":true,"# };
        let mut body = format!("{{{ok}\"{list}\":[").into_bytes();
        write_rows(&mut body, rows, |_| String::new());
        body.push(b']');
        body.extend_from_slice(documented_tail(tail).as_bytes());
        body.push(b'}');
        body
    }

    /// Returns the body as PHP may encode it. An empty object becomes `[]`, and a list with missing indexes becomes an object. A number may be
    /// a string, and a missing value may be `false`. Text around the rows may contain invalid UTF-8.
    fn php(self, list: &str, rows: &[&Row], tail: Tail<'_>) -> Vec<u8> {
        let holes = rows.len() > 1 && self.call.is_multiple_of(3);
        let mut list = format!("\"{list}\":{}", if holes { '{' } else { '[' }).into_bytes();
        write_rows(&mut list, rows, |index| if holes { format!("\"{}\":", 2 * index) } else { String::new() });
        list.push(if holes { b'}' } else { b']' });
        let tail = self.php_tail(tail).into_bytes();
        let extra: &[u8] = [&b"\"warning\":[]"[..], b"\"error\":null,\"needed\":[]", b"\"title\":\"caf\xe9\""]
            [(self.call / 3 % 3) as usize];
        let ok = b"\"ok\":true".to_vec();
        let parts = match self.call / 9 % 3 {
            0 => [ok, list, tail, extra.to_vec()],
            1 => [tail, extra.to_vec(), list, ok],
            _ => [extra.to_vec(), ok, tail, list],
        };
        let parts: Vec<Vec<u8>> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        [&b"{"[..], &parts.join(&b','), b"}"].concat()
    }

    fn php_tail(self, tail: Tail<'_>) -> String {
        match tail {
            Tail::Cursor(Some(next), _) => format!(r#""response_metadata":{{"messages":[],"next_cursor":"{next}"}}"#),
            Tail::Cursor(None, _) => {
                let ends = [
                    "[]",
                    "null",
                    "false",
                    "\"\"",
                    r#"{"next_cursor":false}"#,
                    r#"{"next_cursor":null}"#,
                    r#"{"next_cursor":[]}"#,
                ];
                format!("\"response_metadata\":{}", ends[(self.call / 27 % 7) as usize])
            }
            Tail::Paging { count, total, page } => {
                let pages = total.div_ceil(count.max(1));
                if self.world.is_multiple_of(2) {
                    format!(r#""paging":{{"count":"{count}","total":"{total}","page":"{page}","pages":"{pages}"}}"#)
                } else {
                    format!(r#""paging":{{"count":{count},"total":-1,"page":{page},"pages":{pages},"warnings":false}}"#)
                }
            }
        }
    }
}

fn write_rows(out: &mut Vec<u8>, rows: &[&Row], key: impl Fn(usize) -> String) {
    out.reserve(rows.iter().map(|row| row.json.len() + 12).sum());
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key(index).as_bytes());
        if row.is_damaged {
            out.extend_from_slice(&damaged(&row.json));
        } else {
            out.extend_from_slice(row.json.as_bytes());
        }
    }
}

/// Replaces each U+FFFD in the text with a byte that is invalid UTF-8.
fn damaged(json: &Arc<str>) -> Vec<u8> {
    let parts: Vec<&[u8]> = json.split(char::REPLACEMENT_CHARACTER).map(str::as_bytes).collect();
    parts.join(&0xff)
}

fn documented_tail(tail: Tail<'_>) -> String {
    match tail {
        Tail::Cursor(Some(cursor), _) => format!(r#","response_metadata":{{"next_cursor":"{cursor}"}}"#),
        Tail::Cursor(None, End::EmptyString) => r#","response_metadata":{"next_cursor":""}"#.to_owned(),
        Tail::Cursor(None, End::EmptyObject) => r#","response_metadata":{}"#.to_owned(),
        Tail::Cursor(None, End::MissingKey) => String::new(),
        Tail::Paging { count, total, page } => {
            let pages = total.div_ceil(count.max(1));
            format!(r#","paging":{{"count":{count},"total":{total},"page":{page},"pages":{pages}}}"#)
        }
    }
}

/// Returns `count` and `page`, which Slack types as strings.
pub(crate) fn count_and_page(request: &Request) -> Result<(usize, usize), ApiError> {
    let number = |name, default| match request.integer(name) {
        Ok(number) => usize::try_from(number.unwrap_or(default)).ok().filter(|number| *number > 0),
        Err(_) => None,
    };
    number("count", 100).zip(number("page", 1)).ok_or_else(|| ApiError::new("invalid_arguments"))
}
