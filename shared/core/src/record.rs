//! A record: one row of Slack's logs with its JSON, time and record ID.

mod canonical;

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::str::FromStr;

use flate2::Crc;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use slacktrail_fields::{Fields, Indicator};

use canonical::{canonical_row, members, write_part};

use crate::source::LogType;
use crate::time::Second;

/// A record ID, which is the same at every read: 128 bits of a SHA-256 hash, written as 32 hex digits.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct RowId(pub [u8; 16]);

impl RowId {
    fn of(parts: &[&[u8]]) -> RowId {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes()); // hash the lengths, too, so that different lists of parts have different IDs
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        RowId(id)
    }

    /// Returns the ID as 32 hex digits.
    pub fn digits(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        digits
    }

    /// Returns the ID of the `ordinal`th row, counted from 1, among rows that are otherwise equal.
    #[must_use]
    pub fn with_ordinal(self, ordinal: u32) -> RowId {
        RowId::of(&[&self.0, &ordinal.to_be_bytes()])
    }
}

impl Hash for RowId {
    /// Passes on 64 of the bits. They are random already, and the keyed hasher of a map hides which IDs share a slot.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().into_iter().try_for_each(|digit| f.write_char(char::from(digit)))
    }
}

impl Serialize for RowId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RowId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RowId, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("a record ID is 32 hex digits"))
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RowId {
    type Err = ();
    fn from_str(text: &str) -> Result<RowId, ()> {
        if text.len() != 32 || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(());
        }
        u128::from_str_radix(text, 16).map(|bits| RowId(bits.to_be_bytes())).map_err(|_| ())
    }
}

/// One row of a page.
#[derive(Debug)]
pub struct Record<'a> {
    /// The log type.
    pub log: LogType,
    /// The workspace that the row was read from, if an organization is read workspace by workspace.
    pub workspace: Option<&'a str>,
    /// Slack's JSON. Only line breaks between tokens are removed.
    pub json: Cow<'a, str>,
    /// The record ID. The ID of an integration row lacks the ordinal among equal rows, which the walk adds.
    pub id: RowId,
    /// The time of the record, which decides its day and never changes: `date_create` (audit), `date_first` (access) or `date` (integration).
    pub time: Option<Second>,
    /// When the user was last active (`date_last`). Only access rows have it, and it changes.
    pub last_active: Option<Second>,
    /// For an access row of a workspace, its ID when it is read from the whole organization. A source that changes between the two must not
    /// store the row again.
    pub alias: Option<RowId>,
    /// Whether the ID or the time is missing or invalid. The record is stored in any case.
    pub malformed: bool,
    /// The IP addresses, emails and user names in the row, sorted and without duplicates.
    pub(crate) indicators: Vec<Indicator<'a>>,
}

impl<'a> Record<'a> {
    /// Parses a row, which is valid JSON. A row without a valid ID is identified by its bytes, and a row without a valid time has none.
    pub fn read(log: LogType, workspace: Option<&'a str>, row: &'a str) -> Record<'a> {
        let json = without_line_breaks(row);
        let fields = Fields::of_json(row).unwrap_or_default();
        let seconds = |key| fields.scalar(key).and_then(whole_seconds);
        let (time, last_active) = match log {
            LogType::Audit => (seconds("date_create"), None),
            LogType::Access => (seconds("date_first"), seconds("date_last")),
            LogType::Integration => (seconds("date"), None),
        };
        let named = |workspace| id_from_fields(log, workspace, &fields, &json, time);
        let id = named(workspace);
        let malformed = id.is_none() || time.is_none();
        let id_of_bytes = |workspace| id_from_bytes(log, workspace, &json);
        let alias = match (log, workspace) {
            (LogType::Access, Some(_)) => Some(named(None).unwrap_or_else(|| id_of_bytes(None))),
            _ => None,
        };
        let id = id.unwrap_or_else(|| id_of_bytes(workspace));
        Record { log, workspace, json, id, time, last_active, alias, malformed, indicators: fields.indicators }
    }

    /// Returns a checksum of the content. Rows of one response with the same record ID have the same content if their checksums are equal. A
    /// forged collision only hides a row that could not be stored anyway.
    ///
    /// The checksum omits the fields of access rows that Slack updates on every use. It is constant for integration rows, whose ID is their
    /// content.
    pub fn content(&self) -> u32 {
        let mut sum = Crc::new();
        match self.log {
            LogType::Audit => sum.update(self.json.as_bytes()),
            LogType::Access => {
                for (key, value) in lasting(&members(&self.json).unwrap_or_default()) {
                    sum.update(key.as_bytes());
                    sum.update(value.get().as_bytes());
                }
            }
            LogType::Integration => {}
        }
        sum.sum()
    }

    /// Returns the time that decides the record's day log: its own, or [`Second::EPOCH`] if it has no valid time.
    pub fn partition_time(&self) -> Second {
        self.time.unwrap_or(Second::EPOCH)
    }
}

