//! CBOR as CloudWatch's clients send and read it, from and to JSON.

use minicbor::data::{IanaTag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value};

/// The member whose numbers are timestamps, which have a tag.
const TIMESTAMPS: &str = "Timestamps";

/// An item as JSON. Tags are left out: a timestamp is the number under it, in seconds.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    item(&mut Decoder::new(bytes))
}

fn item(decoder: &mut Decoder<'_>) -> Option<Value> {
    let value = match decoder.datatype().ok()? {
        Type::Map | Type::MapIndef => {
            let length = decoder.map().ok()?;
            let mut members = Map::new();
            let mut seen = 0;
            while has_more(decoder, length, &mut seen)? {
                let name = decoder.str().ok()?.to_owned();
                members.insert(name, item(decoder)?);
            }
            Value::Object(members)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().ok()?;
            let (mut items, mut seen) = (Vec::new(), 0);
            while has_more(decoder, length, &mut seen)? {
                items.push(item(decoder)?);
            }
            Value::Array(items)
        }
        Type::Tag => {
            decoder.tag().ok()?;
            item(decoder)?
        }
        Type::String => Value::from(decoder.str().ok()?),
        Type::Bool => Value::from(decoder.bool().ok()?),
        Type::F16 | Type::F32 | Type::F64 => Value::from(decoder.f64().ok()?),
        Type::Null => {
            decoder.null().ok()?;
            Value::Null
        }
        _ => Value::from(decoder.i64().ok()?),
    };
    Some(value)
}

/// True while an array or map has another item: by its length, or until a mark ends it.
fn has_more(decoder: &mut Decoder<'_>, length: Option<u64>, seen: &mut u64) -> Option<bool> {
    *seen += 1;
    match length {
        Some(length) => Some(*seen <= length),
        None if decoder.datatype().ok()? == Type::Break => {
            decoder.skip().ok()?;
            Some(false)
        }
        None => Some(true),
    }
}

/// A JSON value as CBOR.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Unwrap safety: a vector takes every byte.
    put(&mut encoder, value, None).unwrap();
    encoder.into_writer()
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn put(encoder: &mut Encoder<Vec<u8>>, value: &Value, tag: Option<IanaTag>) -> Written {
    match value {
        Value::Object(members) => {
            encoder.map(members.len() as u64)?;
            for (name, member) in members {
                encoder.str(name)?;
                put(encoder, member, (name == TIMESTAMPS).then_some(IanaTag::Timestamp))?;
            }
        }
        Value::Array(items) => {
            encoder.array(items.len() as u64)?;
            for item in items {
                if let Some(tag) = tag {
                    encoder.tag(tag)?;
                }
                put(encoder, item, None)?;
            }
        }
        Value::String(text) => {
            encoder.str(text)?;
        }
        Value::Bool(bit) => {
            encoder.bool(*bit)?;
        }
        Value::Number(number) => {
            match number.as_i64() {
                Some(whole) => encoder.i64(whole)?,
                None => encoder.f64(number.as_f64().unwrap_or_default())?,
            };
        }
        Value::Null => {
            encoder.null()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn written_items_read_back() {
        let value =
            json!({ "Timestamps": [1.5, 2], "Label": "a", "Complete": true, "None": null, "In": [{}] });
        assert_eq!(read(&write(&value)), Some(value));
    }

    /// The SDK leaves the lengths of maps open.
    #[test]
    fn items_without_length_read() {
        let mut encoder = Encoder::new(Vec::new());
        encoder.begin_map().unwrap().str("a").unwrap();
        encoder.begin_array().unwrap().i64(-7).unwrap().tag(IanaTag::Timestamp).unwrap().f64(0.5).unwrap();
        encoder.end().unwrap().end().unwrap();
        assert_eq!(read(&encoder.into_writer()), Some(json!({ "a": [-7, 0.5] })));
    }

    #[test]
    fn damaged_items_do_not_read() {
        for bytes in [&b""[..], b"\xa1", b"\xa1\x61a", b"\xbf\x61a\x01", b"\x9f\x01", b"\x7f"] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
