//! Reads a page of rows while the response arrives: chunks in, rows out, in bounded memory.
//!
//! The rows, `ok`, `error` and the page cursor must be valid. Any other field is read if it has the expected type and ignored otherwise, because
//! Slack's PHP writes `[]` for an empty object and text for a number. A row that is not valid JSON also becomes a record ([`RawRow`]). The
//! reader holds one row and the rest of a chunk, and skips fields that it does not need.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::envelope::{Envelope, MEMBER_BYTES_MAX, member};
use crate::scan::Scanner;

/// Maximum length of a row, both as it arrives and after it is repaired or escaped. Slack's rows are far shorter. A longer row is an error, because
/// the poller must hold a row and its line in memory, and reads lines back only up to four times this length.
pub const ROW_BYTES_MAX: usize = 4 << 20;
/// Maximum length of a response, uncompressed.
pub const RESPONSE_BYTES_MAX: usize = 256 << 20;
/// Maximum rows in a response. Slack never splits a second of audit logs, so a page may have more rows than requested.
const ROWS_MAX: u32 = 500_000;
/// Maximum length of a key.
const KEY_BYTES_MAX: usize = 4 << 10;

/// Reads one response.
#[derive(Debug)]
pub struct PageReader {
    rows_key: &'static str,
    /// The bytes that arrived. Those from `start` on are not read yet.
    input: Vec<u8>,
    start: usize,
    /// Whether the response has ended.
    ended: bool,
    state: State,
    /// The range in `input` of the row that [`PageReader::advance`] found, and whether the row is JSON.
    row: Option<(std::ops::Range<usize>, bool)>,
    /// The length from which an incomplete row is parsed again. Without this limit, long rows would cost quadratic time.
    retry_at: usize,
    bytes: usize,
    rows: u32,
    has_rows: bool,
    envelope: Envelope,
}

#[derive(Debug)]
enum State {
    /// Before the opening brace.
    Start,
    /// Before a key or the closing brace.
    Member,
    /// In the value of a field, which is kept if the reader needs it.
    Value(Scanner, Option<(&'static str, Vec<u8>)>),
    /// Between the rows. If they are an object (PHP's array with gaps), before a key.
    Rows { keyed: bool },
    /// In a row that is not valid JSON.
    BrokenRow { keyed: bool, scanner: Scanner, scanned: usize },
    /// After the closing brace. The rest is ignored.
    Done,
    /// The response is not a JSON object.
    Foreign,
}

/// The result of [`PageReader::advance`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Advance {
    /// A row, which [`PageReader::row`] returns.
    Row,
    /// No row yet: the reader needs more bytes, or the end of the response.
    More,
    /// The end of the page.
    End,
}

/// The limit that a response exceeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TooLarge {
    /// [`RESPONSE_BYTES_MAX`].
    Bytes,
    /// The number of rows, or their bytes if the page is processed as a whole.
    Rows,
    /// The bytes of a row.
    Row,
    /// The bytes of a key beside the rows.
    Key,
}

/// A row of a response.
#[derive(Debug)]
pub struct RawRow<'a> {
    /// The row's JSON, with U+FFFD for invalid UTF-8. A row that is not JSON becomes a JSON string.
    pub json: Cow<'a, str>,
    /// Whether invalid UTF-8 was replaced.
    pub repaired: bool,
    /// Whether the row was JSON.
    pub is_json: bool,
}

impl PageReader {
    /// Creates a reader for responses to `method`.
    pub fn new(method: &str) -> PageReader {
        let rows_key = match method {
            "logs" => "entries",
            "team.accessLogs" => "logins",
            "team.integrationLogs" => "logs",
            _ => "teams",
        };
        PageReader {
            rows_key,
            input: Vec::new(),
            start: 0,
            ended: false,
            state: State::Start,
            row: None,
            retry_at: 0,
            bytes: 0,
            rows: 0,
            has_rows: false,
            envelope: Envelope::default(),
        }
    }

