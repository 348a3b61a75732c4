//! Extracts fields from a record's JSON: the scalars of its ID and time, and the IP addresses, emails and user names anywhere in it.
//!
//! No structure is required, so each value may be missing or of another type. The caller has already checked the response and found each row
//! with [`serde_json`]. This parser therefore does not check the JSON again. It moves from string to string and decodes only those that it needs.
//! A test compares it with a full parse. `indicators` decides which strings are indicators.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod indicators;

use std::borrow::Cow;

pub use indicators::{Indicator, Kind};
use indicators::{Key, Position, addresses_in};

/// Maximum nesting depth. Deeper values are skipped.
const DEPTH_MAX: usize = 128;

/// The keys at the top level of a record whose scalars are extracted.
pub const TOP_KEYS: [&str; 8] = ["id", "date_create", "user_id", "ip", "user_agent", "date_first", "date_last", "date"];

fn top_key(key: &[u8]) -> Option<usize> {
    TOP_KEYS.iter().position(|top| top.as_bytes() == key)
}

/// The extracted fields of a record.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// The scalars of [`TOP_KEYS`]. As in common parsers, the last one of duplicate keys counts.
    top: [Option<Cow<'a, str>>; TOP_KEYS.len()],
    /// The indicators anywhere in the record, sorted and without duplicates.
    pub indicators: Vec<Indicator<'a>>,
}

impl<'a> Fields<'a> {
    /// Extracts the fields of a record, which is valid JSON. Returns `None` if it is not an object.
    pub fn of_json(json: &'a str) -> Option<Fields<'a>> {
        if !json.starts_with('{') {
            return None;
        }
        let mut fields = Fields::default();
        fields.read_all(json)?;
        fields.indicators.sort_unstable();
        fields.indicators.dedup();
        Some(fields)
    }

    /// Scans a record byte by byte, except for strings. Returns `None` if the record is incomplete, which valid JSON never is.
    fn read_all(&mut self, json: &'a str) -> Option<()> {
        let bytes = json.as_bytes();
        let mut outer = [Position::default(); DEPTH_MAX];
        let (mut position, mut depth, mut at) = (Position::default(), 0_usize, 0);
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    let string = Quoted::read(json, at)?;
                    at += string.raw.len() + 1;
                    match string {
                        _ if depth > DEPTH_MAX => {}
                        key if is_key(&bytes[at..]) => position.key = key.key(depth),
                        text if position.wants_text() => self.add_string(position, text),
                        _ => {}
                    }
                }
                b'{' | b'[' => {
                    if let Some(outer) = outer.get_mut(depth) {
                        *outer = position;
                        if byte == b'{' {
                            position = position.inside(); // the elements of an array have the array's key
                        }
                    }
                    depth += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    position = outer.get(depth).copied().unwrap_or(position);
                }
                b'n' | b'-' | b'0'..=b'9' if depth <= DEPTH_MAX => {
                    if let Key::Top(top) = position.key {
                        let number = number(&json[at - 1..]);
                        at += number.as_ref().map_or(0, |(_, len)| len - 1);
                        self.top[top] = number.map(|(digits, _)| digits);
                    }
                }
                _ => {} // white space, a comma, a colon, the rest of an irrelevant number, or of `true`, `false` or `null`
            }
        }
        (depth == 0).then_some(())
    }

    /// Returns the scalar of one of [`TOP_KEYS`] as text: the content of a string or the digits of a number.
    pub fn scalar(&self, key: &str) -> Option<&str> {
        self.top[top_key(key.as_bytes())?].as_deref()
    }

    fn add_string(&mut self, position: Position, string: Quoted<'a>) {
        let key = position.key;
        let Some(text) = string.decoded() else {
            if let Key::Top(top) = key {
                self.top[top] = Some(Cow::Borrowed(string.raw)); // not valid text, but the same at every read
            }
            return;
        };
        match (key, position.kind_of(&text)) {
            (Key::Top(top), None) => self.top[top] = Some(text),
            (Key::Top(top), Some(kind)) => {
                self.top[top] = Some(text.clone());
                self.indicators.push(Indicator { kind, text });
            }
            (_, Some(kind)) => self.indicators.push(Indicator { kind, text }),
            (_, None) if position.may_hold_addresses() => self.add_addresses(text),
            (_, None) => {}
        }
    }

    /// Adds each email address of a text that may contain other words.
    fn add_addresses(&mut self, text: Cow<'a, str>) {
        let indicator = |text| Indicator { kind: Kind::Email, text };
        match text {
            Cow::Borrowed(text) => self.indicators.extend(addresses_in(text).map(Cow::Borrowed).map(indicator)),
            Cow::Owned(text) => {
                self.indicators.extend(addresses_in(&text).map(|found| indicator(Cow::Owned(found.to_owned()))));
            }
        }
    }
}

