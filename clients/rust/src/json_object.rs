//! JSON objects that are read as such. `serde_json` reads a struct from a list of its values as well, and such a list is
//! nothing that the server writes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A `T` that was an object. Everything else is an error, a list of its members' values too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonObject<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = JsonObject<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(JsonObject)
    }
}

/// True if a text is a JSON object, whatever its members are.
pub(crate) fn is_json_object(text: &[u8]) -> bool {
    serde_json::from_slice::<JsonObject<IgnoredAny>>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Pair {
        a: u8,
        b: Option<u8>,
    }

    #[test]
    fn struct_is_read_from_object_alone() {
        let read = |text: &str| serde_json::from_str::<JsonObject<Pair>>(text).ok().map(|pair| pair.0);
        assert_eq!(read(r#" {"b":2,"c":[],"a":1}"#), Some(Pair { a: 1, b: Some(2) }));
        assert_eq!(read(r#"{"a":1}"#), Some(Pair { a: 1, b: None }));
        for text in ["[1,2]", "[[1,2]]", "1", "null", r#""{}""#, "", r#"{"a":1,"a":1}"#, r#"{"b":2}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn object_is_told_from_other_json() {
        for (text, expected) in [
            ("{}", true),
            (r#"{"a":{}}"#, true),
            ("[]", false),
            ("{", false),
            ("{}{}", false),
            ("7", false),
            ("", false),
        ] {
            assert_eq!(is_json_object(text.as_bytes()), expected, "{text}");
        }
    }
}
