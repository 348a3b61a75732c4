//! Converts between JSON and CBOR (RFC 8949). CloudWatch's client uses CBOR, and moto does not support it.

use minicbor::data::{IanaTag, Type};
use minicbor::decode::Error;
use minicbor::{Decode, Decoder, Encoder};
use serde_json::Value;

/// Encodes `value` as CBOR. A number becomes a time if the name of its field ends in `Timestamp` or `Timestamps`.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(value, false, &mut encoder);
    encoder.into_writer()
}

/// Writes `value` to the encoder. Writing to memory cannot fail.
fn write(value: &Value, is_time: bool, to: &mut Encoder<Vec<u8>>) {
    let written = match value {
        Value::Null => to.null(),
        Value::Bool(truth) => to.bool(*truth),
        Value::Number(number) if is_time => to.tag(IanaTag::Timestamp).unwrap().f64(number.as_f64().unwrap()),
        Value::Number(number) => match number.as_i64() {
            Some(number) => to.i64(number),
            None => to.f64(number.as_f64().unwrap()),
        },
        Value::String(text) => to.str(text),
        Value::Array(items) => {
            to.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| write(item, is_time, to));
            Ok(to)
        }
        Value::Object(members) => {
            to.map(members.len() as u64).unwrap();
            for (name, member) in members {
                to.str(name).unwrap();
                write(member, name.ends_with("Timestamp") || name.ends_with("Timestamps"), to);
            }
            Ok(to)
        }
    };
    written.unwrap();
}

/// Decodes CBOR to JSON. A time becomes a number of seconds.
pub(super) fn decode(bytes: &[u8]) -> Value {
    minicbor::decode::<Json>(bytes).expect("the client sends CBOR").0
}

struct Json(Value);

impl<'bytes> Decode<'bytes, ()> for Json {
    fn decode(from: &mut Decoder<'bytes>, (): &mut ()) -> Result<Json, Error> {
        Ok(Json(match from.datatype()? {
            Type::Bool => from.bool()?.into(),
            Type::String => from.str()?.into(),
            Type::F16 | Type::F32 | Type::F64 => from.f64()?.into(),
            Type::Tag => {
                from.tag()?;
                from.decode::<Json>()?.0
            }
            Type::Array | Type::ArrayIndef => {
                from.array_iter::<Json>()?.map(|item| Ok(item?.0)).collect::<Result<_, Error>>()?
            }
            Type::Map | Type::MapIndef => {
                let members = from.map_iter::<String, Json>()?;
                Value::Object(
                    members.map(|member| member.map(|(name, Json(value))| (name, value))).collect::<Result<_, _>>()?,
                )
            }
            _ => from.i64()?.into(),
        }))
    }
}
