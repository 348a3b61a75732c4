//! The fields of a response beside its rows.
//!
//! `ok`, `error` and the page cursor must be valid. Any other field is read if it has the expected type and ignored otherwise, because Slack's
//! PHP writes `[]` for an empty object and text for a number.

use std::collections::BTreeMap;

use serde_json::Value;

/// Maximum length of a field that is kept. Errors, page cursors and page numbers are far shorter.
pub(crate) const MEMBER_BYTES_MAX: usize = 64 << 10;
/// Maximum length of a page cursor. Each gap of a stored cursor may contain one, and DynamoDB limits items to 400 kB. Slack's have about 100 bytes.
const PAGE_CURSOR_BYTES_MAX: usize = 4 << 10;

const METADATA: &str = "response_metadata";

/// Returns the name of a field beside the rows, if the reader needs the field.
pub(crate) fn member(key: &str) -> Option<&'static str> {
    ["ok", "error", "needed", METADATA, "paging"].into_iter().find(|member| *member == key)
}

/// The fields beside the rows.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The values of fields by name, except for those that are too long or not JSON.
    values: BTreeMap<&'static str, Value>,
    /// Whether `response_metadata` was too long or not JSON. Then it is unknown whether another page exists.
    metadata_lost: bool,
}

impl Envelope {
    /// Sets a field from its complete text. Text that is not JSON counts as absent.
    pub(crate) fn set(&mut self, member: &'static str, text: &[u8]) {
        self.values.remove(member);
        match serde_json::from_str(&String::from_utf8_lossy(text)) {
            Ok(value) => drop(self.values.insert(member, value)),
            Err(_) => self.metadata_lost |= member == METADATA,
        }
    }

    /// Records that a field was too long.
    pub(crate) fn set_too_long(&mut self, member: &'static str) {
        self.metadata_lost |= member == METADATA;
    }

    /// Returns `ok`. Other values than `true` and `false` count as absent.
    pub fn ok(&self) -> Option<bool> {
        self.values.get("ok")?.as_bool()
    }

    /// Returns the error code, or `None` for any of PHP's empty values. A code that is not text becomes `unknown_error`.
    pub fn error(&self) -> Option<&str> {
        match self.values.get("error").filter(|error| !is_empty(error))? {
            Value::String(code) => Some(code),
            _ => Some("unknown_error"),
        }
    }

    /// Returns the scopes that an error says are missing.
    pub fn needed(&self) -> Option<String> {
        match self.values.get("needed")? {
            Value::String(scope) => Some(scope.clone()),
            Value::Array(scopes) => Some(scopes.iter().filter_map(Value::as_str).take(8).collect::<Vec<_>>().join(",")),
            _ => None,
        }
    }

    /// Returns the cursor of the next page, or `None` at the end of the log.
    ///
    /// # Errors
    ///
    /// Returns a description if the cursor is invalid. Treating it as the end would lose rows.
    pub fn next_cursor(&self) -> Result<Option<String>, &'static str> {
        if self.metadata_lost {
            return Err("its `response_metadata` is too long, or not JSON");
        }
        let cursor = self.values.get(METADATA).and_then(|metadata| metadata.get("next_cursor"));
        match cursor.filter(|cursor| !is_empty(cursor)) {
            None => Ok(None),
            Some(Value::String(cursor)) if cursor.len() > PAGE_CURSOR_BYTES_MAX => Err("its page cursor is too long"),
            Some(Value::String(cursor)) => Ok(Some(cursor.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err("its page cursor is not text"),
        }
    }

    /// Returns the page counts, or `None` if Slack did not return valid numbers.
    pub fn paging(&self) -> Option<Paging> {
        let paging = self.values.get("paging")?;
        let number = |name: &str| match paging.get(name)? {
            Value::Number(number) => {
                number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0).map(|n| n as u64))
            }
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let small = |name: &str| number(name).and_then(|number| u32::try_from(number).ok());
        let (total, count) = (number("total"), small("count").unwrap_or(0));
        let counted = || {
            u32::try_from(total?.checked_div(u64::from(count))?)
                .ok()
                .map(|pages| pages.saturating_add(u32::from(total.is_some_and(|total| total % u64::from(count) > 0))))
        };
        Some(Paging { pages: small("pages").or_else(counted)?, total, count })
    }
}

/// Returns `true` if PHP may have written the value for nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// The page counts of a numbered page.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Paging {
    /// Number of pages.
    pub pages: u32,
    /// Total number of rows on all pages, if Slack returned it.
    pub total: Option<u64>,
    /// Number of rows of a full page, or 0 if Slack did not return it.
    pub count: u32,
}