/// Returns the fields of an access row, except those that Slack updates on every use.
fn lasting<'m, 'a>(members: &'m [(String, &'a RawValue)]) -> impl Iterator<Item = &'m (String, &'a RawValue)> {
    members.iter().filter(|(key, _)| key != "date_last" && key != "count")
}

/// Returns the ID of a row that lacks the fields of its log type's ID. It is a hash of the bytes, or of an access row's unchanging fields.
fn id_from_bytes(log: LogType, workspace: Option<&str>, json: &str) -> RowId {
    let mut content = Vec::new();
    match members(json).filter(|_| log == LogType::Access) {
        Some(members) => lasting(&members).for_each(|(key, value)| {
            write_part(key.as_bytes(), &mut content);
            write_part(value.get().as_bytes(), &mut content);
        }),
        None => content.extend_from_slice(json.as_bytes()),
    }
    RowId::of(&[b"unreadable", log.name().as_bytes(), workspace.unwrap_or("").as_bytes(), &content])
}

fn id_from_fields(
    log: LogType,
    workspace: Option<&str>,
    fields: &Fields<'_>,
    json: &str,
    time: Option<Second>,
) -> Option<RowId> {
    let seconds = time?.get().to_be_bytes();
    match log {
        // Slack calls `id` opaque and does not guarantee that it is unique. Including the time ties an ID to its day log.
        LogType::Audit => Some(RowId::of(&[b"audit", fields.scalar("id")?.as_bytes(), &seconds])),
        LogType::Access => {
            let part = |key| fields.scalar(key).unwrap_or("").as_bytes();
            let row = [b"access", part("user_id"), part("ip"), part("user_agent"), seconds.as_slice()];
            // A user may log in to two workspaces of an organization in the same second.
            match workspace {
                Some(workspace) => Some(RowId::of(&[row.as_slice(), &[workspace.as_bytes()]].concat())),
                None => Some(RowId::of(&row)),
            }
        }
        LogType::Integration => {
            let mut canonical = Vec::with_capacity(json.len());
            canonical_row(json, &mut canonical)?;
            Some(RowId::of(&[b"integration", workspace.unwrap_or("").as_bytes(), &canonical]))
        }
    }
}

/// Removes line breaks, so that a record is one line. JSON allows them only between tokens, so no value changes.
fn without_line_breaks(json: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        return Cow::Borrowed(json);
    }
    Cow::Owned(json.chars().filter(|c| !matches!(c, '\n' | '\r')).collect())
}

/// The range of valid times: from 2009, when Slack's company was founded, to 2100. A row with another time would be outside every collected
/// range and thus be lost. The range must not change, because the time is part of the record ID.
const TIMES: Range<i64> = 1_230_768_000..4_102_444_800;

