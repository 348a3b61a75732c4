//! JSON as CBOR (RFC 8949), which CloudWatch's client speaks and moto does not.

use serde_json::Value;

/// The major types that JSON has.
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
const TRUE: u8 = 0xf5;
const FALSE: u8 = 0xf4;
const NULL: u8 = 0xf6;
const DOUBLE: u8 = 0xfb;
/// A time in seconds since 1970 follows.
const EPOCH_TAG: u8 = 0xc1;

/// Returns `value` in CBOR. Each number is a time: the others are not asked for.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    bytes
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(NULL),
        Value::Bool(true) => bytes.push(TRUE),
        Value::Bool(false) => bytes.push(FALSE),
        Value::Number(number) => {
            bytes.extend([EPOCH_TAG, DOUBLE]);
            bytes.extend(number.as_f64().unwrap().to_be_bytes());
        }
        Value::String(text) => write_text(text, bytes),
        Value::Array(items) => {
            write_head(ARRAY, items.len(), bytes);
            items.iter().for_each(|item| write(item, bytes));
        }
        Value::Object(members) => {
            write_head(MAP, members.len(), bytes);
            for (name, member) in members {
                write_text(name, bytes);
                write(member, bytes);
            }
        }
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_head(TEXT, text.len(), bytes);
    bytes.extend(text.as_bytes());
}

fn write_head(major: u8, length: usize, bytes: &mut Vec<u8>) {
    match u8::try_from(length).unwrap() {
        small @ 0..24 => bytes.push(major | small),
        length => bytes.extend([major | 24, length]),
    }
}