impl Paging {
    /// Returns `true` if page `page` may have this many rows, according to the page counts.
    ///
    /// If the counts contradict each other, any page that exists must have at least one row, unless the log is empty.
    pub fn admits(&self, page: u32, rows: usize) -> bool {
        let (rows, count) = (rows as u64, u64::from(self.count));
        match self.total {
            Some(total) if count > 0 && total.div_ceil(count) == u64::from(self.pages) => {
                rows == total.saturating_sub(u64::from(page.saturating_sub(1)) * count).min(count)
            }
            None if count > 0 && page < self.pages => rows == count,
            total => rows > 0 || total == Some(0) || page > self.pages.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_reader::tests::reader;

    fn envelope(body: &str) -> Envelope {
        reader(body).envelope().clone()
    }

    #[test]
    fn php_forms_of_empty_cursor_are_read_and_hide_no_page() {
        for end in [
            "[]",
            "null",
            "false",
            "0",
            "\"\"",
            "{}",
            r#"{"next_cursor":""}"#,
            r#"{"next_cursor":null}"#,
            r#"{"next_cursor":false}"#,
            r#"{"next_cursor":[]}"#,
            r#"{"next_cursor":{}}"#,
            r#"{"next_cursor":0}"#,
        ] {
            let body = format!(r#"{{"entries":[],"response_metadata":{end}}}"#);
            assert_eq!(envelope(&body).next_cursor(), Ok(None), "{end}");
        }
        assert_eq!(
            envelope(r#"{"entries":[],"response_metadata":{"next_cursor":17}}"#).next_cursor(),
            Ok(Some("17".to_owned()))
        );
        for unclear in ["true", r#"{"a":1}"#, "[1]"] {
            let body = format!(r#"{{"entries":[],"response_metadata":{{"next_cursor":{unclear}}}}}"#);
            assert!(envelope(&body).next_cursor().is_err(), "{unclear}");
        }
        let broken = r#"{"entries":[],"response_metadata":{"next_cursor":"a",}}"#;
        assert!(envelope(broken).next_cursor().is_err());
        let metadata = |bytes: usize| {
            let other = "x".repeat(bytes - r#"{"next_cursor":"a","x":""}"#.len());
            let metadata = format!(r#"{{"next_cursor":"a","x":"{other}"}}"#);
            envelope(&format!(r#"{{"entries":[],"response_metadata":{metadata}}}"#)).next_cursor()
        };
        assert!(metadata(MEMBER_BYTES_MAX).is_ok_and(|cursor| cursor.is_some()));
        assert!(metadata(MEMBER_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn page_cursor_of_more_than_4_kib_is_error() {
        let next = |bytes: usize| {
            let cursor = "x".repeat(bytes);
            envelope(&format!(r#"{{"entries":[],"response_metadata":{{"next_cursor":"{cursor}"}}}}"#)).next_cursor()
        };
        assert!(next(4_096).is_ok_and(|cursor| cursor.is_some()));
        assert!(next(4_097).is_err());
    }

    #[test]
    fn page_numbers_parse_from_numbers_or_text_and_absurd_ones_are_none() {
        let paging = |json: &str| envelope(&format!(r#"{{"entries":[],"paging":{json}}}"#)).paging();
        let all = Some(Paging { pages: 3, total: Some(5), count: 2 });
        assert_eq!(paging(r#"{"pages":3,"total":5,"count":2,"page":1}"#), all);
        assert_eq!(paging(r#"{"pages":"3","total":"5","count":2.0}"#), all);
        assert_eq!(paging(r#"{"total":5,"count":2}"#), all);
        assert_eq!(paging(r#"{"total":4,"count":2}"#), Some(Paging { pages: 2, total: Some(4), count: 2 }));
        assert_eq!(paging(r#"{"pages":3,"total":-1,"count":[]}"#), Some(Paging { pages: 3, total: None, count: 0 }));
        for none in ["[]", "null", "{}", r#"{"pages":-1}"#, r#"{"pages":[]}"#, r#"{"total":5,"count":0}"#] {
            assert_eq!(paging(none), None, "{none}");
        }
    }

    #[test]
    fn error_code_is_text_and_empty_php_values_are_none() {
        for none in ["null", "false", "[]", "{}", "0", "\"\""] {
            assert_eq!(envelope(&format!(r#"{{"error":{none},"entries":[]}}"#)).error(), None, "{none}");
        }
        assert_eq!(envelope(r#"{"error":"invalid_auth","response_metadata":[]}"#).error(), Some("invalid_auth"));
        assert_eq!(envelope(r#"{"error":{"code":1}}"#).error(), Some("unknown_error"));
        assert_eq!(envelope(r#"{"error":["x"]}"#).error(), Some("unknown_error"));
        assert_eq!(envelope(r#"{"needed":"admin"}"#).needed().as_deref(), Some("admin"));
        assert_eq!(envelope(r#"{"needed":["a:read","b"]}"#).needed().as_deref(), Some("a:read,b"));
    }

    #[test]
    fn row_count_must_match_page_numbers_unless_they_conflict() {
        // Pages, total rows, rows of a full page; page number, its rows, and whether it may have that many.
        for (pages, total, count, page, rows, admitted) in [
            (3, Some(5), 2, 1, 2, true),
            (3, Some(5), 2, 1, 1, false),
            (3, Some(5), 2, 3, 1, true),
            (3, Some(5), 2, 3, 2, false),
            (3, Some(5), 2, 4, 0, true),
            // The page counts contradict each other.
            (3, Some(9), 2, 1, 1, true),
            (3, Some(9), 2, 1, 0, false),
            (3, Some(9), 2, 3, 0, false),
            (3, Some(9), 2, 4, 0, true),
            (3, Some(5), 0, 1, 1, true),
            (2, Some(0), 2, 1, 0, true),
            // The total is unknown.
            (3, None, 2, 1, 2, true),
            (3, None, 2, 1, 1, false),
            (3, None, 2, 3, 1, true),
            (3, None, 2, 3, 0, false),
            (3, None, 2, 4, 0, true),
            (3, None, 0, 1, 5, true),
        ] {
            let paging = Paging { pages, total, count };
            assert_eq!(paging.admits(page, rows), admitted, "page {page} with {rows} rows of {paging:?}");
        }
    }
}