/// Parses seconds as Slack writes them: a number or a string of digits. Slack writes no fractions.
fn whole_seconds(text: &str) -> Option<Second> {
    let seconds = text.parse().ok().filter(|seconds| TIMES.contains(seconds))?;
    Second::new(seconds)
}

#[cfg(test)]
mod tests {
    use super::canonical::PARTS_MAX;
    use super::*;

    fn id(log: LogType, json: &str) -> RowId {
        Record::read(log, None, json).id
    }

    #[test]
    fn audit_record_id_depends_only_on_slack_id_and_second() {
        let first = id(LogType::Audit, r#"{"id":"a","date_create":1800000005,"actor":{"user":{"name":"Ann"}}}"#);
        assert_eq!(
            first,
            id(LogType::Audit, r#"{"date_create":1800000005,"actor":{"user":{"name":"Anna"}},"id":"a"}"#)
        );
        assert_ne!(first, id(LogType::Audit, r#"{"id":"a","date_create":1800000006}"#));
        assert_ne!(first, id(LogType::Audit, r#"{"id":"b","date_create":1800000005}"#));
    }

    #[test]
    fn access_row_keeps_record_id_while_it_moves() {
        let row = |last: u32, count: u32| {
            format!(
                r#"{{"user_id":"U1","ip":"","user_agent":"x","date_first":1800000005,"date_last":{last},"count":{count},"isp":null}}"#
            )
        };
        assert_eq!(id(LogType::Access, &row(1_800_000_006, 1)), id(LogType::Access, &row(1_800_000_900, 14)));
        assert_ne!(
            id(LogType::Access, &row(1_800_000_006, 1)),
            id(LogType::Access, &row(1_800_000_006, 1).replace("\"x\"", "\"y\""))
        );
        let record = row(1_800_000_006, 1);
        assert_eq!(Record::read(LogType::Access, None, &record).last_active, Second::new(1_800_000_006));
    }

    #[test]
    fn access_row_with_malformed_time_keeps_record_id_while_it_moves() {
        let row = |last: u32| format!(r#"{{"user_id":"U1","date_first":0,"date_last":{last},"count":{last}}}"#);
        assert_eq!(id(LogType::Access, &row(1_800_000_006)), id(LogType::Access, &row(1_800_000_900)));
        assert_ne!(id(LogType::Access, &row(6)), id(LogType::Access, &row(6).replace("U1", "U2")));
        assert_ne!(id(LogType::Access, "null"), id(LogType::Access, "true"));
        let of_workspace = Record::read(LogType::Access, Some("T1"), &row(6)).alias;
        assert_eq!(of_workspace, Some(id(LogType::Access, &row(6))));
    }

    #[test]
    fn integration_record_id_is_canonical_and_ignores_renames() {
        let row = r#"{"user_id":"U1","user_name":"ann","date":"1800000005","change_type":"added","service_id":12,"service_type":"RSS"}"#;
        let same = r#"{ "service_id":"12", "change_type":"added","date":1800000005,"user_id":"U1","user_name":"anna","service_type":"RSS feed"}"#;
        assert_eq!(id(LogType::Integration, row), id(LogType::Integration, same));
        assert_ne!(id(LogType::Integration, row), id(LogType::Integration, &row.replace("added", "removed")));
        assert_ne!(id(LogType::Integration, row), Record::read(LogType::Integration, Some("T1"), row).id);
        assert_ne!(id(LogType::Integration, row).with_ordinal(1), id(LogType::Integration, row).with_ordinal(2));
    }

    #[test]
    fn name_without_id_identifies_integration_row() {
        let row = |name: &str| id(LogType::Integration, &format!(r#"{{"date":1800000005,"user_name":"{name}"}}"#));
        assert_ne!(row("ann"), row("anna"));
    }

    #[test]
    fn values_are_canonical_to_depth_64_and_raw_bytes_below() {
        let nested = |arrays: usize, value: &str| {
            let (open, close) = ("[".repeat(arrays), "]".repeat(arrays));
            id(LogType::Integration, &format!(r#"{{"date":1800000005,"x":{open}{value}{close}}}"#))
        };
        assert_eq!(nested(2, r#"{"a":1,"b":[2, 3]}"#), nested(2, r#"{ "b":["2",3],"a":"1"}"#));
        assert_eq!(nested(63, "1"), nested(63, r#""1""#));
        assert_ne!(nested(64, "1"), nested(64, r#""1""#));
        assert_ne!(nested(100, "1"), nested(100, " 1"));
        let objects = |value: &str| {
            let (open, close) = (r#"{"a":"#.repeat(100), "}".repeat(100));
            id(LogType::Integration, &format!(r#"{{"date":1800000005,"x":{open}{value}{close}}}"#))
        };
        assert_ne!(objects("1"), objects(" 1"));
    }

    #[test]
    fn deeply_nested_row_is_still_record() {
        let nested = |value: &str| {
            format!(r#"{{"date":1800000005,"x":{}{value}{}}}"#, r#"[{"a":"#.repeat(100_000), "}]".repeat(100_000))
        };
        assert_eq!(id(LogType::Integration, &nested("1")), id(LogType::Integration, &nested("1")));
        assert_ne!(id(LogType::Integration, &nested("1")), id(LogType::Integration, &nested("2")));
    }

    #[test]
    fn row_with_too_many_parts_is_identified_by_its_bytes() {
        let row = |members: usize| {
            let members: Vec<String> = (1..members).map(|n| format!(r#""k{n}":0"#)).collect();
            format!(r#"{{"date":1800000005,{}}}"#, members.join(","))
        };
        let is_malformed = |json: &str| Record::read(LogType::Integration, None, json).malformed;
        assert_eq!([PARTS_MAX, PARTS_MAX + 1].map(|members| is_malformed(&row(members))), [false, true]);
        let nested = |elements: usize| format!(r#"{{"date":1800000005,"x":[{}0]}}"#, "0, ".repeat(elements - 1));
        let is_same = |elements| {
            let row = nested(elements);
            id(LogType::Integration, &row) == id(LogType::Integration, &row.replace(' ', ""))
        };
        assert_eq!([PARTS_MAX, PARTS_MAX + 1].map(is_same), [true, false], "by its elements, or by its bytes");
    }

    #[test]
    fn row_without_id_or_time_is_identified_by_its_bytes() {
        for (json, time) in [
            (r#"{"date_create":1800000005}"#, Second::new(1_800_000_005)),
            (r#"{"id":"a"}"#, None),
            (r#"{"id":"a","date_create":0}"#, None),
            (r#"{"id":"a","date_create":-1}"#, None),
            (r#"{"id":"a","date_create":1230767999}"#, None),
            (r#"{"id":"a","date_create":"4102444800"}"#, None),
            ("null", None),
            (r#"{"id":"a","date_create":1.5}"#, None),
        ] {
            let record = Record::read(LogType::Audit, None, json);
            assert!(record.malformed, "{json}");
            assert_eq!(record.time, time);
            assert_eq!(record.id, id(LogType::Audit, json));
        }
        assert_ne!(id(LogType::Audit, "null"), id(LogType::Audit, "true"));
    }

    #[test]
    fn only_line_breaks_between_tokens_are_removed() {
        let row = "{\r\n \"id\": \"a\\n\u{2028}\",\n\"date_create\":5}";
        assert_eq!(Record::read(LogType::Audit, None, row).json, "{ \"id\": \"a\\n\u{2028}\",\"date_create\":5}");
    }

    #[test]
    fn record_id_round_trips_as_32_hex_digits() {
        let id = RowId([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("AB".repeat(16).parse::<RowId>(), Err(()));
        assert_eq!("+b".repeat(16).parse::<RowId>(), Err(()));
    }
}
