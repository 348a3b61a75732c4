//! Puts a page together: the rows' own bytes, commas between, and what surrounds them.

use std::sync::Arc;

use crate::faults::Endless;
use crate::settings::{End, Envelope, Fill, Settings};
use crate::{Response, Row};

/// What a scripted fault does to one page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageFault {
    pub(crate) empty: bool,
    pub(crate) oversize: Option<usize>,
    pub(crate) stale_cursor: bool,
    pub(crate) endless: Option<Endless>,
    pub(crate) claims: Option<usize>,
    /// Whether numbered pages are the first one, whichever is asked for.
    pub(crate) page_ignored: bool,
}

impl PageFault {
    /// How many rows this page should have when `asked` were asked for. `chance` decides where the fill varies.
    pub(crate) fn rows(self, asked: usize, fill: Fill, chance: impl FnOnce(usize) -> usize) -> usize {
        match (self, fill) {
            (PageFault { empty: true, .. }, _) => 0,
            (PageFault { oversize: Some(rows), .. }, _) => rows,
            (_, Fill::Full) => asked,
            (_, Fill::UpTo(rows)) => asked.min(rows),
            (_, Fill::Varying) => chance(asked),
        }
    }

    /// Whether the page may have fewer rows than it should.
    pub(crate) fn cuts_short(self) -> bool {
        self.empty || self.oversize.is_some()
    }

    /// How many rows of a numbered page are shown. PHP may hide the total: then nothing could tell that a last page is not whole, so it is.
    pub(crate) fn rows_of_numbered(self, settings: &Settings, count: usize, is_last: bool) -> usize {
        let shown = self.rows(count, Fill::Full, |most| most);
        let stays_whole = is_last && self.cuts_short() && settings.envelope == Envelope::Php;
        if stays_whole { shown.max(count) } else { shown }
    }
}

/// The page that a reply holds: for tests that judge what a caller makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The rows, in the page's order.
    pub rows: Vec<Row>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// Whether the page reaches the caller whole: no fault broke it off.
    pub whole: bool,
}

/// How the replies of one call are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    envelope: Envelope,
    /// The same for every call of a world.
    world: u64,
    /// Another one for each call.
    call: u64,
}

/// What follows the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tail<'a> {
    /// Paged by cursor.
    Cursor(Option<&'a str>, End),
    /// Paged by number.
    Paging { count: usize, total: usize, page: usize },
}

impl Form {
    pub(crate) fn of(settings: &Settings, answered: u64) -> Form {
        let mixed = (settings.seed.rotate_left(32) ^ answered).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Form { envelope: settings.envelope, world: settings.seed, call: mixed >> 40 }
    }

    /// A page of `list`. The rows are copied, never parsed, so that each reaches the caller byte for byte.
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

    fn documented(self, list: &str, rows: &[&Row], tail: Tail<'_>) -> Vec<u8> {
        let ok = if list == "entries" { "" } else { r#""ok":true,"# };
        let mut body = format!("{{{ok}\"{list}\":[").into_bytes();
        write_rows(&mut body, rows, |_| String::new());
        body.push(b']');
        body.extend_from_slice(documented_tail(tail).as_bytes());
        body.push(b'}');
        body
    }

    /// As PHP writes what it has: an empty object is `[]`, a list with holes is an object, a number may be a text, and what is missing may
    /// be `false`. Text around the rows may be in an encoding of its own.
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

/// The text with a byte that is no UTF-8 in the place of each replacement character.
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