/// Returns `true` if the string before `rest` is a key, which a colon follows.
fn is_key(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) == Some(&b':')
}

/// Returns the number of bytes before the next quote or backslash. Nine of ten strings are shorter than 16 bytes, for which this is faster than
/// `memchr2`.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let mut count = 0;
    for eight in bytes.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*eight);
        let found = zero_bytes(word ^ (ONES * u64::from(b'"'))) | zero_bytes(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return count + found.trailing_zeros() as usize / 8; // the lowest match is correct, even if carries affect higher bits
        }
        count += 8;
    }
    count + bytes[count..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count()
}

/// A string without its quotes.
#[derive(Clone, Copy)]
struct Quoted<'a> {
    raw: &'a str,
    /// Whether the string contains an escape and must be decoded.
    escapes: bool,
}

impl<'a> Quoted<'a> {
    /// Reads the string that starts at `start`, after its opening quote.
    #[inline]
    fn read(json: &'a str, start: usize) -> Option<Quoted<'a>> {
        let bytes = json.as_bytes();
        let (mut end, mut escapes) = (start, false);
        loop {
            end += plain_bytes(bytes.get(end..)?);
            if *bytes.get(end)? == b'"' {
                return Some(Quoted { raw: json.get(start..end)?, escapes });
            }
            (end, escapes) = (end + 2, true); // an escaped character does not end the string
        }
    }

    fn key(self, depth: usize) -> Key {
        if !self.escapes {
            return Key::of(self.raw.as_bytes(), depth);
        }
        self.decoded().map_or(Key::Other, |name| Key::of(name.as_bytes(), depth))
    }

    /// Returns the text, or `None` if it is invalid (a lone surrogate).
    fn decoded(self) -> Option<Cow<'a, str>> {
        if !self.escapes {
            return Some(Cow::Borrowed(self.raw));
        }
        serde_json::from_str(&format!("\"{}\"", self.raw)).ok().map(Cow::Owned)
    }
}

