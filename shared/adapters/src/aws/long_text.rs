//! Texts of table items, compressed if they are long: DynamoDB rejects items of more than 400 kB.
//!
//! The cursor of an organization with 10,000 unreadable workspaces has 1.2 MB, and so has an authorization beside 10,000 other sources.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// The longest text that is stored as it is, and thus readable in the table.
const PLAIN_BYTES_MAX: usize = 300_000;
/// The longest text that is decompressed. A stored value is not trusted, and may decompress to a thousand times its size.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Returns a text as an attribute: a string, or a gzip file if the text is long.
pub(super) fn to_attribute(text: String) -> AttributeValue {
    if text.len() <= PLAIN_BYTES_MAX {
        return AttributeValue::S(text);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let file = gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish());
    AttributeValue::B(Blob::new(file.expect("writing to memory succeeds")))
}

/// Returns the text of a compressed attribute. Returns `None` for other attributes, and for a file that is corrupt or too long.
pub(super) fn decompressed(value: &AttributeValue) -> Option<String> {
    let file = value.as_b().ok()?.as_ref();
    let mut text = String::new();
    GzDecoder::new(file).take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text).ok()?;
    Some(text).filter(|text| text.len() <= TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use slacktrail_connect::{Authorization, ConnectedTenant};
    use slacktrail_core::cursor::Cursor;
    use slacktrail_core::source::{LogType, Plan, Source, Tenant};
    use slacktrail_core::time::Second;
    use slacktrail_core::workspaces::{WorkspaceState, Workspaces};

    use super::*;

    /// Returns a cursor with this number of unreadable workspaces, whose IDs, times and codes differ.
    fn cursor(workspaces: u32) -> Cursor {
        let now = Second::MARCH_2018.plus(300_000_000);
        let workspace = |number: u32| {
            let random = Sha256::digest(number.to_be_bytes());
            let letter = |byte: &u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[usize::from(byte % 36)]);
            let seconds = |at: usize| i64::from(u32::from_be_bytes([0, random[at], random[at + 1], random[at + 2]]));
            let codes = ["team_access_not_granted", "enterprise_is_restricted", "org_login_required", "invalid_auth"];
            let state = WorkspaceState {
                code: Some(codes[usize::from(random[10] % 4)].to_owned()),
                missing_since: Some(now.plus(-16 * seconds(11))),
                since: Some(now.plus(-seconds(14))),
                not_before: Some(now.plus(seconds(17) % 100_000)),
            };
            (format!("T{}", random[..10].iter().map(letter).collect::<String>()), state)
        };
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let mut cursor = Cursor::first(&source, LogType::Access, now);
        cursor.workspaces = Workspaces((0..workspaces).map(workspace).collect());
        cursor
    }

    #[test]
    fn cursor_of_10_000_unreadable_workspaces_fits_into_item() {
        let cursor = cursor(10_000);
        let stored = to_attribute(cursor.encode());
        let bytes = stored.as_b().unwrap().as_ref().len();
        assert!(bytes < 380_000, "{bytes}");
        assert_eq!(Cursor::decode(&decompressed(&stored).unwrap()).unwrap(), cursor);
    }

    #[test]
    fn authorization_beside_10_000_sources_fits_into_item() {
        let now = Second::MARCH_2018;
        let other = |number: u32| {
            let random = Sha256::digest(number.to_be_bytes());
            let letters: String = random[..10].iter().map(|byte| char::from(b'A' + byte % 26)).collect();
            let tenant = Some(Tenant { id: format!("E{letters}"), name: "Acme".to_owned() });
            let id = format!("subsidiary-{}-{number}", letters.to_lowercase()).parse().unwrap();
            Source { tenant, gov: number.is_multiple_of(2), ..Source::new(id, "Acme", Plan::Enterprise, now) }
        };
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let others = ConnectedTenant::of_others(&(0..10_000).map(other).collect::<Vec<_>>(), &source.id);
        let (authorization, _) = Authorization::new([1; 16], [2; 32], source, "1.2", now);
        let authorization = Authorization { others, ..authorization };
        let stored = to_attribute(authorization.encode());
        let bytes = stored.as_b().unwrap().as_ref().len();
        assert!(bytes < 380_000, "{bytes}");
        let loaded: Authorization = serde_json::from_str(&decompressed(&stored).unwrap()).unwrap();
        assert_eq!(loaded, authorization);
    }

    #[test]
    fn short_text_stays_readable() {
        let text = cursor(2_000).encode();
        assert_eq!(to_attribute(text.clone()), AttributeValue::S(text));
    }

    #[test]
    fn corrupt_or_overlong_file_is_no_text() {
        let loaded = |file: &[u8]| decompressed(&AttributeValue::B(Blob::new(file)));
        let file = |bytes: usize| to_attribute("x".repeat(bytes)).as_b().unwrap().clone().into_inner();
        assert!(loaded(&file(TEXT_BYTES_MAX)).is_some());
        assert_eq!(loaded(&file(TEXT_BYTES_MAX + 1)), None);
        let whole = file(400_000);
        assert_eq!(loaded(&whole[..whole.len() - 1]), None);
        assert_eq!(loaded(b"text"), None);
        assert_eq!(decompressed(&AttributeValue::Bool(true)), None);
    }
}