    /// Adds the next bytes of the response.
    ///
    /// # Errors
    ///
    /// Returns [`TooLarge::Bytes`] if the response is longer than [`RESPONSE_BYTES_MAX`].
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        self.bytes = self.bytes.saturating_add(chunk.len());
        if self.bytes > RESPONSE_BYTES_MAX {
            return Err(TooLarge::Bytes);
        }
        self.input.drain(..self.start);
        self.start = 0;
        if self.input.is_empty() && self.input.capacity() > (1 << 20) {
            self.input = Vec::new(); // after a long row
        }
        self.input.extend_from_slice(chunk);
        Ok(())
    }

    /// Marks the end of the response.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the number of bytes that the reader holds.
    pub fn held_bytes(&self) -> usize {
        self.input.len() - self.start
    }

    /// Reads up to the next row.
    ///
    /// # Errors
    ///
    /// Returns [`TooLarge::Row`], [`TooLarge::Key`] or [`TooLarge::Rows`] if a row or a key beside the rows is too long, or the response has too
    /// many rows.
    pub fn advance(&mut self) -> Result<Advance, TooLarge> {
        self.row = None;
        loop {
            let moved = match self.state {
                State::Start => self.open(),
                State::Member => self.member()?,
                State::Value(..) => self.value(),
                State::Rows { keyed } => self.rows(keyed)?,
                State::BrokenRow { keyed, scanner, scanned } => self.broken_row(keyed, scanner, scanned)?,
                State::Done | State::Foreign => {
                    self.start = self.input.len();
                    return Ok(if self.ended { Advance::End } else { Advance::More });
                }
            };
            if self.row.is_some() {
                self.rows += 1;
                return if self.rows > ROWS_MAX { Err(TooLarge::Rows) } else { Ok(Advance::Row) };
            }
            if !moved {
                return Ok(if self.ended { Advance::End } else { Advance::More });
            }
        }
    }

    /// Returns the row that [`PageReader::advance`] found.
    pub fn row(&self) -> RawRow<'_> {
        let (range, is_json) = self.row.clone().unwrap_or((0..0, false));
        let row = &self.input[range];
        // The lossy decoder takes ten times as long, and nearly all rows are valid.
        let json = std::str::from_utf8(row).map_or_else(|_| String::from_utf8_lossy(row), Cow::Borrowed);
        let repaired = matches!(json, Cow::Owned(_));
        let json = if is_json { json } else { Cow::Owned(Value::String(json.into_owned()).to_string()) };
        RawRow { json, repaired, is_json }
    }

    /// Returns the fields beside the rows that were read so far.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Returns `true` if the response was a complete JSON object.
    pub fn is_whole(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns `true` if the response had a list of rows, even if it was empty.
    pub fn has_rows(&self) -> bool {
        self.has_rows
    }

    fn rest(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Skips bytes up to a wanted one, and returns it without consuming it.
    fn skip_to(&mut self, wanted: impl Fn(u8) -> bool) -> Option<u8> {
        match self.rest().iter().position(|byte| wanted(*byte)) {
            Some(at) => {
                self.start += at;
                Some(self.input[self.start])
            }
            None => {
                self.start = self.input.len();
                None
            }
        }
    }

    fn open(&mut self) -> bool {
        const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        match self.skip_to(|byte| !byte.is_ascii_whitespace() && !BYTE_ORDER_MARK.contains(&byte)) {
            Some(b'{') => {
                self.start += 1;
                self.state = State::Member;
            }
            Some(_) => self.state = State::Foreign,
            None => return false,
        }
        true
    }

    /// Reads a key and the type of its value, or the closing brace. Ignores anything else between fields.
    fn member(&mut self) -> Result<bool, TooLarge> {
        match self.skip_to(|byte| matches!(byte, b'"' | b'}')) {
            None => Ok(false),
            Some(b'}') => {
                self.state = State::Done;
                Ok(true)
            }
            Some(_) => {
                let Some((key, value_at)) = self.key()? else { return Ok(false) };
                let first = self.rest()[value_at];
                self.start += value_at;
                self.state = if key == self.rows_key && matches!(first, b'[' | b'{') {
                    self.start += 1;
                    self.has_rows = true;
                    State::Rows { keyed: first == b'{' }
                } else {
                    State::Value(Scanner::default(), member(&key).map(|member| (member, Vec::new())))
                };
                Ok(true)
            }
        }
    }

    /// Returns the key at the start of the rest and the offset of its value, or `None` while they are incomplete.
    fn key(&self) -> Result<Option<(String, usize)>, TooLarge> {
        let rest = self.rest();
        match find_value(rest) {
            Some((_, value_at)) if value_at > KEY_BYTES_MAX => Err(TooLarge::Key),
            None if rest.len() > KEY_BYTES_MAX => Err(TooLarge::Key),
            found => {
                Ok(found.map(|(end, value_at)| (String::from_utf8_lossy(&rest[1..end - 1]).into_owned(), value_at)))
            }
        }
    }

    fn value(&mut self) -> bool {
        let State::Value(scanner, kept) = &mut self.state else { return false };
        let rest = &self.input[self.start..];
        let end = scanner.end_in(rest);
        let bytes = &rest[..end.unwrap_or(rest.len())];
        if let Some((member, text)) = kept {
            if text.len() + bytes.len() > MEMBER_BYTES_MAX {
                self.envelope.set_too_long(member);
                *kept = None;
            } else {
                text.extend_from_slice(bytes);
            }
        }
        self.start += bytes.len();
        if end.is_none() {
            return false;
        }
        if let Some((member, text)) = kept.take() {
            self.envelope.set(member, &text);
        }
        self.state = State::Member;
        true
    }

    fn rows(&mut self, keyed: bool) -> Result<bool, TooLarge> {
        let Some(first) = self.skip_to(|byte| !byte.is_ascii_whitespace() && byte != b',') else { return Ok(false) };
        if matches!(first, b']' | b'}') {
            self.start += 1;
            self.state = State::Member;
            return Ok(true);
        }
        if keyed {
            if first != b'"' {
                self.start += 1; // not a key, so ignore it
                return Ok(true);
            }
            let Some((_, value_at)) = self.key()? else { return Ok(false) };
            return self.whole_row(keyed, value_at);
        }
        self.whole_row(keyed, 0)
    }

    /// Reads the row that starts `skip` bytes after `start`, if it is complete.
    fn whole_row(&mut self, keyed: bool, skip: usize) -> Result<bool, TooLarge> {
        let begin = self.start + skip;
        let row = &self.input[begin..];
        if row.len() < self.retry_at.min(ROW_BYTES_MAX) && !self.ended {
            return Ok(false);
        }
        let mut parser = serde_json::Deserializer::from_slice(row).into_iter::<&RawValue>();
        match parser.next() {
            // A number may continue in the next chunk.
            Some(Ok(_)) if parser.byte_offset() < row.len() || matches!(row.first(), Some(b'{' | b'[' | b'"')) => {
                let end = begin + parser.byte_offset();
                if end - begin > ROW_BYTES_MAX {
                    return Err(TooLarge::Row);
                }
                self.take_row(begin..end, true);
                Ok(true)
            }
            Some(Err(error)) if !error.is_eof() => {
                self.start = begin;
                self.state = State::BrokenRow { keyed, scanner: Scanner::default(), scanned: 0 };
                Ok(true)
            }
            _ if row.len() > ROW_BYTES_MAX => Err(TooLarge::Row),
            _ => {
                self.retry_at = row.len() * 2;
                Ok(false)
            }
        }
    }

    /// Finds the end of a row that is not valid JSON. It may be valid once its invalid UTF-8 is replaced.
    fn broken_row(&mut self, keyed: bool, mut scanner: Scanner, scanned: usize) -> Result<bool, TooLarge> {
        let end = scanner.end_in(&self.rest()[scanned..]).map(|end| scanned + end);
        let length = end.unwrap_or(self.rest().len());
        if length > ROW_BYTES_MAX {
            return Err(TooLarge::Row);
        }
        if end.is_none() {
            self.state = State::BrokenRow { keyed, scanner, scanned: length };
            return Ok(false);
        }
        let row = &self.rest()[..length];
        if repaired_bytes(row) > ROW_BYTES_MAX {
            return Err(TooLarge::Row);
        }
        let is_json = serde_json::from_str::<&RawValue>(&String::from_utf8_lossy(row)).is_ok();
        if !is_json && repaired_bytes(row) + escape_bytes(row) > ROW_BYTES_MAX {
            return Err(TooLarge::Row);
        }
        self.state = State::Rows { keyed };
        self.take_row(self.start..self.start + length.max(1), is_json);
        Ok(true)
    }

    fn take_row(&mut self, range: std::ops::Range<usize>, is_json: bool) {
        self.start = range.end;
        self.retry_at = 0;
        self.row = Some((range, is_json));
    }
}

/// Returns the length of a row after U+FFFD, which has three bytes, has replaced its invalid UTF-8.
fn repaired_bytes(row: &[u8]) -> usize {
    row.utf8_chunks().map(|chunk| chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 }).sum()
}