/// Returns the number at the start of `json`, and its length there. Whole numbers have no decimal point, however they are written.
fn number(json: &str) -> Option<(Cow<'_, str>, usize)> {
    let is_part = |c: char| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
    let text = &json[..json.find(|c| !is_part(c))?];
    if text.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9')) {
        return (!text.is_empty()).then_some((Cow::Borrowed(text), text.len()));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    Some((number.map_or(Cow::Borrowed(text), |number| Cow::Owned(number.to_string())), text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'f>(fields: &'f Fields<'_>, kind: Kind) -> Vec<&'f str> {
        fields.indicators.iter().filter(|indicator| indicator.kind == kind).map(|indicator| &*indicator.text).collect()
    }

    #[test]
    fn valid_addresses_emails_and_user_names_are_found_anywhere() {
        let json = r#"{"id":"1","actor":{"type":"user","user":{"id":"W1","name":"Ann \"A\"","email":"ann@example.com"}},
            "entity":{"type":"channel","channel":{"name":"general"}},"details":{"inviter":{"user":{"name":"Bob","email":"none"}},"kicker":{"name":"Cem"}},
            "context":{"ip_address":"redacted","list":[{"ip":"2001:db8::1"}]},"ip":"203.0.113.7","username":""}"#;
        let fields = Fields::of_json(json).unwrap();
        assert_eq!(texts(&fields, Kind::Username), ["Ann \"A\"", "Bob", "Cem"]);
        assert_eq!(texts(&fields, Kind::Email), ["ann@example.com"]);
        assert_eq!(texts(&fields, Kind::IpAddress), ["2001:db8::1", "203.0.113.7"]);
        assert_eq!(fields.scalar("ip"), Some("203.0.113.7"));
    }

    #[test]
    fn emails_are_found_under_every_email_key_and_in_settings() {
        let json = r#"{"actor":{"user":{"email":"ann@example.com"}},
            "details":{"external_user_email":"zoe@supplier.example","emails":["kim@example.com"],"invited_emails":["lee@example.com"],"note":"not@noted.example",
                "target_user":{"id":"W2","name":"Ben","email":"ben@example.com"},"inviter":"eve@example.com",
                "new_value":["Old <old@example.com>, mailto:o'neil+x@mail.example.com; @here","{\"to\":\"in@text.example\"}"],
                "previous_value":{"who":{"list":[{"any":"deep@example.com"}]},"user":["W1"]}},
            "after":"not@noted.example"}"#;
        let fields = Fields::of_json(json).unwrap();
        let expected = [
            "ann@example.com",
            "ben@example.com",
            "deep@example.com",
            "eve@example.com",
            "in@text.example",
            "kim@example.com",
            "lee@example.com",
            "o'neil+x@mail.example.com",
            "old@example.com",
            "zoe@supplier.example",
        ];
        assert_eq!(texts(&fields, Kind::Email), expected);
        assert_eq!(texts(&fields, Kind::Username), ["Ben"]);
    }

    #[test]
    fn words_with_at_sign_are_not_taken_for_emails() {
        for text in [
            "",
            "@",
            "@here",
            "ann@",
            "ann@localhost",
            "a@b@c.example",
            "a@.example",
            "a@b..c",
            "pw@10.0.0.1",
            "a@b_c.de",
        ] {
            assert_eq!(addresses_in(text).count(), 0, "{text}");
        }
        assert_eq!(addresses_in(&format!("{}@example.com", "a".repeat(254))).count(), 0);
        assert_eq!(addresses_in("'a@b.de'. ü@ü.example.").collect::<Vec<_>>(), ["a@b.de", "ü@ü.example"]);
    }

    #[test]
    fn scalars_are_read_as_text_and_last_duplicate_key_wins() {
        let fields = Fields::of_json(r#"{"id":1,"id":"b","date_create":1787670000,"date":"1787670001","date_last":1.5,"date_first":5.0,"user_id":"U","user_id":null}"#,).unwrap();
        assert_eq!(fields.scalar("id"), Some("b"));
        assert_eq!(fields.scalar("date_create"), Some("1787670000"));
        assert_eq!(fields.scalar("date"), Some("1787670001"));
        assert_eq!(fields.scalar("date_last"), Some("1.5"));
        assert_eq!(fields.scalar("date_first"), Some("5"));
        assert_eq!(fields.scalar("user_id"), None);
        assert_eq!(Fields::of_json(r#"{"user":{"id":"inner"}}"#).unwrap().scalar("id"), None);
    }

    #[test]
    fn undecodable_value_does_not_hide_rest_of_record() {
        let surrogate = r#"{"id":"a","email":"\ud800@","date_create":5,"username":"ann"}"#;
        let (open, close) = ("[{\"user\":".repeat(500), "}]".repeat(500));
        let deep = format!(r#"{{"id":"a","deep":{open}{{"name":"\"]"}}{close},"date_create":5,"username":"ann"}}"#);
        let huge = r#"{"id":"a","number":1e999,"date_create":5,"username":"ann"}"#;
        for json in [surrogate, &deep, huge] {
            let fields = Fields::of_json(json).unwrap();
            assert_eq!((fields.scalar("id"), fields.scalar("date_create")), (Some("a"), Some("5")), "{json}");
            assert_eq!(fields.indicators, [Indicator { kind: Kind::Username, text: "ann".into() }], "{json}");
        }
        assert_eq!(Fields::of_json(r#"{"id":"\ud800"}"#).unwrap().scalar("id"), Some("\\ud800"));
    }

    #[test]
    fn non_object_has_no_fields() {
        for json in ["null", "[]", "\"text\"", "7"] {
            assert!(Fields::of_json(json).is_none(), "{json}");
        }
    }

    #[test]
    fn values_deeper_than_128_levels_are_skipped() {
        for (depth, kept) in [(128, true), (129, false)] {
            // The record itself is the first level.
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            let json = format!(r#"{{"date":{open}5{close},"email":{open}"ann@example.com"{close}}}"#);
            let fields = Fields::of_json(&json).unwrap();
            assert_eq!(fields.scalar("date").is_some(), kept, "{depth}");
            assert_eq!(texts(&fields, Kind::Email).len(), usize::from(kept), "{depth}");
        }
    }
}
