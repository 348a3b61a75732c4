//! Makes external text safe for terminals and logs.
//!
//! Names, messages and stored hints may contain characters that move a terminal's cursor, ring its bell, reorder surrounding text, or are
//! invisible. Text shows U+FFFD instead, so that the reader sees that something was replaced. JSON uses `\u` escapes, so that programs read the
//! same value.

use std::borrow::Cow;
use std::io::{self, Write};

use slacktrail_core::sanitize::steers;

/// Returns text for separate lines. Line breaks and tabs remain.
pub fn shown_text(text: &str) -> Cow<'_, str> {
    replaced(text, |c| if steers(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c })
}

/// Returns text for the inside of a line. Line breaks and tabs become spaces.
pub fn shown_line(text: &str) -> Cow<'_, str> {
    replaced(text, |c| match c {
        '\n' | '\t' => ' ',
        c if steers(c) => '\u{fffd}',
        c => c,
    })
}

/// Returns JSON of the same value with unsafe characters as `\u` escapes. Outside of strings, JSON only contains line breaks, which remain.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| steers(c) && !matches!(c, '\n' | '\r' | '\t');
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_escaped(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

fn replaced(text: &str, replace: impl Fn(char) -> char) -> Cow<'_, str> {
    match text.chars().any(|c| replace(c) != c) {
        true => Cow::Owned(text.chars().map(replace).collect()),
        false => Cow::Borrowed(text),
    }
}

/// A writer of JSON log lines that applies [`escaped_json`] to each line. Each write must be a whole line, as loggers do.
#[derive(Debug)]
pub struct EscapedJson<W>(pub W);

impl<W: Write> Write for EscapedJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(escaped_json(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ESC, BEL, DEL, C1, bidirectional controls, separators, a zero-width space, a byte order mark, a tag.
    const STEERING: &str = "\u{0}\u{7}\u{8}\r\u{1b}\u{7f}\u{85}\u{9b}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0041}";

    #[test]
    fn sanitized_text_marks_removed_control_characters() {
        for c in STEERING.chars() {
            assert_eq!(shown_text(&format!("a{c}\nb")), "a\u{fffd}\nb", "{c:?}");
            assert_eq!(shown_line(&format!("a{c}\n\tb")), "a\u{fffd}  b", "{c:?}");
        }
        let harmless = "Große <b>& Söhne</b> \u{1f469}\u{200d}\u{1f680} می\u{200c}خواهم";
        assert!(matches!(shown_text(harmless), Cow::Borrowed(text) if text == harmless));
    }

    #[test]
    fn json_keeps_value_without_control_characters() {
        let value = serde_json::json!({ "name": format!("a{STEERING}\n\tb"), "list": [1] });
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escaped_json(&json);
            assert!(!escaped.chars().any(|c| steers(c) && c != '\n'), "{escaped:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    #[test]
    fn log_lines_are_escaped_while_written() {
        let mut log = EscapedJson(Vec::new());
        log.write_all("{\"source\":\"a\u{202e}b\u{9b}c\"}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(log.0).unwrap(), "{\"source\":\"a\\u202eb\\u009bc\"}\n");
    }
}
