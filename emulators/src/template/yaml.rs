//! YAML with CloudFormation's short forms, as JSON with the long ones.

use anyhow::{Context as _, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Tagged;

/// Parses `text`; `!Ref X` becomes `{"Ref": "X"}`, `!Sub x` becomes `{"Fn::Sub": "x"}`, and so on.
pub(super) fn parse(text: &str) -> Result<Value> {
    // As CloudFormation reads it: `AttributeType: N` is a letter and an account id a text, where YAML 1.1 has a
    // boolean and a number.
    let options = serde_saphyr::options! { strict_booleans: true, leading_zero_numbers_as_strings: true };
    let node: Node =
        serde_saphyr::from_str_with_options(text, options).context("the template is not YAML")?;
    Ok(node.0)
}

/// A value whose tag, if it names an intrinsic function, has been unfolded.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Bare(value), tag) = Tagged::deserialize(deserializer)?;
        let intrinsic = tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.is_empty());
        Ok(Self(match intrinsic {
            Some(name) => unfold(name, value),
            None => value,
        }))
    }
}

fn unfold(name: &str, value: Value) -> Value {
    let (key, value) = match (name, value) {
        ("Ref" | "Condition", value) => (name.to_owned(), value),
        // The short form joins with a dot what the long form lists.
        ("GetAtt", Value::String(path)) => {
            let parts = path.split('.').map(Value::from).collect();
            ("Fn::GetAtt".to_owned(), Value::Array(parts))
        }
        (_, value) => (format!("Fn::{name}"), value),
    };
    Value::Object(Map::from_iter([(key, value)]))
}

/// A value without its own tag; its children have theirs.
struct Bare(Value);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor).map(Self)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Bare::deserialize(deserializer).map(|bare| bare.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Node(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Node(value))) = mapping.next_entry::<String, Node>()? {
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}
