//! The members of a JSON object as they were written: a value that cannot be read spoils no other member.
//!
//! Each value stays as it was sent until it is asked for, so a number without bounds in a member that nobody reads is
//! skipped. Texts are read as bytes: half of a surrogate pair, which JavaScript makes of an emoji that it cuts, becomes
//! U+FFFD instead of an error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deepest nesting taken: `serde_json`'s own limit for values that are read. Nothing below the second level is ever read.
const MAX_DEPTH: usize = 127;

/// What stands in a text where there was no character.
pub(crate) const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// An object.
#[derive(Clone, Default)]
pub(crate) struct Members(pub(crate) Vec<Member>);

/// One member of it.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    value: Box<RawValue>,
}

/// A value, as far as requests use values.
pub(crate) enum Given {
    /// What languages write for nothing: `null`, a text of white space, an empty list, an empty object. PHP writes an
    /// empty map as `[]`. The text `null` is a text: people are called that.
    Nothing,
    /// A text.
    Text(String),
    /// A number, as it was written.
    Number(String),
    /// An object with members.
    Object(Members),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    Other,
}

impl Members {
    /// Reads a text that holds one object. `None` where it holds anything else, or nests too deep.
    pub(crate) fn read(text: &str) -> Option<Self> {
        (depth(text) <= MAX_DEPTH).then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The last member of this name that holds something.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|member| member.name == name && !member.is_nothing())
    }

    /// What the last member of this name holds.
    pub(crate) fn get(&self, name: &str) -> Given {
        self.find(name).map_or(Given::Nothing, |index| self.0[index].given())
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Given::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        match self.get(name) {
            Given::Object(members) => Some(members),
            _ => None,
        }
    }
}

impl Member {
    /// Its value.
    pub(crate) fn given(&self) -> Given {
        let written = self.value.get();
        match written.as_bytes().first() {
            Some(b'"') => match text(written) {
                Some(text) if !text.trim().is_empty() => Given::Text(text),
                _ => Given::Nothing,
            },
            Some(b'{') => match Members::read(written) {
                Some(members) if !members.0.is_empty() => Given::Object(members),
                _ => Given::Nothing,
            },
            Some(b'[') if written[1..].trim_start().starts_with(']') => Given::Nothing,
            Some(b'n') => Given::Nothing,
            Some(b't') => Given::Flag(true),
            Some(b'f') => Given::Flag(false),
            Some(b'-' | b'0'..=b'9') => Given::Number(written.to_owned()),
            _ => Given::Other,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.given(), Given::Nothing)
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(&self) -> bool {
        self.value.get() == "true"
    }

    /// Whether it is a text, blank or not.
    pub(crate) fn is_text(&self) -> bool {
        self.value.get().starts_with('"')
    }

    /// Whether another member says the same.
    pub(crate) fn says_what(&self, other: &Self) -> bool {
        self.value.get() == other.value.get()
    }
}

/// The text of a JSON text.
pub(crate) fn text(written: &str) -> Option<String> {
    serde_json::from_str::<Text>(written).ok().map(|text| text.0)
}

/// Nesting outside texts.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push(Member { name, value });
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A text in which everything that is no character is U+FFFD.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        // As bytes, because serde_json lets half a pair through there alone.
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> String {
        let object = format!(r#"{{"a":{json}}}"#);
        match Members::read(&object).map(|members| members.get("a")) {
            None => "no object".to_owned(),
            Some(Given::Nothing) => "nothing".to_owned(),
            Some(Given::Text(text)) => format!("text {text}"),
            Some(Given::Number(number)) => format!("number {number}"),
            Some(Given::Object(members)) => format!("object {}", members.0.len()),
            Some(Given::Flag(flag)) => format!("flag {flag}"),
            Some(Given::Other) => "other".to_owned(),
        }
    }

    #[test]
    fn values_are_what_they_were_sent_as() {
        for (json, expected) in [
            ("null", "nothing"),
            (r#""""#, "nothing"),
            (r#"" \n ""#, "nothing"),
            ("[ ]", "nothing"),
            ("{ }", "nothing"),
            (r#""null""#, "text null"),
            (r#""\ud83d""#, "text \u{FFFD}\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\ude00!""#, "text 😀!"),
            ("1e999", "number 1e999"),
            ("-0.50", "number -0.50"),
            (r#"{"b":1,"b":2}"#, "object 2"),
            ("[1]", "other"),
            ("false", "flag false"),
            ("NaN", "no object"),
            (r#""\ud83""#, "no object"),
            ("1]", "no object"),
        ] {
            assert_eq!(given(json), expected, "{json}");
        }
    }

    #[test]
    fn the_last_member_that_says_something_counts() {
        let members = Members::read(r#"{"a":"1","a":"2","a":null,"\ud83d":3}"#).unwrap();
        assert_eq!(members.text("a").as_deref(), Some("2"));
        assert_eq!(members.0[3].name, "\u{FFFD}\u{FFFD}\u{FFFD}");
        assert!(Members::read("[1]").is_none() && Members::read("{} {}").is_none());
    }

    #[test]
    fn nesting_is_bounded_and_texts_do_not_nest() {
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Members::read(&nested(MAX_DEPTH)).is_some());
        assert!(Members::read(&nested(MAX_DEPTH + 1)).is_none());
        let text = format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(500), "{".repeat(500));
        assert!(Members::read(&text).is_some());
    }
}
