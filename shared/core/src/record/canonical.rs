//! The parts of a row's JSON, and the canonical form of a row whose ID is its content.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Names that belong to an ID in the same row. They change when a user or an app is renamed, but the row stays the same.
const DISPLAY_NAMES: [(&str, &str); 3] =
    [("user_name", "user_id"), ("app_type", "app_id"), ("service_type", "service_id")];

/// Maximum depth up to which values are canonicalized. Deeper values are compared by their bytes, so that nesting cannot exhaust the stack or
/// the CPU. Slack's rows are far less deep.
const DEPTH_MAX: usize = 64;
/// Maximum members or elements of a canonicalized value. Larger values are compared by their bytes, because a part takes ten times its size in
/// memory.
pub(super) const PARTS_MAX: usize = 10_000;

/// Writes a row in a form that does not depend on the order of keys, white space, or whether a number is written as text.
pub(super) fn canonical_row(json: &str, out: &mut Vec<u8>) -> Option<()> {
    let members = members(json)?;
    let has = |key: &str| members.iter().any(|(name, _)| name == key);
    for (key, value) in &members {
        if !DISPLAY_NAMES.iter().any(|(name, id)| name == key && has(id)) {
            write_part(key.as_bytes(), out);
            canonical_value(value.get(), 1, out);
        }
    }
    Some(())
}

fn canonical_value(json: &str, depth: usize, out: &mut Vec<u8>) {
    // The first byte tells the type. This is faster than parsing each type in turn.
    let is = |first| json.starts_with(first) && depth <= DEPTH_MAX;
    if is('{')
        && let Some(members) = members(json)
    {
        out.push(b'{');
        for (key, value) in &members {
            write_part(key.as_bytes(), out);
            canonical_value(value.get(), depth + 1, out);
        }
        out.push(b'}');
    } else if is('[')
        && let Some(elements) = elements(json)
    {
        out.push(b'[');
        elements.iter().for_each(|(_, element)| canonical_value(element.get(), depth + 1, out));
        out.push(b']');
    } else if is('"')
        && let Ok(text) = serde_json::from_str::<String>(json)
    {
        write_part(text.as_bytes(), out);
    } else if depth > DEPTH_MAX {
        write_part(json.as_bytes(), out);
    } else {
        write_part(json.trim_matches('"').as_bytes(), out); // a number, true, false, null, a lone surrogate
    }
}

pub(super) fn write_part(part: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

/// Returns the members of an object, sorted by key. Equal keys keep their order. Returns `None` if the object has more than [`PARTS_MAX`].
pub(super) fn members(json: &str) -> Option<Vec<(String, &RawValue)>> {
    let mut members = serde_json::Deserializer::from_str(json).deserialize_map(Parts).ok()?;
    members.sort_by(|a, b| a.0.cmp(&b.0));
    Some(members)
}

/// Returns the elements of an array, each with an empty key, or `None` if it has more than [`PARTS_MAX`].
fn elements(json: &str) -> Option<Vec<(String, &RawValue)>> {
    serde_json::Deserializer::from_str(json).deserialize_seq(Parts).ok()
}

/// Reads the parts of an object or of an array.
struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {PARTS_MAX} members or elements")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        self.read(|| map.next_entry())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        self.read(|| Ok(array.next_element()?.map(|element| (String::new(), element))))
    }
}

impl Parts {
    fn read<P, E: serde::de::Error>(self, mut next: impl FnMut() -> Result<Option<P>, E>) -> Result<Vec<P>, E> {
        let mut parts = Vec::new();
        while let Some(part) = next()? {
            parts.push(part);
            if parts.len() > PARTS_MAX {
                return Err(E::invalid_length(parts.len(), &self));
            }
        }
        Ok(parts)
    }
}