/// Returns the number of bytes that a row takes in addition if it becomes a JSON string.
fn escape_bytes(row: &[u8]) -> usize {
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    };
    2 + row.iter().map(escape).sum::<usize>()
}

/// Returns the end of the key at the start of `rest`, and the start of its value.
fn find_value(rest: &[u8]) -> Option<(usize, usize)> {
    let end = Scanner::default().end_in(rest)?;
    let after = end + 1 + rest[end..].iter().position(|byte| *byte == b':')?;
    Some((end, after + rest[after..].iter().position(|byte| !byte.is_ascii_whitespace())?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row's JSON, whether it was repaired, and whether it was JSON.
    type Read = (String, bool, bool);

    /// Returns the rows of a body that arrives in chunks of this size, and the reader at its end.
    fn read(method: &str, body: &[u8], size: usize) -> Result<(Vec<Read>, PageReader), TooLarge> {
        let mut reader = PageReader::new(method);
        let (mut rows, mut chunks) = (Vec::new(), body.chunks(size));
        loop {
            match reader.advance()? {
                Advance::Row => {
                    let row = reader.row();
                    rows.push((row.json.into_owned(), row.repaired, row.is_json));
                }
                Advance::End => return Ok((rows, reader)),
                Advance::More => match chunks.next() {
                    Some(chunk) => reader.push(chunk)?,
                    None => reader.end(),
                },
            }
        }
    }

    fn rows(body: &[u8]) -> Vec<String> {
        let whole = read("logs", body, usize::MAX).unwrap().0;
        for size in 1..body.len().min(40) {
            assert_eq!(read("logs", body, size).unwrap().0, whole, "in chunks of {size}");
        }
        whole.into_iter().map(|row| row.0).collect()
    }

    /// Returns the reader at the end of a body that arrives in small chunks.
    pub(crate) fn reader(body: &str) -> PageReader {
        read("logs", body.as_bytes(), 7).unwrap().1
    }

    #[test]
    fn rows_are_read_byte_for_byte_across_any_chunks() {
        let body =
            r#" {"ok":true, "entries" : [ {"a":"]}\"","b":[1,{}]} ,12, -1.5e3,"x",null,[],{"é":"😀"}],"x":{"y":[1]}} "#;
        let expected = [r#"{"a":"]}\"","b":[1,{}]}"#, "12", "-1.5e3", "\"x\"", "null", "[]", r#"{"é":"😀"}"#];
        assert_eq!(rows(body.as_bytes()), expected);
        assert!(reader(body).is_whole() && reader(body).has_rows());
    }

    #[test]
    fn rows_of_php_list_with_gaps_are_read() {
        assert_eq!(rows(br#"{"entries":{"0":{"a":1},"2" : {"b":2}},"ok":true}"#), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(rows(br#"{"entries":{5"0":{"a":1}},"ok":true}"#), [r#"{"a":1}"#]);
        assert_eq!(reader(r#"{"entries":{"0":{"a":1}},"ok":true}"#).envelope().ok(), Some(true));
        assert!(reader(r#"{"entries":{}}"#).has_rows());
        assert!(!reader(r#"{"entries":null}"#).has_rows());
    }

    #[test]
    fn row_with_invalid_utf8_is_repaired_and_invalid_json_becomes_text() {
        let body = b"{\"entries\":[{\"id\":\"a\xff\xfeb\"},{\"id\":tru},{\"id\":\"c\"}]}";
        for size in [1, 5, 1000] {
            let read = read("logs", body, size).unwrap().0;
            let expected = [
                ("{\"id\":\"a\u{fffd}\u{fffd}b\"}".to_owned(), true, true),
                (r#""{\"id\":tru}""#.to_owned(), false, false),
                (r#"{"id":"c"}"#.to_owned(), false, true),
            ];
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn invalid_bytes_outside_rows_and_after_end_are_ignored() {
        let body = b"\xef\xbb\xbf{\xff\"x\":\"\xfe\",\"entries\":[1],\xfd\"response_metadata\":{\"next_cursor\":\"c=\",\"\xff\":1}}<br>";
        let (rows, reader) = read("logs", body, 3).unwrap();
        assert_eq!((rows.len(), reader.envelope().next_cursor()), (1, Ok(Some("c=".to_owned()))));
        assert!(reader.is_whole());
    }

    #[test]
    fn truncated_response_is_incomplete() {
        for body in
            ["", "{", r#"{"entries":[{"a":1}"#, r#"{"entries":[{"a":1}]"#, r#"{"entries":[{"a":"#, "<html>", "[]"]
        {
            assert!(!reader(body).is_whole(), "{body}");
        }
    }

    #[test]
    fn reader_memory_is_bounded() {
        let mut reader = PageReader::new("logs");
        reader.push(b"{\"warning\":\"").unwrap();
        let chunk = vec![b'x'; 64 << 10];
        for _ in 0..200 {
            assert_eq!(reader.advance(), Ok(Advance::More));
            reader.push(&chunk).unwrap();
            assert!(reader.input.len() <= chunk.len() + 16);
        }
        let mut deep = PageReader::new("logs");
        deep.push(b"{\"entries\":[").unwrap();
        let row = vec![b'['; 64 << 10];
        let outcome = (0..200).find_map(|_| {
            deep.push(&row).unwrap();
            deep.advance().err()
        });
        assert_eq!(outcome, Some(TooLarge::Row));
        assert!(deep.held_bytes() <= ROW_BYTES_MAX + 2 * row.len());
    }

    #[test]
    fn response_size_and_row_count_are_limited() {
        let mut reader = PageReader::new("logs");
        reader.push(b"{\"entries\":[").unwrap();
        let zeros = b"0,".repeat(32 << 10);
        let outcome = (0..40).find_map(|_| {
            let pushed = reader.push(&zeros);
            pushed
                .and_then(|()| {
                    loop {
                        if reader.advance()? == Advance::More {
                            return Ok(());
                        }
                    }
                })
                .err()
        });
        assert_eq!((outcome, reader.rows), (Some(TooLarge::Rows), ROWS_MAX + 1));
        let mut endless = PageReader::new("logs");
        let space = vec![b' '; 1 << 20];
        let outcome = (0..300).find_map(|_| endless.push(&space).and_then(|()| endless.advance()).err());
        assert_eq!((outcome, endless.bytes), (Some(TooLarge::Bytes), RESPONSE_BYTES_MAX + space.len()));
    }

    #[test]
    fn rows_and_keys_may_reach_exactly_their_limits() {
        let row = |bytes: usize| {
            let body = format!(r#"{{"entries":["{}"]}}"#, "x".repeat(bytes - 2));
            [usize::MAX, 1 << 20].map(|size| read("logs", body.as_bytes(), size).map(|(rows, _)| rows[0].0.len()))
        };
        assert_eq!(row(ROW_BYTES_MAX), [Ok(ROW_BYTES_MAX); 2]);
        assert_eq!(row(ROW_BYTES_MAX + 1), [Err(TooLarge::Row); 2]);
        // A key of this length, including its quotes and its colon.
        let key = |bytes: usize| {
            let body = format!(r#"{{"{}":1}}"#, "x".repeat(bytes - 3));
            [usize::MAX, 100].map(|size| read("logs", body.as_bytes(), size).map(|(rows, _)| rows.len()))
        };
        assert_eq!(key(KEY_BYTES_MAX), [Ok(0); 2]);
        assert_eq!(key(KEY_BYTES_MAX + 1), [Err(TooLarge::Key); 2]);
    }

    #[test]
    fn row_that_exceeds_limit_once_repaired_or_escaped_is_rejected() {
        let read_row = |open: &[u8], byte: u8, count: usize, close: &[u8]| {
            let row = [open, &vec![byte; count], close].concat();
            read("logs", &[br#"{"entries":["#, row.as_slice(), b"]}"].concat(), 1 << 20)
                .map(|(rows, _)| rows[0].0.len())
        };
        let fits = (ROW_BYTES_MAX - 8) / 3; // {"a":""} has eight bytes
        let invalid = |count| read_row(br#"{"a":""#, 0xff, count, br#""}"#);
        assert_eq!(invalid(fits).map(|bytes| bytes <= ROW_BYTES_MAX), Ok(true));
        assert_eq!(invalid(fits + 1), Err(TooLarge::Row));
        let fits = (ROW_BYTES_MAX - 14) / 6; // "{\"a\":\"\"}" as a JSON string has four escapes and two quotes more
        let control = |count| read_row(br#"{"a":""#, 1, count, br#""}"#);
        assert_eq!(control(fits).map(|bytes| bytes <= ROW_BYTES_MAX), Ok(true));
        assert_eq!(control(fits + 1), Err(TooLarge::Row));
    }

    #[test]
    fn endless_row_or_key_is_rejected_once_it_exceeds_limit() {
        for (before, first, more, limit, error) in [
            (r#"{"entries":["#, r#"""#, "x", ROW_BYTES_MAX, TooLarge::Row),
            (r#"{"entries":["#, "tru[", "[", ROW_BYTES_MAX, TooLarge::Row),
            ("{", r#"""#, "x", KEY_BYTES_MAX, TooLarge::Key),
        ] {
            let mut reader = PageReader::new("logs");
            reader.push(before.as_bytes()).unwrap();
            reader.push(first.as_bytes()).unwrap();
            assert_eq!(reader.advance(), Ok(Advance::More));
            assert_eq!(reader.held_bytes(), first.len(), "{before}{first}");
            reader.push(more.repeat(limit - first.len()).as_bytes()).unwrap();
            assert_eq!(reader.advance(), Ok(Advance::More), "{before}{first}");
            let whole = before.len() + limit;
            assert!((limit..=whole).contains(&reader.held_bytes()) && reader.bytes == whole, "{before}{first}");
            reader.push(more.as_bytes()).unwrap();
            assert_eq!(reader.advance(), Err(error), "{before}{first}");
        }
    }

    #[test]
    fn buffer_is_kept_unless_row_grew_it_beyond_one_mebibyte() {
        let capacity_after = |bytes: usize| {
            let mut reader = PageReader::new("logs");
            let before = r#"{"entries":[""#;
            reader.push(format!(r#"{before}{}""#, "x".repeat(bytes - before.len() - 1)).as_bytes()).unwrap();
            assert_eq!(reader.advance(), Ok(Advance::Row));
            reader.push(b",").unwrap();
            assert_eq!(reader.held_bytes(), 1);
            reader.input.capacity()
        };
        assert!(capacity_after(2 << 20) < 1 << 10);
        assert_eq!(capacity_after(1 << 20), 1 << 20);
    }

    #[test]
    fn incomplete_row_is_parsed_again_at_double_length_or_at_end() {
        let started = || {
            let mut reader = PageReader::new("logs");
            reader.push(br#"{"entries":[{"a""#).unwrap();
            assert_eq!(reader.advance(), Ok(Advance::More));
            reader
        };
        for (rest, outcome) in [(":1}", Advance::More), (":12}", Advance::Row), (":12},", Advance::Row)] {
            let mut reader = started();
            reader.push(rest.as_bytes()).unwrap();
            assert_eq!(reader.advance(), Ok(outcome), "{rest}");
        }
        let mut reader = started();
        reader.push(b":1}").unwrap();
        reader.end();
        assert_eq!(reader.advance(), Ok(Advance::Row));
    }
}
